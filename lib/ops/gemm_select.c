// SPDX-License-Identifier: MIT
//
// Which kernel and tile a matrix product runs with.
//
// The cost of a form is the work of the tiles it has to make, padding included, divided by how fast
// its inner loop is; where there are fewer tiles than the device can run at once, the idle part is
// paid for too. Copies that a form makes first are paid for as well, and so are the sums that
// workgroups leave of tiles which they share, and the pass over them.

#include "ops/gemm.h"
#include <math.h>
#include "lat_shaders.h"
#include "matmul/gemm_shares.h"

enum { MIN_K_PART = 256, MAX_SPLITS = 64 };
// Of an element that is copied, and of a dispatch, in multiply-adds at efficiency 1: on lavapipe 26 with two
// cores, November 2026, 0.8 ns and 25 us, where efficiency 1 is 5 multiply-adds per ns.
enum { PACK_COST = 4, DISPATCH_COST = 130000 };
uint32_t lat_gemm_tile_n(const struct lat_gemm_form *form, const struct lat_caps *caps)
{
    return form->bn ? form->bn : form->tn * caps->subgroup_size;
}

uint32_t lat_gemm_subgroup(const struct lat_gemm_form *form, const struct lat_caps *caps)
{
    if (form->fragments || (form->one_matrix && !form->group))
        return lat_coopmat_subgroup(caps);
    return form->group ? 0 : caps->subgroup_size;
}

uint32_t lat_gemm_group(const struct lat_gemm_form *form, const struct lat_caps *caps)
{
    uint32_t subgroup = lat_gemm_subgroup(form, caps);
    if (form->fragments)
        return form->bm / form->tm * (form->bn / form->tn) * subgroup;
    return form->group ? form->group : subgroup;
}

static double tiles_of(const struct lat_gemm_form *form, const struct lat_problem *p)
{
    int64_t bm = form->bm, bn = lat_gemm_tile_n(form, p->caps);
    int64_t rows = (p->size[LAT_GEMM_M] + bm - 1) / bm;
    int64_t columns = (p->size[LAT_GEMM_N] + bn - 1) / bn;
    return (double) p->size[LAT_GEMM_BATCH] * (double) rows * (double) columns;
}

uint32_t lat_gemm_splits(const struct lat_gemm_form *form, const struct lat_problem *p)
{
    double tiles = tiles_of(form, p);
    int64_t most = p->size[LAT_GEMM_K] / MIN_K_PART;
    int64_t wanted = (int64_t) (p->caps->width / tiles);
    int64_t n = wanted < most ? wanted : most;
    return n < 2 ? 1 : n > MAX_SPLITS ? MAX_SPLITS : (uint32_t) n;
}

static double work_of_tile(const struct lat_gemm_form *form, const struct lat_problem *p)
{
    double products = (double) form->bm * lat_gemm_tile_n(form, p->caps);
    return products * (double) p->size[LAT_GEMM_K] / form->efficiency;
}

static bool has_shares(const struct lat_gemm_form *form, const struct lat_problem *p)
{
    return !form->addresses && !(p->size[LAT_GEMM_LAYOUT] & LAT_GEMM_EQUAL_PARTS);
}

struct lat_gemm_plan lat_gemm_plan_whole(
    const struct lat_gemm_form *form, const struct lat_problem *p)
{
    return (struct lat_gemm_plan){ .n_whole = (uint32_t) tiles_of(form, p) };
}

int64_t lat_gemm_sums(
    const struct lat_gemm_form *form, const struct lat_problem *p, const struct lat_gemm_plan *plan)
{
    int64_t slots = plan->n_shares ? LAT_GEMM_SLOTS((int64_t) plan->n_shared, plan->n_shares) : 0;
    return slots * LAT_GEMM_SLOT_SIZE((int64_t) form->bm, lat_gemm_tile_n(form, p->caps));
}

