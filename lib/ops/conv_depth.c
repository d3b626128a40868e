// SPDX-License-Identifier: MIT
//
// Convolution of volumes by convolutions of images.
//
// Slice z of the result sees the F slices z S - P, z S - P + R, ... of the source. Side by side, as
// channels [C, F], they are an image whose convolution with weight [O, C, F, F_h, F_w], read as
// [O, C F, F_h, F_w], is that slice: one sum in f32, by every kernel that images have. So a copy of the
// source with F times its slices is what a volume costs besides; it is made some slices at a time and
// never takes more than WORKSPACE_BYTES (or one slice). The input gradient does the same with dy and a
// weight whose F lies beside O, for each phase of the depth (conv.c), and the weight gradient is that
// of the images. Where two neighbouring dimensions have a kernel of one element they count as one, and
// the volume is an image as it lies.

#include "ops/conv.h"

enum { WORKSPACE_BYTES = 32 << 20 };

static int64_t ceil_div(int64_t n, int64_t d)
{
    return (n + d - 1) / d;
}

// ---- slices -------------------------------------------------------------------------------------------

// Number t of the slices that position p sees: p step + off + t dil of the source.
struct line {
    int64_t positions, taps, step, off, dil;
};

static struct line forward_line(const struct lat_conv *cv)
{
    return (struct line){
        .positions = cv->y_size[LAT_DEPTH],
        .taps = cv->kernel[LAT_DEPTH],
        .step = cv->stride[LAT_DEPTH],
        .off = -cv->padding[LAT_DEPTH],
        .dil = cv->dilation[LAT_DEPTH],
    };
}

// Positions [first, first + count) of some images.
struct part {
    int64_t image, images, first, count;
};

// All positions of several images, or some of one.
struct parts {
    int64_t images, positions;
    int64_t images_each, positions_each;
    int64_t n;
};

// slice_elements: what the workspace holds for one position.
static struct parts parts_of(
    int64_t images, const struct line *l, int64_t slice_elements, lattn_dtype dtype)
{
    int64_t bytes = slice_elements * (int64_t) lattn_dtype_bytes(dtype);
    int64_t slices = LAT_MAX(WORKSPACE_BYTES / LAT_MAX(bytes, 1), 1);
    struct parts p = {
        .images = images,
        .positions = l->positions,
        .images_each = LAT_MAX(slices / l->positions, 1),
        .positions_each = LAT_MIN(slices, l->positions),
    };
    p.n = ceil_div(images, p.images_each) * ceil_div(l->positions, p.positions_each);
    return p;
}

static struct part part_at(const struct parts *p, int64_t i)
{
    int64_t per_image = ceil_div(p->positions, p->positions_each);
    struct part at = {
        .image = i / per_image * p->images_each,
        .first = i % per_image * p->positions_each,
    };
    at.images = LAT_MIN(p->images_each, p->images - at.image);
    at.count = LAT_MIN(p->positions_each, p->positions - at.first);
    return at;
}

// Slices z, z + step, ... of a part's images: [images, count, channels, plane] of [N, C, Z, H, W].
static lattn_tensor *slices_of(
    lattn_tensor *t, const struct part *p, int64_t z, int64_t count, int64_t step)
{
    int64_t dims[] = { t->dim[0], t->dim[1], t->dim[2], t->dim[3] * t->dim[4] };
    lattn_tensor *v = lat_view_reshape(t, 4, dims);
    v = v ? lat_view_slice(v, 0, p->image, p->images, 1) : NULL;
    v = v ? lat_view_permute(v, (int[]){ 0, 2, 1, 3 }) : NULL;
    return v ? lat_view_slice(v, 1, z, count, step) : NULL;
}

static lattn_status fill_zeros(lattn_tensor *t, int64_t start, int64_t count)
{
    lattn_tensor *v = lat_view_slice(t, 1, start, count, 1);
    return v ? lat_prim_fill(v, 0) : t->ctx->error;
}

