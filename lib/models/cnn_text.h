// SPDX-License-Identifier: MIT
//
// A convolutional network as text, parsed: see lattn_cnn_config.layers in models.h for the language.
#ifndef LAT_CNN_TEXT_H
#define LAT_CNN_TEXT_H
#include "base/array.h"
#include "base/status.h"

enum lat_cnn_kind {
    LAT_CNN_CONV,
    LAT_CNN_FC,
    LAT_CNN_BN,
    LAT_CNN_MAXPOOL,
    LAT_CNN_AVGPOOL,
    LAT_CNN_GLOBALPOOL,
    LAT_CNN_DROPOUT,
    LAT_CNN_FLATTEN,
    LAT_CNN_RES,
    LAT_CNN_RELU,
    LAT_CNN_GELU,
    LAT_CNN_SILU,
    LAT_CNN_TANH,
    LAT_CNN_SIGMOID,
    LAT_CNN_N_KINDS,
};

struct lat_cnn_layers {
    struct lat_cnn_layer *items;
    size_t n, capacity;
};

struct lat_cnn_layer {
    enum lat_cnn_kind kind;
    int64_t channels;        // conv: out channels; fc: out features
    int64_t kernel[2];       // conv, pools
    int64_t stride, groups;  // stride of a pool: its kernel, unless given
    int64_t padding;         // -1 = half the kernel, which keeps the size at stride 1
    bool no_bias;
    double p;                    // dropout
    struct lat_cnn_layers body;  // res
};

// The word of a kind: "conv".
const char *lat_cnn_word(enum lat_cnn_kind kind);
// Parses; layers is emptied on failure. ERR_FORMAT names the layer by its number and its text.
lattn_status lat_cnn_parse(const char *text, struct lat_cnn_layers *out);
void lat_cnn_layers_free(struct lat_cnn_layers *layers);

#endif
