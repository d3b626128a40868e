// SPDX-License-Identifier: MIT
//
// Modules: a tree with named parameters, as in PyTorch. One handle type for all of them; each kind
// has a create and a forward function. A module owns its children and parameters.
//
// Names are paths: a parameter "weight" of a child "classifier" is "classifier.weight" in the state
// dict. Weights have PyTorch's layout (linear.weight is [out_features, in_features]), so published
// weights load without a mapping.
#ifndef LATTN_NN_H
#define LATTN_NN_H
#include "lattn/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lattn_module lattn_module;

// ---- the tree -----------------------------------------------------------------------------

/**
 * Makes an empty module, for a model of the user's own: add children and parameters, and write
 * its forward as a plain function.
 *
 * Args     kind  what it is, for messages: "bert", "my_model"
 * Owner    the caller, until it is added to a parent; lattn_module_destroy
 * Errors   ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_module_create(
    lattn_ctx *ctx, const char *kind, lattn_module **out);

/** Frees a module with its children and parameters. Accepts NULL; a child must not be given. */
LATTN_API void lattn_module_destroy(lattn_module **m);

/**
 * Gives child to parent under a name, which may contain dots ("attention.self.query").
 *
 * Owner    parent, also on failure, except with ERR_STATE: then the child is somebody's already
 * Errors   ERR_ARG when the name is taken or "", or child is of another context; ERR_STATE when child
 *          has a parent, or contains parent
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_module_add(
    lattn_module *parent, const char *name, lattn_module *child);

// How a parameter starts.
typedef enum lattn_init_kind {
    LATTN_INIT_ZEROS,
    LATTN_INIT_ONES,
    LATTN_INIT_NORMAL,          // mean 0, standard deviation a
    LATTN_INIT_TRUNC_NORMAL,    // the same, cut at two standard deviations
    LATTN_INIT_UNIFORM,         // [-a, a)
    LATTN_INIT_XAVIER_UNIFORM,  // gain a (0 = 1)
    LATTN_INIT_XAVIER_NORMAL,
    LATTN_INIT_KAIMING_UNIFORM,  // fan in, gain a (0 = sqrt 2, for ReLU)
    LATTN_INIT_KAIMING_NORMAL,
} lattn_init_kind;

typedef struct lattn_init {
    lattn_init_kind kind;
    float a;
} lattn_init;

typedef struct lattn_parameter_params {
    lattn_dtype dtype;
    int rank;
    const int64_t *dims;
    lattn_init init;
    bool no_decay;  // weight decay leaves it alone: biases and normalisation weights
    bool optional;  // a file may lack it; then it keeps its value
} lattn_parameter_params;

/**
 * Adds a parameter: a tensor that requires a gradient, filled by its rule.
 *
 * Args     out  NULL = not wanted; lattn_module_parameter finds it
 * Owner    the module; *out is lent
 * Errors   ERR_ARG when the name is taken; those of lattn_tensor_create
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_module_add_parameter(
    lattn_module *m, const char *name, const lattn_parameter_params *params, lattn_tensor **out);

/**
 * Adds a buffer: a tensor that is no parameter, but saved and loaded with them (a running mean).
 * It has no gradient and no optimiser; in captured steps it must be changed in place.
 *
 * Args     params  as for a parameter; any dtype with LATTN_INIT_ZEROS and LATTN_INIT_ONES
 * Owner    the module; *out is lent
 * Errors   ERR_ARG when the name is taken; those of lattn_tensor_create
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_module_add_buffer(
    lattn_module *m, const char *name, const lattn_parameter_params *params, lattn_tensor **out);

/**
 * Fills a tensor by a rule. Fans are those of PyTorch: of [out, in, ...] in * the rest, out * the rest.
 *
 * Errors   ERR_ARG when a fan is needed and the rank is below 2
 * Source   Glorot & Bengio 2010; He et al. 2015, arXiv:1502.01852
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_init_(lattn_tensor *t, lattn_init init);

// One parameter or buffer as the tree knows it. All lent by the module.
typedef struct lattn_parameter {
    const char *name;  // full path from the module that was asked
    lattn_tensor *tensor;
    bool no_decay;
    bool optional;
    float lr_factor;  // lattn_module_scale_lr; 1 at first
} lattn_parameter;

/** Number of parameters of m and everything below. */
LATTN_API int lattn_module_n_parameters(const lattn_module *m);
/** Number of their elements. */
LATTN_API int64_t lattn_module_numel(const lattn_module *m);
/**
 * Lists the parameters in the order in which they were added, depth first.
 *
 * Args     list  room for capacity entries; the first ones are filled
 *          n     out: how many there are, may exceed capacity
 * Owner    the module; the names stay until it is destroyed or asked again
 * Errors   ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_module_parameters(
    lattn_module *m, lattn_parameter *list, int capacity, int *n);
/** The parameter with that path; NULL if there is none. Lent. */
LATTN_API lattn_tensor *lattn_module_parameter(lattn_module *m, const char *name);

