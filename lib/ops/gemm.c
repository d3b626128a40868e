// SPDX-License-Identifier: MIT
//
// Matrix products of raw tensors: out (+)= epilogue(scale * A B + bias + residual), with two batch dimensions.
//
// A and B may have any strides: a transposed or broadcast operand is read in place, so a product and
// both of its gradients are the same call with views. What differs between NN, NT, TN and TT is only
// which dimension of an operand the kernel loads side by side.
//
// Three things make one product several dispatches:
//   - on CPU drivers a large product reads its operands as panels, which are written first;
//   - tiles that do not fill the device (few of them, or those of the last wave) are shared among a whole
//     wave of workgroups in steps of k, and a second pass sums what these leave (stream-K);
//   - an operand longer than the device lets a binding be: the product is halved along that
//     operand's slowest dimension. Cutting here and not by lat_split covers operands whose slowest
//     dimension is k, which no run of output rows could shorten.
// Sums are f32 in every case and in a fixed order; they are rounded to the dtype once.

#include "ops/gemm.h"
#include <string.h>
#include "lat_shaders.h"
#include "matmul/gemm.abi.h"
#include "matmul/gemm_pack.abi.h"
#include "matmul/gemm_reduce.abi.h"

enum { OUTER, INNER, ROWS, COLUMNS };  // dimensions of every operand
enum { CUT_OUTER, CUT_INNER, CUT_M, CUT_N, CUT_K };

// All operands with rank 4: [outer batch, inner batch, rows, columns].
struct product {
    lattn_ctx *ctx;
    lattn_tensor *a, *b, *out;
    lattn_tensor *beside, *pre;  // as out lies; at most one of them, or row_sums
    lattn_tensor *row_sums;      // [M]
    lattn_tensor *bias;
    lattn_tensor *partial;  // f32 instead of out: its elements, or sums of shares of tiles
    uint32_t epilogue;
    struct lat_gemm_plan plan;
    float scale;
};

static lattn_status run(const struct product *g);

// ---- views --------------------------------------------------------------------------------------

// Dimensions of size 1 get a stride that says contiguous.
static lattn_tensor *with_rank_4(lattn_tensor *t)
{
    if (!t)
        return NULL;
    int64_t dims[4] = { 1, 1, 1, 1 };
    int64_t strides[4] = { 0, 0, 1, 1 };
    for (int d = 0; d < t->rank; d++) {
        int to = 4 - t->rank + d;
        dims[to] = t->dim[d];
        if (t->dim[d] != 1)
            strides[to] = t->stride[d];
    }
    return lat_tensor_view(t, 4, dims, strides, t->offset);
}

static lattn_tensor *slice(lattn_tensor *t, int dim, int64_t start, int64_t count)
{
    if (!t || t->dim[dim] == 1)
        return t;  // broadcast, or not there
    return lat_view_slice(t, dim, start, count, 1);
}

// ---- cutting -----------------------------------------------------------------------------------------

// Bindings start at an aligned offset, so a little more than the span is bound.
static bool too_long(const struct product *g, const lattn_tensor *t)
{
    const struct lat_caps *caps = lat_caps(g->ctx);
    return t && lat_tensor_span(t) + caps->buffer_alignment > caps->max_binding_bytes;
}

static int slowest(const lattn_tensor *t)
{
    int best = COLUMNS;
    for (int d = COLUMNS; d >= 0; d--)
        if ((t->dim[d] - 1) * t->stride[d] > (t->dim[best] - 1) * t->stride[best])
            best = d;
    return best;
}

// Where the product has to be halved for operand t, or -1.
static int cut_for(const struct product *g, const lattn_tensor *t)
{
    if (!too_long(g, t))
        return -1;
    int dim = slowest(t);
    if (dim == INNER && g->out->dim[OUTER] > 1)
        return CUT_OUTER;  // so that batches of out keep one stride
    if (dim == ROWS)
        return t == g->b ? CUT_K : CUT_M;
    if (dim == COLUMNS)
        return t == g->a ? CUT_K : CUT_N;
    return dim;
}

