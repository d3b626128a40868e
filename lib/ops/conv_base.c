// SPDX-License-Identifier: MIT
//
// Convolution as an implicit matrix product: shaders/conv/conv_base.comp on any device, conv_coopmat.comp on
// matrix units. Tiles are those of gemm_base and gemm_coopmat, chosen by the same cost; k of a weight gradient,
// which is as long as all images have positions, is split like that of any product, and lat_sum_to adds the
// parts in their order.

#include "lat_shaders.h"
#include "ops/conv.h"
#include "ops/gemm.h"
#include "matmul/gemm_epilogue.h"

#define PUSH(member) offsetof(struct conv_push, member)

static uint32_t ceil_div(int64_t n, int64_t d)
{
    return (uint32_t) ((n + d - 1) / d);
}

struct conv_push lat_conv_push(const struct lat_conv_walk *w)
{
    int64_t src_plane = w->src[0] * w->src[1], dst_plane = w->dst[0] * w->dst[1];
    int64_t area = w->positions[0] * w->positions[1];
    struct lat_divisor by_area = lat_divisor((uint32_t) area);
    struct lat_divisor by_pw = lat_divisor((uint32_t) w->positions[1]);
    return (struct conv_push){
        .m = (uint32_t) w->m,
        .src_h = (uint32_t) w->src[0],
        .src_w = (uint32_t) w->src[1],
        .src_image = (uint32_t) (w->groups * w->q * src_plane),
        .off_y = (int32_t) w->off[0],
        .off_x = (int32_t) w->off[1],
        .w_m = (uint32_t) w->w_m,
        .w_q = (uint32_t) w->w_q,
        .w_ty = (uint32_t) w->w_tap[0],
        .w_tx = (uint32_t) w->w_tap[1],
        .w_base = (uint32_t) w->w_base,
        .w_group = (uint32_t) w->w_group,
        .dst_plane = (uint32_t) dst_plane,
        .dst_image = (uint32_t) (w->groups * w->m * dst_plane),
        .dst_y = (uint32_t) (w->dst_step[0] * w->dst[1]),
        .dst_x = (uint32_t) w->dst_step[1],
        .dst_base = (uint32_t) (w->dst_off[0] * w->dst[1] + w->dst_off[1]),
        .area = (uint32_t) area,
        .area_magic = by_area.magic,
        .area_shift = by_area.shift,
        .pw = (uint32_t) w->positions[1],
        .pw_magic = by_pw.magic,
        .pw_shift = by_pw.shift,
        .n_groups = (uint32_t) w->groups,
    };
}

static lattn_status dispatch(lattn_ctx *ctx, const struct lat_conv_walk *w,
    const struct lat_gemm_form *form, struct conv_push *push, struct lat_kernel *kernel,
    uint32_t epilogue, bool weight)
{
    const struct lat_caps *caps = lat_caps(ctx);
    const struct lat_coopmat_shape none = { .m = 0 };
    const struct lat_coopmat_shape *fragment =
        form->fragments ? lat_coopmat_fragment(caps, kernel->t == LATTN_DTYPE_BF16) : &none;
    int64_t n_taps = LAT_MAX(w->taps[0] * w->taps[1], 1);
    const uint32_t spec[] = { lat_gemm_group(form, caps), epilogue, (uint32_t) n_taps,
        (uint32_t) LAT_MAX(w->taps[1], 1), (uint32_t) w->step[0], (uint32_t) w->step[1],
        (uint32_t) w->dil[0], (uint32_t) w->dil[1], weight, form->bm, form->bn, form->bk, form->tm,
        form->tn, fragment->m, fragment->n, fragment->k };
    uint32_t subgroup = lat_gemm_subgroup(form, caps);
    kernel->subgroup_size = caps->subgroup_size_control ? subgroup : 0;
    kernel->full_subgroups = subgroup && caps->full_subgroups;
    push->tiles_m = ceil_div(push->m, form->bm);
    push->tiles_n = ceil_div(push->n, form->bn);
    kernel->shader = form->fragments ? &lat_shader_conv_coopmat : &lat_shader_conv_base;
    kernel->u = LAT_NO_DTYPE;
    kernel->n_read = 3;
    kernel->n_write = 2;
    kernel->push_offset[0] = PUSH(a_offset);
    kernel->push_offset[1] = PUSH(src_offset);
    kernel->push_offset[3] = PUSH(out_offset);
    kernel->push = push;
    kernel->push_bytes = sizeof *push;
    kernel->spec = spec;
    kernel->n_spec = LAT_COUNT(spec);
    uint32_t splits = weight ? ceil_div(push->k, push->k_part) : 1;
    kernel->groups = (uint64_t) push->tiles_m * push->tiles_n * push->n_groups * splits;
    kernel->flops = 2.0 * push->m * push->n * (double) push->k * push->n_groups;
    return lat_kernel_run(ctx, kernel);
}