/**
 * Runs a module that maps one tensor to one: linear, layer_norm, dropout, embedding, sequential, ...
 *
 * Errors   ERR_ARG for kinds with more inputs (attention, encoder): they have a forward of their own
 */
LATTN_API lattn_tensor *lattn_module_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x);

// Called after each lattn_module_forward with what it returned: PyTorch's forward hook.
typedef void (*lattn_module_observer)(void *user, const lattn_module *m, lattn_tensor *out);
/** Sets the observer of a root and everything below; NULL takes it away. */
LATTN_API void lattn_module_observe(lattn_module *root, lattn_module_observer observer, void *user);

/** What the module is: "linear", "sequential". Lent. */
LATTN_API const char *lattn_module_kind(const lattn_module *m);
/** Writes the path from the root ("layer1.0.conv1", "" for the root), cut to bytes; returns its length. */
LATTN_API size_t lattn_module_path(const lattn_module *m, char *text, size_t bytes);

/** Number of buffers of m and everything below. */
LATTN_API int lattn_module_n_buffers(const lattn_module *m);
/**
 * Lists the buffers, as lattn_module_parameters does; asking for either frees the other's names.
 *
 * Errors   ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_module_buffers(
    lattn_module *m, lattn_parameter *list, int capacity, int *n);
/** The buffer with that path; NULL if there is none. Lent. */
LATTN_API lattn_tensor *lattn_module_buffer(lattn_module *m, const char *name);

/**
 * Freezes (false) or unfreezes every parameter of m: frozen ones get no gradient.
 *
 * Errors   the first error kept in the context
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_module_set_requires_grad(lattn_module *m, bool on);

// ---- precision ----------------------------------------------------------------------------

/**
 * Converts what m computes with: every parameter becomes a tensor of dtype, the rounded copy of f32 values
 * that are kept behind it. Optimisers made afterwards change those and round anew; lattn_module_save writes
 * and lattn_module_load reads them, so files and checkpoints lose nothing. The forward functions then take
 * inputs of dtype (lattn_cast). Buffers stay as they are; f32 ends it, with the values as they are by then.
 *
 * Dtypes   f32, f16, bf16
 * Edge     values written to a parameter itself (lattn_tensor_write, lattn_fill_) last until the next
 *          update: write to lattn_module_master before converting, or convert back and forth
 * Errors   ERR_ARG for another dtype; ERR_DTYPE if the device lacks it, or a parameter was made in 16 bits;
 *          ERR_STATE when an optimiser trains a parameter; ERR_GPU_MEMORY
 * Source   Micikevicius et al. 2017, arXiv:1710.03740, section 3.1
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_module_to_dtype(lattn_module *m, lattn_dtype dtype);
/** Dtype of the first parameter of m, which after lattn_module_to_dtype all have; f32 if there is none. */
LATTN_API lattn_dtype lattn_module_dtype(const lattn_module *m);
/** The f32 values behind the parameter with that path, or the parameter itself. NULL if there is none. Lent. */
LATTN_API lattn_tensor *lattn_module_master(lattn_module *m, const char *name);

// ---- choosing parameters by name ----------------------------------------------------------

/**
 * Whether a path fits a pattern, all of it or its beginning up to a dot: * stands for any number of any
 * characters, ? for one. "layer1" fits layer1.0.conv1.weight, "*.bias" fits every bias.
 */
LATTN_API bool lattn_name_fits(const char *name, const char *pattern);