// Of sharing: the sums, written and read, and two dispatches. That of GPUs is an estimate from published rates, in
// multiply-adds of a device as wide: 15 of them per ps and 128 workgroups, 4 TB/s out of cache, 3 us a dispatch.
static double cost_of_shares(const struct lat_caps *caps, double sums)
{
    const double gpu_sum = 0.25, gpu_dispatch = 3.5e5;
    if (caps->is_cpu)
        return 2 * PACK_COST * sums + 2 * DISPATCH_COST;
    return caps->width * (gpu_sum * sums + 2 * gpu_dispatch);
}

// Workgroups and places left idle beside them. The cores of a CPU take one after another, which makes no waves: of
// 3, 5, 7 and 33 tiles of gemm_base, 128 x 128, those of the last four took 0.82, 0.96, 0.99 and 1.02 of the time
// when they were shared (lavapipe 26, two cores).
static double places(const struct lat_caps *caps, double groups)
{
    double waves = caps->is_cpu ? LAT_MAX(groups / caps->width, 1) : ceil(groups / caps->width);
    return groups > 0 ? waves * caps->width : 0;
}

// What all tiles take at efficiency 1.
static double time_of(
    const struct lat_gemm_form *form, const struct lat_problem *p, const struct lat_gemm_plan *plan)
{
    double n = places(p->caps, plan->n_whole), tile = work_of_tile(form, p);
    if (plan->n_shares == 0)
        return n * tile;
    n += places(p->caps, plan->n_shares) / plan->n_shares * plan->n_shared;
    return n * tile + cost_of_shares(p->caps, (double) lat_gemm_sums(form, p, plan));
}

// All tiles, in as many equal parts as the device is wide at most.
static struct lat_gemm_plan equal_parts(
    const struct lat_gemm_form *form, const struct lat_problem *p)
{
    struct lat_gemm_plan plan = lat_gemm_plan_whole(form, p);
    uint32_t splits = lat_gemm_splits(form, p);
    return splits < 2 ? plan : (struct lat_gemm_plan){ 0, plan.n_whole, plan.n_whole * splits };
}

// The tiles of the last wave, which does not fill the device, by a wave of workgroups that does. To share those
// of the last two waves, which is done where a workgroup waits for the sums of others, would be more sums.
static struct lat_gemm_plan last_wave(const struct lat_gemm_form *form, const struct lat_problem *p)
{
    struct lat_gemm_plan plan = lat_gemm_plan_whole(form, p);
    uint32_t width = p->caps->width, rest = plan.n_whole % width;
    int64_t most = LAT_MIN((int64_t) rest * MAX_SPLITS, rest * p->size[LAT_GEMM_K] / MIN_K_PART);
    return (struct lat_gemm_plan){ plan.n_whole - rest, rest, (uint32_t) LAT_MIN(most, width) };
}

// Whether there are more workgroups than tiles, their sums can be bound and their steps counted.
static bool is_possible(
    const struct lat_gemm_form *form, const struct lat_problem *p, const struct lat_gemm_plan *plan)
{
    double steps = plan->n_shared * ceil((double) p->size[LAT_GEMM_K] / form->bk);
    uint64_t bytes = sizeof(float) * (uint64_t) lat_gemm_sums(form, p, plan);
    return plan->n_shares > plan->n_shared && steps < UINT32_MAX &&
           bytes + p->caps->buffer_alignment <= p->caps->max_binding_bytes;
}

struct lat_gemm_plan lat_gemm_plan(const struct lat_gemm_form *form, const struct lat_problem *p)
{
    bool shares = has_shares(form, p);
    struct lat_gemm_plan whole = lat_gemm_plan_whole(form, p);
    struct lat_gemm_plan plan = shares ? last_wave(form, p) : equal_parts(form, p);
    if (!is_possible(form, p, &plan))
        return whole;
    return shares && time_of(form, p, &plan) >= time_of(form, p, &whole) ? whole : plan;
}

// One vector: twice as many were no faster and took half as long again to compile.
uint32_t lat_gemm_pack_steps(const struct lat_caps *caps)
{
    return caps->subgroup_size;
}

