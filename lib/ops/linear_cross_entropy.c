// SPDX-License-Identifier: MIT
//
// linear_cross_entropy: the loss of x W^T + b against labels, for vocabularies whose logits [N, V] should not
// be in memory as a whole.
//
//   forward    for each chunk of rows: logits = x W^T + b, losses and log-sum-exp; the logits are dropped
//   backward   for each chunk: the same logits again, in their place g = dlogits, dx = g W, dW += g^T x
//
// So backward costs a third product beside its two, and memory is one chunk of logits instead of two times all of
// them. Where one chunk holds all rows the logits are kept for backward, and nothing is made twice: then this is
// linear and cross_entropy one after the other.
//
// A chunk is rows with all their classes, not a tile of both: a row's log-sum-exp is then made at once, and the
// kernels are cross_entropy's. dW is added up over chunks in their order, in f32 for every dtype.
//
// Source: Wijmans et al. 2024, "Cut Your Losses in Large-Vocabulary Language Models", arXiv:2411.09009, section 4,
// whose tiles never leave shared memory; and for chunks of rows Hsu et al. 2024, "Liger Kernel", arXiv:2410.10989

#include "ops/cross_entropy.h"
#include "ops/internal.h"
#include "ops/pointwise.h"
#include "lattn/ops.h"

enum { X, WEIGHT, LABELS, BIAS, CLASS_WEIGHTS };
enum { LOSS, LSE, DIVISOR, LOGITS };

// Of logits. More than this hardly saves time: each chunk reads and writes dW once, and packs W on CPU drivers.
// With GPT-2's head, 4,096 rows of 50,257 classes, it is 16 % of either copy of the logits.
#define DEFAULT_CHUNK_BYTES ((int64_t) 128 << 20)

struct attr {
    struct lat_cross_entropy_attr loss;
    int64_t chunk_bytes;
};

// ---- sizes and checks ---------------------------------------------------------------------------

static int64_t rows_of(const lattn_tensor *x)
{
    int64_t n = 1;
    for (int d = 0; d < x->rank - 1; d++)
        n *= x->dim[d];
    return n;
}

// Rows of a chunk: as many as fit, in chunks of about the same size; whole runs of the bias gradient, whose
// views are aligned, too.
static int64_t chunk_of(const struct lat_call *c)
{
    const struct attr *attr = c->attr;
    int64_t n = rows_of(c->in[X]), v = c->in[WEIGHT]->dim[0];
    int64_t row_bytes = v * (int64_t) lattn_dtype_bytes(c->in[X]->dtype);
    int64_t runs = LAT_MAX(attr->chunk_bytes / row_bytes / LAT_BIAS_RUN, 1);
    if (n <= runs * LAT_BIAS_RUN)
        return n;
    int64_t n_chunks = (n + runs * LAT_BIAS_RUN - 1) / (runs * LAT_BIAS_RUN);
    int64_t rows = (n + n_chunks - 1) / n_chunks;
    return (rows + LAT_BIAS_RUN - 1) / LAT_BIAS_RUN * LAT_BIAS_RUN;
}

static lattn_status refuse(const struct lat_call *c, const char *what)
{
    const lattn_tensor *bias = c->in[BIAS];
    return lat_err(LATTN_ERR_SHAPE, "%s: x %s, weight %s, bias %s: %s", c->op_name,
        LAT_SHAPE(c->in[X]), LAT_SHAPE(c->in[WEIGHT]), bias ? LAT_SHAPE(bias) : "none", what);
}