/**
 * Multiplies the learning rate of the parameters that fit, for optimisers made afterwards: layers that
 * know something already may learn more slowly than a new head. Factors of several calls multiply.
 *
 * Args     factor  0 or more
 * Errors   ERR_ARG (a factor out of range, a pattern that fits nothing)
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_module_scale_lr(
    lattn_module *m, const char *pattern, float factor);

/**
 * Freezes the parameters that fit: no gradient, no update. A batch norm with nothing left to train keeps
 * to its running statistics, as with lattn_batch_norm_set_frozen.
 *
 * Errors   ERR_ARG (a pattern that fits nothing)
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_module_freeze(lattn_module *m, const char *pattern);

// ---- containers ---------------------------------------------------------------------------

/**
 * Modules in a row: each child's forward (lattn_module_forward) on what the one before gave.
 *
 * Errors   ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_sequential_create(lattn_ctx *ctx, lattn_module **out);
/**
 * Adds a child named by its number: "0", "1", ... (lattn_module_add gives it another name).
 *
 * Owner    m, also on failure
 * Errors   as lattn_module_add
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_sequential_append(
    lattn_module *m, lattn_module *child);
/**
 * x [N, ...] -> [N, the rest]. No parameters.
 *
 * Errors   ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_flatten_create(lattn_ctx *ctx, lattn_module **out);

// ---- linear -------------------------------------------------------------------------------

typedef struct lattn_linear_params {
    int64_t in_features, out_features;
    bool no_bias;
    lattn_dtype dtype;
    lattn_init init;  // of the weight, when has_init; else PyTorch's U(-1/sqrt(in), 1/sqrt(in))
    bool has_init;    // with it the bias starts at 0
} lattn_linear_params;

/**
 * y = x weight^T + bias. Parameters weight [out, in], bias [out].
 *
 * Errors   ERR_ARG for sizes below 1; those of lattn_module_add_parameter
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_linear_create(
    lattn_ctx *ctx, const lattn_linear_params *params, lattn_module **out);
/** x [..., in] -> [..., out]. */
LATTN_API lattn_tensor *lattn_linear_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_epilogue epilogue);
/** x [..., in], residual [..., out] -> [..., out]: residual + x weight^T + bias, fused. */
LATTN_API lattn_tensor *lattn_linear_residual_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_tensor *residual);

// ---- convolution --------------------------------------------------------------------------

typedef struct lattn_conv2d_layer_params {
    int64_t in_channels, out_channels;
    int64_t kernel_size[2];    // vertical, horizontal; the second 0 = a square
    lattn_conv2d_params conv;  // stride, padding, groups, epilogue, ...
    bool no_bias;
    lattn_dtype dtype;
    lattn_init init;  // of the weight, when has_init; else PyTorch's U(-1/sqrt(fan_in), ...)
    bool has_init;    // with it the bias starts at 0
} lattn_conv2d_layer_params;

/**
 * lattn_conv2d. Parameters weight [out, in / groups, height, width], bias [out].
 *
 * Errors   ERR_ARG for sizes below 1 or groups that do not divide the channels;
 *          those of lattn_module_add_parameter
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_conv2d_create(
    lattn_ctx *ctx, const lattn_conv2d_layer_params *params, lattn_module **out);
/** x [N, in, H, W] -> [N, out, H2, W2]. */
LATTN_API lattn_tensor *lattn_conv2d_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x);

typedef struct lattn_conv1d_layer_params {
    int64_t in_channels, out_channels, kernel_size;
    lattn_conv1d_params conv;
    bool no_bias;
    lattn_dtype dtype;
    lattn_init init;  // as in lattn_conv2d_layer_params
    bool has_init;
} lattn_conv1d_layer_params;

/**
 * lattn_conv1d. Parameters weight [out, in / groups, length], bias [out].
 *
 * Errors   as lattn_conv2d_create
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_conv1d_create(
    lattn_ctx *ctx, const lattn_conv1d_layer_params *params, lattn_module **out);
/** x [N, in, L] -> [N, out, L2]. */
LATTN_API lattn_tensor *lattn_conv1d_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x);

typedef struct lattn_conv3d_layer_params {
    int64_t in_channels, out_channels;
    int64_t kernel_size[3];  // both others 0 = as the first
    lattn_conv3d_params conv;
    bool no_bias;
    lattn_dtype dtype;
    lattn_init init;  // as in lattn_conv2d_layer_params
    bool has_init;
} lattn_conv3d_layer_params;

/**
 * lattn_conv3d. Parameters weight [out, in / groups, depth, height, width], bias [out].
 *
 * Errors   as lattn_conv2d_create
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_conv3d_create(
    lattn_ctx *ctx, const lattn_conv3d_layer_params *params, lattn_module **out);
/** x [N, in, Z, H, W] -> [N, out, Z2, H2, W2]. */
LATTN_API lattn_tensor *lattn_conv3d_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x);

typedef struct lattn_conv_transpose2d_layer_params {
    int64_t in_channels, out_channels;
    int64_t kernel_size[2];  // as in lattn_conv2d_layer_params
    lattn_conv_transpose2d_params conv;
    bool no_bias;
    lattn_dtype dtype;
    lattn_init init;  // fan_in counts out_channels, as in PyTorch
    bool has_init;
} lattn_conv_transpose2d_layer_params;

