// SPDX-License-Identifier: MIT
//
// Which kernels of a matrix product a device admits, where that device is one with VK_NV_cooperative_matrix2
// that is made up.

#include "harness/harness.h"
#include "lat_shaders.h"
#include "made_up_caps.h"
#include "matmul/gemm_shares.h"
#include "ops/gemm.h"

static struct lat_problem problem_of(const struct lat_caps *caps, lattn_dtype dtype)
{
    return (struct lat_problem){
        .caps = caps,
        .dtype = dtype,
        .size = { 1, 1024, 1024, 1024, LAT_GEMM_A_ALONG_K | LAT_GEMM_A_UNIT | LAT_GEMM_B_UNIT },
    };
}

// How many rows of coopmat2 admit a problem, and the last of them.
static int matrices(const struct lat_problem *p, const struct lat_gemm_form **form)
{
    int n = 0;
    for (int i = 0; i < LAT_GEMM_STRATEGIES; i++) {
        const struct lat_strategy *row = &lat_gemm_strategies[i];
        if (row->kind != LAT_STRATEGY_COOPMAT2 || !row->admits(p))
            continue;
        *form = row->config;
        n++;
    }
    return n;
}

static bool is_built(void)
{
    if (lat_shader_gemm_coopmat2.n_variants > 0 && lat_shader_gemm_coopmat.n_variants > 0)
        return true;
    lt_skip("built without kernels for matrix units");
    return false;
}

TEST(gemm_select, a_workgroup_holds_a_matrix_where_the_driver_lists_that)
{
    if (!is_built())
        return;
    struct lat_caps caps = with_any_matrices();
    struct lat_problem p = problem_of(&caps, LATTN_DTYPE_F16);
    const struct lat_gemm_form *form = NULL;
    EXPECT_EQ(matrices(&p, &form), 4);
    REQUIRE(form);
    EXPECT_EQ(lat_gemm_group(form, &caps), form->group);
    EXPECT_EQ(lat_gemm_subgroup(form, &caps), 0);

    p.size[LAT_GEMM_LAYOUT] &= ~LAT_GEMM_B_UNIT;  // tensor layouts want lines
    EXPECT_EQ(matrices(&p, &form), 0);
    p = problem_of(&caps, LATTN_DTYPE_BF16);
    EXPECT_EQ(matrices(&p, &form), 0);
    p = problem_of(&caps, LATTN_DTYPE_F32);
    EXPECT_EQ(matrices(&p, &form), 0);
    caps.reduced_precision = true;
    EXPECT_EQ(matrices(&p, &form), 4);
}

// Two shapes of fragments, and of what may be one matrix; f16 has the larger one.
TEST(gemm_select, bf16_has_kernels_of_its_own_where_the_driver_lists_them)
{
    if (!is_built())
        return;
    bool built = lat_shader_variant(&lat_shader_gemm_coopmat, LATTN_DTYPE_BF16, LAT_NO_DTYPE);
    struct lat_caps caps = with_any_matrices();
    caps.shader_i16 = caps.shader_bf16 = caps.coopmat_bf16 = true;
    caps.coopmat_shapes[1] = caps.coopmat_shapes[0];
    caps.coopmat_shapes[1].k = 8;
    caps.coopmat_shapes[1].a = caps.coopmat_shapes[1].b = VK_COMPONENT_TYPE_BFLOAT16_KHR;
    caps.n_coopmat_shapes = 2;
    caps.coopmat_grains[2].bf16 = true;
    struct lat_problem p = problem_of(&caps, LATTN_DTYPE_BF16);
    const struct lat_gemm_form *form = NULL;
    EXPECT_EQ(matrices(&p, &form), built ? 3 : 0);  // those of 256 invocations
    EXPECT_EQ(lat_gemm_select_conv(&p) != NULL, built);
    for (int i = 0; i < LAT_GEMM_STRATEGIES; i++)
        if (lat_gemm_strategies[i].kind == LAT_STRATEGY_COOPMAT)
            EXPECT_EQ(lat_gemm_strategies[i].admits(&p), built);
    caps.coopmat_bf16 = false;
    EXPECT_EQ(matrices(&p, &form), 0);
    EXPECT(!lat_gemm_select_conv(&p));
}

TEST(gemm_select, a_subgroup_holds_a_matrix_with_strides_of_any_kind)
{
    if (!is_built())
        return;
    struct lat_caps caps = with_any_matrices();
    caps.coopmat2_workgroup = caps.coopmat2_tensor_addressing = false;
    caps.coopmat_grains[0] = (struct lat_coopmat_grain){ 8, 8, 8, 0 };
    struct lat_problem p = problem_of(&caps, LATTN_DTYPE_F16);
    p.size[LAT_GEMM_LAYOUT] = 0;
    const struct lat_gemm_form *form = NULL;
    EXPECT_EQ(matrices(&p, &form), 1);
    REQUIRE(form);
    EXPECT_EQ(lat_gemm_group(form, &caps), 32);
    EXPECT_EQ(lat_gemm_subgroup(form, &caps), 32);
}