static lattn_status run_slice(const struct product *g, int cut, int64_t start, int64_t count)
{
    struct product part = *g;
    if (cut == CUT_N) {
        part.b = slice(g->b, COLUMNS, start, count);
    } else {
        part.a = slice(g->a, cut, start, count);
        if (cut != CUT_M)
            part.b = slice(g->b, cut, start, count);
    }
    bool cuts_bias = cut == (g->epilogue & LAT_GEMM_BIAS_ROWS ? CUT_M : CUT_N);
    if (g->bias && cuts_bias)
        part.bias = lat_view_slice(g->bias, 0, start, count, 1);
    int dim = cut == CUT_N ? COLUMNS : cut;
    part.out = lat_view_slice(g->out, dim, start, count, 1);
    part.beside = g->beside ? lat_view_slice(g->beside, dim, start, count, 1) : NULL;
    part.pre = g->pre ? lat_view_slice(g->pre, dim, start, count, 1) : NULL;
    if (!part.a || !part.b || !part.out || (g->bias && !part.bias) || (g->beside && !part.beside) ||
        (g->pre && !part.pre))
        return g->ctx->error;
    return run(&part);
}

static lattn_status run_halves(const struct product *g, int cut)
{
    int64_t size = g->out->dim[cut == CUT_N ? COLUMNS : cut];
    LAT_TRY(run_slice(g, cut, 0, size / 2));
    return run_slice(g, cut, size / 2, size - size / 2);
}

// ---- one dispatch ---------------------------------------------------------------------------------

static uint32_t ceil_div(int64_t n, uint32_t d)
{
    return (uint32_t) ((n + d - 1) / d);
}

static uint32_t batch_stride(const lattn_tensor *t, int dim)
{
    return t->dim[dim] == 1 ? 0 : (uint32_t) t->stride[dim];
}

static uint32_t out_batch(const struct product *g)
{
    return (uint32_t) g->out->stride[g->out->dim[INNER] > 1 ? INNER : OUTER];
}

// Column tiles side by side. Kernels without matrix units take whole rows of them.
static uint32_t column_group(const struct lat_gemm_form *form, uint32_t tiles_n)
{
    enum { GROUP = 8 };
    return form->fragments || form->one_matrix ? GROUP : tiles_n;
}

static struct gemm_push push_of(
    const struct product *g, const struct lat_gemm_form *form, bool shared)
{
    const lattn_tensor *a = g->a, *b = g->b, *out = g->out;
    uint32_t tiles_n = ceil_div(out->dim[COLUMNS], lat_gemm_tile_n(form, lat_caps(g->ctx)));
    struct gemm_push push = {
        .m = (uint32_t) out->dim[ROWS],
        .n = (uint32_t) out->dim[COLUMNS],
        .k = (uint32_t) a->dim[COLUMNS],
        .a_row = (uint32_t) a->stride[ROWS],
        .a_col = (uint32_t) a->stride[COLUMNS],
        .b_row = (uint32_t) b->stride[ROWS],
        .b_col = (uint32_t) b->stride[COLUMNS],
        .out_row = (uint32_t) out->stride[ROWS],
        .n_inner = (uint32_t) out->dim[INNER],
        .a_outer = batch_stride(a, OUTER),
        .a_inner = batch_stride(a, INNER),
        .b_outer = batch_stride(b, OUTER),
        .b_inner = batch_stride(b, INNER),
        .out_batch = out_batch(g),
        .tiles_m = ceil_div(out->dim[ROWS], form->bm),
        .tiles_n = tiles_n,
        .column_group = column_group(form, tiles_n),
        .first_tile = shared ? g->plan.n_whole : 0,
        .n_tiles = shared ? g->plan.n_shared : g->plan.n_whole,
        .n_shares = g->plan.n_shares,
        .scale = g->scale,
    };
    return push;
}

// Of n_tiles.
static double flops_of(const struct product *g, uint32_t n_tiles)
{
    double share = (double) n_tiles / ((double) g->plan.n_whole + g->plan.n_shared);
    return 2.0 * (double) lat_numel(g->out) * (double) g->a->dim[COLUMNS] * share;
}