// Of A and B as panels, in elements.
static void packed_sizes(
    const struct lat_gemm_form *form, const struct lat_problem *p, double size[2])
{
    const int64_t *n = p->size;
    int64_t bm = form->bm, bn = lat_gemm_tile_n(form, p->caps);
    double steps = (double) n[LAT_GEMM_BATCH] * (double) n[LAT_GEMM_K];
    size[0] = steps * (double) ((n[LAT_GEMM_M] + bm - 1) / bm * bm);
    size[1] = steps * (double) ((n[LAT_GEMM_N] + bn - 1) / bn * bn);
}

static double copies(const struct lat_gemm_form *form, const struct lat_problem *p)
{
    double size[2];
    packed_sizes(form, p, size);
    if (form->packed)
        return PACK_COST * (size[0] + size[1]) + 2 * DISPATCH_COST;
    bool transposed = form->addresses && (p->size[LAT_GEMM_LAYOUT] & LAT_GEMM_B_ALONG_K);
    return transposed ? PACK_COST * size[1] + DISPATCH_COST : 0;
}

static double work(const struct lat_gemm_form *form, const struct lat_problem *p)
{
    struct lat_gemm_plan plan = lat_gemm_plan(form, p);
    if (has_shares(form, p) || plan.n_shares == 0)
        return time_of(form, p, &plan);
    // Equal parts, which cost nothing here: there are few tiles.
    return places(p->caps, plan.n_shares) / plan.n_shares * plan.n_shared * work_of_tile(form, p);
}

static double cost(const struct lat_gemm_form *form, const struct lat_problem *p)
{
    return work(form, p) + copies(form, p);
}

static bool in_subgroups(const struct lat_problem *p)
{
    return lat_subgroup_size_known(p->caps);
}

// Tiles are moved inside at the edges, so there must be a whole one.
static bool whole_tile(const struct lat_problem *p, const struct lat_gemm_form *form)
{
    return lat_loads_by_address(p->caps) && p->dtype == LATTN_DTYPE_F32 &&
           (p->size[LAT_GEMM_LAYOUT] & LAT_GEMM_A_UNIT) && p->size[LAT_GEMM_M] >= form->bm &&
           p->size[LAT_GEMM_N] >= lat_gemm_tile_n(form, p->caps) && p->size[LAT_GEMM_K] >= form->bk;
}

// Slabs with their padding, whichever way they lie, and the sums of a fragment per subgroup.
static uint32_t slab_bytes(const struct lat_gemm_form *form)
{
    enum { PADDING = 8, F16_BYTES = 2 };
    return (form->bm + form->bn) * (form->bk + PADDING) * F16_BYTES;
}

static uint32_t sum_bytes(
    const struct lat_gemm_form *form, const struct lat_coopmat_shape *fragment)
{
    enum { F32_BYTES = 4 };
    uint32_t subgroups = form->bm / form->tm * (form->bn / form->tn);
    return subgroups * fragment->m * fragment->n * F32_BYTES;
}

// f32 is never rounded silently. A compiler may have left out kernels for bf16, or all of them.
static bool units_take(const struct lat_gemm_form *form, const struct lat_problem *p)
{
    bool exact = p->dtype != LATTN_DTYPE_F32 || p->caps->reduced_precision;
    return exact && lat_shader_variant(form->shader, (int) p->dtype, LAT_NO_DTYPE);
}

static bool in_fragments(const struct lat_problem *p, const struct lat_gemm_form *form)
{
    const struct lat_caps *caps = p->caps;
    const struct lat_coopmat_shape *fragment =
        lat_coopmat_fragment(caps, p->dtype == LATTN_DTYPE_BF16);
    return fragment && units_take(form, p) &&
           lat_gemm_group(form, caps) <= LAT_MIN(caps->max_invocations, caps->max_group_size[0]) &&
           LAT_MAX(slab_bytes(form), sum_bytes(form, fragment)) <= caps->max_shared_bytes;
}

