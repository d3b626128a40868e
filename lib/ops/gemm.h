// SPDX-License-Identifier: MIT
//
// Between gemm.c (what to compute) and gemm_select.c (which kernel does it).
#ifndef LAT_GEMM_H
#define LAT_GEMM_H
#include "ops/internal.h"
#include "tensor/tune.h"

// A kernel with its tile; sizes the shader takes as specialisation constants.
struct lat_gemm_form {
    const struct lat_shader *shader;
    uint32_t group;    // invocations; 0 = one subgroup
    uint32_t bm, bn;   // tile of a workgroup; bn 0 = tn subgroups wide
    uint32_t bk;       // slab of k
    uint32_t tm, tn;   // of an invocation; with fragments, of a subgroup
    bool fragments;    // multiplies with matrix units: group is as many subgroups as the tile needs
    bool one_matrix;   // a tile is one matrix (coopmat2) that the group holds together
    bool addresses;    // loads A and B by device address
    bool packed;       // and both as panels, which a dispatch each writes before
    float efficiency;  // of the inner loop, relative to the best form there is on such a device
};

// size[] of struct lat_problem for matrix products.
enum { LAT_GEMM_BATCH, LAT_GEMM_M, LAT_GEMM_N, LAT_GEMM_K, LAT_GEMM_LAYOUT };
// Bits of LAT_GEMM_LAYOUT: which dimension of an operand is the fastest, and whether it is contiguous.
enum {
    LAT_GEMM_A_ALONG_K = 1,
    LAT_GEMM_B_ALONG_K = 2,
    LAT_GEMM_A_UNIT = 4,
    LAT_GEMM_B_UNIT = 8,
    LAT_GEMM_EQUAL_PARTS = 16,  // the kernels that will run cut k of all tiles into equal parts
};

// Who makes which tiles: a workgroup each of the first, and n_shares workgroups the steps of the others
// (shaders/matmul/gemm_shares.h).
struct lat_gemm_plan {
    uint32_t n_whole, n_shared;
    uint32_t n_shares;
};

// The selection table of all matrix products.
enum { LAT_GEMM_STRATEGIES = 17 };
extern const struct lat_strategy lat_gemm_strategies[LAT_GEMM_STRATEGIES];
// The form that is expected to be fastest.
const struct lat_gemm_form *lat_gemm_select(lattn_ctx *ctx, const struct lat_problem *p);
// The same among the tiles of gemm_base, for kernels with the same inner loop.
const struct lat_gemm_form *lat_gemm_select_base(const struct lat_problem *p);
// The same among tiles with fragments, for conv_coopmat, which asks more of a workgroup; NULL = none will do.
const struct lat_gemm_form *lat_gemm_select_conv(const struct lat_problem *p);
// Steps of k that one workgroup packs: k has at least as many where a form is packed.
uint32_t lat_gemm_pack_steps(const struct lat_caps *caps);
// Width of a workgroup's tile, once the subgroup size is known.
uint32_t lat_gemm_tile_n(const struct lat_gemm_form *form, const struct lat_caps *caps);
// Invocations of a workgroup, and the subgroup size they come in; 0 = of any.
uint32_t lat_gemm_group(const struct lat_gemm_form *form, const struct lat_caps *caps);
uint32_t lat_gemm_subgroup(const struct lat_gemm_form *form, const struct lat_caps *caps);
// The plan that is expected to be fastest, and the one without shares.
struct lat_gemm_plan lat_gemm_plan(const struct lat_gemm_form *form, const struct lat_problem *p);
struct lat_gemm_plan lat_gemm_plan_whole(
    const struct lat_gemm_form *form, const struct lat_problem *p);
// Sums that the shares of a plan leave.
int64_t lat_gemm_sums(const struct lat_gemm_form *form, const struct lat_problem *p,
    const struct lat_gemm_plan *plan);
// In how many equal parts k is cut by kernels that share no tiles, so that there are enough workgroups; 1 = not
// at all.
uint32_t lat_gemm_splits(const struct lat_gemm_form *form, const struct lat_problem *p);

#endif