static struct lat_problem problem_of(const struct product *g)
{
    const int64_t *a = g->a->stride, *b = g->b->stride;
    uint32_t layout = 0;
    if (a[COLUMNS] <= a[ROWS])
        layout |= LAT_GEMM_A_ALONG_K;
    if (b[ROWS] < b[COLUMNS])
        layout |= LAT_GEMM_B_ALONG_K;
    if (a[layout & LAT_GEMM_A_ALONG_K ? COLUMNS : ROWS] == 1)
        layout |= LAT_GEMM_A_UNIT;
    if (b[layout & LAT_GEMM_B_ALONG_K ? ROWS : COLUMNS] == 1)
        layout |= LAT_GEMM_B_UNIT;
    struct lat_problem problem = {
        .caps = lat_caps(g->ctx),
        .dtype = g->a->dtype,
        .size = {
            [LAT_GEMM_BATCH] = g->out->dim[OUTER] * g->out->dim[INNER],
            [LAT_GEMM_M] = g->out->dim[ROWS],
            [LAT_GEMM_N] = g->out->dim[COLUMNS],
            [LAT_GEMM_K] = g->a->dim[COLUMNS],
            [LAT_GEMM_LAYOUT] = layout,
        },
    };
    return problem;
}

#define PUSH(member) offsetof(struct gemm_push, member)

// B with contiguous rows. Batches that share a matrix share the copy.
static lattn_tensor *with_rows(lattn_tensor *b)
{
    if (b->stride[COLUMNS] == 1)
        return b;
    int64_t dims[4], strides[4];
    for (int d = 0; d < 4; d++) {
        dims[d] = d < ROWS && b->stride[d] == 0 ? 1 : b->dim[d];
        strides[d] = b->stride[d];
    }
    lattn_tensor *once = lat_tensor_view(b, 4, dims, strides, b->offset);
    return once ? lat_prim_contiguous(once) : NULL;
}

// Whether an operand can be read eight elements at a time along dimension dim: every run of eight starts at
// a multiple of 16 bytes and ends inside.
static bool in_eights(const lattn_tensor *t, int dim)
{
    bool whole = t->stride[dim] == 1 && t->dim[dim] % 8 == 0 && lat_tensor_start(t) % 16 == 0;
    for (int d = OUTER; d <= COLUMNS; d++)
        whole = whole && (d == dim || t->dim[d] == 1 || t->stride[d] % 8 == 0);
    return whole;
}

// Whether all rows are of an even length and start at an even element.
static bool in_pairs(const lattn_tensor *t)
{
    bool even = t->dim[COLUMNS] % 2 == 0 && lat_tensor_start(t) % 8 == 0;
    for (int d = OUTER; d < COLUMNS; d++)
        even = even && (t->dim[d] == 1 || t->stride[d] % 2 == 0);
    return even;
}

// Two elements at once cost less to store and, where the processor can scatter a vector, more to compile (60 ms
// a kernel). That is for batches of short sums, as attention has: there the end of a tile is a large part.
static bool stores_pairs(const struct product *g)
{
    enum { SHORT_K = 128, NOT = LAT_GEMM_PARTIAL | LAT_GEMM_ACCUMULATE | LAT_GEMM_PRE };
    bool batched = g->out->dim[OUTER] * g->out->dim[INNER] > 1;
    return batched && g->a->dim[COLUMNS] <= SHORT_K && !(g->epilogue & NOT) && in_pairs(g->out);
}

enum { FORM_SPECS = 16 };