static bool in_one_matrix(const struct lat_problem *p, const struct lat_gemm_form *form)
{
    enum { UNIT = LAT_GEMM_A_UNIT | LAT_GEMM_B_UNIT };
    const struct lat_coopmat_tile tile = { form->bm, form->bn, form->bk, form->group,
        p->dtype == LATTN_DTYPE_F32, p->dtype == LATTN_DTYPE_BF16 };
    bool lines = (p->size[LAT_GEMM_LAYOUT] & UNIT) == UNIT;
    return units_take(form, p) && lat_coopmat_takes(p->caps, &tile) &&
           (lines || !form->group);  // tensor layouts are of contiguous lines
}

// Drivers for CPUs have no matrix units: there these kernels are a loss of an order of magnitude and run only
// when asked for. What has run on no GPU yet counts twice, so that it runs when asked for and where it was
// measured, and not by an estimate.
static double cost_of_units(const struct lat_gemm_form *form, const struct lat_problem *p)
{
    enum { CPU_LOSS = 1000, DOUBT = 2 };
    double loss = (p->caps->is_cpu ? CPU_LOSS : 1) * (form->one_matrix ? DOUBT : 1);
    return work(form, p) * loss;
}

#define UNITS(name, in)                                                                            \
    static bool admits_##name(const struct lat_problem *p)                                         \
    {                                                                                              \
        return in(p, &name);                                                                       \
    }                                                                                              \
    static double cost_of_##name(const struct lat_problem *p)                                      \
    {                                                                                              \
        return cost_of_units(&name, p);                                                            \
    }

static bool packable(const struct lat_problem *p, const struct lat_gemm_form *form)
{
    double size[2];
    packed_sizes(form, p, size);
    double most = (double) p->caps->max_binding_bytes / sizeof(float);
    return whole_tile(p, form) && (p->size[LAT_GEMM_LAYOUT] & LAT_GEMM_B_UNIT) &&
           p->size[LAT_GEMM_K] >= lat_gemm_pack_steps(p->caps) && size[0] <= most &&
           size[1] <= most;
}

#define ADMITS(name)                                                                               \
    static bool admits_##name(const struct lat_problem *p)                                         \
    {                                                                                              \
        return whole_tile(p, &name);                                                               \
    }
#define COST_OF(name)                                                                              \
    static double cost_of_##name(const struct lat_problem *p)                                      \
    {                                                                                              \
        return cost(&name, p);                                                                     \
    }

// clang-format off
static const struct lat_gemm_form base_32 = {
    &lat_shader_gemm_base, .group = 64, .bm = 32, .bn = 32, .bk = 16, .tm = 4, .tn = 4, .efficiency = 0.5f };
static const struct lat_gemm_form base_64 = {
    &lat_shader_gemm_base, .group = 256, .bm = 64, .bn = 64, .bk = 16, .tm = 4, .tn = 4, .efficiency = 0.7f };
static const struct lat_gemm_form base_128 = {
    &lat_shader_gemm_base, .group = 256, .bm = 128, .bn = 128, .bk = 8, .tm = 8, .tn = 8, .efficiency = 1 };
static const struct lat_gemm_form subgroup_8 = {
    &lat_shader_gemm_subgroup, .bm = 8, .bk = 4, .tm = 8, .tn = 2, .efficiency = 0.3f };
static const struct lat_gemm_form subgroup_16 = {
    &lat_shader_gemm_subgroup, .bm = 16, .bk = 4, .tm = 16, .tn = 4, .efficiency = 0.6f };
static const struct lat_gemm_form cpu_8 = {
    &lat_shader_gemm_cpu, .bm = 8, .bk = 8, .tm = 8, .tn = 2, .addresses = true, .efficiency = 3 };
static const struct lat_gemm_form cpu_32 = {
    &lat_shader_gemm_cpu, .bm = 32, .bk = 8, .tm = 32, .tn = 2, .addresses = true, .efficiency = 7.6f };
static const struct lat_gemm_form cpu_packed = {
    &lat_shader_gemm_cpu, .bm = 32, .bk = 8, .tm = 32, .tn = 2, .addresses = true, .packed = true,
    .efficiency = 9 };
