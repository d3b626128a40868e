// SPDX-License-Identifier: MIT
//
// The steps of a recurrent layer, a few dispatches for each: the product of the state with the weight, the
// cells, and where the state is projected (Sak et al. 2014) one more product
//
//     h = m projection^T,   m = o tanh(c) of the cells
//
// The cell kernels know nothing of it: forward they write m where y would be and their states nowhere that
// is read; backward they find the gradient of m where dy would be. A kernel of its own keeps the states of
// rows that ended. A product that is layer-normalised goes through the kernels of layer_norm; where c is, the
// cell kernels leave h, and its gradient, to rnn_norm_fwd and rnn_norm_bwd.

#include "ops/rnn.h"
#include "lat_shaders.h"
#include "ops/layer_norm.h"
#include "ops/pointwise.h"
#include "rnn/rnn_norm.abi.h"
#include "rnn/rnn_project.abi.h"

// What one step needs and the next one may overwrite.
struct scratch {
    lattn_tensor *product;    // forward [B, G H], backward [B, P]
    lattn_tensor *normed;     // [B, G H]: forward, the product once it is normalised
    lattn_tensor *projected;  // forward [B, P], backward [B, H]
    lattn_tensor *states;     // [2, B, H]: forward, of the cells, where the layer's are projected
    lattn_tensor *inner;      // [1, B, H]: where m is not kept
};

static lattn_tensor *matrix(lattn_tensor *t, int64_t step)
{
    lattn_tensor *one = lat_rnn_slice(t, step, 1);
    return one ? lat_view_reshape(one, 2, &t->dim[1]) : NULL;
}

static lattn_status multiply(
    const struct lat_rnn *r, lattn_tensor *a, lattn_tensor *b, lattn_tensor *out)
{
    struct lat_gemm gemm = { .a = a, .b = b, .out = out };
    return a && b && out ? lat_gemm_run(r->ctx, &gemm) : r->ctx->error;
}

static lattn_tensor *turned(lattn_tensor *weight)
{
    lattn_tensor *view = lat_view_permute(weight, (int[]){ 1, 0 });
    return view ? lat_prim_contiguous(view) : NULL;
}

static lattn_status run_cells(const struct lat_rnn_part *p, struct lat_kernel *k)
{
    k->n_spec = 3;
    k->groups = lat_ceil_div((uint64_t) p->push.n_batch * p->push.hidden, LAT_RNN_GROUP);
    return lat_kernel_run(p->r->ctx, k);
}

static struct rnn_project_push project_push(const struct lat_rnn_part *p)
{
    const struct lat_rnn *r = p->r;
    return (struct rnn_project_push){
        .n_batch = p->push.n_batch,
        .width = (uint32_t) r->states->dim[2],
        .step = (uint32_t) p->start,
        .has_lengths = r->lengths != NULL,
        .reverse = r->reverse,
        .first = p->push.first,
    };
}

static lattn_status run_part(const struct lat_rnn_part *p, struct lat_kernel *k)
{
    static const uint32_t spec[] = { LAT_RNN_GROUP };
    k->t = (int) p->r->states->dtype;
    k->u = LAT_NO_DTYPE;
    k->spec = spec;
    k->n_spec = LAT_COUNT(spec);
    return lat_kernel_run(p->r->ctx, k);
}

static lattn_status run_project(
    const struct lat_rnn_part *p, struct lat_kernel *k, struct rnn_project_push *push)
{
    k->push = push;
    k->push_bytes = sizeof *push;
    k->groups = lat_ceil_div((uint64_t) push->n_batch * push->width, LAT_RNN_GROUP);
    return run_part(p, k);
}

static lattn_status run_norm(const struct lat_rnn_part *p, struct lat_kernel *k)
{
    const struct lat_rnn *r = p->r;
    struct rnn_norm_push push = {
        .n_rows = p->push.n_batch,
        .n_cols = p->push.hidden,
        .step = (uint32_t) p->start,
        .has_lengths = r->lengths != NULL,
        .reverse = r->reverse,
        .has_bias = r->cell_bias != NULL,
        .keep = r->cell_stats != NULL,
        .first = p->push.first,
        .eps = r->eps,
    };
    k->push = &push;
    k->push_bytes = sizeof push;
    k->groups = push.n_rows;
    return run_part(p, k);
}

// ---- forward ----------------------------------------------------------------------------------------