static void specialise(const struct product *g, const struct lat_gemm_form *form,
    const struct lat_problem *problem, uint32_t spec[FORM_SPECS])
{
    const struct lat_caps *caps = problem->caps;
    bool a_along_k = !form->packed && (problem->size[LAT_GEMM_LAYOUT] & LAT_GEMM_A_ALONG_K);
    bool b_along_k = problem->size[LAT_GEMM_LAYOUT] & LAT_GEMM_B_ALONG_K;
    bool units = form->fragments || form->one_matrix;
    bool ragged = !units && problem->size[LAT_GEMM_K] % form->bk != 0;
    const uint32_t plain[] = { lat_gemm_group(form, caps), g->epilogue, a_along_k, b_along_k,
        form->bm, lat_gemm_tile_n(form, caps), form->bk, form->tm, form->tn,
        lat_gemm_subgroup(form, caps), ragged };
    memset(spec, 0, FORM_SPECS * sizeof *spec);
    memcpy(spec, plain, sizeof plain);
    uint32_t *more = &spec[LAT_COUNT(plain)];
    if (form->fragments) {
        const struct lat_coopmat_shape *fragment =
            lat_coopmat_fragment(caps, problem->dtype == LATTN_DTYPE_BF16);
        memcpy(more, (uint32_t[]){ fragment->m, fragment->n, fragment->k }, 3 * sizeof *more);
    } else if (!units) {
        more[0] = form->packed;
        more[1] = form->addresses && stores_pairs(g);
    }
    if (units) {
        more[3] = in_eights(g->a, a_along_k ? COLUMNS : ROWS);
        more[4] = in_eights(g->b, b_along_k ? ROWS : COLUMNS);
    }
}

// Panels of `width` along dimension x of t, ROWS of A or COLUMNS of B: rank 4 as t, with the panels one
// behind the other along x. Batches that share a matrix share its panels.
static lattn_tensor *panels_of(lattn_tensor *t, int x, uint32_t width)
{
    lattn_ctx *ctx = t->ctx;
    const struct lat_caps *caps = lat_caps(ctx);
    uint32_t steps = lat_gemm_pack_steps(caps);
    int along = x == ROWS ? COLUMNS : ROWS;
    int64_t dims[4];
    for (int d = 0; d < ROWS; d++)
        dims[d] = t->stride[d] == 0 ? 1 : t->dim[d];
    int64_t n_panels = ceil_div(t->dim[x], width), n_chunks = ceil_div(t->dim[along], steps);
    dims[ROWS] = n_panels * width;
    dims[COLUMNS] = t->dim[along];
    lattn_tensor *packed = lat_tensor_new(ctx, LATTN_DTYPE_F32, 4, dims);
    if (!packed)
        return NULL;

    struct gemm_pack_push push = {
        .n_x = (uint32_t) t->dim[x],
        .n_k = (uint32_t) t->dim[along],
        .x_stride = (uint32_t) t->stride[x],
        .k_stride = (uint32_t) t->stride[along],
        .n_inner = (uint32_t) dims[INNER],
        .outer = batch_stride(t, OUTER),
        .inner = batch_stride(t, INNER),
        .n_panels = (uint32_t) n_panels,
        .n_chunks = (uint32_t) n_chunks,
        .n_groups = (uint32_t) (dims[OUTER] * dims[INNER] * n_panels * n_chunks),
    };
    const uint32_t spec[] = { caps->subgroup_size, caps->subgroup_size, width, steps,
        t->stride[along] == 1 };
    struct lat_kernel kernel = {
        .shader = &lat_shader_gemm_pack_cpu,
        .t = LATTN_DTYPE_F32,
        .u = LAT_NO_DTYPE,
        .read = { t },
        .n_read = 1,
        .write = { packed },
        .n_write = 1,
        .push_offset = { offsetof(struct gemm_pack_push, offset) },
        .push_address = { offsetof(struct gemm_pack_push, address0) },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = push.n_groups,
    };
    lat_wide_subgroups(ctx, &kernel);
    if (lat_kernel_run(ctx, &kernel))
        return NULL;
    const int transposed[] = { OUTER, INNER, COLUMNS, ROWS };
    return x == ROWS ? packed : lat_view_permute(packed, transposed);
}

static lattn_tensor *where_pre_goes(const struct product *g)
{
    return g->row_sums ? g->row_sums : g->pre;
}

