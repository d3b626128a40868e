// SPDX-License-Identifier: MIT
//
// Between the files of GPT-2.
#ifndef LAT_GPT2_H
#define LAT_GPT2_H
#include "lattn/models.h"
#include "nn/module.h"

struct lattn_gpt2 {
    lattn_gpt2_config config;
    lattn_module *root;
    lattn_module *wte, *wpe, *layers;  // lent by root
};

// Puts gpt2's values where a field is zero.
void lat_gpt2_config_defaults(lattn_gpt2_config *c);
// ERR_FORMAT naming what (a file, or "gpt2"), field, value and allowed range.
lattn_status lat_gpt2_config_check(const char *what, const lattn_gpt2_config *c);

#endif