/**
 * lattn_conv_transpose2d. Parameters weight [in, out / groups, height, width], bias [out].
 *
 * Errors   as lattn_conv2d_create
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_conv_transpose2d_create(
    lattn_ctx *ctx, const lattn_conv_transpose2d_layer_params *params, lattn_module **out);
/** x [N, in, H, W] -> [N, out, H2, W2]. */
LATTN_API lattn_tensor *lattn_conv_transpose2d_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x);

// ---- layer norm ---------------------------------------------------------------------------

typedef struct lattn_layer_norm_params {
    int64_t size;
    float eps;  // 0 = 1e-5
    bool no_affine;
    lattn_dtype dtype;
} lattn_layer_norm_params;

/**
 * Normalises the last dimension. Parameters weight (ones) and bias (zeros), [size].
 *
 * Errors   ERR_ARG for a size below 1 or a negative eps; those of lattn_module_add_parameter
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_layer_norm_create(
    lattn_ctx *ctx, const lattn_layer_norm_params *params, lattn_module **out);
/** x [..., size] -> same shape. */
LATTN_API lattn_tensor *lattn_layer_norm_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x);
/** layer_norm(residual + dropout(x, p)), fused. */
LATTN_API lattn_tensor *lattn_layer_norm_residual_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_tensor *residual, float p);

typedef struct lattn_rms_norm_params {
    int64_t size;
    float eps;  // 0 = 1e-6
    lattn_dtype dtype;
} lattn_rms_norm_params;

/**
 * Divides the last dimension by its root mean square. Parameter weight (ones), [size].
 *
 * Errors   ERR_ARG for a size below 1 or a negative eps
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_rms_norm_create(
    lattn_ctx *ctx, const lattn_rms_norm_params *params, lattn_module **out);
/** x [..., size] -> same shape. */
LATTN_API lattn_tensor *lattn_rms_norm_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x);

// ---- batch norm ---------------------------------------------------------------------------

typedef struct lattn_batch_norm_params {
    int64_t num_features;
    float eps;       // 0 = 1e-5
    float momentum;  // 0 = 0.1
    bool no_affine;
    bool no_running;  // the batch's statistics always
    bool relu;        // lattn_module_forward applies a ReLU as well, in the same pass
    lattn_dtype dtype;
} lattn_batch_norm_params;

/**
 * Normalises each channel, for any number of dimensions behind it. Parameters weight (ones) and bias
 * (zeros), buffers running_mean (zeros), running_var (ones), f32 [num_features], and
 * num_batches_tracked, one i32, which a file may lack.
 *
 * Errors   ERR_ARG for num_features below 1, a negative eps, a momentum outside [0, 1]; those of
 *          lattn_module_add_parameter
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_batch_norm_create(
    lattn_ctx *ctx, const lattn_batch_norm_params *params, lattn_module **out);
/**
 * Every batch norm of m and below: running statistics while training, too (true), and none changed.
 *
 * Errors   ERR_STATE where there are no running statistics
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_batch_norm_set_frozen(lattn_module *m, bool on);
/** x [N, num_features, ...] -> same shape. */
LATTN_API lattn_tensor *lattn_batch_norm_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x);
/** relu(batch_norm(x) + residual), fused; residual may be NULL. */
LATTN_API lattn_tensor *lattn_batch_norm_relu_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_tensor *residual);

// ---- activations and pooling --------------------------------------------------------------

// Functions of one tensor, without settings.
typedef enum lattn_activation {
    LATTN_ACTIVATION_RELU,
    LATTN_ACTIVATION_GELU,
    LATTN_ACTIVATION_SILU,
    LATTN_ACTIVATION_TANH,
    LATTN_ACTIVATION_SIGMOID,
    LATTN_ACTIVATION_LEAKY_RELU,  // slope 0.01
    LATTN_ACTIVATION_ELU,         // alpha 1
    LATTN_ACTIVATION_SELU,
    LATTN_ACTIVATION_HARDSWISH,
    LATTN_ACTIVATION_MISH,
    LATTN_ACTIVATION_RELU6,  // clamp to [0, 6]
} lattn_activation;

/**
 * An activation as a module, for trees. No parameters.
 *
 * Errors   ERR_ARG for a kind that is not there
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_activation_create(
    lattn_ctx *ctx, lattn_activation kind, lattn_module **out);
/** The activation itself. */
LATTN_API lattn_tensor *lattn_activate(lattn_ctx *ctx, lattn_activation kind, lattn_tensor *x);