static lattn_status dispatch_as(
    const struct product *g, const struct lat_gemm_form *form, const struct lat_problem *problem)
{
    const struct lat_caps *caps = problem->caps;
    uint32_t subgroup = lat_gemm_subgroup(form, caps);
    bool shared = g->epilogue & LAT_GEMM_SHARED;
    struct gemm_push push = push_of(g, form, shared);
    lattn_tensor *pre = shared ? NULL : where_pre_goes(g);
    uint32_t spec[FORM_SPECS];
    specialise(g, form, problem, spec);
    struct lat_kernel kernel = {
        .shader = form->shader,
        .t = (int) g->a->dtype,
        .u = LAT_NO_DTYPE,
        .read = { g->a, g->b, g->bias, g->beside },
        .n_read = 4,
        .write = { g->partial ? NULL : g->out, pre, g->partial },
        .n_write = 3,
        .push_offset = { PUSH(a_offset), PUSH(b_offset), 0, g->beside ? PUSH(beside_offset) : 0,
            PUSH(out_offset), pre ? PUSH(beside_offset) : 0 },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = FORM_SPECS,
        .subgroup_size = caps->subgroup_size_control ? subgroup : 0,
        .full_subgroups = subgroup && caps->full_subgroups,
        .groups = shared ? push.n_shares : push.n_tiles,
        .flops = flops_of(g, push.n_tiles),
    };
    if (form->addresses) {
        kernel.push_address[0] = PUSH(a_address0);
        kernel.push_address[1] = PUSH(b_address0);
    }
    return lat_kernel_run(g->ctx, &kernel);
}

static lattn_status dispatch(
    const struct product *g, const struct lat_gemm_form *form, const struct lat_problem *problem)
{
    struct product with = *g;
    if (form->packed) {
        with.a = panels_of(g->a, ROWS, form->bm);
        with.b = with.a ? panels_of(g->b, COLUMNS, lat_gemm_tile_n(form, problem->caps)) : NULL;
    } else if (form->addresses) {
        with.b = with_rows(g->b);
    }
    return with.b ? dispatch_as(&with, form, problem) : g->ctx->error;
}

// Sums what shares left of tiles in partial, and applies what dispatch() left out. The caller says which tiles.
static lattn_status reduce(const struct product *g, struct gemm_reduce_push push)
{
    enum { GROUP = 256 };
    push.m = (uint32_t) g->out->dim[ROWS];
    push.n = (uint32_t) g->out->dim[COLUMNS];
    push.out_row = (uint32_t) g->out->stride[ROWS];
    push.out_batch = out_batch(g);
    push.scale = g->scale;
    uint32_t spec[] = { GROUP, g->epilogue };
    uint16_t beside = offsetof(struct gemm_reduce_push, beside_offset);
    lattn_tensor *pre = where_pre_goes(g);
    uint32_t columns = push.bn + (g->row_sums ? 1 : 0);
    struct lat_kernel kernel = {
        .shader = &lat_shader_gemm_reduce,
        .t = (int) g->out->dtype,
        .u = LAT_NO_DTYPE,
        .read = { g->partial, g->bias, g->beside },
        .n_read = 3,
        .write = { g->out, pre },
        .n_write = 2,
        .push_offset = { 0, 0, g->beside ? beside : 0,
            offsetof(struct gemm_reduce_push, out_offset), pre ? beside : 0 },
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = ceil_div((int64_t) push.n_tiles * push.bm * columns, GROUP),
    };
    return lat_kernel_run(g->ctx, &kernel);
}

static lattn_status partial_for(struct product *g, int64_t elements)
{
    g->partial = lat_tensor_new(g->ctx, LATTN_DTYPE_F32, 1, &elements);
    return g->partial ? LATTN_OK : g->ctx->error;
}

// The same product, of which only the sums are stored, in partial.
static struct product sums_of(const struct product *g, uint32_t epilogue)
{
    struct product sums = *g;
    sums.epilogue = LAT_GEMM_PARTIAL | epilogue;
    sums.bias = sums.beside = sums.pre = NULL;
    return sums;
}

