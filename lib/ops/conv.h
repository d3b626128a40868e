// SPDX-License-Identifier: MIT
//
// Convolutions of raw tensors, for conv2d, conv3d and conv_transpose2d. No tape.
#ifndef LAT_CONV_H
#define LAT_CONV_H
#include "conv/conv.abi.h"
#include "ops/internal.h"

// Of the arrays of struct lat_conv. Images have neither depth nor a kernel in it: 1 everywhere, no padding.
enum { LAT_DEPTH, LAT_HEIGHT, LAT_WIDTH, LAT_CONV_DIMS };
extern const char *const lat_conv_dim_names[LAT_CONV_DIMS];

// Shapes as conv2d and conv3d have them: x [images, x_channels, x_size], y [images, y_channels, y_size],
// weight [y_channels, x_channels / groups, kernel]; of images without the depth. What padding there is
// after the last row and column follows from the sizes.
struct lat_conv {
    int64_t images, groups;
    int64_t x_channels, y_channels;
    int64_t x_size[LAT_CONV_DIMS], y_size[LAT_CONV_DIMS];
    int64_t kernel[LAT_CONV_DIMS], stride[LAT_CONV_DIMS], padding[LAT_CONV_DIMS];
    int64_t dilation[LAT_CONV_DIMS];
};

// How a sum is written.
struct lat_conv_out {
    lattn_tensor *t;
    lattn_tensor *bias;  // one per channel, or NULL
    bool relu;
    bool accumulate;  // add to what t holds
};

// y = x * weight, dx = dy * weight turned round, dw = x * dy. All contiguous. Volumes are told by the
// rank of their tensors. dw may be f32 beside x and dy of 16 bits.
lattn_status lat_conv_forward(lattn_ctx *ctx, const struct lat_conv *cv, lattn_tensor *x,
    lattn_tensor *weight, const struct lat_conv_out *y);
lattn_status lat_conv_input(lattn_ctx *ctx, const struct lat_conv *cv, lattn_tensor *dy,
    lattn_tensor *weight, const struct lat_conv_out *dx);
lattn_status lat_conv_weight(lattn_ctx *ctx, const struct lat_conv *cv, lattn_tensor *x,
    lattn_tensor *dy, const struct lat_conv_out *dw);

// What the ops do besides. Inputs are x, weight, bias. backward: of a transposed convolution x takes the
// place of y in cv.
lattn_status lat_conv_check_dtypes(struct lat_call *c);
lattn_status lat_conv_backward(
    struct lat_call *c, const struct lat_conv *cv, bool relu, bool transposed);

// Arguments as given; lat_conv_defaults puts in what 0 stands for. False with ERR_ARG kept.
struct lat_conv_numbers {
    int64_t stride[LAT_CONV_DIMS], padding[LAT_CONV_DIMS], dilation[LAT_CONV_DIMS], groups;
};
bool lat_conv_defaults(lattn_ctx *ctx, const char *op, struct lat_conv_numbers *n);

// ---- between the files of convolution ----------------------------------------------------------------

// Which elements of dx meet which taps, along dimension d of cv: dx's elements phase, phase + S, ...,
// `positions` of them, meet the `taps` taps first, first + every, ..., and tap number t of those sees
// dy's element p + off + t dil for position p. No tap: taps is 0.
struct lat_conv_phase {
    int64_t positions, first, every, taps, off, dil;
};
struct lat_conv_phase lat_conv_phase_of(const struct lat_conv *cv, int d, int64_t phase);

// Images of a tensor; itself when all.
lattn_tensor *lat_conv_images(lattn_tensor *t, int64_t start, int64_t count);

// conv_depth.c: the three functions above for volumes, by those for images.
lattn_status lat_conv_depth_forward(lattn_ctx *ctx, const struct lat_conv *cv, lattn_tensor *x,
    lattn_tensor *weight, const struct lat_conv_out *y);
lattn_status lat_conv_depth_input(lattn_ctx *ctx, const struct lat_conv *cv, lattn_tensor *dy,
    lattn_tensor *weight, const struct lat_conv_out *dx);
lattn_status lat_conv_depth_weight(lattn_ctx *ctx, const struct lat_conv *cv, lattn_tensor *x,
    lattn_tensor *dy, const struct lat_conv_out *dw);

// A correlation as the kernels know it (shaders/conv/conv.abi.h): from source planes to destination
// planes. A phase of an input gradient reaches every dst_step-th row and column only.
struct lat_conv_walk {
    int64_t images, groups;
    int64_t m, q;  // channels of a group: destination, source
    int64_t src[2], dst[2];
    int64_t positions[2], dst_step[2], dst_off[2];
    int64_t taps[2], step[2], dil[2], off[2];
    int64_t w_m, w_q, w_tap[2], w_base, w_group;  // strides of the weight
};

