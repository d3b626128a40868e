// SPDX-License-Identifier: MIT
//
// Inside the library: defaults, checks and copies of lattn_cnn_config.
#ifndef LAT_CNN_CONFIG_H
#define LAT_CNN_CONFIG_H
#include "lattn/models.h"

void lat_cnn_config_defaults(lattn_cnn_config *c);
// Sentence begins with what. ERR_FORMAT.
lattn_status lat_cnn_config_check(const char *what, const lattn_cnn_config *c);
// With texts of its own; lattn_cnn_config_free.
lattn_status lat_cnn_config_copy(const lattn_cnn_config *from, lattn_cnn_config *to);

#endif
