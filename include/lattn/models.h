// SPDX-License-Identifier: MIT
//
// Models with published weights: state dicts to and from files, BERT, and networks for images.
#ifndef LATTN_MODELS_H
#define LATTN_MODELS_H
#include "lattn/io.h"
#include "lattn/models_sequence.h"
#include "lattn/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- state dict ---------------------------------------------------------------------------

// What a load found.
typedef struct lattn_load_report {
    int n_loaded;
    int n_missing;      // parameters the file does not have; they keep their values
    int n_unused;       // tensors of the file nobody wants
    char missing[512];  // their names, shortened
    char unused[512];
} lattn_load_report;

typedef struct lattn_load_params {
    // True for parameters that the file need not have; NULL = it must have all.
    bool (*optional)(void *user, const char *name);
    // True for parameters that keep their values although the file has them.
    bool (*skip)(void *user, const char *name);
    // Gives the name to look for in the file instead of name, or NULL to give up; tried until
    // one is found, with attempt 0, 1, ...
    const char *(*alias)(void *user, const char *name, int attempt, char *buffer, size_t bytes);
    // True for names of the file that are known not to be needed; they are not reported.
    bool (*ignore)(void *user, const char *name);
    // Whether a tensor of the file that has not the parameter's shape can be made to fit; NULL = never.
    bool (*fits)(void *user, const char *name, const lattn_safetensors_entry *entry);
    // Fills a parameter from tensor i of the file, for which fits was true.
    lattn_status (*adapt)(void *user, lattn_safetensors *file, size_t i, lattn_tensor *t);
    void *user;
} lattn_load_params;

/**
 * Loads parameters by name from an open safetensors file. Shapes are checked for all before the
 * first one is written.
 *
 * Args     params  NULL = nothing may be missing; report may be NULL
 * Errors   ERR_FORMAT (missing), ERR_SHAPE naming the tensor and both shapes, ERR_IO
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_module_load(lattn_module *m, lattn_safetensors *file,
    const lattn_load_params *params, lattn_load_report *report);
/**
 * Writes the state dict to one safetensors file, all or nothing.
 *
 * Errors   as lattn_safetensors_save
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_module_save(lattn_module *m, const char *path);

// ---- BERT ---------------------------------------------------------------------------------

// config.json of Hugging Face. Zero means the value of bert-base-uncased.
typedef struct lattn_bert_config {
    int64_t vocab_size;               // 30522
    int64_t hidden_size;              // 768
    int num_hidden_layers;            // 12
    int num_attention_heads;          // 12, divides hidden_size
    int64_t intermediate_size;        // 3072
    int64_t max_position_embeddings;  // 512
    lattn_relative
        relative;  // position_embedding_type "relative_key" or "relative_key_query"; none: "absolute"
    int64_t type_vocab_size;              // 2
    int64_t pad_token_id;                 // 0
    double hidden_dropout_prob;           // 0.1 when has_dropout is false
    double attention_probs_dropout_prob;  // 0.1
    double classifier_dropout;            // hidden_dropout_prob
    bool has_dropout;                     // the three above are meant as they are
    double initializer_range;             // 0.02
    double linear_initializer_range;  // of new linear layers; initializer_range. Not in config.json
    double layer_norm_eps;            // 1e-12
    bool gelu_tanh;                   // hidden_act "gelu_new" or "gelu_pytorch_tanh"
    int num_labels;                   // of the classification head; 2
    const char *const *labels;        // their names, [num_labels], or NULL for LABEL_0, ...
} lattn_bert_config;

typedef struct lattn_bert lattn_bert;

/**
 * Reads and checks config.json of a model folder.
 *
 * Owner    the caller; lattn_bert_config_free (the label names)
 * Errors   ERR_IO; ERR_FORMAT naming file, field, value and allowed range;
 *          ERR_UNSUPPORTED for another architecture or activation
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_bert_config_load(
    const char *path, lattn_bert_config *out);
/**
 * Writes a config.json that transformers reads. The file is replaced as a whole.
 *
 * Errors   ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_bert_config_save(
    const lattn_bert_config *config, const char *path);
/** Frees the label names that lattn_bert_config_load made; labels becomes NULL. Accepts NULL. */
LATTN_API void lattn_bert_config_free(lattn_bert_config *config);

