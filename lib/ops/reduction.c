// SPDX-License-Identifier: MIT
//
// Reduces any set of dimensions of a tensor.
//
// Neighbouring dimensions that all stay, or all go, count as one, so a shape becomes an alternation
// such as [stays][goes][stays][goes]. One pass removes one of those that go, seen as
// [outer, n, inner]: the longest first, with f32 in between. So one kernel serves rows, columns and
// everything else.
//
// A pass with few results and long runs would leave the device idle: its runs are cut into pieces,
// and a second pass joins the pieces. Where the cuts are depends on the shape and on how much
// memory a shader can see, never on timing, so the order of additions is fixed.

#include "ops/reduce.h"
#include "ops/pointwise.h"
#include "lat_shaders.h"

enum {
    MIN_SPLIT = 65536,       // elements; below this a second dispatch costs more than it saves
    WANTED_GROUPS = 256,     // workgroups that keep a large device busy
    MIN_LANE_ELEMENTS = 16,  // of a piece
};

// One pass: x [outer, n, inner] -> y [outer, n_chunks, inner], both contiguous.
struct pass {
    uint32_t kind;
    lattn_tensor *x, *y;
    uint64_t outer, n, inner;
    uint64_t chunk, n_chunks;
    float scale;
    bool root, accumulate;
};

static uint32_t power_of_two(uint64_t at_least, uint32_t at_most)
{
    uint32_t v = 1;
    while (v < at_least && v < at_most)
        v *= 2;
    return v;
}

struct lat_lanes lat_lanes(uint64_t n, uint64_t inner)
{
    struct lat_lanes l;
    if (inner == 1) {
        l.run_first = 1;
        l.lanes = power_of_two(lat_ceil_div(n, 4), LAT_REDUCE_GROUP);
    } else {
        l.run_first = 0;
        l.lanes = power_of_two(lat_ceil_div(n, 8), LAT_REDUCE_GROUP / power_of_two(inner, 64));
    }
    l.results = LAT_REDUCE_GROUP / l.lanes;
    return l;
}

// ---- kernels -------------------------------------------------------------------------------------

static bool admits_subgroup(const struct lat_problem *p)
{
    const struct lat_caps *caps = p->caps;
    return p->size[1] >= 8 && p->size[2] == 1 && caps->subgroup_arithmetic &&
           caps->full_subgroups && caps->subgroup_size >= 4 &&
           caps->subgroup_size <= LAT_REDUCE_GROUP;
}

// Sums of columns: shaders/reduce/reduce_cpu.comp.
static bool admits_cpu(const struct lat_problem *p)
{
    return lat_loads_by_address(p->caps) && p->dtype == LATTN_DTYPE_F32 && p->size[3] &&
           p->size[2] >= 4 * (int64_t) p->caps->subgroup_size;
}

static double cost_cpu(const struct lat_problem *p)
{
    (void) p;
    return 0.5;
}

// A subgroup walks long runs with few lanes; a workgroup pays for barriers on short ones.
static double cost_base(const struct lat_problem *p)
{
    return p->size[1] <= 64 * (int64_t) p->caps->subgroup_size ? 2 : 1;
}

static double cost_subgroup(const struct lat_problem *p)
{
    return p->size[1] <= 64 * (int64_t) p->caps->subgroup_size ? 1 : 2;
}

const struct lat_strategy lat_reduction_strategies[LAT_N_REDUCTION_STRATEGIES] = {
    { LAT_STRATEGY_BASE, "", NULL, cost_base, NULL },
    { LAT_STRATEGY_SUBGROUP, "", admits_subgroup, cost_subgroup, NULL },
    { LAT_STRATEGY_CPU, "", admits_cpu, cost_cpu, NULL },
};

static struct lat_split split_of(const struct pass *p, uint32_t results)
{
    bool pieces = p->outer == 1;  // rows of the split are pieces of the one run
    uint64_t row = p->n_chunks * p->inner;
    if (pieces)
        row = p->inner;
    return (struct lat_split){
        .n_rows = (uint32_t) (pieces ? p->n_chunks : p->outer),
        .rows_per_group = (uint32_t) LAT_MAX(1, results / row),
        .groups_per_row = (uint32_t) lat_ceil_div(row, results),
        .row_elements = { pieces ? p->chunk * p->inner : p->n * p->inner, pieces ? 0 : row },
        .push_n_rows =
            pieces ? offsetof(struct reduce_push, n_chunks) : offsetof(struct reduce_push, outer),
        .push_row0 = pieces ? offsetof(struct reduce_push, chunk0) : LAT_NO_OFFSET,
    };
}

