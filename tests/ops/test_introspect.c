// SPDX-License-Identifier: MIT

#define LATTN_EXPERIMENTAL
#include "harness/harness.h"
#include "lat_shaders.h"
#include "lattn/introspect.h"
#include "tensor/kernel.h"

TEST(introspect, ops_have_names_and_kinds)
{
    int found = 0;
    for (int i = 0; i < lattn_op_count(); i++)
        found += strcmp(lattn_op_name(i), "softmax") == 0 && strcmp(lattn_op_kind(i), "norm") == 0;
    EXPECT_EQ(found, 1);
    EXPECT(!lattn_op_name(-1) && !lattn_op_kind(lattn_op_count()));
}

// Of every op that has a choice, one admitted row is selected, for several sizes.
GPU_TEST(introspect, one_admitted_strategy_is_selected)
{
    const int64_t small[6] = { 1, 3, 5, 7 };
    lattn_strategy_info rows[32];
    int n;
    for (int i = 0; i < lattn_op_count(); i++) {
        for (int k = 0; k < 2; k++) {
            EXPECT_OK(lattn_op_strategies(
                ctx, lattn_op_name(i), LATTN_DTYPE_F32, k ? small : NULL, rows, 32, &n));
            int selected = 0;
            for (int r = 0; r < n && r < 32; r++) {
                selected += rows[r].selected;
                EXPECT(rows[r].admitted || !rows[r].selected);
            }
            if (n)
                EXPECT_EQ(selected, 1);
        }
    }
    EXPECT_STATUS(
        lattn_op_strategies(ctx, "frobnicate", LATTN_DTYPE_F32, NULL, rows, 32, &n), LATTN_ERR_ARG);
    EXPECT_EQ(n, 0);
}

GPU_TEST(introspect, matrix_units_serve_16_bits_where_the_device_has_them_but_no_cpu)
{
    const lattn_device_info *device = lattn_ctx_device(ctx);
    bool has_bf16 = device->coopmat_bf16 &&
                    lat_shader_variant(&lat_shader_gemm_coopmat, LATTN_DTYPE_BF16, LAT_NO_DTYPE);
    const bool served[] = { device->coopmat_m > 0, false, has_bf16 };
    const lattn_dtype dtypes[] = { LATTN_DTYPE_F16, LATTN_DTYPE_F32, LATTN_DTYPE_BF16 };
    lattn_strategy_info rows[32];
    for (int d = 0; d < 3; d++) {
        int n, admitted = 0;
        EXPECT_OK(lattn_op_strategies(ctx, "matmul", dtypes[d], NULL, rows, 32, &n));
        for (int r = 0; r < n && r < 32; r++) {
            bool units = strncmp(rows[r].name, "coopmat", 7) == 0;
            admitted += units && rows[r].admitted;
            if (units && rows[r].selected)
                EXPECT(device->type != LATTN_DEVICE_TYPE_CPU);
        }
        EXPECT_EQ(admitted > 0, served[d]);
    }
}

GPU_TEST(introspect, strategies_are_forced_and_switched_off_by_name)
{
    EXPECT_OK(lattn_strategy_force(ctx, "base"));
    lattn_softmax(ctx, lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 64, 128 }), 1);
    EXPECT_STR(lattn_strategy_last(ctx, NULL), "base");
    EXPECT_OK(lattn_strategy_force(ctx, NULL));
    EXPECT_OK(lattn_strategy_disable(ctx, "subgroup", true));
    EXPECT_OK(lattn_strategy_disable(ctx, "subgroup", false));
    EXPECT_STATUS(lattn_strategy_force(ctx, "fast"), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_strategy_disable(ctx, "fast", true), LATTN_ERR_ARG);
    EXPECT_OK(lattn_guard_check(ctx));
}