// What nobody has timed runs on request, and where it is measured to be the fastest.
TEST(gemm_select, fragments_come_before_matrices_of_any_size)
{
    if (!is_built())
        return;
    const int64_t sizes[][4] = { { 1, 64, 64, 64 }, { 1, 768, 768, 4096 }, { 1, 4096, 3072, 768 },
        { 384, 128, 128, 64 }, { 1, 8192, 8192, 8192 }, { 1, 1408, 1408, 512 } };
    struct lat_caps caps = with_any_matrices();
    struct lat_problem p = problem_of(&caps, LATTN_DTYPE_F16);
    for (size_t i = 0; i < LAT_COUNT(sizes); i++) {
        memcpy(p.size, sizes[i], sizeof sizes[i]);
        int best = 0;
        for (int r = 1; r < LAT_GEMM_STRATEGIES; r++) {
            const struct lat_strategy *row = &lat_gemm_strategies[r];
            if ((!row->admits || row->admits(&p)) &&
                row->cost(&p) < lat_gemm_strategies[best].cost(&p))
                best = r;
        }
        EXPECT_EQ(lat_gemm_strategies[best].kind, LAT_STRATEGY_COOPMAT);
    }
}

// ---- who makes which tiles --------------------------------------------------------------------------

struct walk {
    uint32_t tiles, steps, shares;  // steps of a tile
    uint32_t next;                  // step of all tiles that comes next
    uint32_t *from, *to;            // steps whose sum is in a slot
};

// As the workgroups of a matrix product do (shaders/matmul/gemm.glsl).
static void leave_sums(struct walk *w)
{
    uint32_t all = w->tiles * w->steps;
    for (uint32_t share = 0; share < w->shares; share++) {
        uint32_t step = LAT_GEMM_SHARE(share, all, w->shares);
        uint32_t end = LAT_GEMM_SHARE(share + 1, all, w->shares);
        EXPECT(end - step == all / w->shares || end - step == all / w->shares + 1);
        for (uint32_t tile = step / w->steps; step < end; tile++) {
            uint32_t slot = LAT_GEMM_SLOT(share, tile);
            REQUIRE(slot < LAT_GEMM_SLOTS(w->tiles, w->shares));
            EXPECT_EQ(w->to[slot], 0);  // nobody else's
            w->from[slot] = step;
            w->to[slot] = step = LAT_MIN(end, (tile + 1) * w->steps);
        }
    }
}

// As gemm_reduce.comp does.
static void add_sums(struct walk *w, uint32_t tile)
{
    uint32_t all = w->tiles * w->steps, begin = tile * w->steps, end = begin + w->steps;
    uint32_t share = LAT_GEMM_FIRST_SHARE(tile, w->tiles, w->shares);
    for (; share < w->shares && LAT_GEMM_SHARE(share, all, w->shares) < end; share++) {
        if (LAT_GEMM_SHARE(share + 1, all, w->shares) <= begin)
            continue;
        uint32_t slot = LAT_GEMM_SLOT(share, tile);
        EXPECT_EQ(w->from[slot], w->next);
        w->next = w->to[slot];
    }
    EXPECT_EQ(w->next, end);
}

TEST(gemm_shares, every_step_of_every_tile_is_added_once_and_in_order)
{
    static const uint32_t tiles[] = { 1, 2, 3, 5, 36, 62, 100, 127 };
    static const uint32_t steps[] = { 1, 2, 7, 44, 256, 511 };
    static const uint32_t shares[] = { 1, 2, 3, 4, 31, 64, 100, 128 };
    uint32_t from[256], to[256];
    for (size_t i = 0; i < LAT_COUNT(tiles) * LAT_COUNT(steps) * LAT_COUNT(shares); i++) {
        struct walk w = { .tiles = tiles[i % LAT_COUNT(tiles)],
            .steps = steps[i / LAT_COUNT(tiles) % LAT_COUNT(steps)],
            .shares = shares[i / LAT_COUNT(tiles) / LAT_COUNT(steps)],
            .from = from,
            .to = to };
        if (w.shares > w.tiles * w.steps)
            continue;
        memset(to, 0, sizeof to);
        leave_sums(&w);
        for (uint32_t tile = 0; tile < w.tiles; tile++)
            add_sums(&w, tile);
    }
}

TEST(gemm_shares, a_multiple_of_the_tiles_cuts_each_into_parts_of_its_own)
{
    for (uint32_t share = 0; share <= 12; share++)
        EXPECT_EQ(LAT_GEMM_SHARE(share, 3 * 101, 12), share / 4 * 101 + share % 4 * 101 / 4);
}