// How the kernels read x: in quads where every run or every row of results starts at one.
static uint32_t read_of(const struct pass *p)
{
    if (p->inner % 4 == 0)
        return LAT_REDUCE_INNER_QUADS;
    bool runs = p->inner == 1 && p->n % 4 == 0 && p->chunk % 4 == 0;
    return runs ? LAT_REDUCE_RUN_QUADS : LAT_REDUCE_ELEMENTS;
}

static struct reduce_push push_of(const struct pass *p)
{
    return (struct reduce_push){
        .outer = (uint32_t) p->outer,
        .n = (uint32_t) p->n,
        .inner = (uint32_t) p->inner,
        .chunk = (uint32_t) p->chunk,
        .n_chunks = (uint32_t) p->n_chunks,
        .scale = p->scale,
    };
}

// Fills in what does not depend on the form.
static lattn_status run_form(lattn_ctx *ctx, const struct pass *p, struct lat_kernel *k)
{
    struct reduce_push push = push_of(p);
    k->t = (int) p->x->dtype;
    k->read[0] = p->x;
    k->n_read = 1;
    k->write[0] = p->y;
    k->n_write = 1;
    k->push = &push;
    k->push_bytes = sizeof push;
    k->flops = (double) (p->outer * p->n * p->inner);
    return lat_kernel_run(ctx, k);
}

// How many times four vectors a strip is wide: as few strips as may be, all of about one width. Where x is short
// one width is enough, which is one pipeline for all such shapes.
static uint32_t strip_quads(const struct pass *p, uint32_t size)
{
    enum { LONG = 4 << 20, MOST = 24 };  // bytes, quads
    if (p->outer * p->n * p->inner * sizeof(float) < LONG)
        return 1;
    uint64_t quads = lat_ceil_div(p->inner, 4 * size), strips = lat_ceil_div(quads, MOST);
    return (uint32_t) LAT_MIN(lat_ceil_div(quads, strips), p->inner / (4 * size));
}

static lattn_status run_cpu(lattn_ctx *ctx, const struct pass *p)
{
    const uint32_t size = lat_caps(ctx)->subgroup_size, quads = strip_quads(p, size);
    const uint32_t strip = 4 * size * quads;
    const uint64_t strips = lat_ceil_div(p->inner, strip);
    bool ragged = p->chunk % LAT_REDUCE_ROWS != 0 || p->n % p->chunk % LAT_REDUCE_ROWS != 0;
    const uint32_t spec[] = { size, p->kind, p->root, p->accumulate, size, ragged, quads,
        p->inner % 2 == 0 };
    struct lat_kernel kernel = {
        .shader = &lat_shader_reduce_cpu,
        .u = LAT_NO_DTYPE,
        .push_address = { offsetof(struct reduce_push, x_address) },
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = strips * p->outer * p->n_chunks,
        .split = split_of(p, strip),
    };
    kernel.split.rows_per_group = 1;
    kernel.split.groups_per_row = (uint32_t) (p->outer == 1 ? strips : strips * p->n_chunks);
    lat_wide_subgroups(ctx, &kernel);
    return run_form(ctx, p, &kernel);
}

static lattn_status run_lanes(lattn_ctx *ctx, const struct pass *p, bool subgroup)
{
    uint32_t read = read_of(p), run_step = read == LAT_REDUCE_RUN_QUADS ? 4 : 1;
    uint32_t inner_step = read == LAT_REDUCE_INNER_QUADS ? 4 : 1;
    struct lat_lanes lanes = lat_lanes(p->chunk / run_step, p->inner / inner_step);
    if (subgroup)
        lanes.results = LAT_REDUCE_GROUP / lat_caps(ctx)->subgroup_size;
    const uint32_t spec[] = { LAT_REDUCE_GROUP, p->kind, p->root, p->accumulate,
        subgroup ? lanes.results : lanes.lanes, lanes.run_first, read };
    struct lat_kernel kernel = {
        .shader = subgroup ? &lat_shader_reduce_subgroup : &lat_shader_reduce,
        .u = (int) p->y->dtype,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .full_subgroups = subgroup,
        .groups = lat_ceil_div(p->outer * p->n_chunks * (p->inner / inner_step), lanes.results),
        .split = split_of(p, lanes.results * inner_step),
    };
    return run_form(ctx, p, &kernel);
}