static struct lat_problem problem_of(
    lattn_ctx *ctx, const struct lat_conv_walk *w, const struct conv_push *push, lattn_dtype dtype)
{
    return (struct lat_problem){
        .caps = lat_caps(ctx),
        .dtype = dtype,
        .size = {
            [LAT_GEMM_BATCH] = w->groups,
            [LAT_GEMM_M] = push->m,
            [LAT_GEMM_N] = push->n,
            [LAT_GEMM_K] = push->k,
            [LAT_GEMM_LAYOUT] = LAT_GEMM_EQUAL_PARTS,
        },
    };
}

typedef const struct lat_gemm_form *(*select_fn)(const struct lat_problem *p);

static lattn_status forward(lattn_ctx *ctx, select_fn select, const struct lat_conv_walk *w,
    lattn_tensor *const t[2], const struct lat_conv_out *dst)
{
    lattn_tensor *src = t[0], *weight = t[1];
    struct conv_push push = lat_conv_push(w);
    push.n = (uint32_t) w->images * push.area;
    push.k = (uint32_t) (w->q * w->taps[0] * w->taps[1]);
    struct lat_problem problem = problem_of(ctx, w, &push, src->dtype);
    struct lat_kernel kernel = {
        .t = (int) src->dtype,
        .read = { weight, src, dst->bias },
        .write = { dst->t, NULL },
    };
    uint32_t epilogue = (dst->bias ? LAT_GEMM_BIAS : 0) | (dst->relu ? LAT_GEMM_RELU : 0) |
                        (dst->accumulate ? LAT_GEMM_ACCUMULATE : 0);
    const struct lat_gemm_form *form = select(&problem);
    return dispatch(ctx, w, form, &push, &kernel, epilogue, false);
}

static lattn_status weight_gradient(lattn_ctx *ctx, select_fn select, const struct lat_conv_walk *w,
    lattn_tensor *const t[2], const struct lat_conv_out *dw)
{
    lattn_tensor *src = t[0], *dst = t[1];
    struct conv_push push = lat_conv_push(w);
    push.n = (uint32_t) (w->q * w->taps[0] * w->taps[1]);
    push.k = (uint32_t) w->images * push.area;
    struct lat_problem problem = problem_of(ctx, w, &push, src->dtype);
    const struct lat_gemm_form *form = select(&problem);
    uint32_t splits = lat_gemm_splits(form, &problem);
    push.k_part = ceil_div(ceil_div(push.k, splits), form->bk) * form->bk;
    struct lat_kernel kernel = { .t = (int) src->dtype, .read = { dst, src } };
    uint64_t partial_bytes = 4ull * splits * (uint64_t) lat_numel(dw->t);
    bool too_long = partial_bytes > lat_caps(ctx)->max_binding_bytes;
    if (splits == 1 || too_long)
        push.k_part = push.k;
    // The kernel stores src's dtype, or parts in f32.
    if (dw->t->dtype == src->dtype && push.k_part == push.k) {
        kernel.write[0] = dw->t;
        uint32_t epilogue = dw->accumulate ? LAT_GEMM_ACCUMULATE : 0;
        return dispatch(ctx, w, form, &push, &kernel, epilogue, true);
    }
    int64_t dims[] = { ceil_div(push.k, push.k_part), lat_numel(dw->t) };
    lattn_tensor *partial = lat_tensor_new(ctx, LATTN_DTYPE_F32, 2, dims);
    lattn_tensor *flat = lat_view_reshape(dw->t, 1, &dims[1]);
    if (!partial || !flat)
        return ctx->error;
    kernel.write[1] = partial;
    LAT_TRY(dispatch(ctx, w, form, &push, &kernel, LAT_GEMM_PARTIAL, true));
    return lat_sum_to(ctx, partial, flat, dw->accumulate);
}

lattn_status lat_conv_base(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *weight, const struct lat_conv_out *dst)
{
    return forward(ctx, lat_gemm_select_base, w, (lattn_tensor *[]){ src, weight }, dst);
}

lattn_status lat_conv_base_weight(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *dst, const struct lat_conv_out *dw)
{
    return weight_gradient(ctx, lat_gemm_select_base, w, (lattn_tensor *[]){ src, dst }, dw);
}

bool lat_conv_coopmat_fits(const struct lat_caps *caps, lattn_dtype dtype)
{
    struct lat_problem any = { .caps = caps, .dtype = dtype };
    return lat_gemm_select_conv(&any) != NULL;
}

lattn_status lat_conv_coopmat(lattn_ctx *ctx, const struct lat_conv_walk *w, lattn_tensor *src,
    lattn_tensor *weight, const struct lat_conv_out *dst)
{
    return forward(ctx, lat_gemm_select_conv, w, (lattn_tensor *[]){ src, weight }, dst);
}

lattn_status lat_conv_coopmat_weight(lattn_ctx *ctx, const struct lat_conv_walk *w,
    lattn_tensor *src, lattn_tensor *dst, const struct lat_conv_out *dw)
{
    return weight_gradient(ctx, lat_gemm_select_conv, w, (lattn_tensor *[]){ src, dst }, dw);
}