/**
 * lattn_max_pool2d as a module. No parameters.
 *
 * Errors   ERR_HOST_MEMORY; args are checked by its forward, which knows the sizes
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_max_pool2d_create(
    lattn_ctx *ctx, const lattn_pool2d_args *args, lattn_module **out);
/**
 * lattn_avg_pool2d as a module. No parameters.
 *
 * Errors   as lattn_max_pool2d_create
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_avg_pool2d_create(
    lattn_ctx *ctx, const lattn_pool2d_args *args, lattn_module **out);
/**
 * lattn_adaptive_avg_pool2d as a module. No parameters.
 *
 * Errors   as lattn_max_pool2d_create
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_adaptive_avg_pool2d_create(
    lattn_ctx *ctx, int64_t height, int64_t width, lattn_module **out);

// ---- embedding ----------------------------------------------------------------------------

typedef struct lattn_embedding_params {
    int64_t num_embeddings, embedding_dim;
    bool has_padding_idx;
    int64_t padding_idx;  // its row starts at zero and gets no gradient
    lattn_dtype dtype;
    lattn_init init;  // when has_init; else normal(0, 1)
    bool has_init;
} lattn_embedding_params;

/**
 * Rows of a table. Parameter weight [num_embeddings, embedding_dim].
 *
 * Errors   ERR_ARG for sizes below 1 or a padding_idx out of range; those of
 *          lattn_module_add_parameter
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_embedding_create(
    lattn_ctx *ctx, const lattn_embedding_params *params, lattn_module **out);
/** index i32 [...] -> [..., embedding_dim]. */
LATTN_API lattn_tensor *lattn_embedding_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *index);

// ---- dropout ------------------------------------------------------------------------------

/**
 * Zeroes elements with probability p in training mode (lattn_set_training). No parameters.
 *
 * Errors   ERR_ARG for p outside [0, 1)
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_dropout_create(
    lattn_ctx *ctx, float p, lattn_module **out);
/** x [...] -> same shape. */
LATTN_API lattn_tensor *lattn_dropout_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x);

// ---- recurrent layers ---------------------------------------------------------------------

// T steps, B rows of the batch, L layers, D directions (1 or 2), H hidden_size, P proj_size or, without one, H.
typedef struct lattn_rnn_params {
    int64_t input_size, hidden_size;
    int64_t
        proj_size;  // LSTM: states are projected to so many numbers, fewer than H; 0 = they are not
    int num_layers;  // 0 = 1
    bool no_bias;
    bool batch_first;    // x and the result are [B, T, ...] instead of [T, B, ...]; states are not
    bool bidirectional;  // a second set of weights, from the last step to the first
    bool relu;           // RNN: instead of tanh
    float dropout;       // of what goes from layer to layer
    bool layer_norm;     // see lattn_rnn_create
    float layer_norm_eps;  // 0 = 1e-5
    lattn_dtype dtype;
} lattn_rnn_params;

// Forward of layer 0, reverse of layer 0, forward of layer 1, ...
typedef struct lattn_rnn_state {
    lattn_tensor *h;  // [L D, B, P]
    lattn_tensor *c;  // [L D, B, H], the LSTM's alone
} lattn_rnn_state;

typedef struct lattn_rnn_inputs {
    lattn_rnn_state initial;  // NULL = zeros
    lattn_tensor *lengths;    // i32 [B], by lattn_sequence_lengths; NULL = all T. In any order
} lattn_rnn_inputs;

/**
 * A stack of recurrent layers, as PyTorch's nn.RNN. Per layer k and direction, parameters weight_ih_lk
 * [G H, in], weight_hh_lk [G H, H], bias_ih_lk and bias_hh_lk [G H], with _reverse at the end for the second
 * direction; in is input_size, then D H. G is 1.
 *
 * With layer_norm the products of a step with weight_ih and with weight_hh are layer-normalised apart, each
 * as one row of G H numbers, as in the appendix of Ba et al. for the LSTM: LN(a) = (a - mean) / sqrt(variance +
 * eps) norm + bias, with parameters norm_ih_lk and norm_hh_lk [G H] that start as ones, and bias_ih_lk and
 * bias_hh_lk as biases, which start as zeros. (The paper's RNN normalises the sum of the two, its GRU the new
 * state's third of a product apart.)
 *
 * Errors   ERR_ARG for sizes below 1, a dropout outside [0, 1), a proj_size, a layer_norm_eps below 0
 * Source   Elman 1990; layer norm: Ba, Kiros & Hinton 2016, arXiv:1607.06450; both directions: Schuster & Paliwal 1997
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_rnn_create(
    lattn_ctx *ctx, const lattn_rnn_params *params, lattn_module **out);
/**
 * Runs the stack.
 *
 * Shapes   x [T, B, input_size]  ->  [T, B, D P], the last layer's states
 * Args     inputs  may be NULL. last  receives the states after the last step, of every layer; may be NULL.
 *          What goes from one piece of a long text to the next through lattn_detach stops the gradient
 *          there: back-propagation through time, truncated
 * Edge     past a row's length states stay as they are and results are 0
 * Grad     x, the initial states and every parameter, from the result and from last
 * Errors   ERR_SHAPE for x or a state that does not fit; those of lattn_rnn_layer
 */