static lattn_status run_kernel(lattn_ctx *ctx, const struct pass *p)
{
    bool f32_sum = p->kind != LAT_REDUCE_MAX && p->y->dtype == LATTN_DTYPE_F32;
    struct lat_problem problem = {
        .caps = lat_caps(ctx),
        .dtype = p->x->dtype,
        .size = { (int64_t) (p->outer * p->n_chunks), (int64_t) p->chunk, (int64_t) p->inner,
            f32_sum },
    };
    int chosen = lat_strategy_select(
        ctx, "reduce", lat_reduction_strategies, LAT_N_REDUCTION_STRATEGIES, &problem);
    enum lat_strategy_kind kind = lat_reduction_strategies[chosen].kind;
    return kind == LAT_STRATEGY_CPU ? run_cpu(ctx, p)
                                    : run_lanes(ctx, p, kind == LAT_STRATEGY_SUBGROUP);
}

// ---- passes --------------------------------------------------------------------------------------

// Into how many pieces each run is cut.
static uint64_t count_chunks(lattn_ctx *ctx, const struct pass *p)
{
    uint64_t step = p->inner % 4 == 0 ? 4 : 1;  // results side by side that one lane makes
    uint64_t results = p->outer * p->inner / step, elements = p->outer * p->inner * p->n;
    struct lat_lanes lanes = lat_lanes(p->n, p->inner / step);
    uint64_t groups = lat_ceil_div(results, lanes.results);
    uint64_t wanted = elements < MIN_SPLIT ? 1 : LAT_MAX(1, WANTED_GROUPS / groups);
    wanted = LAT_MIN(wanted, LAT_MAX(1, p->n / (lanes.lanes * MIN_LANE_ELEMENTS)));

    // A run that no shader can see as a whole must be cut in any case.
    uint64_t limit = lat_caps(ctx)->max_binding_bytes / 4;
    uint64_t slab = p->n * p->inner * lattn_dtype_bytes(p->x->dtype);
    return p->outer == 1 ? LAT_MIN(p->n, LAT_MAX(wanted, lat_ceil_div(slab, limit))) : wanted;
}

static bool too_long(lattn_ctx *ctx, const struct pass *p)
{
    uint64_t slab = p->n * p->inner * lattn_dtype_bytes(p->x->dtype);
    return slab > lat_caps(ctx)->max_binding_bytes;
}

static lattn_status run_pass(lattn_ctx *ctx, struct pass *p)
{
    uint64_t n_chunks = count_chunks(ctx, p);
    // Pieces are whole quads and whole iterations of the cpu form; where a run is cut, they start at
    // offsets that every device can bind.
    uint64_t unit = too_long(ctx, p) ? 128 : LAT_REDUCE_ROWS;
    p->chunk = n_chunks == 1 ? p->n : lat_ceil_div(lat_ceil_div(p->n, n_chunks), unit) * unit;
    p->n_chunks = lat_ceil_div(p->n, p->chunk);
    if (p->n_chunks == 1)
        return run_kernel(ctx, p);

    int64_t dims[] = { (int64_t) p->outer, (int64_t) p->n_chunks, (int64_t) p->inner };
    struct pass second = *p, first = *p;
    first.scale = 1;
    first.root = first.accumulate = false;
    first.y = second.x = lat_tensor_new(ctx, LATTN_DTYPE_F32, 3, dims);
    if (!first.y)
        return ctx->error;
    second.kind = p->kind == LAT_REDUCE_SQUARES ? LAT_REDUCE_SUM : p->kind;
    second.n = second.chunk = p->n_chunks;
    second.n_chunks = 1;
    LAT_TRY(run_kernel(ctx, &first));
    return run_kernel(ctx, &second);
}

