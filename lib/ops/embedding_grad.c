// SPDX-License-Identifier: MIT
//
// The gradient of an embedding: dw[v] = sum of dy[i] over the tokens i with index[i] = v.
//
// Float atomics would be short, and give other bits in every run. Instead the tokens are sorted by
// (id, position), and the rows of each id are added up in that order (shaders/index/token_sort.glsl,
// embedding_bwd.glsl). The work is that of the tokens, not tokens times vocabulary; the one thing
// that touches the whole table is zeroing it.
//
// What is longer than a binding is cut: tokens into blocks that follow each other and add to what
// the ones before wrote, the table into slices.

#include "ops/embedding.h"
#include "ops/pointwise.h"
#include "index/embedding_bwd.abi.h"
#include "index/token_sort.abi.h"
#include "lat_shaders.h"

enum {
    SORT_GROUP = 16,  // runs per workgroup: small, so that a few thousand tokens use several
    SORT_RUN = 32,    // keys per invocation, more where that would make
    MAX_RUNS = 1024,  // more than these
    MAX_DIGIT_BITS = 8,
    SUM_GROUP = 32,  // invocations, four columns each
    SUM_QUADS = 6,   // of a strip, at most, in the cpu form
};

struct sorted {
    lattn_tensor *keys, *positions;  // i32 [n]
};

static lattn_tensor *new_words(lattn_ctx *ctx, uint64_t n)
{
    return lat_tensor_new(ctx, LATTN_DTYPE_I32, 1, (int64_t[]){ (int64_t) n });
}

// ---- sorting --------------------------------------------------------------------------------------

struct sort {
    lattn_ctx *ctx;
    lattn_tensor *index;
    lattn_tensor *table;
    struct token_sort_push push;
};

static lattn_status sort_kernel(
    struct sort *s, const struct lat_shader *shader, struct lat_kernel *k)
{
    static const uint32_t spec[] = { SORT_GROUP };
    k->shader = shader;
    k->t = k->u = LAT_NO_DTYPE;
    k->push = &s->push;
    k->push_bytes = sizeof s->push;
    if (!k->groups) {
        k->groups = lat_ceil_div(s->push.n_runs, SORT_GROUP);
        k->spec = spec;
        k->n_spec = LAT_COUNT(spec);
    }
    return lat_kernel_run(s->ctx, k);
}

static lattn_status sort_pass(struct sort *s, const struct sorted *from, const struct sorted *to)
{
    s->push.from_index = from->keys == NULL;
    struct lat_kernel count = {
        .read = { s->index, from->keys },
        .n_read = 2,
        .write = { s->table },
        .n_write = 1,
    };
    struct lat_kernel scan = { .write = { s->table }, .n_write = 1, .groups = 1 };
    struct lat_kernel place = {
        .read = { s->index, from->keys, from->positions },
        .n_read = 3,
        .write = { s->table, to->keys, to->positions },
        .n_write = 3,
    };
    LAT_TRY(sort_kernel(s, &lat_shader_token_sort_count, &count));
    LAT_TRY(sort_kernel(s, &lat_shader_token_sort_scan, &scan));
    return sort_kernel(s, &lat_shader_token_sort_place, &place);
}

static uint32_t bits_of(uint64_t largest)
{
    uint32_t bits = 1;
    while (largest >> bits)
        bits++;
    return bits;
}