static bool make_forward_scratch(const struct lat_rnn *r, struct scratch *s)
{
    lattn_dtype dtype = r->states->dtype;
    int64_t batch = r->states->dim[1];
    s->product = lat_tensor_new(r->ctx, dtype, 2, &r->x->dim[1]);
    s->normed = r->gain ? lat_tensor_new(r->ctx, dtype, 2, &r->x->dim[1]) : s->product;
    if (!s->normed)
        return false;
    if (!r->projection)
        return s->product != NULL;
    int64_t hidden = r->projection->dim[1];
    s->projected = lat_tensor_new(r->ctx, dtype, 2, &r->states->dim[1]);
    s->states = lat_tensor_new(r->ctx, dtype, 3, (int64_t[]){ 2, batch, hidden });
    s->inner = r->inner ? NULL : lat_tensor_new(r->ctx, dtype, 3, (int64_t[]){ 1, batch, hidden });
    return s->product && s->projected && s->states && (r->inner || s->inner);
}

static lattn_status forward_product(
    const struct lat_rnn_part *p, const struct scratch *s, lattn_tensor *weight)
{
    const struct lat_rnn *r = p->r;
    lattn_tensor *product = r->products ? matrix(r->products, p->start) : s->product;
    LAT_TRY(multiply(r, matrix(r->states, p->start + r->reverse), weight, product));
    if (!r->gain)
        return LATTN_OK;
    lattn_tensor *stats = r->stats ? matrix(r->stats, p->start) : NULL;
    return lat_layer_norm_forward(r->ctx, (lattn_tensor *[]){ product, r->gain, NULL }, r->eps,
        (lattn_tensor *[]){ s->normed, stats });
}

// h from the cells that are there. y and states: where it goes.
static lattn_status forward_normed(
    const struct lat_rnn_part *p, lattn_tensor *y, lattn_tensor *states)
{
    const struct lat_rnn *r = p->r;
    struct lat_kernel k = {
        .shader = &lat_shader_rnn_norm_fwd,
        .read = { lat_rnn_slice(r->cells, p->start, 2), lat_rnn_slice(r->gates, p->start, 1),
            r->cell_gain, r->cell_bias, r->lengths },
        .n_read = 5,
        .write = { y, states, lat_rnn_slice(r->cell_stats, p->start, 1) },
        .n_write = 3,
    };
    return run_norm(p, &k);
}

static lattn_status forward_cells(
    struct lat_rnn_part *p, const struct scratch *s, lattn_tensor *inner)
{
    p->multiplied = s->normed;
    struct lat_kernel k = lat_rnn_forward_kernel(p, &lat_shader_rnn_cell_fwd);
    if (p->r->projection) {
        k.write[0] = inner;
        k.write[1] = s->states;
    }
    lattn_tensor *y = k.write[0], *states = k.write[1];
    LAT_TRY(run_cells(p, &k));
    return p->r->cell_gain ? forward_normed(p, y, states) : LATTN_OK;
}

static lattn_status forward_projected(const struct lat_rnn_part *p, const struct scratch *s)
{
    const struct lat_rnn *r = p->r;
    struct rnn_project_push push = project_push(p);
    struct lat_kernel k = {
        .shader = &lat_shader_rnn_project_fwd,
        .read = { s->projected, r->lengths },
        .n_read = 2,
        .write = { lat_rnn_slice(r->y, p->start, 1), lat_rnn_slice(r->states, p->start, 2) },
        .n_write = 2,
    };
    return run_project(p, &k, &push);
}

lattn_status lat_rnn_forward_steps(const struct lat_rnn *r)
{
    struct scratch s = { 0 };
    struct lat_rnn_part p = { .n = 1 };
    lattn_tensor *weight = turned(r->weight);
    lattn_tensor *projection = r->projection ? turned(r->projection) : NULL;
    if (!weight || (r->projection && !projection) || !make_forward_scratch(r, &s))
        return r->ctx->error;
    lat_rnn_describe(&p, r);
    int64_t steps = lat_rnn_n_steps(r);
    for (int64_t i = 0; i < steps; i++) {
        p.start = r->reverse ? steps - 1 - i : i;
        LAT_TRY(forward_product(&p, &s, weight));
        lattn_tensor *inner = r->inner ? lat_rnn_slice(r->inner, p.start, 1) : s.inner;
        LAT_TRY(forward_cells(&p, &s, inner));
        if (!projection)
            continue;
        LAT_TRY(multiply(r, matrix(inner, 0), projection, s.projected));
        LAT_TRY(forward_projected(&p, &s));
    }
    return LATTN_OK;
}

// ---- backward ---------------------------------------------------------------------------------------

