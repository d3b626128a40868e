// SPDX-License-Identifier: MIT
//
// Which kernels of attention a device admits, where that device is one with VK_NV_cooperative_matrix2 that is made
// up.

#include <string.h>
#include "harness/harness.h"
#include "lat_shaders.h"
#include "made_up_caps.h"
#include "ops/attention.h"

static struct lat_problem problem_of(
    const struct lat_caps *caps, int64_t head_size, enum lat_attention_pass pass)
{
    enum { MATRICES = 96, LENGTH = 512 };
    return (struct lat_problem){
        .caps = caps,
        .dtype = LATTN_DTYPE_F16,
        .size = { MATRICES, LENGTH, LENGTH, head_size, pass },
    };
}

// The cheapest row of coopmat2 that admits a problem; NULL = none.
static const struct lat_strategy *best_of(const struct lat_problem *p)
{
    const struct lat_strategy *best = NULL;
    for (int i = 0; i < LAT_ATTENTION_STRATEGIES; i++) {
        const struct lat_strategy *row = &lat_attention_strategies[i];
        if (row->kind == LAT_STRATEGY_COOPMAT2 && row->admits(p) &&
            (!best || row->cost(p) < best->cost(p)))
            best = row;
    }
    return best;
}

static const char *name_of(const struct lat_problem *p)
{
    const struct lat_strategy *row = best_of(p);
    return row ? row->detail : "none";
}

static bool is_built(void)
{
    if (lat_shader_attention_fwd_coopmat2.n_variants > 0)
        return true;
    lt_skip("built without kernels for matrix units");
    return false;
}

TEST(attention_select, larger_heads_have_fewer_rows_in_a_workgroup)
{
    if (!is_built())
        return;
    static const struct {
        int64_t head_size;
        const char *names[3];  // per pass
    } rows[] = {
        { 40, { "128x64 by 256", "128x64 by 256", "128x64 by 256" } },
        { 64, { "128x64 by 256", "128x64 by 256", "128x64 by 256" } },
        { 128, { "128x64 by 256", "64x64 by 256", "64x64 by 256" } },
        { 256, { "64x64 by 256", "32x64 by 256", "32x64 by 256" } },
    };
    struct lat_caps caps = with_any_matrices();
    for (size_t i = 0; i < LAT_COUNT(rows); i++)
        for (int pass = 0; pass < 3; pass++) {
            struct lat_problem p =
                problem_of(&caps, rows[i].head_size, (enum lat_attention_pass) pass);
            EXPECT_STR(name_of(&p), rows[i].names[pass]);
        }
    struct lat_problem few = problem_of(&caps, 64, LAT_ATTENTION_FWD);
    few.size[0] = 12;  // workgroups of half the rows keep twice as many units busy
    EXPECT_STR(name_of(&few), "64x64 by 128");
}

TEST(attention_select, matrices_need_reductions_conversions_and_a_grain_of_the_type)
{
    if (!is_built())
        return;
    struct lat_caps caps = with_any_matrices();
    bool *const needed[] = { &caps.coopmat2_reductions, &caps.coopmat2_conversions,
        &caps.coopmat2_flexible, &caps.coopmat2_per_element };
    for (size_t i = 0; i < LAT_COUNT(needed); i++) {
        *needed[i] = false;
        struct lat_problem p = problem_of(&caps, 64, LAT_ATTENTION_BWD_Q);
        EXPECT_STR(name_of(&p), "none");
        *needed[i] = true;
    }
    struct lat_problem p = problem_of(&caps, 64, LAT_ATTENTION_FWD);
    p.dtype = LATTN_DTYPE_F32;
    EXPECT_STR(name_of(&p), "none");
    p.dtype = LATTN_DTYPE_BF16;
    EXPECT_STR(name_of(&p), "none");
    if (lat_shader_variant(&lat_shader_attention_fwd_coopmat2, LATTN_DTYPE_BF16, LAT_NO_DTYPE)) {
        caps.shader_i16 = caps.shader_bf16 = caps.coopmat_bf16 = true;
        caps.coopmat_grains[1].bf16 = true;
        EXPECT_STR(name_of(&p), "64x64 by 128");  // the only grain of bf16
        caps.coopmat_grains[1].bf16 = false;
    }
    p.dtype = LATTN_DTYPE_F16;
    caps.coopmat2_workgroup = false;
    EXPECT_STR(name_of(&p), "subgroup");
    p.size[3] = 256;  // more than a subgroup's registers hold
    EXPECT_STR(name_of(&p), "none");
    caps.n_coopmat_grains = 0;
    EXPECT_STR(name_of(&p), "none");
}

// What has run on no GPU runs on request, and where it is measured to be the fastest.
TEST(attention_select, no_estimate_takes_matrices)
{
    if (!is_built())
        return;
    struct lat_caps caps = with_any_matrices();
    for (int64_t head_size = 8; head_size <= LAT_ATTENTION_MAX_HEAD_SIZE; head_size *= 2)
        for (int pass = 0; pass < 3; pass++) {
            struct lat_problem p = problem_of(&caps, head_size, (enum lat_attention_pass) pass);
            const struct lat_strategy *row = best_of(&p);
            REQUIRE(row);
            EXPECT(row->cost(&p) > lat_attention_strategies[0].cost(&p));
        }
}

// ---- backward in one kernel ---------------------------------------------------------------------------

static bool is_one_cheaper(int64_t matrices, int64_t queries, int64_t keys, int64_t head_size)
{
    const struct lat_caps gpu = { .width = 128 };
    const struct lat_problem p = { .caps = &gpu,
        .size = { matrices, queries, keys, head_size, matrices } };
    const struct lat_strategy *one = &lat_attention_backwards[1];
    return one->admits(&p) && one->cost(&p) < lat_attention_backwards[0].cost(&p);
}

TEST(attention_select, few_keys_of_many_heads_take_one_kernel_backward)
{
    EXPECT(is_one_cheaper(384, 64, 64, 64));
    EXPECT(is_one_cheaper(384, 512, 50, 40));
    EXPECT(is_one_cheaper(24, 32, 32, 64));   // as many workgroups as each of the two kernels has
    EXPECT(!is_one_cheaper(24, 64, 64, 64));  // half as many, and the device is not full
    EXPECT(!is_one_cheaper(384, 64, 65, 64));
    EXPECT(!is_one_cheaper(384, 64, 64, 65));
}