// Efficiencies are estimates from published rates: f16 with matrix units is 8 times plain f32 or more, and
// a tile of half the width loads half as much again per product.
static const struct lat_gemm_form coopmat_32 = {
    &lat_shader_gemm_coopmat, .bm = 32, .bn = 32, .bk = 16, .tm = 16, .tn = 16, .fragments = true, .efficiency = 2 };
static const struct lat_gemm_form coopmat_64 = {
    &lat_shader_gemm_coopmat, .bm = 64, .bn = 64, .bk = 32, .tm = 32, .tn = 32, .fragments = true, .efficiency = 5 };
static const struct lat_gemm_form coopmat_64x128 = {
    &lat_shader_gemm_coopmat, .bm = 64, .bn = 128, .bk = 32, .tm = 32, .tn = 64, .fragments = true, .efficiency = 6.5f };
static const struct lat_gemm_form coopmat_128 = {
    &lat_shader_gemm_coopmat, .bm = 128, .bn = 128, .bk = 32, .tm = 64, .tn = 32, .fragments = true, .efficiency = 8 };
// Estimates too: of three who have both kinds, on NVIDIA, one reports 1.36 times the speed of fragments and two
// 0.65 to 0.82 of it. Deep slabs save steps and take registers. A subgroup's matrix is for drivers that have no
// more, and small: its loads and stores are unrolled, and 32 x 32 took 13 s to compile on lavapipe 26.
static const struct lat_gemm_form matrix_16 = {
    &lat_shader_gemm_coopmat2_subgroup, .bm = 16, .bn = 16, .bk = 8, .one_matrix = true, .efficiency = 0.5f };
static const struct lat_gemm_form matrix_64 = {
    &lat_shader_gemm_coopmat2, .group = 128, .bm = 64, .bn = 64, .bk = 64, .one_matrix = true, .efficiency = 4 };
static const struct lat_gemm_form matrix_128 = {
    &lat_shader_gemm_coopmat2, .group = 256, .bm = 128, .bn = 128, .bk = 32, .one_matrix = true, .efficiency = 6.5f };
static const struct lat_gemm_form matrix_128_deep = {
    &lat_shader_gemm_coopmat2, .group = 256, .bm = 128, .bn = 128, .bk = 64, .one_matrix = true, .efficiency = 6.4f };
static const struct lat_gemm_form matrix_128x256 = {
    &lat_shader_gemm_coopmat2, .group = 256, .bm = 128, .bn = 256, .bk = 64, .one_matrix = true, .efficiency = 7 };
COST_OF(base_32)
COST_OF(base_64)
COST_OF(base_128)
COST_OF(subgroup_8)
COST_OF(subgroup_16)
COST_OF(cpu_8)
COST_OF(cpu_32)
COST_OF(cpu_packed)
ADMITS(cpu_8)
ADMITS(cpu_32)
UNITS(coopmat_32, in_fragments)
UNITS(coopmat_64, in_fragments)
UNITS(coopmat_64x128, in_fragments)
UNITS(coopmat_128, in_fragments)
UNITS(matrix_16, in_one_matrix)
UNITS(matrix_64, in_one_matrix)
UNITS(matrix_128, in_one_matrix)
UNITS(matrix_128_deep, in_one_matrix)
UNITS(matrix_128x256, in_one_matrix)

static bool admits_cpu_packed(const struct lat_problem *p)
{
    return packable(p, &cpu_packed);
}