static bool make_backward_scratch(const struct lat_rnn *r, struct scratch *s)
{
    s->product = lat_tensor_new(r->ctx, r->states->dtype, 2, &r->dy->dim[1]);
    if (!r->projection)
        return s->product != NULL;
    const int64_t inner[] = { r->states->dim[1], r->projection->dim[1] };
    s->projected = lat_tensor_new(r->ctx, r->states->dtype, 2, inner);
    return s->product && s->projected;
}

// Gradient of the state of a step, or past the last one of the initial state.
static lattn_status backward_projected(
    const struct lat_rnn_part *p, const struct scratch *s, bool past)
{
    const struct lat_rnn *r = p->r;
    struct rnn_project_push push = project_push(p);
    push.finish = past;
    struct lat_kernel k = {
        .shader = &lat_shader_rnn_project_bwd,
        .read = { lat_rnn_slice(r->dy, p->start, 1), s->product, r->lengths },
        .n_read = 3,
        .write = { lat_rnn_slice(r->dh, p->start, 1), r->carry_h },
        .n_write = 2,
    };
    LAT_TRY(run_project(p, &k, &push));
    return past ? LATTN_OK : multiply(r, matrix(r->dh, p->start), r->projection, s->projected);
}

// What c and o get, before the cells' own backward. dy and product: as the cells have them.
static lattn_status backward_normed(
    const struct lat_rnn_part *p, lattn_tensor *dy, lattn_tensor *product)
{
    const struct lat_rnn *r = p->r;
    struct lat_kernel k = {
        .shader = &lat_shader_rnn_norm_bwd,
        .read = { dy, product, r->lengths, lat_rnn_slice(r->cells, p->start, 2),
            lat_rnn_slice(r->gates, p->start, 1), lat_rnn_slice(r->cell_stats, p->start, 1),
            r->cell_gain, r->cell_bias },
        .n_read = 8,
        .write = { r->carry, lat_rnn_slice(r->dz, p->start, 1), lat_rnn_slice(r->dn, p->start, 1) },
        .n_write = 3,
    };
    return run_norm(p, &k);
}

// Gradient of the product from that of what the norm made of it.
static lattn_status backward_product(const struct lat_rnn_part *p)
{
    const struct lat_rnn *r = p->r;
    lattn_tensor *product = matrix(r->products, p->start), *stats = matrix(r->stats, p->start);
    lattn_tensor *dz = matrix(r->dz, p->start), *da = matrix(r->da, p->start);
    if (!product || !stats || !dz || !da)
        return r->ctx->error;
    const struct lat_norm_backward norm = {
        .op = "layer_norm",
        .v = product,
        .stats = stats,
        .weight = r->gain,
        .dy = dz,
        .dx = da,
    };
    return lat_norm_backward(r->ctx, &norm);
}

static lattn_status backward_cells(struct lat_rnn_part *p, const struct scratch *s, bool past)
{
    if (p->r->projection) {
        LAT_TRY(backward_projected(p, s, past));
        if (past)
            return LATTN_OK;
    }
    p->multiplied = s->product;
    struct lat_kernel k = lat_rnn_backward_kernel(p, &lat_shader_rnn_cell_bwd, 0);
    p->push.n_steps = !past;
    if (p->r->projection) {
        k.read[0] = k.read[1] = s->projected;
        p->push.first = true;  // all of the gradient is where dy would be
    }
    if (p->r->cell_gain && !past)
        LAT_TRY(backward_normed(p, k.read[0], k.read[1]));
    LAT_TRY(run_cells(p, &k));
    return p->r->gain && !past ? backward_product(p) : LATTN_OK;
}

lattn_status lat_rnn_backward_steps(const struct lat_rnn *r)
{
    struct scratch s = { 0 };
    struct lat_rnn_part p = { .n = 1 };
    if (!make_backward_scratch(r, &s))
        return r->ctx->error;
    lat_rnn_describe(&p, r);
    int64_t steps = lat_rnn_n_steps(r);
    for (int64_t i = 0; i < steps + r->finish; i++) {
        p.start = r->reverse ? i : steps - 1 - i;
        p.push.first = i == 0;
        if (i > 0)
            LAT_TRY(
                multiply(r, matrix(r->da, r->reverse ? i - 1 : steps - i), r->weight, s.product));
        if (i == steps)
            p.start = 0;  // any: the views are not used
        LAT_TRY(backward_cells(&p, &s, i == steps));
    }
    return LATTN_OK;
}
