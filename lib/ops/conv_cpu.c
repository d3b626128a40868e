// SPDX-License-Identifier: MIT
//
// Convolution on CPU drivers that load fast by address: shaders/conv/conv_cpu.comp for the forward and
// the input gradient, plain products for the weight gradient.
//
// Both want the source with its zeros in memory. Then a tap is a shift of the whole source, and what
// it sees of neighbouring positions lies side by side. A row of the padded source ends where the next
// one's zeros begin, which serve both. With a step S there is one plane for each remainder of rows and
// columns by S, in which the steps are 1 again. The copy costs little beside the product, and images
// are done some at a time, so that it never takes more than WORKSPACE_BYTES (or one image).
//
// The weight gradient has a product per tap, batched: dw[t] = dy [O, positions] x [positions + t, C],
// with channels last in the copy of x, and zeros in the copy of dy at those positions that are none
// of the result's. It is the one place where a zero meets an element that the formula does not have:
// an infinity in x may show up as NaN in more taps than those that see it.

#include "conv/conv_cpu.abi.h"
#include "conv/conv_cpu_weight.abi.h"
#include "conv/conv_spread.abi.h"
#include "conv/conv_taps.abi.h"
#include "lat_shaders.h"
#include "matmul/gemm_epilogue.h"
#include "ops/conv.h"

enum { WORKSPACE_BYTES = 32 << 20 };
enum { BK = 8, TN = 2, FEW_ROWS = 8, MANY_ROWS = 32 };

#define PUSH(member) offsetof(struct conv_cpu_push, member)

static int64_t ceil_div(int64_t n, int64_t d)
{
    return (n + d - 1) / d;
}

// ---- the padded source --------------------------------------------------------------------------------

// Which source elements are seen, [lo, hi] in rows and columns, and the planes that hold them: element
// u + lo of the source is number u / step of plane u % step.
struct grid {
    int64_t lo[2], hi[2], step[2];
    int64_t planes[2];  // 1 where all taps meet plane 0, else step
    int64_t size[2];    // of a plane
    int64_t tail;       // elements that the last plane is read past its end
    bool copied;        // else the source itself
};

static void widen(struct grid *g, const struct lat_conv_walk *w)
{
    for (int d = 0; d < 2; d++) {
        int64_t first = w->off[d], reach = (w->taps[d] - 1) * w->dil[d];
        int64_t last = first + (w->positions[d] - 1) * w->step[d];
        g->lo[d] = LAT_MIN(g->lo[d], first + LAT_MIN(reach, 0));
        g->hi[d] = LAT_MAX(g->hi[d], last + LAT_MAX(reach, 0));
    }
}

// positions: the most that any walk has.
static void lay_out(struct grid *g, const struct lat_conv_walk *w, const int64_t positions[2])
{
    int64_t past[2];
    g->copied = false;
    for (int d = 0; d < 2; d++) {
        g->step[d] = w->step[d];
        g->planes[d] = w->dil[d] % w->step[d] == 0 || w->taps[d] == 1 ? 1 : w->step[d];
        int64_t before = LAT_MAX(-g->lo[d], 0);
        past[d] = LAT_MAX(g->hi[d] - (w->src[d] - 1), 0);
        g->copied = g->copied || before || past[d] || g->step[d] > 1;
        if (g->step[d] == 1) {
            g->size[d] = before + w->src[d] + LAT_MAX(past[d] - before, 0);
            g->size[d] = LAT_MAX(g->size[d], positions[d]);
            g->lo[d] = LAT_MIN(g->lo[d], 0);
        } else {
            g->size[d] = ceil_div(g->hi[d] - g->lo[d] + 1, g->step[d]);
            past[d] = 0;
        }
    }
    g->tail = past[0] * g->size[1] + past[1];
}

static struct grid grid_of(const struct lat_conv_walk *walks, int n)
{
    struct grid g = { .lo = { INT64_MAX, INT64_MAX }, .hi = { INT64_MIN, INT64_MIN } };
    int64_t positions[2] = { 0, 0 };
    for (int i = 0; i < n; i++) {
        widen(&g, &walks[i]);
        for (int d = 0; d < 2; d++)
            positions[d] = LAT_MAX(positions[d], walks[i].positions[d]);
    }
    lay_out(&g, &walks[0], positions);
    return g;
}