// Tokens by (id, position); those without a gradient come last, with key vocab.
static lattn_status sort_tokens(
    lattn_ctx *ctx, lattn_tensor *index, uint32_t vocab, int64_t padding_idx, struct sorted *out)
{
    uint32_t n = (uint32_t) lat_numel(index), bits = bits_of(vocab);
    uint32_t n_passes = (uint32_t) lat_ceil_div(bits, MAX_DIGIT_BITS);
    uint32_t digit_bits = (uint32_t) lat_ceil_div(bits, n_passes);
    uint32_t run_length = (uint32_t) LAT_MAX(SORT_RUN, lat_ceil_div(n, MAX_RUNS));
    struct sort s = {
        .ctx = ctx,
        .index = index,
        .push = {
            .n = n,
            .run_length = run_length,
            .n_runs = (uint32_t) lat_ceil_div(n, run_length),
            .n_digits = 1u << digit_bits,
            .vocab = vocab,
            .padding_idx = padding_idx < 0 ? -1 : (int32_t) padding_idx,
        },
    };
    s.table = new_words(ctx, (uint64_t) s.push.n_digits * s.push.n_runs);
    struct sorted from = { 0 }, to = { new_words(ctx, n), new_words(ctx, n) };
    struct sorted spare = { 0 };
    if (n_passes > 1)
        spare = (struct sorted){ new_words(ctx, n), new_words(ctx, n) };
    if (ctx->error)
        return ctx->error;
    for (uint32_t pass = 0; pass < n_passes; pass++) {
        s.push.shift = pass * digit_bits;
        LAT_TRY(sort_pass(&s, &from, &to));
        struct sorted done = to;
        to = pass == 0 ? spare : from;
        from = done;
    }
    *out = from;
    return LATTN_OK;
}

// ---- adding up ------------------------------------------------------------------------------------

struct add {
    lattn_ctx *ctx;
    struct sorted tokens;
    lattn_tensor *dy, *partial;
    struct embedding_bwd_push push;
};

static lattn_status add_kernel(struct add *a, const struct lat_shader *shader, struct lat_kernel *k)
{
    const uint32_t spec[] = { SUM_GROUP, a->push.n_cols % 4 == 0 };
    k->t = (int) a->dy->dtype;
    k->u = LAT_NO_DTYPE;
    k->push = &a->push;
    k->push_bytes = sizeof a->push;
    if (!k->shader) {
        a->push.groups_per_chunk = (uint32_t) lat_ceil_div(a->push.n_cols, 4 * SUM_GROUP);
        k->shader = shader;
        k->spec = spec;
        k->n_spec = LAT_COUNT(spec);
    }
    k->groups = (uint64_t) a->push.n_chunks * a->push.groups_per_chunk;
    return lat_kernel_run(a->ctx, k);
}

// The sum on CPU drivers. spec must live until k has run.
static void sum_in_lanes(struct add *a, struct lat_kernel *k, uint32_t spec[4])
{
    uint32_t lanes = lat_caps(a->ctx)->subgroup_size;
    uint32_t quads = lat_strip_quads(a->ctx, a->push.n_cols, SUM_QUADS);
    if (!lat_wide_chosen(a->ctx, "embedding", a->dy->dtype, quads))
        return;
    a->push.groups_per_chunk = a->push.n_cols / (4 * lanes * quads);
    spec[0] = spec[1] = lanes;
    spec[2] = quads;
    spec[3] = a->push.accumulate;
    k->shader = &lat_shader_embedding_bwd_sum_cpu;
    k->spec = spec;
    k->n_spec = 4;
    k->push_address[2] = offsetof(struct embedding_bwd_push, dy_address);
    k->push_address[3] = offsetof(struct embedding_bwd_push, dw_address);
    lat_wide_subgroups(a->ctx, k);
}

// dw is the slice of the gradient whose rows start at slice0.
static lattn_status add_to_slice(struct add *a, lattn_tensor *dw, uint64_t slice0)
{
    a->push.slice0 = (uint32_t) slice0;
    a->push.slice_rows = (uint32_t) dw->dim[0];
    struct lat_kernel sum = {
        .read = { a->tokens.keys, a->tokens.positions, a->dy },
        .n_read = 3,
        .write = { dw, a->partial },
        .n_write = 2,
        // Of dw only the rows that tokens name are touched, at most one per token.
        .bytes = 2.0 * (double) lat_numel(a->dy) * (double) lattn_dtype_bytes(dw->dtype),
    };
    uint32_t spec[4];
    sum_in_lanes(a, &sum, spec);
    LAT_TRY(add_kernel(a, &lat_shader_embedding_bwd_sum, &sum));
    if (a->push.n_chunks == 1)
        return LATTN_OK;
    struct lat_kernel join = {
        .read = { a->tokens.keys, a->partial },
        .n_read = 2,
        .write = { dw },
        .n_write = 1,
        .bytes = (double) lat_numel(a->partial) * sizeof(float),
    };
    return add_kernel(a, &lat_shader_embedding_bwd_join, &join);
}