// Parts of k one after the other, each short enough to bind, added up in f32: one matrix, which then is as a
// tile that one share has made.
static lattn_status run_along_k(const struct product *g)
{
    int64_t k = g->a->dim[COLUMNS], count = k;
    while (count > 1 && (too_long(g, slice(g->a, COLUMNS, 0, count)) ||
                            too_long(g, slice(g->b, ROWS, 0, count))))
        count = (count + 1) / 2;

    struct product whole = *g;
    LAT_TRY(partial_for(&whole, lat_numel(g->out)));
    for (int64_t start = 0; start < k; start += count) {
        int64_t n = k - start < count ? k - start : count;
        struct product part = sums_of(&whole, start ? LAT_GEMM_ACCUMULATE : 0);
        part.a = slice(g->a, COLUMNS, start, n);
        part.b = slice(g->b, ROWS, start, n);
        struct lat_problem problem = problem_of(&part);
        const struct lat_gemm_form *form = lat_gemm_select(g->ctx, &problem);
        part.plan = lat_gemm_plan_whole(form, &problem);
        LAT_TRY(dispatch(&part, form, &problem));
    }
    struct gemm_reduce_push one = {
        .tiles_m = 1,
        .tiles_n = 1,
        .column_group = 1,
        .n_tiles = 1,
        .n_shares = 1,
        .n_steps = 1,
        .bm = (uint32_t) g->out->dim[ROWS],
        .bn = (uint32_t) g->out->dim[COLUMNS],
    };
    return reduce(&whole, one);
}

// Tiles that a workgroup makes from end to end. Sums that stay f32 are what the kernels make for partial.
static lattn_status run_whole(
    const struct product *g, const struct lat_gemm_form *form, const struct lat_problem *problem)
{
    if (g->out->dtype == g->a->dtype)
        return dispatch(g, form, problem);
    LAT_ASSERT(lat_is_contiguous(g->out));
    struct product sums = sums_of(g, g->epilogue & LAT_GEMM_ACCUMULATE);
    sums.partial = g->out;
    return dispatch(&sums, form, problem);
}

static lattn_status run_shared(
    const struct product *g, const struct lat_gemm_form *form, const struct lat_problem *problem)
{
    struct product with = *g;
    LAT_TRY(partial_for(&with, lat_gemm_sums(form, problem, &g->plan)));
    struct product sums = sums_of(&with, LAT_GEMM_SHARED | (g->epilogue & LAT_GEMM_ROW_SUMS));
    LAT_TRY(dispatch(&sums, form, problem));
    struct gemm_push gemm = push_of(g, form, true);
    struct gemm_reduce_push tiles = {
        .tiles_m = gemm.tiles_m,
        .tiles_n = gemm.tiles_n,
        .column_group = gemm.column_group,
        .first_tile = gemm.first_tile,
        .n_tiles = gemm.n_tiles,
        .n_shares = gemm.n_shares,
        .n_steps = ceil_div(gemm.k, form->bk),
        .bm = form->bm,
        .bn = lat_gemm_tile_n(form, problem->caps),
    };
    return reduce(&with, tiles);
}

// Kernels sum what they copy to shared memory. For matrix units f32 is rounded on its way there, and sums should not
// be of that.
static bool sums_rows(const struct lat_gemm_form *form, const struct lat_problem *problem)
{
    bool units = form->fragments && problem->dtype != LATTN_DTYPE_F32;
    bool along_m = !(problem->size[LAT_GEMM_LAYOUT] & LAT_GEMM_A_ALONG_K);
    return along_m && (units || form->shader == &lat_shader_gemm_base);
}

static lattn_status sum_rows_apart(const struct product *g)
{
    static const int transposed[] = { OUTER, INNER, COLUMNS, ROWS };
    lattn_tensor *rows = lat_view_permute(g->a, transposed);
    int64_t dims[] = { ceil_div(g->a->dim[COLUMNS], LAT_BIAS_RUN), g->a->dim[ROWS] };
    lattn_tensor *partial = lat_tensor_new(g->ctx, LATTN_DTYPE_F32, 2, dims);
    if (!rows || !partial)
        return g->ctx->error;
    LAT_TRY(lat_bias_runs(g->ctx, rows, partial));
    return lat_bias_sum(g->ctx, partial, g->row_sums, g->epilogue & LAT_GEMM_ADD_ROW_SUMS);
}