/**
 * Makes a BERT encoder with pooler and classification head, with new weights: normal(0,
 * initializer_range), biases 0, padding row 0. Post-norm, as published.
 *
 * Owner    the caller; lattn_bert_destroy. config is copied
 * Errors   ERR_ARG for sizes that do not fit together; ERR_GPU_MEMORY
 * Source   Devlin et al. 2018, arXiv:1810.04805
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_bert_create(
    lattn_ctx *ctx, const lattn_bert_config *config, lattn_bert **out);

/**
 * Loads a Hugging Face folder: config.json and model.safetensors (or its shards). The head is kept
 * when the folder has one with num_labels rows, else it is new. Accepts names with and without
 * "bert." in front and LayerNorm.gamma/beta.
 *
 * Args     num_labels  0 = as in config.json; labels may be NULL
 *          report      may be NULL
 * Errors   as lattn_bert_config_load and lattn_module_load
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_bert_load(lattn_ctx *ctx, const char *dir,
    int num_labels, const char *const *labels, lattn_load_report *report, lattn_bert **out);

/**
 * Writes config.json and model.safetensors as transformers reads them, into a folder that is made when
 * it is not there.
 *
 * Errors   as lattn_safetensors_save
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_bert_save(lattn_bert *bert, const char *dir);
/** Frees the model with its parameters. Accepts NULL. */
LATTN_API void lattn_bert_destroy(lattn_bert **bert);

/** The module tree, for parameters and freezing. Lent. */
LATTN_API lattn_module *lattn_bert_module(lattn_bert *bert);
/** The configuration with all defaults filled in. Lent. */
LATTN_API const lattn_bert_config *lattn_bert_get_config(const lattn_bert *bert);

/**
 * Whether a vocabulary fits the model: a token id beyond the word embeddings would read nothing.
 *
 * Errors   ERR_FORMAT with both numbers when n_tokens is above vocab_size
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_bert_check_vocab(
    const lattn_bert *bert, int32_t n_tokens);

// A batch on the device. T must not exceed max_position_embeddings.
typedef struct lattn_bert_inputs {
    lattn_tensor *input_ids;       // i32 [B, T]
    lattn_tensor *token_type_ids;  // i32 [B, T], or NULL = all 0
    lattn_tensor *lengths;         // i32 [B] tokens that are not padding, or NULL = all T
} lattn_bert_inputs;

/** Hidden states of the last layer: [B, T, hidden_size]. */
LATTN_API lattn_tensor *lattn_bert_encode(
    lattn_ctx *ctx, lattn_bert *bert, const lattn_bert_inputs *inputs);
/** tanh(dense(first token)): [B, hidden_size]. */
LATTN_API lattn_tensor *lattn_bert_pool(lattn_ctx *ctx, lattn_bert *bert, lattn_tensor *hidden);
/** Logits of the classification head: [B, num_labels]. */
LATTN_API lattn_tensor *lattn_bert_classify(
    lattn_ctx *ctx, lattn_bert *bert, const lattn_bert_inputs *inputs);

// ---- networks for images ------------------------------------------------------------------

// What a folder's config.json holds.
typedef struct lattn_cnn_config {
    const char *architecture;  // a name of lattn_cnn_architecture(); NULL = layers
    // Layers in a row, between commas, e.g. "conv 32 3x3, bn, relu, maxpool 2, fc 100, relu". The last
    // layer, to num_classes, is not written.
    //   conv C K [stride=S] [pad=P] [groups=G] [bias=0]   C channels out, kernel K as 3 or 3x5;
    //                                                     pad: half the kernel, unless given
    //   maxpool K [stride=S] [pad=P], avgpool ...         stride: the kernel, unless given
    //   globalpool, flatten, fc N [bias=0], bn, dropout P
    //   relu, gelu, silu, tanh, sigmoid
    //   res(LAYERS)                                       LAYERS(x) + x, through a 1x1 convolution and
    //                                                     bn where the shape changes
    const char *layers;
    int64_t channels, height, width;  // of the images; 0 = 3, 224, 224
    int num_classes;                  // 0 = 1000
    const char *const *labels;        // [num_classes] names, or NULL for 0, 1, ...
    bool has_normalisation;           // what was done to the images: (x / 255 - mean) / std
    float mean[4], std[4];            // [channels]
} lattn_cnn_config;