// One block of tokens: index [n], dy [n, C].
static lattn_status add_block(lattn_ctx *ctx, const struct lat_embedding_grad *g, bool accumulate)
{
    uint64_t n = (uint64_t) lat_numel(g->index), vocab = (uint64_t) g->dw->dim[0];
    struct add a = {
        .ctx = ctx,
        .dy = g->dy,
        .push = {
            .n_tokens = (uint32_t) n,
            .n_chunks = (uint32_t) lat_ceil_div(n, LAT_EMBEDDING_CHUNK),
            .n_cols = (uint32_t) g->dw->dim[1],
            .vocab = (uint32_t) vocab,
            .accumulate = accumulate,
        },
    };
    LAT_TRY(sort_tokens(ctx, g->index, a.push.vocab, g->padding_idx, &a.tokens));
    a.partial =
        lat_tensor_new(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ a.push.n_chunks, 2, a.push.n_cols });
    if (!a.partial)
        return ctx->error;

    uint64_t rows = lat_rows_in_binding(ctx, g->dw);
    for (uint64_t v = 0; v < vocab; v += rows) {
        int64_t count = (int64_t) LAT_MIN(rows, vocab - v);
        lattn_tensor *slice =
            rows == vocab ? g->dw : lat_view_slice(g->dw, 0, (int64_t) v, count, 1);
        LAT_TRY(slice ? add_to_slice(&a, slice, v) : ctx->error);
    }
    return LATTN_OK;
}

// Tokens whose gradient rows, and whose table of the sort, one binding can hold.
static uint64_t tokens_per_block(lattn_ctx *ctx, const lattn_tensor *dy)
{
    uint64_t per_run = sizeof(uint32_t) << MAX_DIGIT_BITS;
    uint64_t by_table = lat_caps(ctx)->max_binding_bytes / per_run * SORT_RUN;
    return LAT_MIN(lat_rows_in_binding(ctx, dy), by_table);
}

lattn_status lat_embedding_grad_run(lattn_ctx *ctx, const struct lat_embedding_grad *g)
{
    if (!g->accumulate)
        LAT_TRY(lat_prim_fill(g->dw, 0));
    int64_t n = lat_numel(g->index);
    if (n == 0)
        return LATTN_OK;
    lattn_tensor *index = lat_view_reshape(g->index, 1, &n);
    lattn_tensor *dy = lat_view_reshape(g->dy, 2, (int64_t[]){ n, g->dw->dim[1] });
    if (!index || !dy)
        return ctx->error;
    int64_t block = (int64_t) tokens_per_block(ctx, dy);
    if (block == 0 || lat_rows_in_binding(ctx, g->dw) == 0)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "embedding: a row of %lld elements is longer than what "
            "the device lets a shader see",
            (long long) g->dw->dim[1]);
    for (int64_t i = 0; i < n; i += block) {
        int64_t count = LAT_MIN(block, n - i);
        struct lat_embedding_grad part = *g;
        part.index = lat_view_slice(index, 0, i, count, 1);
        part.dy = lat_view_slice(dy, 0, i, count, 1);
        if (!part.index || !part.dy)
            return ctx->error;
        LAT_TRY(add_block(ctx, &part, g->accumulate || i > 0));
    }
    return LATTN_OK;
}
