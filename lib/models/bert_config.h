// SPDX-License-Identifier: MIT
#ifndef LAT_BERT_CONFIG_H
#define LAT_BERT_CONFIG_H
#include "base/status.h"
#include "lattn/models.h"

// Puts the values of bert-base-uncased where a field is zero.
void lat_bert_config_defaults(lattn_bert_config *c);
// ERR_FORMAT naming what (a file, or "bert"), field, value and allowed range.
lattn_status lat_bert_config_check(const char *what, const lattn_bert_config *c);
// Deep copy; the label names are the copy's own.
lattn_status lat_bert_config_copy(const lattn_bert_config *from, lattn_bert_config *to);

#endif