// into [images, count, channels, plane] = what tap t sees from the positions of a part.
static lattn_status gather_tap(
    lattn_tensor *into, lattn_tensor *src, const struct line *l, const struct part *p, int64_t t)
{
    int64_t z = p->first * l->step + l->off + t * l->dil, inside = src->dim[2] - z;
    int64_t before = LAT_MIN(z < 0 ? ceil_div(-z, l->step) : 0, p->count);
    int64_t end = LAT_MAX(LAT_MIN(inside > 0 ? ceil_div(inside, l->step) : 0, p->count), before);
    lattn_tensor *to = lat_view_slice(into, 1, before, end - before, 1);
    lattn_tensor *from = slices_of(src, p, z + before * l->step, end - before, l->step);
    LAT_TRY(to && from ? lat_prim_copy(to, from) : src->ctx->error);
    LAT_TRY(fill_zeros(into, 0, before));
    return fill_zeros(into, end, p->count - end);
}

// The images that a part's positions see: [images * count, channels * taps, H, W]. NULL = error kept.
static lattn_tensor *gather(lattn_tensor *src, const struct line *l, const struct part *p)
{
    int64_t dims[] = { p->images, p->count, src->dim[1], l->taps, src->dim[3] * src->dim[4] };
    int64_t seen[] = { p->images * p->count, src->dim[1] * l->taps, src->dim[3], src->dim[4] };
    lattn_tensor *all = lat_tensor_new(src->ctx, src->dtype, 5, dims);
    for (int64_t t = 0; t < l->taps && all; t++) {
        int64_t strides[] = { all->stride[0], all->stride[1], all->stride[2], 1 };
        lattn_tensor *into = lat_tensor_view(all, 4,
            (int64_t[]){ dims[0], dims[1], dims[2], dims[4] }, strides, all->offset + t * dims[4]);
        lattn_status st = into ? gather_tap(into, src, l, p, t) : src->ctx->error;
        if (st)
            return lat_fail_status(src->ctx, st);
    }
    return all ? lat_view_reshape(all, 4, seen) : NULL;
}

// Slices z, z + step, ... of dst = those of images [images * count, channels, H, W].
static lattn_status put(
    lattn_tensor *dst, lattn_tensor *images, const struct part *p, int64_t z, int64_t step)
{
    int64_t dims[] = { p->images, p->count, dst->dim[1], dst->dim[3] * dst->dim[4] };
    lattn_tensor *from = lat_view_reshape(images, 4, dims);
    lattn_tensor *to = slices_of(dst, p, z, p->count, step);
    return from && to ? lat_prim_copy(to, from) : dst->ctx->error;
}

static struct lat_conv of_images(
    const struct lat_conv *cv, int64_t images, int64_t x_channels, int64_t y_channels)
{
    struct lat_conv flat = *cv;
    flat.images = images;
    flat.x_channels = x_channels;
    flat.y_channels = y_channels;
    flat.x_size[LAT_DEPTH] = flat.y_size[LAT_DEPTH] = flat.kernel[LAT_DEPTH] = 1;
    flat.stride[LAT_DEPTH] = flat.dilation[LAT_DEPTH] = 1;
    flat.padding[LAT_DEPTH] = 0;
    return flat;
}

// ---- volumes that are images as they lie ------------------------------------------------------------------

static bool is_plain(const struct lat_conv *cv, int d)
{
    return cv->kernel[d] == 1 && cv->stride[d] == 1 && cv->padding[d] == 0;
}

// Dimensions d and d + 1 become one, beside the third.
static struct lat_conv join(const struct lat_conv *cv, int d)
{
    int other = d == LAT_DEPTH ? LAT_WIDTH : LAT_DEPTH;
    int joined_at = d == LAT_DEPTH ? LAT_HEIGHT : LAT_WIDTH, other_at = 3 - joined_at;
    struct lat_conv flat = of_images(cv, cv->images, cv->x_channels, cv->y_channels);
    flat.x_size[other_at] = cv->x_size[other];
    flat.y_size[other_at] = cv->y_size[other];
    flat.kernel[other_at] = cv->kernel[other];
    flat.stride[other_at] = cv->stride[other];
    flat.padding[other_at] = cv->padding[other];
    flat.dilation[other_at] = cv->dilation[other];
    flat.x_size[joined_at] = flat.y_size[joined_at] = cv->x_size[d] * cv->x_size[d + 1];
    flat.kernel[joined_at] = flat.stride[joined_at] = flat.dilation[joined_at] = 1;
    flat.padding[joined_at] = 0;
    return flat;
}