typedef struct lattn_cnn lattn_cnn;

/** Name of architecture i: "lenet", "resnet18", ...; NULL if i is out of range. */
LATTN_API const char *lattn_cnn_architecture(int i);

/**
 * Reads and checks config.json of a model folder.
 *
 * Owner    the caller; lattn_cnn_config_free (the texts)
 * Errors   ERR_IO; ERR_FORMAT naming file, field, value and allowed range
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_cnn_config_load(
    const char *path, lattn_cnn_config *out);
/**
 * Writes config.json. The file is replaced as a whole.
 *
 * Errors   ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_cnn_config_save(
    const lattn_cnn_config *config, const char *path);
/** Frees the texts that lattn_cnn_config_load made. Accepts NULL. */
LATTN_API void lattn_cnn_config_free(lattn_cnn_config *config);

/**
 * Makes a network with new weights. Parameters have the names and layouts of torchvision's models.
 *
 * Owner    the caller; lattn_cnn_destroy. config is copied
 * Errors   ERR_FORMAT for an architecture that is not there or layers that cannot be, naming the layer;
 *          ERR_ARG for sizes out of range; ERR_GPU_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_cnn_create(
    lattn_ctx *ctx, const lattn_cnn_config *config, lattn_cnn **out);

/**
 * Loads a folder that lattn_cnn_save wrote.
 *
 * Errors   as lattn_cnn_config_load and lattn_module_load
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_cnn_load(
    lattn_ctx *ctx, const char *dir, lattn_cnn **out);

/**
 * Loads weights of the same architecture, torchvision's or ours, from a safetensors file or folder into
 * a network. The head keeps its own values where the file has another number of classes; embedded
 * positions of a vit for images of another size are interpolated (bicubic, as torchvision does it).
 *
 * Args     report  may be NULL
 * Errors   as lattn_module_load
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_cnn_load_weights(
    lattn_cnn *cnn, const char *path, lattn_load_report *report);

/**
 * Writes config.json and model.safetensors, into a folder that is made when it is not there.
 *
 * Errors   as lattn_safetensors_save
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_cnn_save(lattn_cnn *cnn, const char *dir);
/** Frees the network with its parameters. Accepts NULL. */
LATTN_API void lattn_cnn_destroy(lattn_cnn **cnn);

/** The module tree, for parameters and freezing. Lent. */
LATTN_API lattn_module *lattn_cnn_module(lattn_cnn *cnn);
/** The last layer, which a new task replaces: the only one to train when the rest is frozen. Lent. */
LATTN_API lattn_module *lattn_cnn_head(lattn_cnn *cnn);
/** The configuration with all defaults filled in. Lent. */
LATTN_API const lattn_cnn_config *lattn_cnn_get_config(const lattn_cnn *cnn);

/**
 * Multiplies the learning rate of every layer by factor for each layer behind it: the head keeps the whole
 * rate. A layer is a convolution, a linear layer or a block, with the norm behind it.
 *
 * Args     n_layers  how many there are; may be NULL
 * Errors   ERR_ARG (a factor outside (0, 1])
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_cnn_layer_decay(
    lattn_cnn *cnn, double factor, int *n_layers);

/** Images [N, C, H, W], normalised, to logits [N, num_classes]. */
LATTN_API lattn_tensor *lattn_cnn_forward(lattn_ctx *ctx, lattn_cnn *cnn, lattn_tensor *x);

// One line of a summary.
typedef struct lattn_layer_info {
    const char *path, *kind;  // lent until the next line
    int rank;
    int64_t dim[LATTN_MAX_RANK];  // of its output for one image
    int64_t n_parameters;         // its own and those below
    int64_t flops;  // 2 per multiply-add of its convolutions and linear layers, one image
    int depth;      // 0 = the whole network, which comes last
} lattn_layer_info;
typedef void (*lattn_layer_fn)(void *user, const lattn_layer_info *layer);

/**
 * Runs one image through the network and tells each layer, a block after what is in it.
 *
 * Errors   the first error kept in ctx, those of the network's ops among them
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_cnn_summary(
    lattn_ctx *ctx, lattn_cnn *cnn, lattn_layer_fn each, void *user);

#ifdef __cplusplus
}
#endif
#endif
