// SPDX-License-Identifier: MIT
//
// 3x3 convolutions with step 1 by Winograd's F(2x2, 3x3): a tile of 2x2 results of a pair of channels
// takes 16 multiplications and not 36.
//
//     Y = A^T [sum over channels of (G g G^T) * (B^T d B)] A        * element by element
//
// d the 4x4 source elements that the tile sees, g the kernel: shaders/conv/winograd_*.comp transform
// them, and what is left between are 16 matrix products, [m, q] by [q, tiles], on the matmul core. The
// input gradient is the same with the kernel turned round.
//
// Squares are stored in f32 whatever the dtype: a sum of four 16-bit elements has no room in 16 bits.
// Tiles are done some at a time, so that their squares never take more than a workspace (or 64 tiles);
// those of the weight take 64 bytes for each pair of channels besides.
//
// Rounding errors scale with the products of all of a result's nine elements with all of its nine weights,
// not only with those that meet. Each result depends on the nine elements that it sees, so a NaN reaches
// the same results as by the definition; there an infinity may give NaN, and so may elements within a
// factor of 4 of the largest f32.
//
// Source: Lavin & Gray 2015, "Fast algorithms for convolutional neural networks", arXiv:1509.09308,
//         section 4.1, algorithm 1.

#include "conv/winograd.abi.h"
#include "conv/winograd_weight.abi.h"
#include "lat_shaders.h"
#include "matmul/gemm_epilogue.h"
#include "ops/conv.h"

enum { SQUARE = 16, SQUARE_BYTES = 64, GROUP = 64, LEAST_TILES = 64 };
// On a CPU what the next pass reads should still be in its core's cache (32 MiB take 1.4 times as long at
// 64 channels of 56x56, 16 images; lavapipe of Mesa 26.1, 2 MiB of L2); a GPU wants work for all of it.
enum { CPU_WORKSPACE_BYTES = 2 << 20, WORKSPACE_BYTES = 32 << 20 };

static int64_t ceil_div(int64_t n, int64_t d)
{
    return (n + d - 1) / d;
}

// ---- which layers -------------------------------------------------------------------------------------

static uint64_t largest_binding(const struct lat_caps *caps)
{
    return caps->max_binding_bytes - caps->buffer_alignment;
}

bool lat_conv_winograd_fits(const struct lat_caps *caps, const struct lat_conv_walk *w)
{
    for (int d = 0; d < 2; d++)
        if (w->taps[d] != 3 || w->step[d] != 1 || w->dst_step[d] != 1 ||
            (w->dil[d] != 1 && w->dil[d] != -1))
            return false;
    uint64_t weight_bytes = (uint64_t) (SQUARE_BYTES * w->groups * w->m * w->q);
    uint64_t tile_bytes = (uint64_t) (SQUARE_BYTES * w->groups * LAT_MAX(w->m, w->q));
    return w->m > 0 && w->q > 0 && weight_bytes <= largest_binding(caps) &&
           LEAST_TILES * tile_bytes <= largest_binding(caps);
}

int64_t lat_conv_winograd_tiles(const struct lat_conv_walk *w)
{
    return w->images * ceil_div(w->positions[0], 2) * ceil_div(w->positions[1], 2);
}

static int64_t tiles_at_once(lattn_ctx *ctx, const struct lat_conv_walk *w)
{
    const struct lat_caps *caps = lat_caps(ctx);
    int64_t bytes = caps->is_cpu ? CPU_WORKSPACE_BYTES : WORKSPACE_BYTES;
    int64_t both = bytes / (SQUARE_BYTES * w->groups * (w->m + w->q));
    int64_t one = (int64_t) (largest_binding(caps) /
                             (uint64_t) (SQUARE_BYTES * w->groups * LAT_MAX(w->m, w->q)));
    int64_t most = LAT_MAX(LAT_MIN(both, one) / LEAST_TILES, 1) * LEAST_TILES;
    return LAT_MIN(most, lat_conv_winograd_tiles(w));
}

// ---- transforms ---------------------------------------------------------------------------------------

// Along dimension d the taps are met from the last to the first.
static bool is_turned(const struct lat_conv_walk *w, int d)
{
    return w->dil[d] < 0;
}

