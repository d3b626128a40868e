// SPDX-License-Identifier: MIT
//
// How kernels that reduce along rows are run (shaders/common/row.glsl): a workgroup or a subgroup
// per row, and how much of a row each lane keeps in registers.
#ifndef LAT_ROW_H
#define LAT_ROW_H
#include "autograd/op.h"

// The selection table of every row op, for its struct lat_op.
enum { LAT_ROW_STRATEGIES = 2 };
extern const struct lat_strategy lat_row_strategies[LAT_ROW_STRATEGIES];
// Its entries, for ops with more rows. size[0] is n_rows, size[1] n_cols.
double lat_row_cost_base(const struct lat_problem *p);
bool lat_row_admits_subgroup(const struct lat_problem *p);
double lat_row_cost_subgroup(const struct lat_problem *p);

struct lat_rows {
    const char *op;
    const struct lat_shader *base, *subgroup;
    uint64_t n_rows;
    uint32_t n_cols;
    uint32_t n_kept;  // how many arrays of its quads the kernel keeps; 0 = each is read once
};

enum { LAT_ROW_SPEC = 4 };  // workgroup size, rows per workgroup, quads kept per lane, whole quads

// Fills shader, spec, groups, full_subgroups and the rows of split (whose push_n_rows must be at
// offset 0) of k. spec must live until k has run.
void lat_rows_plan(
    lattn_ctx *ctx, const struct lat_rows *r, struct lat_kernel *k, uint32_t spec[LAT_ROW_SPEC]);

// Rows and columns of a tensor along its last dimension; a scalar is one row of one.
uint32_t lat_row_length(const lattn_tensor *t);
uint64_t lat_row_count(const lattn_tensor *t);

#endif