// What conv.abi.h says of a walk; m, but neither n, k, tiles nor k_part.
struct conv_push lat_conv_push(const struct lat_conv_walk *w);

lattn_status lat_conv_base(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *weight, const struct lat_conv_out *dst);
lattn_status lat_conv_base_weight(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *dst, const struct lat_conv_out *dw);
// The same with matrix units.
bool lat_conv_coopmat_fits(const struct lat_caps *caps, lattn_dtype dtype);
lattn_status lat_conv_coopmat(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *weight, const struct lat_conv_out *dst);
lattn_status lat_conv_coopmat_weight(lattn_ctx *ctx, const struct lat_conv_walk *w,
    lattn_tensor *src, lattn_tensor *dst, const struct lat_conv_out *dw);

// Groups of one channel on either side, as in depth-wise layers.
bool lat_conv_direct_fits(const struct lat_conv_walk *w);
lattn_status lat_conv_direct(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *weight, const struct lat_conv_out *dst);
lattn_status lat_conv_direct_weight(lattn_ctx *ctx, const struct lat_conv_walk *w,
    lattn_tensor *src, lattn_tensor *dst, const struct lat_conv_out *dw);

// conv_winograd.c: 3x3 with step 1.
bool lat_conv_winograd_fits(const struct lat_caps *caps, const struct lat_conv_walk *w);
int64_t lat_conv_winograd_tiles(const struct lat_conv_walk *w);
lattn_status lat_conv_winograd(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *weight, const struct lat_conv_out *dst);

// conv_select.c: the selection table of forward and input gradient. size[] of struct lat_problem: a walk's
// numbers for one group, and which kernels can do it.
enum { LAT_CONV_M, LAT_CONV_Q, LAT_CONV_TAPS, LAT_CONV_POSITIONS, LAT_CONV_TILES, LAT_CONV_FITS };
// Bits of LAT_CONV_FITS.
enum { LAT_CONV_CPU_FITS = 1, LAT_CONV_WINOGRAD_FITS = 2, LAT_CONV_COOPMAT_FITS = 4 };
// That of a layer of ResNet, [64, 64, 56, 56] and 3x3, which tools ask about.
#define LAT_CONV_TYPICAL                                                                           \
    {                                                                                              \
        64, 64, 9, 56 * 56, 28 * 28,                                                               \
            LAT_CONV_CPU_FITS | LAT_CONV_WINOGRAD_FITS | LAT_CONV_COOPMAT_FITS                     \
    }
enum { LAT_CONV_STRATEGIES = 4 };
extern const struct lat_strategy lat_conv_strategies[LAT_CONV_STRATEGIES];
enum lat_strategy_kind lat_conv_select(
    lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_dtype dtype);
// That of the weight gradient; cpu_fits: the cpu kernels' own conditions.
enum lat_strategy_kind lat_conv_select_weight(
    lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_dtype dtype, bool cpu_fits);

// The same choices by measuring, where tuning is on: run does all of the work and selects as above.
struct lat_conv_work {
    lattn_status (*run)(const void *user);
    const void *user;
    lattn_tensor *out;
};
lattn_status lat_conv_tune(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_dtype dtype,
    const struct lat_conv_work *work);
lattn_status lat_conv_tune_weight(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_dtype dtype,
    bool cpu_fits, const struct lat_conv_work *work);

// For CPU drivers that load by address, f32. fits: the kernels' own conditions. walks differ in
// positions, taps and offsets only, and have taps; n at most LAT_CONV_MAX_PLANES.
enum { LAT_CONV_MAX_PLANES = 16 };
bool lat_conv_cpu_fits(const struct lat_caps *caps, const struct lat_conv_walk *w);
lattn_status lat_conv_cpu(lattn_ctx *ctx, const struct lat_conv_walk *walks, int n,
    lattn_tensor *src, lattn_tensor *weight, const struct lat_conv_out *dst);
// step[0] * step[1] at most LAT_CONV_MAX_PLANES.
bool lat_conv_cpu_fits_weight(const struct lat_caps *caps, const struct lat_conv_walk *w);
lattn_status lat_conv_cpu_weight(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *dst, const struct lat_conv_out *dw);
// The same where x has too few channels for lanes along them.
bool lat_conv_cpu_fits_few(const struct lat_caps *caps, const struct lat_conv_walk *w);
lattn_status lat_conv_cpu_weight_few(lattn_ctx *ctx, const struct lat_conv_walk *w,
    lattn_tensor *src, lattn_tensor *dst, const struct lat_conv_out *dw);

#endif
