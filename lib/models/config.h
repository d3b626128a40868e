// SPDX-License-Identifier: MIT
//
// Inside the library: what the checks of all models' configurations share.
#ifndef LAT_MODELS_CONFIG_H
#define LAT_MODELS_CONFIG_H
#include <stdint.h>
#include "base/status.h"

// ERR_FORMAT with what (a file, or a model's name), field, value and range unless 1 <= v <= most.
lattn_status lat_config_size(const char *what, const char *field, int64_t v, int64_t most);
// The same unless 0 <= v < 1: a probability, or a small number.
lattn_status lat_config_share(const char *what, const char *field, double v);

#endif