static lattn_status check(struct lat_call *c)
{
    const lattn_tensor *x = c->in[X], *w = c->in[WEIGHT], *b = c->in[BIAS];
    LAT_TRY(lat_check_float(c, x));
    if (w->dtype != x->dtype || (b && b->dtype != x->dtype))
        return lat_err(LATTN_ERR_DTYPE, "%s: dtypes of x, weight and bias (%s, %s, %s) differ",
            c->op_name, lattn_dtype_name(x->dtype), lattn_dtype_name(w->dtype),
            b ? lattn_dtype_name(b->dtype) : "none");
    if (x->rank < 1 || w->rank != 2)
        return refuse(c, "x needs a dimension and weight two");
    if (lat_dim(x, -1) != w->dim[1])
        return refuse(c, "the last dimensions of x and weight differ");
    if (b && (b->rank != 1 || b->dim[0] != w->dim[0]))
        return refuse(c, "bias is not [V]");
    const struct lat_cross_entropy_shape shape = {
        .rows_name = "x",
        .classes_name = "weight",
        .rows_of = x,
        .classes_of = w,
        .n_rows = rows_of(x),
        .n_classes = w->dim[0],
        .labels = c->in[LABELS],
        .class_weights = c->in[CLASS_WEIGHTS],
    };
    return lat_cross_entropy_check(c, &shape);
}

static lattn_status infer(struct lat_call *c)
{
    LAT_TRY(check(c));
    const struct attr *attr = c->attr;
    int64_t n = rows_of(c->in[X]), v = c->in[WEIGHT]->dim[0];
    bool each = attr->loss.reduction == LATTN_REDUCTION_NONE;
    LAT_TRY(lat_out(c, LOSS, LATTN_DTYPE_F32, each ? 1 : 0, &n));
    if (!c->grad_wanted)
        return LATTN_OK;
    LAT_TRY(lat_out(c, LSE, LATTN_DTYPE_F32, 2, (int64_t[]){ n, 2 }));
    LAT_TRY(lat_out(c, DIVISOR, LATTN_DTYPE_F32, 0, NULL));
    if (n == 0 || chunk_of(c) < n)
        return LATTN_OK;
    return lat_out(c, LOGITS, c->in[X]->dtype, 2, (int64_t[]){ n, v });
}

// ---- chunks -------------------------------------------------------------------------------------

// What a pass needs for all chunks, and what it sees of one.
struct pass {
    struct lat_call *c;
    int64_t n, chunk, v;
    lattn_tensor *x, *weight;    // [N, H], [V, H]
    lattn_tensor *kept, *space;  // logits of all rows, or room for those of a chunk
    int64_t start, count;
    lattn_tensor *rows_x;           // [count, H]
    struct lat_cross_entropy rows;  // of the chunk
};

static lattn_status begin(struct pass *p, struct lat_call *c)
{
    lattn_tensor *x = c->in[X];
    *p = (struct pass){
        .c = c,
        .n = rows_of(x),
        .chunk = chunk_of(c),
        .v = c->in[WEIGHT]->dim[0],
        .weight = c->in[WEIGHT],
        .kept = c->out[LOGITS],
    };
    p->x = lat_view_reshape(x, 2, (int64_t[]){ p->n, lat_dim(x, -1) });
    if (!p->kept)
        p->space = lat_tensor_new(c->ctx, x->dtype, 2, (int64_t[]){ p->chunk, p->v });
    if (!p->x || !(p->kept || p->space))
        return c->ctx->error;
    return lat_check_count(c->op_name, p->kept ? p->kept : p->space);
}

// Rows of the chunk; NULL for NULL.
static lattn_tensor *part(const struct pass *p, lattn_tensor *t)
{
    return t ? lat_view_slice(t, 0, p->start, p->count, 1) : NULL;
}

static lattn_status select_rows(struct pass *p, int64_t start)
{
    struct lat_call *c = p->c;
    p->start = start;
    p->count = LAT_MIN(p->chunk, p->n - start);
    p->rows_x = part(p, p->x);
    p->rows = (struct lat_cross_entropy){
        .op = c->op_name,
        .attr = &((const struct attr *) c->attr)->loss,
        .logits = p->kept ? p->kept : lat_view_slice(p->space, 0, 0, p->count, 1),
        .labels = part(p, c->in[LABELS]),
        .class_weights = c->in[CLASS_WEIGHTS],
        .lse = part(p, c->out[LSE]),
    };
    bool made = p->rows_x && p->rows.logits && p->rows.labels && (!c->out[LSE] || p->rows.lse);
    return made ? LATTN_OK : c->ctx->error;
}