const struct lat_strategy lat_gemm_strategies[LAT_GEMM_STRATEGIES] = {
    { LAT_STRATEGY_BASE, "32x32",   NULL, cost_of_base_32,  &base_32 },
    { LAT_STRATEGY_BASE, "64x64",   NULL, cost_of_base_64,  &base_64 },
    { LAT_STRATEGY_BASE, "128x128", NULL, cost_of_base_128, &base_128 },
    { LAT_STRATEGY_SUBGROUP, "8x2",  in_subgroups, cost_of_subgroup_8,  &subgroup_8 },
    { LAT_STRATEGY_SUBGROUP, "16x4", in_subgroups, cost_of_subgroup_16, &subgroup_16 },
    { LAT_STRATEGY_CPU, "8x2",  admits_cpu_8,  cost_of_cpu_8,  &cpu_8 },
    { LAT_STRATEGY_CPU, "32x2", admits_cpu_32, cost_of_cpu_32, &cpu_32 },
    { LAT_STRATEGY_CPU, "32x2 packed", admits_cpu_packed, cost_of_cpu_packed, &cpu_packed },
    { LAT_STRATEGY_COOPMAT, "32x32",   admits_coopmat_32,     cost_of_coopmat_32,     &coopmat_32 },
    { LAT_STRATEGY_COOPMAT, "64x64",   admits_coopmat_64,     cost_of_coopmat_64,     &coopmat_64 },
    { LAT_STRATEGY_COOPMAT, "64x128",  admits_coopmat_64x128, cost_of_coopmat_64x128, &coopmat_64x128 },
    { LAT_STRATEGY_COOPMAT, "128x128", admits_coopmat_128,    cost_of_coopmat_128,    &coopmat_128 },
    { LAT_STRATEGY_COOPMAT2, "16x16",      admits_matrix_16,       cost_of_matrix_16,       &matrix_16 },
    { LAT_STRATEGY_COOPMAT2, "64x64x64",   admits_matrix_64,       cost_of_matrix_64,       &matrix_64 },
    { LAT_STRATEGY_COOPMAT2, "128x128x32", admits_matrix_128,      cost_of_matrix_128,      &matrix_128 },
    { LAT_STRATEGY_COOPMAT2, "128x128x64", admits_matrix_128_deep, cost_of_matrix_128_deep, &matrix_128_deep },
    { LAT_STRATEGY_COOPMAT2, "128x256x64", admits_matrix_128x256,  cost_of_matrix_128x256,  &matrix_128x256 },
};
// clang-format on

const struct lat_gemm_form *lat_gemm_select(lattn_ctx *ctx, const struct lat_problem *p)
{
    int row = lat_strategy_select(ctx, "matmul", lat_gemm_strategies, LAT_GEMM_STRATEGIES, p);
    return lat_gemm_strategies[row].config;
}

const struct lat_gemm_form *lat_gemm_select_base(const struct lat_problem *p)
{
    const struct lat_strategy *best = &lat_gemm_strategies[0];
    for (int i = 1; i < LAT_GEMM_STRATEGIES; i++)
        if (lat_gemm_strategies[i].kind == LAT_STRATEGY_BASE &&
            lat_gemm_strategies[i].cost(p) < best->cost(p))
            best = &lat_gemm_strategies[i];
    return best->config;
}

// An invocation loads one column of a slab, and stores one of a fragment; sums do not share the slabs' place.
// Elements on their way to a slab take a register each: with 48 of them AMD's compiler spills.
static bool fits_conv(const struct lat_gemm_form *form, const struct lat_problem *p)
{
    enum { MOST_LOADS = 32 };
    const struct lat_caps *caps = p->caps;
    const struct lat_coopmat_shape *fragment =
        lat_coopmat_fragment(caps, p->dtype == LATTN_DTYPE_BF16);
    uint32_t group = lat_gemm_group(form, caps);
    return group % form->bn == 0 && group % form->bk == 0 &&
           (form->bm + form->bn) * form->bk <= MOST_LOADS * group &&
           lat_coopmat_subgroup(caps) % fragment->n == 0 &&
           slab_bytes(form) + sum_bytes(form, fragment) <= caps->max_shared_bytes;
}

const struct lat_gemm_form *lat_gemm_select_conv(const struct lat_problem *p)
{
    const struct lat_strategy *best = NULL;
    for (int i = 0; i < LAT_GEMM_STRATEGIES; i++) {
        const struct lat_strategy *row = &lat_gemm_strategies[i];
        if (row->kind != LAT_STRATEGY_COOPMAT || !row->admits(p) || !fits_conv(row->config, p))
            continue;
        if (!best || row->cost(p) < best->cost(p))
            best = row;
    }
    return best ? best->config : NULL;
}