static bool is_image(const struct lat_conv *cv, struct lat_conv *flat)
{
    bool back = is_plain(cv, LAT_HEIGHT) && is_plain(cv, LAT_WIDTH);
    if (!back && !(is_plain(cv, LAT_DEPTH) && is_plain(cv, LAT_HEIGHT)))
        return false;
    *flat = join(cv, back ? LAT_HEIGHT : LAT_DEPTH);
    return true;
}

static lattn_tensor *with_planes(lattn_tensor *t, const int64_t size[LAT_CONV_DIMS])
{
    int64_t dims[] = { t->dim[0], t->dim[1], size[LAT_HEIGHT], size[LAT_WIDTH] };
    return lat_view_reshape(t, 4, dims);
}

// ---- the three passes ---------------------------------------------------------------------------------------

lattn_status lat_conv_depth_forward(lattn_ctx *ctx, const struct lat_conv *cv, lattn_tensor *x,
    lattn_tensor *weight, const struct lat_conv_out *y)
{
    struct lat_conv flat;
    struct lat_conv_out out = *y;
    if (is_image(cv, &flat)) {
        lattn_tensor *x4 = with_planes(x, flat.x_size), *w4 = with_planes(weight, flat.kernel);
        out.t = with_planes(y->t, flat.y_size);
        return x4 && w4 && out.t ? lat_conv_forward(ctx, &flat, x4, w4, &out) : ctx->error;
    }
    struct line l = forward_line(cv);
    int64_t channels = cv->x_channels * l.taps;
    int64_t w_dims[] = { weight->dim[0], weight->dim[1] * l.taps, weight->dim[3], weight->dim[4] };
    lattn_tensor *w4 = lat_view_reshape(weight, 4, w_dims);
    int64_t seen = channels * x->dim[3] * x->dim[4];
    int64_t made = cv->y_channels * y->t->dim[3] * y->t->dim[4];
    struct parts parts = parts_of(cv->images, &l, seen + made, x->dtype);
    for (int64_t i = 0; i < parts.n; i++) {
        struct part p = part_at(&parts, i);
        int64_t dims[] = { p.images * p.count, cv->y_channels, y->t->dim[3], y->t->dim[4] };
        flat = of_images(cv, dims[0], channels, cv->y_channels);
        lattn_tensor *x4 = gather(x, &l, &p);
        out.t = lat_tensor_new(ctx, x->dtype, 4, dims);
        LAT_TRY(x4 && w4 && out.t ? lat_conv_forward(ctx, &flat, x4, w4, &out) : ctx->error);
        LAT_TRY(put(y->t, out.t, &p, p.first, 1));
    }
    return LATTN_OK;
}

// The weight of one phase: [O, taps, C, F_h, F_w] as [O * taps, C, F_h, F_w].
static lattn_tensor *phase_weight(lattn_tensor *weight, const struct lat_conv_phase *phase)
{
    int64_t plane = weight->dim[3] * weight->dim[4];
    int64_t dims[] = { weight->dim[0], weight->dim[1], weight->dim[2], plane };
    int64_t to[] = { weight->dim[0] * phase->taps, weight->dim[1], weight->dim[3], weight->dim[4] };
    lattn_tensor *v = lat_view_reshape(weight, 4, dims);
    v = v ? lat_view_permute(v, (int[]){ 0, 2, 1, 3 }) : NULL;
    v = v ? lat_view_slice(v, 1, phase->first, phase->taps, phase->every) : NULL;
    v = v ? lat_prim_contiguous(v) : NULL;
    return v ? lat_view_reshape(v, 4, to) : NULL;
}