LATTN_API lattn_tensor *lattn_rnn_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x,
    const lattn_rnn_inputs *inputs, lattn_rnn_state *last);

/**
 * As lattn_rnn_create, for nn.LSTM: G is 4, gates in the order input, forget, cell, output. With proj_size
 * there are parameters weight_hr_lk [P, H] too; weight_hh_lk is [4 H, P], and layers hand on D P numbers.
 * With layer_norm h = o tanh(LN(c)), with parameters norm_c_lk and, unless no_bias, norm_c_bias_lk [H].
 *
 * Errors   as lattn_rnn_create; ERR_ARG for a proj_size outside [0, H)
 * Source   projection: Sak, Senior & Beaufays 2014, arXiv:1402.1128
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_lstm_create(
    lattn_ctx *ctx, const lattn_rnn_params *params, lattn_module **out);
/** As lattn_rnn_forward. */
LATTN_API lattn_tensor *lattn_lstm_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x,
    const lattn_rnn_inputs *inputs, lattn_rnn_state *last);

/**
 * As lattn_rnn_create, for nn.GRU: G is 3, gates in the order reset, update, new.
 *
 * Errors   as lattn_rnn_create
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_gru_create(
    lattn_ctx *ctx, const lattn_rnn_params *params, lattn_module **out);
/** As lattn_rnn_forward. */
LATTN_API lattn_tensor *lattn_gru_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x,
    const lattn_rnn_inputs *inputs, lattn_rnn_state *last);

/**
 * One step of one layer, for loops of the user's own, as PyTorch's nn.RNNCell. Parameters weight_ih, weight_hh,
 * bias_ih, bias_hh.
 *
 * Errors   ERR_ARG as lattn_rnn_create, and for more than one layer or direction
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_rnn_cell_create(
    lattn_ctx *ctx, const lattn_rnn_params *params, lattn_module **out);
/** x [B, input_size], h [B, H] or NULL -> the next h. */
LATTN_API lattn_tensor *lattn_rnn_cell_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_tensor *h);
/**
 * As lattn_rnn_cell_create, for nn.LSTMCell.
 *
 * Errors   as lattn_rnn_cell_create
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_lstm_cell_create(
    lattn_ctx *ctx, const lattn_rnn_params *params, lattn_module **out);
/** x [B, input_size], initial h and c [B, H] or NULL -> the next h, and *c where c is not NULL. */
LATTN_API lattn_tensor *lattn_lstm_cell_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x,
    const lattn_rnn_state *initial, lattn_tensor **c);
/**
 * As lattn_rnn_cell_create, for nn.GRUCell.
 *
 * Errors   as lattn_rnn_cell_create
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_gru_cell_create(
    lattn_ctx *ctx, const lattn_rnn_params *params, lattn_module **out);
/** As lattn_rnn_cell_forward. */
LATTN_API lattn_tensor *lattn_gru_cell_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, lattn_tensor *h);

// ---- transformer --------------------------------------------------------------------------

// Whose parameter names a block uses.
typedef enum lattn_names {
    LATTN_NAMES_TORCH,  // self_attn.q_proj .k_proj .v_proj .out_proj, linear1, linear2, norm1, norm2
    LATTN_NAMES_BERT,   // attention.self.query ..., intermediate.dense, output.LayerNorm
    LATTN_NAMES_TORCH_PACKED,  // torch.nn's: self_attn.in_proj_weight of query, key and value below one
                               // another, in_proj_bias, out_proj; the rest as LATTN_NAMES_TORCH
} lattn_names;

// Learnt embeddings of distances in the scores of self-attention, lattn_relative_scores.
typedef enum lattn_relative {
    LATTN_RELATIVE_NONE,
    LATTN_RELATIVE_KEY,        // with the query: Shaw et al. 2018
    LATTN_RELATIVE_KEY_QUERY,  // with query and key: Huang et al. 2020, method 4
} lattn_relative;