static lattn_status transform_weight(
    lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *weight, lattn_tensor *squares)
{
    int64_t base = w->w_base;
    for (int d = 0; d < 2; d++)
        base += is_turned(w, d) ? 2 * w->w_tap[d] : 0;
    struct winograd_weight_push push = {
        .n_groups = (uint32_t) w->groups,
        .m = (uint32_t) w->m,
        .q = (uint32_t) w->q,
        .w_base = (uint32_t) base,
        .w_group = (uint32_t) w->w_group,
        .w_m = (uint32_t) w->w_m,
        .w_q = (uint32_t) w->w_q,
        .w_ty = (int32_t) (is_turned(w, 0) ? -w->w_tap[0] : w->w_tap[0]),
        .w_tx = (int32_t) (is_turned(w, 1) ? -w->w_tap[1] : w->w_tap[1]),
    };
    const uint32_t spec[] = { GROUP };
    struct lat_kernel kernel = {
        .shader = &lat_shader_winograd_weight,
        .t = (int) weight->dtype,
        .u = LAT_NO_DTYPE,
        .read = { weight },
        .n_read = 1,
        .write = { squares },
        .n_write = 1,
        .push_offset = { offsetof(struct winograd_weight_push, a_offset) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = (uint64_t) ceil_div(w->groups * w->m * w->q, GROUP),
    };
    return lat_kernel_run(ctx, &kernel);
}

// Tiles [first, first + count); size: of a plane of the tensor.
static struct winograd_push push_of(const struct lat_conv_walk *w, int64_t first, int64_t count,
    int64_t channels, const int64_t size[2])
{
    uint32_t rows = (uint32_t) ceil_div(w->positions[0], 2);
    uint32_t row = (uint32_t) ceil_div(w->positions[1], 2);
    struct lat_divisor by_area = lat_divisor(rows * row), by_row = lat_divisor(row);
    return (struct winograd_push){
        .n_tiles = (uint32_t) count,
        .first_tile = (uint32_t) first,
        .n_channels = (uint32_t) channels,
        .h = (uint32_t) size[0],
        .w = (uint32_t) size[1],
        .off_y = (int32_t) (w->off[0] - (is_turned(w, 0) ? 2 : 0)),
        .off_x = (int32_t) (w->off[1] - (is_turned(w, 1) ? 2 : 0)),
        .area = rows * row,
        .area_magic = by_area.magic,
        .area_shift = by_area.shift,
        .row = row,
        .row_magic = by_row.magic,
        .row_shift = by_row.shift,
    };
}

static lattn_status transform_tiles(
    lattn_ctx *ctx, struct winograd_push *push, lattn_tensor *src, lattn_tensor *squares)
{
    const uint32_t spec[] = { GROUP };
    struct lat_kernel kernel = {
        .shader = &lat_shader_winograd_input,
        .t = (int) src->dtype,
        .u = LAT_NO_DTYPE,
        .read = { src },
        .n_read = 1,
        .write = { squares },
        .n_write = 1,
        .push_offset = { offsetof(struct winograd_push, offset) },
        .push = push,
        .push_bytes = sizeof *push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = (uint64_t) (push->n_channels * ceil_div(push->n_tiles, GROUP)),
    };
    return lat_kernel_run(ctx, &kernel);
}

static lattn_status store_tiles(lattn_ctx *ctx, struct winograd_push *push, lattn_tensor *squares,
    const struct lat_conv_out *dst)
{
    uint32_t epilogue = (dst->bias ? LAT_GEMM_BIAS : 0) | (dst->relu ? LAT_GEMM_RELU : 0) |
                        (dst->accumulate ? LAT_GEMM_ACCUMULATE : 0);
    const uint32_t spec[] = { GROUP, epilogue };
    struct lat_kernel kernel = {
        .shader = &lat_shader_winograd_output,
        .t = (int) dst->t->dtype,
        .u = LAT_NO_DTYPE,
        .read = { squares, dst->bias },
        .n_read = 2,
        .write = { dst->t },
        .n_write = 1,
        .push_offset = { 0, 0, offsetof(struct winograd_push, offset) },
        .push = push,
        .push_bytes = sizeof *push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = (uint64_t) (push->n_channels * ceil_div(push->n_tiles, GROUP)),
    };
    return lat_kernel_run(ctx, &kernel);
}

// ---- all of it ------------------------------------------------------------------------------------------

// The first elements of a workspace as [16, groups, rows, columns].
static lattn_tensor *squares_of(
    lattn_tensor *workspace, const struct lat_conv_walk *w, int64_t rows, int64_t columns)
{
    int64_t dims[] = { SQUARE, w->groups, rows, columns }, strides[4];
    lat_contiguous_strides(4, dims, strides);
    return workspace ? lat_tensor_view(workspace, 4, dims, strides, workspace->offset) : NULL;
}

lattn_status lat_conv_winograd(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *weight, const struct lat_conv_out *dst)
{
    int64_t tiles = lat_conv_winograd_tiles(w), count = tiles_at_once(ctx, w);
    int64_t u_dims[] = { SQUARE, w->groups, w->m, w->q };
    int64_t v_dims[] = { SQUARE * w->groups * w->q * count };
    int64_t s_dims[] = { SQUARE * w->groups * w->m * count };
    lattn_tensor *u = lat_tensor_new(ctx, LATTN_DTYPE_F32, 4, u_dims);
    lattn_tensor *v = lat_tensor_new(ctx, LATTN_DTYPE_F32, 1, v_dims);
    lattn_tensor *s = lat_tensor_new(ctx, LATTN_DTYPE_F32, 1, s_dims);
    LAT_TRY(u && v && s ? transform_weight(ctx, w, weight, u) : ctx->error);
    for (int64_t first = 0; first < tiles; first += count) {
        int64_t n = LAT_MIN(count, tiles - first);
        struct lat_gemm gemm = {
            .a = u,
            .b = squares_of(v, w, w->q, n),
            .out = squares_of(s, w, w->m, n),
        };
        if (!gemm.b || !gemm.out)
            return ctx->error;
        struct winograd_push in = push_of(w, first, n, w->groups * w->q, w->src);
        struct winograd_push out = push_of(w, first, n, w->groups * w->m, w->dst);
        LAT_TRY(transform_tiles(ctx, &in, src, gemm.b));
        LAT_TRY(lat_gemm_run(ctx, &gemm));
        LAT_TRY(store_tiles(ctx, &out, gemm.out, dst));
    }
    return LATTN_OK;
}