static struct product without_row_sums(const struct product *g)
{
    struct product rest = *g;
    rest.row_sums = NULL;
    rest.epilogue &= ~(LAT_GEMM_ROW_SUMS | LAT_GEMM_ADD_ROW_SUMS);
    return rest;
}

static lattn_status run_selected(const void *product)
{
    struct product g = *(const struct product *) product;
    struct lat_problem problem = problem_of(&g);
    const struct lat_gemm_form *form = lat_gemm_select(g.ctx, &problem);
    if (g.row_sums && !sums_rows(form, &problem)) {
        LAT_TRY(sum_rows_apart(&g));
        g = without_row_sums(&g);
    }
    g.plan = lat_gemm_plan(form, &problem);
    if (g.plan.n_whole > 0)
        LAT_TRY(run_whole(&g, form, &problem));
    return g.plan.n_shared > 0 ? run_shared(&g, form, &problem) : LATTN_OK;
}

static lattn_status run_once(const struct product *g)
{
    struct lat_problem problem = problem_of(g);
    const struct lat_tunable tunable = {
        .op = "matmul",
        .table = lat_gemm_strategies,
        .n = LAT_GEMM_STRATEGIES,
        .problem = &problem,
        .run = run_selected,
        .user = g,
        .out = { g->out, g->pre, g->row_sums },
    };
    LAT_TRY(lat_tune(g->ctx, &tunable));
    return run_selected(g);
}

// Every other cut comes before one along k, which needs out to fit in f32. Row sums come with a product that is
// not cut.
static lattn_status run(const struct product *g)
{
    const lattn_tensor *operands[] = { g->a, g->b, g->out };
    int cut = -1;
    for (int i = 0; i < 3; i++) {
        int next = cut_for(g, operands[i]);
        if (cut < 0 || (cut == CUT_K && next >= 0))
            cut = next;
    }
    if (cut < 0)
        return run_once(g);
    if (g->row_sums) {
        LAT_TRY(sum_rows_apart(g));
        struct product rest = without_row_sums(g);
        return run(&rest);
    }
    if (cut == CUT_K && g->out->dim[OUTER] * g->out->dim[INNER] > 1)
        return run_halves(g, g->out->dim[OUTER] > 1 ? CUT_OUTER : CUT_INNER);
    return cut == CUT_K ? run_along_k(g) : run_halves(g, cut);
}

lattn_status lat_gemm_run(lattn_ctx *ctx, const struct lat_gemm *gemm)
{
    lattn_tensor *beside = gemm->residual ? gemm->residual : gemm->gelu_of;
    struct product g = {
        .ctx = ctx,
        .a = with_rank_4(gemm->a),
        .b = with_rank_4(gemm->b),
        .out = with_rank_4(gemm->out),
        .beside = with_rank_4(beside),
        .pre = with_rank_4(gemm->pre),
        .row_sums = gemm->row_sums,
        .bias = gemm->bias,
        .epilogue = (gemm->bias ? LAT_GEMM_BIAS : 0) | (gemm->residual ? LAT_GEMM_RESIDUAL : 0) |
                    (gemm->gelu_of ? LAT_GEMM_GELU_GRAD : 0) | (gemm->pre ? LAT_GEMM_PRE : 0) |
                    (gemm->gelu ? LAT_GEMM_GELU : 0) | (gemm->relu ? LAT_GEMM_RELU : 0) |
                    (gemm->bias_rows ? LAT_GEMM_BIAS_ROWS : 0) |
                    (gemm->row_sums ? LAT_GEMM_ROW_SUMS : 0) |
                    (gemm->add_row_sums ? LAT_GEMM_ADD_ROW_SUMS : 0) |
                    (gemm->accumulate ? LAT_GEMM_ACCUMULATE : 0),
        .scale = gemm->scale == 0 ? 1 : gemm->scale,
    };
    if (!g.a || !g.b || !g.out || (beside && !g.beside) || (gemm->pre && !g.pre))
        return ctx->error;
    if (lat_numel(g.out) == 0)
        return g.row_sums ? sum_rows_apart(&g) : LATTN_OK;
    return run(&g);
}