typedef struct lattn_attention_params {
    int64_t embed_dim;
    int n_heads;     // divides embed_dim
    int n_kv_heads;  // 0 = n_heads; divides n_heads
    float dropout;   // of the probabilities
    bool no_bias;
    // Parameter distance_embedding.weight [2 max_positions - 1, embed_dim / n_heads], with BERT's names
    // self.distance_embedding.weight. Takes T S floats per head of every sequence, and as much again for their
    // gradient, where attention alone takes T + S: the figures are with lattn_relative_scores.
    lattn_relative relative;
    int64_t max_positions;  // of relative: the most queries and keys there can be
    lattn_names names;
    lattn_dtype dtype;
    lattn_init init;
    bool has_init;
} lattn_attention_params;

// ---- keys and values of what was seen ------------------------------------------------------

// Keys and values of earlier tokens, so that a decoder that writes token by token computes each once.
typedef struct lattn_kv_cache lattn_kv_cache;

typedef struct lattn_kv_cache_params {
    int n_layers;
    int64_t batch;
    int n_kv_heads;
    int64_t head_dim;
    int64_t capacity;  // tokens it can hold
    lattn_dtype dtype;
} lattn_kv_cache_params;

/**
 * An empty cache.
 *
 * Owner    the caller; lattn_kv_cache_destroy, before the context
 * Errors   ERR_ARG (a size below 1), ERR_GPU_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_kv_cache_create(
    lattn_ctx *ctx, const lattn_kv_cache_params *params, lattn_kv_cache **out);
/** Frees it and sets the pointer to NULL; NULL is fine. */
LATTN_API void lattn_kv_cache_destroy(lattn_kv_cache **cache);
/** Tokens it holds. */
LATTN_API int64_t lattn_kv_cache_length(const lattn_kv_cache *cache);
/**
 * Forgets all but the first length tokens; 0 empties it, and forgets the memory of cross-attention too.
 *
 * Errors   ERR_ARG for a length that is negative or more than it holds
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_kv_cache_truncate(
    lattn_kv_cache *cache, int64_t length);

typedef struct lattn_attention_inputs {
    lattn_tensor *key_lengths;  // i32 [B] or NULL
    lattn_tensor *mask;         // added to the scores, [B|1, H|1, T|1, S], or NULL; may be learnt
    bool causal;
    bool alibi;            // as in lattn_attention_args
    int64_t window;        // as in lattn_attention_args; 0 = all keys
    lattn_tensor *rotary;  // lattn_rotary_table: turns queries and keys of self-attention
    bool rotary_interleaved;
    lattn_kv_cache
        *cache;  // with no gradients: the T tokens of x follow those it holds, which are seen too
    lattn_tensor **
        weights;  // not NULL: receives [B, H, T, S], by the unfused path; of a stack [n_layers] of them
} lattn_attention_inputs;

/**
 * Multi-head attention: projections of query, key and value, attention, output projection.
 *
 * Errors   ERR_ARG when n_heads does not divide embed_dim, or n_kv_heads n_heads, or dropout is outside
 *          [0, 1), or relative asks for max_positions or, with key and query, as many heads of both; those
 *          of lattn_module_add_parameter
 * Source   Vaswani et al. 2017, arXiv:1706.03762, section 3.2
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_multihead_attention_create(
    lattn_ctx *ctx, const lattn_attention_params *params, lattn_module **out);
/**
 * query [B, T, C], key_value [B, S, C] (NULL = query) -> [B, T, C]. inputs may be NULL.
 *
 * With a cache, keys and values of key_value are computed in the first call and kept; those of query are
 * added to the cache, in which stacks count up the layers and, at their end, the tokens.
 *
 * Errors   ERR_SHAPE, ERR_STATE for a cache where gradients are recorded, ERR_ARG for a full cache or one
 *          made for other sizes
 */
LATTN_API lattn_tensor *lattn_multihead_attention_forward(lattn_ctx *ctx, lattn_module *m,
    lattn_tensor *query, lattn_tensor *key_value, const lattn_attention_inputs *inputs);

// f(x) between the two linear layers of a block.
typedef enum lattn_feed_forward {
    LATTN_FEED_FORWARD_GELU,       // erf form
    LATTN_FEED_FORWARD_GELU_TANH,  // tanh form, as GPT-2
    LATTN_FEED_FORWARD_RELU,
    LATTN_FEED_FORWARD_SILU,
    LATTN_FEED_FORWARD_SWIGLU,  // silu(gate(x)) * linear1(x), with one more linear layer
    LATTN_FEED_FORWARD_GEGLU,   // gelu(gate(x)) * linear1(x)
} lattn_feed_forward;