// Strides of a copy: of images, channels, planes, rows and columns.
struct layout {
    int64_t image, channel, plane[2], row, column;
};

// into = the source on the grid, zeros around it.
static lattn_status spread(
    const struct grid *g, lattn_tensor *src, lattn_tensor *into, const struct layout *l)
{
    const struct lat_caps *caps = lat_caps(src->ctx);
    bool last = l->column != 1;
    int64_t planes = g->planes[0] * g->planes[1];
    int64_t filled = src->dim[0] * src->dim[1] * planes * g->size[0] * g->size[1];
    struct conv_spread_push push = {
        .n_images = (uint32_t) src->dim[0],
        .n_channels = (uint32_t) src->dim[1],
        .planes_y = (uint32_t) g->planes[0],
        .planes_x = (uint32_t) g->planes[1],
        .rows = (uint32_t) g->size[0],
        .columns = (uint32_t) g->size[1],
        .src_h = (uint32_t) src->dim[2],
        .src_w = (uint32_t) src->dim[3],
        .lo_y = (int32_t) g->lo[0],
        .lo_x = (int32_t) g->lo[1],
        .step_y = (uint32_t) g->step[0],
        .step_x = (uint32_t) g->step[1],
        .image = (uint32_t) l->image,
        .channel = (uint32_t) l->channel,
        .plane_y = (uint32_t) l->plane[0],
        .plane_x = (uint32_t) l->plane[1],
        .row = (uint32_t) l->row,
        .column = (uint32_t) l->column,
        .tail = (uint32_t) (lat_numel(into) - filled),
        .tail_at = (uint32_t) filled,
    };
    const uint32_t spec[] = { caps->subgroup_size, last };
    struct lat_kernel kernel = {
        .shader = &lat_shader_conv_spread,
        .t = LATTN_DTYPE_F32,
        .u = LAT_NO_DTYPE,
        .read = { src },
        .n_read = 1,
        .write = { into },
        .n_write = 1,
        .push_offset = { offsetof(struct conv_spread_push, src_offset) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = (uint64_t) (src->dim[0] * planes * (last ? g->size[0] : src->dim[1])),
    };
    return lat_kernel_run(src->ctx, &kernel);
}

// Images whose copy fits the workspace and, as what is written, a binding.
static int64_t images_at_once(lattn_ctx *ctx, const struct grid *g, const struct lat_conv_walk *w)
{
    const struct lat_caps *caps = lat_caps(ctx);
    int64_t plane = g->size[0] * g->size[1];
    int64_t copied = w->q * g->planes[0] * g->planes[1] * plane;
    int64_t written = w->m * LAT_MAX(plane, w->dst[0] * w->dst[1]);
    int64_t image_bytes = 4 * w->groups * LAT_MAX(copied, written);
    int64_t spare = (int64_t) caps->buffer_alignment + 4 * w->groups * w->q * g->tail;
    int64_t most = LAT_MIN(WORKSPACE_BYTES, (int64_t) LAT_MIN(caps->max_binding_bytes, INT32_MAX));
    return LAT_MIN(LAT_MAX((most - spare) / LAT_MAX(image_bytes, 1), 1), w->images);
}

// ---- forward and input gradient -----------------------------------------------------------------------

static int64_t columns_of(const struct lat_conv_walk *w, int64_t row)
{
    return (w->positions[0] - 1) * row + w->positions[1];
}

bool lat_conv_cpu_fits(const struct lat_caps *caps, const struct lat_conv_walk *w)
{
    return w->q * w->taps[0] * w->taps[1] > 0 &&
           columns_of(w, w->positions[1]) >= TN * (int64_t) caps->subgroup_size;
}

static struct conv_cpu_push push_of(
    const struct lat_conv_walk *w, const struct grid *g, const struct layout *l)
{
    int64_t base = (w->off[0] - g->lo[0]) * l->row + w->off[1] - g->lo[1];
    return (struct conv_cpu_push){
        .m = (uint32_t) w->m,
        .n = (uint32_t) columns_of(w, l->row),
        .k = (uint32_t) (w->q * w->taps[0] * w->taps[1]),
        .src_image = (uint32_t) l->image,
        .src_channel = (uint32_t) l->channel,
        .src_row = (uint32_t) l->row,
        .src_phase_y = (uint32_t) l->plane[0],
        .src_phase_x = (uint32_t) l->plane[1],
        .src_base = (int32_t) base,
        .w_m = (uint32_t) w->w_m,
        .w_q = (uint32_t) w->w_q,
        .w_ty = (uint32_t) w->w_tap[0],
        .w_tx = (uint32_t) w->w_tap[1],
        .w_base = (uint32_t) w->w_base,
        .w_group = (uint32_t) w->w_group,
        .dst_plane = (uint32_t) (w->dst[0] * w->dst[1]),
        .dst_image = (uint32_t) (w->groups * w->m * w->dst[0] * w->dst[1]),
        .dst_y = (uint32_t) (w->dst_step[0] * w->dst[1]),
        .dst_x = (uint32_t) w->dst_step[1],
        .dst_base = (uint32_t) (w->dst_off[0] * w->dst[1] + w->dst_off[1]),
        .pw = (uint32_t) w->positions[1],
        .n_groups = (uint32_t) w->groups,
        .n_images = (uint32_t) w->images,
    };
}

static lattn_status dispatch(lattn_ctx *ctx, const struct lat_conv_walk *w, const struct grid *g,
    const struct layout *l, lattn_tensor *const t[2], const struct lat_conv_out *dst)
{
    const struct lat_caps *caps = lat_caps(ctx);
    struct conv_cpu_push push = push_of(w, g, l);
    uint32_t tm = (uint32_t) (w->m >= MANY_ROWS ? MANY_ROWS : LAT_MIN(w->m, FEW_ROWS));
    uint32_t bk = LAT_MIN(push.k, BK);
    uint32_t epilogue = (dst->bias ? LAT_GEMM_BIAS : 0) | (dst->relu ? LAT_GEMM_RELU : 0) |
                        (dst->accumulate ? LAT_GEMM_ACCUMULATE : 0);
    bool plain = w->w_tap[1] == 1 && w->w_tap[0] == w->taps[1] && w->w_q == w->taps[0] * w->taps[1];
    const uint32_t spec[] = { caps->subgroup_size, epilogue, (uint32_t) (w->taps[0] * w->taps[1]),
        (uint32_t) w->taps[1], (uint32_t) w->step[0], (uint32_t) w->step[1], (uint32_t) w->dil[0],
        (uint32_t) w->dil[1], tm, bk, TN, caps->subgroup_size, push.k % bk != 0, plain };
    push.tiles_n = (uint32_t) ceil_div(push.n, TN * (int64_t) caps->subgroup_size);
    struct lat_kernel kernel = {
        .shader = &lat_shader_conv_cpu,
        .t = LATTN_DTYPE_F32,
        .u = LAT_NO_DTYPE,
        .read = { t[0], t[1], dst->bias },
        .n_read = 3,
        .write = { dst->t },
        .n_write = 1,
        .push_offset = { PUSH(a_offset), PUSH(src_offset), 0, PUSH(out_offset) },
        .push_address = { PUSH(a_address0), PUSH(src_address0) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups =
            (uint64_t) push.tiles_n * (uint64_t) ceil_div(w->m, tm) * push.n_groups * push.n_images,
        .flops = 2.0 * push.m * push.k * push.n_groups * (double) push.n_images *
                 (double) (w->positions[0] * w->positions[1]),
    };
    lat_wide_subgroups(ctx, &kernel);
    return lat_kernel_run(ctx, &kernel);
}

// One channel after the other, each with its planes.
static struct layout channels_first(const struct grid *g, int64_t channels)
{
    int64_t plane = g->size[0] * g->size[1];
    return (struct layout){
        .image = channels * g->planes[0] * g->planes[1] * plane,
        .channel = g->planes[0] * g->planes[1] * plane,
        .plane = { g->planes[1] * plane, plane },
        .row = g->size[1],
        .column = 1,
    };
}

lattn_status lat_conv_cpu(lattn_ctx *ctx, const struct lat_conv_walk *walks, int n,
    lattn_tensor *src, lattn_tensor *weight, const struct lat_conv_out *dst)
{
    const struct lat_conv_walk *first = &walks[0];
    struct grid g = grid_of(walks, n);
    struct layout l = channels_first(&g, src->dim[1]);
    int64_t count = images_at_once(ctx, &g, first);
    for (int64_t start = 0; start < first->images; start += count) {
        int64_t images = LAT_MIN(count, first->images - start);
        struct lat_conv_out out = *dst;
        out.t = lat_conv_images(dst->t, start, images);
        lattn_tensor *t[] = { weight, lat_conv_images(src, start, images) };
        if (!out.t || !t[1])
            return ctx->error;
        if (g.copied) {
            int64_t dims[] = { images * l.image + g.tail };
            lattn_tensor *padded = lat_tensor_new(ctx, src->dtype, 1, dims);
            LAT_TRY(padded ? spread(&g, t[1], padded, &l) : ctx->error);
            t[1] = padded;
        }
        for (int i = 0; i < n; i++) {
            struct lat_conv_walk part = walks[i];
            part.images = images;
            LAT_TRY(dispatch(ctx, &part, &g, &l, t, &out));
        }
    }
    return LATTN_OK;
}

// ---- weight gradient ------------------------------------------------------------------------------------

bool lat_conv_cpu_fits_weight(const struct lat_caps *caps, const struct lat_conv_walk *w)
{
    return w->m >= FEW_ROWS && w->q >= TN * (int64_t) caps->subgroup_size;
}

// Taps that meet one plane of the grid.
struct taps {
    int64_t first[2], every[2], count[2];
    lattn_tensor *sum;  // [groups, taps, taps, m, q]
};

// The taps t with t R % S == plane, R dilation and S step. False when there is none.
static bool taps_of(const struct lat_conv_walk *w, const int64_t plane[2], struct taps *t)
{
    for (int d = 0; d < 2; d++) {
        int64_t every = 1, first = 0;
        while (every * w->dil[d] % w->step[d] != 0)
            every++;
        while (first < every && first * w->dil[d] % w->step[d] != plane[d])
            first++;
        if (first == every || first >= w->taps[d])
            return false;
        t->first[d] = first;
        t->every[d] = every;
        t->count[d] = ceil_div(w->taps[d] - first, every);
    }
    return true;
}

// One part of the images: x with channels last, dy with a row per channel.
struct part {
    const struct lat_conv_walk *w;
    const struct grid *g;
    struct layout l;  // of x
    lattn_tensor *x, *dy;
    int64_t positions;  // in a row of dy
    bool accumulate;
    const struct lat_conv_out *dw;
};

static lattn_status add_taps(const struct part *p, const int64_t plane[2], const struct taps *t)
{
    const struct lat_conv_walk *w = p->w;
    int64_t channels = w->groups * w->q, row = p->g->size[1];
    // In positions: from one tap to the next, and of the first.
    int64_t step_y = t->every[0] * w->dil[0] / w->step[0] * row;
    int64_t step_x = t->every[1] * w->dil[1] / w->step[1];
    int64_t first =
        t->first[0] * w->dil[0] / w->step[0] * row + t->first[1] * w->dil[1] / w->step[1];
    int64_t start = plane[0] * p->l.plane[0] + plane[1] * p->l.plane[1] + first * channels;
    for (int64_t group = 0; group < w->groups; group++) {
        int64_t a_dims[] = { t->count[0], t->count[1], w->m, p->positions };
        int64_t a_strides[] = { 0, 0, p->positions, 1 };
        int64_t b_dims[] = { t->count[0], t->count[1], p->positions, w->q };
        int64_t b_strides[] = { step_y * channels, step_x * channels, channels, 1 };
        lattn_tensor *slab = lat_view_slice(t->sum, 0, group, 1, 1);
        struct lat_gemm gemm = {
            .a = lat_tensor_view(
                p->dy, 4, a_dims, a_strides, p->dy->offset + group * w->m * p->positions),
            .b = lat_tensor_view(p->x, 4, b_dims, b_strides, p->x->offset + start + group * w->q),
            .out = slab ? lat_view_reshape(slab, 4, &t->sum->dim[1]) : NULL,
            .accumulate = p->accumulate,
        };
        LAT_TRY(gemm.a && gemm.b && gemm.out ? lat_gemm_run(p->x->ctx, &gemm) : p->x->ctx->error);
    }
    return LATTN_OK;
}

// Calls visit for each plane that some tap meets.
typedef lattn_status (*visit_fn)(void *user, const int64_t plane[2], struct taps *t);

static lattn_status for_each_plane(const struct lat_conv_walk *w, const struct grid *g,
    struct taps *taps, visit_fn visit, void *user)
{
    for (int64_t y = 0; y < g->planes[0]; y++)
        for (int64_t x = 0; x < g->planes[1]; x++) {
            int64_t plane[2] = { y, x };
            struct taps *t = &taps[y * g->planes[1] + x];
            if (taps_of(w, plane, t))
                LAT_TRY(visit(user, plane, t));
        }
    return LATTN_OK;
}

static lattn_status visit_add(void *user, const int64_t plane[2], struct taps *t)
{
    const struct part *p = user;
    const struct lat_conv_walk *w = p->w;
    int64_t dims[] = { w->groups, t->count[0], t->count[1], w->m, w->q };
    if (!t->sum)
        t->sum = lat_tensor_new(p->x->ctx, LATTN_DTYPE_F32, 5, dims);
    return t->sum ? add_taps(p, plane, t) : p->x->ctx->error;
}

static lattn_status visit_store(void *user, const int64_t plane[2], struct taps *t)
{
    (void) plane;
    const struct part *p = user;
    const struct lat_conv_walk *w = p->w;
    struct conv_taps_push push = {
        .n_groups = (uint32_t) w->groups,
        .m = (uint32_t) w->m,
        .q = (uint32_t) w->q,
        .w_base = (uint32_t) (t->first[0] * w->w_tap[0] + t->first[1] * w->w_tap[1]),
        .w_group = (uint32_t) w->w_group,
        .w_ty = (uint32_t) (t->every[0] * w->w_tap[0]),
        .w_tx = (uint32_t) (t->every[1] * w->w_tap[1]),
        .w_m = (uint32_t) w->w_m,
        .w_q = (uint32_t) w->w_q,
    };
    lattn_ctx *ctx = t->sum->ctx;
    const uint32_t spec[] = { lat_caps(ctx)->subgroup_size, (uint32_t) t->count[0],
        (uint32_t) t->count[1], p->dw->accumulate };
    struct lat_kernel kernel = {
        .shader = &lat_shader_conv_taps,
        .t = LATTN_DTYPE_F32,
        .u = LAT_NO_DTYPE,
        .read = { t->sum },
        .n_read = 1,
        .write = { p->dw->t },
        .n_write = 1,
        .push_offset = { 0, offsetof(struct conv_taps_push, out_offset) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = (uint64_t) (w->groups * w->m),
    };
    return lat_kernel_run(ctx, &kernel);
}

// Copies of some images, and the products with them.
static lattn_status add_images(
    struct part *p, struct taps *taps, lattn_tensor *src, lattn_tensor *dst)
{
    const struct lat_conv_walk *w = p->w;
    lattn_ctx *ctx = src->ctx;
    int64_t images = src->dim[0], plane = p->g->size[0] * p->g->size[1];
    int64_t channels = w->groups * w->q, row = p->g->size[1];
    p->positions = images * plane;
    p->l = (struct layout){
        .image = plane * channels,
        .channel = 1,
        .plane = { p->g->planes[1] * images * plane * channels, images * plane * channels },
        .row = row * channels,
        .column = channels,
    };
    // The last tap looks that far behind the last position.
    int64_t behind =
        (w->taps[0] - 1) * w->dil[0] / w->step[0] * row + (w->taps[1] - 1) * w->dil[1] / w->step[1];
    int64_t n_planes = p->g->planes[0] * p->g->planes[1];
    int64_t x_dims[] = { (n_planes * p->positions + behind) * channels };
    int64_t dy_dims[] = { w->groups * w->m * p->positions };
    struct layout of_dy = { .image = plane, .channel = p->positions, .row = row, .column = 1 };
    struct grid positions = {
        .step = { 1, 1 }, .planes = { 1, 1 }, .size = { p->g->size[0], row }
    };
    p->x = lat_tensor_new(ctx, src->dtype, 1, x_dims);
    p->dy = lat_tensor_new(ctx, src->dtype, 1, dy_dims);
    LAT_TRY(p->x && p->dy ? spread(p->g, src, p->x, &p->l) : ctx->error);
    LAT_TRY(spread(&positions, dst, p->dy, &of_dy));
    return for_each_plane(w, p->g, taps, visit_add, p);
}

lattn_status lat_conv_cpu_weight(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *dst, const struct lat_conv_out *dw)
{
    struct grid g = grid_of(w, 1);
    struct taps taps[LAT_CONV_MAX_PLANES] = { 0 };
    int64_t count = images_at_once(ctx, &g, w);
    struct part part = { .w = w, .g = &g, .dw = dw };
    for (int64_t start = 0; start < w->images; start += count) {
        int64_t images = LAT_MIN(count, w->images - start);
        lattn_tensor *x = lat_conv_images(src, start, images),
                     *dy = lat_conv_images(dst, start, images);
        LAT_TRY(x && dy ? add_images(&part, taps, x, dy) : ctx->error);
        part.accumulate = true;
    }
    return for_each_plane(w, &g, taps, visit_store, &part);
}

// ---- weight gradient of few channels ----------------------------------------------------------------------

enum { FEW_PARTS = 16, MIN_POSITIONS = 256 };

bool lat_conv_cpu_fits_few(const struct lat_caps *caps, const struct lat_conv_walk *w)
{
    return w->q * w->taps[0] * w->taps[1] >= FEW_ROWS && w->m >= TN * (int64_t) caps->subgroup_size;
}

// sums [splits, groups, q * taps, m] of copies of some images.
static lattn_status add_few(const struct part *p, int64_t k, int64_t k_part, lattn_tensor *sums)
{
    const struct lat_conv_walk *w = p->w;
    lattn_ctx *ctx = sums->ctx;
    const struct lat_caps *caps = lat_caps(ctx);
    uint32_t n_taps = (uint32_t) (w->taps[0] * w->taps[1]);
    struct conv_cpu_weight_push push = {
        .m = (uint32_t) w->q * n_taps,
        .n = (uint32_t) w->m,
        .k = (uint32_t) k,
        .k_part = (uint32_t) k_part,
        .tiles_n = (uint32_t) ceil_div(w->m, TN * (int64_t) caps->subgroup_size),
        .n_groups = (uint32_t) w->groups,
        .src_channel = (uint32_t) p->l.channel,
        .src_row = (uint32_t) p->l.row,
        .src_phase_y = (uint32_t) p->l.plane[0],
        .src_phase_x = (uint32_t) p->l.plane[1],
    };
    uint32_t tm = push.m >= MANY_ROWS ? MANY_ROWS : FEW_ROWS;
    const uint32_t spec[] = { caps->subgroup_size, 0, n_taps, (uint32_t) w->taps[1],
        (uint32_t) w->step[0], (uint32_t) w->step[1], (uint32_t) w->dil[0], (uint32_t) w->dil[1],
        tm, BK, TN, caps->subgroup_size };
    struct lat_kernel kernel = {
        .shader = &lat_shader_conv_cpu_weight,
        .t = LATTN_DTYPE_F32,
        .u = LAT_NO_DTYPE,
        .read = { p->x, p->dy },
        .n_read = 2,
        .write = { sums },
        .n_write = 1,
        .push_offset = { offsetof(struct conv_cpu_weight_push, src_offset),
            offsetof(struct conv_cpu_weight_push, dy_offset) },
        .push_address = { offsetof(struct conv_cpu_weight_push, src_address0),
            offsetof(struct conv_cpu_weight_push, dy_address0) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = (uint64_t) push.tiles_n * (uint64_t) ceil_div(push.m, tm) * push.n_groups *
                  (uint64_t) ceil_div(k, k_part),
        .flops = 2.0 * push.m * push.n * push.k * push.n_groups,
    };
    lat_wide_subgroups(ctx, &kernel);
    return lat_kernel_run(ctx, &kernel);
}

// dw (+)= the sums, whose rows are dw's columns.
static lattn_status store_few(
    const struct lat_conv_walk *w, lattn_tensor *sums, const struct lat_conv_out *dw)
{
    lattn_ctx *ctx = sums->ctx;
    int64_t dims[] = { w->groups, w->m, w->w_m };
    lattn_tensor *turned = lat_view_permute(sums, (int[]){ 0, 1, 3, 2 });
    lattn_tensor *into = lat_view_reshape(dw->t, 3, dims);
    return turned && into ? lat_sum_to(ctx, turned, into, dw->accumulate) : ctx->error;
}

lattn_status lat_conv_cpu_weight_few(lattn_ctx *ctx, const struct lat_conv_walk *w,
    lattn_tensor *src, lattn_tensor *dst, const struct lat_conv_out *dw)
{
    struct grid g = grid_of(w, 1);
    int64_t count = images_at_once(ctx, &g, w), plane = g.size[0] * g.size[1];
    int64_t behind = (w->taps[0] - 1) * w->dil[0] / w->step[0] * g.size[1] +
                     (w->taps[1] - 1) * w->dil[1] / w->step[1];
    struct lat_conv_out out = *dw;
    for (int64_t start = 0; start < w->images; start += count) {
        int64_t images = LAT_MIN(count, w->images - start), positions = images * plane;
        int64_t n_planes = g.planes[0] * g.planes[1], channels = w->groups * w->q;
        int64_t k = ceil_div(positions, BK) * BK;
        int64_t parts = LAT_MIN(FEW_PARTS, LAT_MAX(k / MIN_POSITIONS, 1));
        int64_t k_part = ceil_div(k / BK, parts) * BK;
        struct part p = {
            .w = w,
            .l = { .image = plane,
                .channel = n_planes * positions,
                .plane = { g.planes[1] * positions, positions },
                .row = g.size[1],
                .column = 1 },
            .x = lat_tensor_new(
                ctx, src->dtype, 1, (int64_t[]){ channels * n_planes * positions + behind + BK }),
            .dy = lat_tensor_new(ctx, src->dtype, 1, (int64_t[]){ k * w->groups * w->m }),
        };
        int64_t dims[] = { ceil_div(k, k_part), w->groups, w->w_m, w->m };
        int64_t n = w->groups * w->m;
        struct layout of_dy = {
            .image = plane * n, .channel = 1, .row = g.size[1] * n, .column = n
        };
        struct grid at_positions = {
            .step = { 1, 1 }, .planes = { 1, 1 }, .size = { g.size[0], g.size[1] }
        };
        lattn_tensor *sums = lat_tensor_new(ctx, LATTN_DTYPE_F32, 4, dims);
        lattn_tensor *x = lat_conv_images(src, start, images),
                     *dy = lat_conv_images(dst, start, images);
        if (!p.x || !p.dy || !sums || !x || !dy)
            return ctx->error;
        LAT_TRY(spread(&g, x, p.x, &p.l));
        LAT_TRY(spread(&at_positions, dy, p.dy, &of_dy));
        LAT_TRY(add_few(&p, k, k_part, sums));
        LAT_TRY(store_few(w, sums, &out));
        out.accumulate = true;
    }
    return LATTN_OK;
}