TEST(gemm_shares, steps_may_be_as_many_as_can_be_counted)
{
    const uint32_t most = UINT32_MAX;
    for (uint32_t share = 0; share <= 255; share++)
        EXPECT_EQ(LAT_GEMM_SHARE(share, most, 255), (uint64_t) share * most / 255);
}

static const struct lat_gemm_form *form_of(enum lat_strategy_kind kind, const char *detail)
{
    for (int i = 0; i < LAT_GEMM_STRATEGIES; i++)
        if (lat_gemm_strategies[i].kind == kind &&
            strcmp(lat_gemm_strategies[i].detail, detail) == 0)
            return lat_gemm_strategies[i].config;
    return NULL;
}

static struct lat_gemm_plan plan_of(const struct lat_caps *caps, enum lat_strategy_kind kind,
    const char *detail, int64_t m, int64_t n, int64_t k)
{
    struct lat_problem p = problem_of(caps, LATTN_DTYPE_F16);
    p.size[LAT_GEMM_M] = m;
    p.size[LAT_GEMM_N] = n;
    p.size[LAT_GEMM_K] = k;
    const struct lat_gemm_form *form = form_of(kind, detail);
    return form ? lat_gemm_plan(form, &p) : (struct lat_gemm_plan){ 0 };
}

#define EXPECT_PLAN(plan, whole, shared, shares)                                                   \
    do {                                                                                           \
        struct lat_gemm_plan plan_ = (plan);                                                       \
        EXPECT_EQ(plan_.n_whole, whole);                                                           \
        EXPECT_EQ(plan_.n_shared, shared);                                                         \
        EXPECT_EQ(plan_.n_shares, shares);                                                         \
    } while (0)

TEST(gemm_shares, the_last_wave_is_shared_where_that_is_less_work)
{
    struct lat_caps caps = with_any_matrices();
    enum lat_strategy_kind units = LAT_STRATEGY_COOPMAT, base = LAT_STRATEGY_BASE;
    EXPECT_PLAN(plan_of(&caps, base, "128x128", 1664, 1280, 4096), 128, 2, 32);  // 130 tiles
    EXPECT_PLAN(plan_of(&caps, units, "128x128", 1664, 1280, 4096), 128, 2, 32);
    EXPECT_PLAN(plan_of(&caps, units, "128x128", 2432, 1280, 4096), 128, 62, 128);  // 190
    EXPECT_PLAN(plan_of(&caps, units, "128x128", 768, 768, 4096), 0, 36, 128);
    EXPECT_PLAN(plan_of(&caps, units, "128x128", 2432, 1280, 512), 190, 0, 0);  // too little of it
    EXPECT_PLAN(plan_of(&caps, base, "128x128", 2048, 2048, 4096), 256, 0, 0);  // full waves
    EXPECT_PLAN(plan_of(&caps, base, "128x128", 2032, 2048, 4096), 256, 0, 0);
    EXPECT_PLAN(plan_of(&caps, units, "128x128", 1920, 2048, 4096), 240, 0, 0);  // nearly full
    EXPECT_PLAN(plan_of(&caps, base, "32x32", 32, 32, 1 << 20), 0, 1, 64);
    caps.max_binding_bytes = 4 << 20;  // of 8 MiB of sums
    EXPECT_PLAN(plan_of(&caps, base, "128x128", 768, 768, 4096), 36, 0, 0);
}

TEST(gemm_shares, a_cpu_shares_less_tiles_than_it_is_wide)
{
    struct lat_caps caps = with_any_matrices();
    caps.is_cpu = caps.is_lavapipe = true;
    caps.width = 4;
    caps.subgroup_size = 8;
    enum lat_strategy_kind base = LAT_STRATEGY_BASE, cpu = LAT_STRATEGY_CPU;
    EXPECT_PLAN(plan_of(&caps, base, "32x32", 40, 13, 500), 0, 2, 3);
    EXPECT_PLAN(plan_of(&caps, base, "32x32", 90, 13, 2100), 0, 3, 4);
    EXPECT_PLAN(plan_of(&caps, base, "32x32", 150, 13, 2100), 5, 0, 0);
    EXPECT_PLAN(plan_of(&caps, cpu, "32x2", 64, 16, 1001), 0, 2, 4);  // each tile in equal parts
    EXPECT_PLAN(plan_of(&caps, cpu, "32x2", 96, 16, 1001), 3, 0, 0);
    caps.is_cpu = false;  // what tests of kernels have as a narrow GPU
    EXPECT_PLAN(plan_of(&caps, base, "32x32", 150, 13, 2100), 4, 1, 4);
}