// Of the layers and stacks of encoders and decoders.
typedef struct lattn_encoder_params {
    int n_layers;  // of a stack; ignored for one layer
    int64_t embed_dim;
    int n_heads;
    int n_kv_heads;  // 0 = n_heads
    int64_t feedforward_dim;
    float dropout;            // after each sublayer
    float attention_dropout;  // of the probabilities
    float layer_norm_eps;     // 0 = 1e-5 (RMS norm: 1e-6)
    bool norm_first;          // pre-norm instead of post-norm
    bool final_norm;  // the stack ends with a norm: "norm" or, with BERT's names, "LayerNorm"
    bool rms_norm;    // instead of layer norm
    bool no_bias;     // in linear layers
    lattn_feed_forward feed_forward;
    lattn_relative relative;  // of self-attention
    int64_t max_positions;
    lattn_names names;
    lattn_dtype dtype;
    lattn_init init;  // of all weights, when has_init
    bool has_init;
} lattn_encoder_params;

/**
 * One encoder layer: self-attention and feed-forward, each with dropout, residual and norm.
 *
 *     post-norm  x = norm1(x + dropout(attention(x)));  x = norm2(x + dropout(ffn(x)))
 *     pre-norm   x = x + dropout(attention(norm1(x)));  x = x + dropout(ffn(norm2(x)))
 *
 * Errors   as lattn_multihead_attention_create; ERR_ARG for feedforward_dim below 1
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_encoder_layer_create(
    lattn_ctx *ctx, const lattn_encoder_params *params, lattn_module **out);
/** x [B, T, C] -> [B, T, C]. */
LATTN_API lattn_tensor *lattn_encoder_layer_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, const lattn_attention_inputs *inputs);

/**
 * One decoder layer: self-attention, attention to a memory, feed-forward, each with dropout, residual and
 * norm as in an encoder layer. A layer that has no memory is an encoder layer with causal inputs.
 *
 * Children as in an encoder layer; the attention to memory is multihead_attn with norm2 (the last norm is
 * then norm3), with BERT's names crossattention.
 * Errors   as lattn_encoder_layer_create
 * Source   Vaswani et al. 2017, arXiv:1706.03762, section 3.1
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_decoder_layer_create(
    lattn_ctx *ctx, const lattn_encoder_params *params, lattn_module **out);
/** x [B, T, C], memory [B, S, C] -> [B, T, C]. self is made causal; self and cross may be NULL. */
LATTN_API lattn_tensor *lattn_decoder_layer_forward(lattn_ctx *ctx, lattn_module *m,
    lattn_tensor *x, lattn_tensor *memory, const lattn_attention_inputs *self,
    const lattn_attention_inputs *cross);

/**
 * A stack of decoder layers, named as an encoder's.
 *
 * Errors   as lattn_encoder_create
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_decoder_create(
    lattn_ctx *ctx, const lattn_encoder_params *params, lattn_module **out);
/** x [B, T, C], memory [B, S, C] -> [B, T, C]; as lattn_decoder_layer_forward. */
LATTN_API lattn_tensor *lattn_decoder_forward(lattn_ctx *ctx, lattn_module *m, lattn_tensor *x,
    lattn_tensor *memory, const lattn_attention_inputs *self, const lattn_attention_inputs *cross);

/**
 * A stack of n_layers, named layer.0, layer.1, ... (layers.0 with LATTN_NAMES_TORCH).
 *
 * Errors   as lattn_encoder_layer_create; ERR_ARG for a negative n_layers
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_encoder_create(
    lattn_ctx *ctx, const lattn_encoder_params *params, lattn_module **out);
/**
 * Whether the stacks of encoder and decoder layers in a module (a whole model, say) keep only the input of each
 * layer for backward, and run the layer again there (lattn_recompute): the same bits and less memory, for about
 * a third more time. Off at first.
 *
 * Edge     nothing in a module without such stacks; a forward pass with a cache, or one that is asked for
 *          weights, keeps everything
 */
LATTN_API void lattn_module_set_recompute(lattn_module *m, bool on);
/** x [B, T, C] -> [B, T, C], through the layers one after the other. */
LATTN_API lattn_tensor *lattn_encoder_forward(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *x, const lattn_attention_inputs *inputs);

#ifdef __cplusplus
}
#endif
#endif