// Slab i of a tensor of outer slabs.
static lattn_tensor *slab(lattn_tensor *t, uint64_t elements, uint64_t i)
{
    int64_t n = (int64_t) elements;
    return lat_tensor_view(t, 1, &n, &(int64_t){ 1 }, t->offset + (int64_t) i * n);
}

// A slab that no shader can see as a whole goes alone, so that its run can be cut.
static lattn_status run_slabs(lattn_ctx *ctx, struct pass *p)
{
    if (p->outer == 1 || !too_long(ctx, p))
        return run_pass(ctx, p);
    for (uint64_t i = 0; i < p->outer; i++) {
        struct pass one = *p;
        one.outer = 1;
        one.x = slab(p->x, p->n * p->inner, i);
        one.y = slab(p->y, p->inner, i);
        if (!one.x || !one.y)
            return ctx->error;
        LAT_TRY(run_pass(ctx, &one));
    }
    return LATTN_OK;
}

// A shape as alternating dimensions that stay and go; sizes of 1 dropped.
struct groups {
    int n;
    uint64_t size[LATTN_MAX_RANK];
    bool goes[LATTN_MAX_RANK];
};

static struct groups groups_of(const lattn_tensor *t, uint32_t reduced)
{
    struct groups g = { 0 };
    for (int d = 0; d < t->rank; d++) {
        bool goes = reduced >> d & 1;
        if (t->dim[d] == 1)
            continue;
        if (g.n > 0 && g.goes[g.n - 1] == goes) {
            g.size[g.n - 1] *= (uint64_t) t->dim[d];
        } else {
            g.size[g.n] = (uint64_t) t->dim[d];
            g.goes[g.n++] = goes;
        }
    }
    return g;
}

// The longest of those that go, -1 if none does; *more: there are others.
static int longest(const struct groups *g, bool *more)
{
    int best = -1, n = 0;
    for (int i = 0; i < g->n; i++) {
        if (!g->goes[i])
            continue;
        n++;
        if (best < 0 || g->size[i] > g->size[best])
            best = i;
    }
    *more = n > 1;
    return best;
}

static uint64_t product(const struct groups *g, int from, int to)
{
    uint64_t n = 1;
    for (int i = from; i < to; i++)
        n *= g->size[i];
    return n;
}

static void remove_group(struct groups *g, int at)
{
    bool joins = at > 0 && at + 1 < g->n;  // both neighbours stay
    if (joins)
        g->size[at - 1] *= g->size[at + 1];
    int gone = joins ? 2 : 1;
    for (int i = at; i + gone < g->n; i++) {
        g->size[i] = g->size[i + gone];
        g->goes[i] = g->goes[i + gone];
    }
    g->n -= gone;
}

lattn_status lat_reduction_run(lattn_ctx *ctx, const struct lat_reduction *r)
{
    LAT_TRY(lat_check_count("reduce", r->src));
    struct groups g = groups_of(r->src, r->reduced);
    struct pass p = { .kind = r->kind, .x = lat_prim_contiguous(r->src) };
    for (bool more = true; more;) {
        if (!p.x)
            return ctx->error;
        int at = longest(&g, &more);
        p.n = at < 0 ? 1 : g.size[at];
        p.outer = product(&g, 0, at < 0 ? g.n : at);  // nothing to reduce: runs of one
        p.inner = at < 0 ? 1 : product(&g, at + 1, g.n);
        if (more) {
            p.scale = 1;
            p.y = lat_tensor_new(
                ctx, LATTN_DTYPE_F32, 1, &(int64_t){ (int64_t) (p.outer * p.inner) });
            if (!p.y)
                return ctx->error;
        } else {
            p.scale = r->scale;
            p.root = r->root;
            p.accumulate = r->accumulate;
            p.y = r->dst;
        }
        LAT_TRY(run_slabs(ctx, &p));
        if (more)
            remove_group(&g, at);
        p.x = p.y;
        if (p.kind == LAT_REDUCE_SQUARES)
            p.kind = LAT_REDUCE_SUM;
    }
    return LATTN_OK;
}