static lattn_status make_logits(const struct pass *p)
{
    const struct lat_gemm product = {
        .a = p->rows_x,
        .b = lat_view_permute(p->weight, (int[]){ 1, 0 }),
        .out = p->rows.logits,
        .bias = p->c->in[BIAS],
    };
    return product.b ? lat_gemm_run(p->c->ctx, &product) : p->c->ctx->error;
}

static lattn_status forward(struct lat_call *c)
{
    const struct attr *attr = c->attr;
    struct lat_loss_sum sum;
    struct pass p;
    if (rows_of(c->in[X]) == 0)  // only reductions get here
        return lat_prim_fill(c->out[LOSS], 0);
    LAT_TRY(begin(&p, c));
    LAT_TRY(lat_cross_entropy_sum(c->ctx, &attr->loss, p.n, c->out[LOSS], &sum));
    sum.divisor = c->out[DIVISOR];
    for (int64_t start = 0; start < p.n; start += p.chunk) {
        LAT_TRY(select_rows(&p, start));
        LAT_TRY(make_logits(&p));
        lattn_tensor *losses = part(&p, sum.losses), *shares = part(&p, sum.shares);
        if (!losses || (sum.shares && !shares))
            return c->ctx->error;
        LAT_TRY(lat_cross_entropy_forward(c->ctx, &p.rows, losses, shares));
    }
    return lat_cross_entropy_reduce(c->ctx, &attr->loss, &sum);
}

// ---- backward -----------------------------------------------------------------------------------

struct grads {
    struct lat_cross_entropy_grad loss;
    lattn_tensor *x, *weight, *bias;  // of the call; NULL = not wanted
    lattn_tensor *weight_sums;        // where dW is added up: weight itself, or f32
    lattn_tensor *bias_runs;          // f32 [runs, V]
    bool add_to_weight;
};

static lattn_status begin_grads(const struct pass *p, struct grads *g)
{
    struct lat_call *c = p->c;
    const struct attr *attr = c->attr;
    *g = (struct grads){
        .loss = { .divisor = c->out[DIVISOR] },
        .weight = c->grad_in[WEIGHT],
        .bias = c->grad_in[BIAS],
        .weight_sums = c->grad_in[WEIGHT],
        .add_to_weight = c->accumulate & 1u << WEIGHT,
    };
    LAT_TRY(lat_cross_entropy_weight_sum(
        c->ctx, &attr->loss, c->in[CLASS_WEIGHTS], &g->loss.weight_sum));
    if (c->grad_in[X]) {
        g->x = lat_view_reshape(c->grad_in[X], 2, p->x->dim);
        if (!g->x)
            return c->ctx->error;
    }
    if (g->bias) {
        int64_t runs = (p->n + LAT_BIAS_RUN - 1) / LAT_BIAS_RUN;
        g->bias_runs = lat_tensor_new(c->ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ runs, p->v });
        if (!g->bias_runs)
            return c->ctx->error;
    }
    if (!g->weight || g->weight->dtype == LATTN_DTYPE_F32 || p->chunk == p->n)
        return LATTN_OK;
    g->weight_sums = lat_tensor_new(c->ctx, LATTN_DTYPE_F32, 2, g->weight->dim);
    if (!g->weight_sums)
        return c->ctx->error;
    return g->add_to_weight ? lat_prim_copy(g->weight_sums, g->weight) : LATTN_OK;
}

// The gradient of the chunk's logits: in their place, unless they are kept for another backward.
static lattn_status make_dlogits(const struct pass *p, struct grads *g)
{
    lattn_ctx *ctx = p->c->ctx;
    bool each = p->rows.attr->reduction == LATTN_REDUCTION_NONE;
    lattn_tensor *logits = p->rows.logits;
    g->loss.dy = each ? part(p, p->c->grad_out[LOSS]) : p->c->grad_out[LOSS];
    g->loss.dx = p->kept ? lat_tensor_new(ctx, logits->dtype, 2, logits->dim) : logits;
    if (!g->loss.dy || !g->loss.dx)
        return ctx->error;
    return lat_cross_entropy_backward(ctx, &p->rows, &g->loss);
}

