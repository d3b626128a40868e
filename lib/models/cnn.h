// SPDX-License-Identifier: MIT
//
// A network for images: its settings and its tree. Shared by cnn.c and cnn_summary.c.
#ifndef LAT_CNN_H
#define LAT_CNN_H
#include "lattn/models.h"

struct lattn_cnn {
    lattn_cnn_config config;
    lattn_module *root;
};

#endif