static lattn_status run_phase(lattn_ctx *ctx, const struct lat_conv *cv, lattn_tensor *dy,
    lattn_tensor *weight, lattn_tensor *dx, int64_t z)
{
    struct lat_conv_phase phase = lat_conv_phase_of(cv, LAT_DEPTH, z);
    struct line l = { phase.positions, phase.taps, 1, phase.off, phase.dil };
    int64_t stride = cv->stride[LAT_DEPTH], channels = cv->y_channels * l.taps;
    if (l.taps == 0) {
        struct part all = { 0, cv->images, 0, l.positions };
        lattn_tensor *unseen = slices_of(dx, &all, z, l.positions, stride);
        return unseen ? lat_prim_fill(unseen, 0) : ctx->error;
    }
    lattn_tensor *w4 = phase_weight(weight, &phase);
    int64_t seen = channels * dy->dim[3] * dy->dim[4];
    int64_t made = cv->x_channels * dx->dim[3] * dx->dim[4];
    struct parts parts = parts_of(cv->images, &l, seen + made, dy->dtype);
    for (int64_t i = 0; i < parts.n; i++) {
        struct part p = part_at(&parts, i);
        int64_t dims[] = { p.images * p.count, cv->x_channels, dx->dim[3], dx->dim[4] };
        struct lat_conv flat = of_images(cv, dims[0], cv->x_channels, channels);
        lattn_tensor *dy4 = gather(dy, &l, &p);
        struct lat_conv_out out = { .t = lat_tensor_new(ctx, dy->dtype, 4, dims) };
        LAT_TRY(dy4 && w4 && out.t ? lat_conv_input(ctx, &flat, dy4, w4, &out) : ctx->error);
        LAT_TRY(put(dx, out.t, &p, z + p.first * stride, stride));
    }
    return LATTN_OK;
}

lattn_status lat_conv_depth_input(lattn_ctx *ctx, const struct lat_conv *cv, lattn_tensor *dy,
    lattn_tensor *weight, const struct lat_conv_out *dx)
{
    struct lat_conv flat;
    if (is_image(cv, &flat)) {
        lattn_tensor *dy4 = with_planes(dy, flat.y_size), *w4 = with_planes(weight, flat.kernel);
        struct lat_conv_out out = *dx;
        out.t = with_planes(dx->t, flat.x_size);
        return dy4 && w4 && out.t ? lat_conv_input(ctx, &flat, dy4, w4, &out) : ctx->error;
    }
    for (int64_t z = 0; z < LAT_MIN(cv->stride[LAT_DEPTH], cv->x_size[LAT_DEPTH]); z++)
        LAT_TRY(run_phase(ctx, cv, dy, weight, dx->t, z));
    return LATTN_OK;
}

lattn_status lat_conv_depth_weight(lattn_ctx *ctx, const struct lat_conv *cv, lattn_tensor *x,
    lattn_tensor *dy, const struct lat_conv_out *dw)
{
    struct lat_conv flat;
    struct lat_conv_out out = *dw;
    if (is_image(cv, &flat)) {
        lattn_tensor *x4 = with_planes(x, flat.x_size), *dy4 = with_planes(dy, flat.y_size);
        out.t = with_planes(dw->t, flat.kernel);
        return x4 && dy4 && out.t ? lat_conv_weight(ctx, &flat, x4, dy4, &out) : ctx->error;
    }
    struct line l = forward_line(cv), of_dy = { l.positions, 1, 1, 0, 0 };
    int64_t channels = cv->x_channels * l.taps, n = lat_numel(dw->t);
    int64_t seen = channels * x->dim[3] * x->dim[4];
    int64_t taken = cv->y_channels * dy->dim[3] * dy->dim[4];
    struct parts parts = parts_of(cv->images, &l, seen + taken, x->dtype);
    // Parts of a 16-bit gradient add up in f32.
    bool summed = parts.n > 1 && x->dtype != LATTN_DTYPE_F32;
    int64_t w_dims[] = { dw->t->dim[0], dw->t->dim[1] * l.taps, dw->t->dim[3], dw->t->dim[4] };
    out.t = summed ? lat_tensor_new(ctx, LATTN_DTYPE_F32, 4, w_dims)
                   : lat_view_reshape(dw->t, 4, w_dims);
    out.accumulate = dw->accumulate && !summed;
    for (int64_t i = 0; i < parts.n; i++) {
        struct part p = part_at(&parts, i);
        flat = of_images(cv, p.images * p.count, channels, cv->y_channels);
        lattn_tensor *x4 = gather(x, &l, &p), *dy4 = gather(dy, &of_dy, &p);
        LAT_TRY(x4 && dy4 && out.t ? lat_conv_weight(ctx, &flat, x4, dy4, &out) : ctx->error);
        out.accumulate = true;
    }
    if (!summed)
        return LATTN_OK;
    lattn_tensor *sums = lat_view_reshape(out.t, 2, (int64_t[]){ 1, n });
    lattn_tensor *into = lat_view_reshape(dw->t, 1, &n);
    return sums && into ? lat_sum_to(ctx, sums, into, dw->accumulate) : ctx->error;
}