static lattn_status backward_rows(const struct pass *p, struct grads *g)
{
    lattn_ctx *ctx = p->c->ctx;
    LAT_TRY(make_dlogits(p, g));
    lattn_tensor *dlogits = g->loss.dx;
    if (g->bias) {
        int64_t runs = (p->count + LAT_BIAS_RUN - 1) / LAT_BIAS_RUN;
        lattn_tensor *sums = lat_view_slice(g->bias_runs, 0, p->start / LAT_BIAS_RUN, runs, 1);
        LAT_TRY(sums ? lat_bias_runs(ctx, dlogits, sums) : ctx->error);
    }
    if (g->x) {
        const struct lat_gemm dx = { .a = dlogits, .b = p->weight, .out = part(p, g->x) };
        LAT_TRY(dx.out ? lat_gemm_run(ctx, &dx) : ctx->error);
    }
    if (!g->weight)
        return LATTN_OK;
    const struct lat_gemm dw = {
        .a = lat_view_permute(dlogits, (int[]){ 1, 0 }),
        .b = p->rows_x,
        .out = g->weight_sums,
        .accumulate = g->add_to_weight || p->start > 0,
    };
    return dw.a ? lat_gemm_run(ctx, &dw) : ctx->error;
}

// No rows: sums over nothing.
static lattn_status zero_gradients(struct lat_call *c)
{
    const int sums[] = { WEIGHT, BIAS };
    for (int k = 0; k < 2; k++)
        if (c->grad_in[sums[k]] && !(c->accumulate & 1u << sums[k]))
            LAT_TRY(lat_prim_fill(c->grad_in[sums[k]], 0));
    return LATTN_OK;
}

static lattn_status backward(struct lat_call *c)
{
    struct pass p;
    struct grads g;
    if (rows_of(c->in[X]) == 0)
        return zero_gradients(c);
    LAT_TRY(begin(&p, c));
    LAT_TRY(begin_grads(&p, &g));
    for (int64_t start = 0; start < p.n; start += p.chunk) {
        LAT_TRY(select_rows(&p, start));
        if (!p.kept)
            LAT_TRY(make_logits(&p));
        LAT_TRY(backward_rows(&p, &g));
    }
    if (g.weight_sums != g.weight)
        LAT_TRY(lat_prim_copy(g.weight, g.weight_sums));
    return g.bias ? lat_bias_sum(c->ctx, g.bias_runs, g.bias, c->accumulate & 1u << BIAS)
                  : LATTN_OK;
}

const struct lat_op lat_op_linear_cross_entropy = {
    .name = "linear_cross_entropy",
    .n_inputs = 5,
    .n_outputs = 4,
    .attr_bytes = sizeof(struct attr),
    .keep_in = 1u << X | 1u << WEIGHT | 1u << LABELS | 1u << BIAS | 1u << CLASS_WEIGHTS,
    .keep_out = 1u << LSE | 1u << DIVISOR | 1u << LOGITS,
    .strided_in = 1u << WEIGHT,
    .no_grad_in = 1u << LABELS | 1u << CLASS_WEIGHTS,
    .can_accumulate = 1u << WEIGHT | 1u << BIAS,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

lattn_tensor *lattn_linear_cross_entropy(lattn_ctx *ctx, lattn_tensor *x, lattn_tensor *weight,
    lattn_tensor *labels, const lattn_linear_cross_entropy_args *args)
{
    const lattn_linear_cross_entropy_args none = { 0 };
    struct attr attr;
    if (!args)
        args = &none;
    if (!x || !weight || !labels ||
        !lat_cross_entropy_attr_of(ctx, "linear_cross_entropy", &args->loss, &attr.loss))
        return NULL;
    if (args->chunk_bytes < 0)
        return lat_fail(ctx, LATTN_ERR_ARG, "linear_cross_entropy: chunk_bytes = %lld is negative",
            (long long) args->chunk_bytes);
    attr.chunk_bytes = args->chunk_bytes ? args->chunk_bytes : DEFAULT_CHUNK_BYTES;
    lattn_tensor *in[] = { x, weight, labels, args->bias, args->loss.class_weights };
    return lat_apply(ctx, &lat_op_linear_cross_entropy, in, LAT_COUNT(in), &attr);
}
