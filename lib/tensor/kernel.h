// SPDX-License-Identifier: MIT
//
// Runs one shader on tensors. Picks the variant for the dtypes, turns each tensor into a
// range of a block, cuts bindings that are longer than the device allows, and hands the
// dispatch to the scheduler, which works out barriers from read and write. Ops never see a
// buffer or a barrier.
#ifndef LAT_KERNEL_H
#define LAT_KERNEL_H
#include "tensor/tensor.h"

enum { LAT_NO_DTYPE = -1, LAT_NO_OFFSET = 0xffff };

// How a dispatch may be cut when a binding is longer than maxStorageBufferRange: into runs of
// whole rows. Rows are numbered along every binding at once.
struct lat_split {
    uint32_t n_rows;          // 0 = this kernel cannot be cut (ERR_UNSUPPORTED when it must be)
    uint32_t rows_per_group;  // x workgroups = ceil(rows / rows_per_group) * groups_per_row
    uint32_t groups_per_row;  // 0 means 1
    uint64_t row_elements[LAT_MAX_BINDINGS];  // of binding i; 0 = needed whole every time
    uint16_t push_n_rows;                     // byte offset in the push block of the u32 row count
    uint16_t push_row0;  // of the u32 index of the first row; LAT_NO_OFFSET = shader has none
};

struct lat_kernel {
    const struct lat_shader *shader;
    bool shader_may_go;  // before the dispatch is recorded: a program's own
    int t, u;            // storage dtypes of the variant (lattn_dtype), LAT_NO_DTYPE = axis absent
    // Bindings 0 .. n_read-1, then n_read .. n_read+n_write-1. NULL = absent optional tensor.
    // Tensors are contiguous unless an offset is declared for their binding.
    lattn_tensor *read[LAT_MAX_BINDINGS];
    int n_read;
    lattn_tensor *write[LAT_MAX_BINDINGS];  // written, or read and written in place
    int n_write;
    // Byte offset in the push block of the u32 that receives binding i's element offset: for
    // kernels that index with strides. 0 = none: then a view that misses the device's offset
    // alignment is copied to aligned memory first (and back, when written).
    uint16_t push_offset[LAT_MAX_BINDINGS];
    uint32_t
        push_offset_unit;  // elements in one unit of those offsets, which divides them; 0 means 1
    // Byte offset in the push block of the two u32 that receive binding i's device address;
    // 0 = none. Only strategies that need caps.buffer_address.
    uint16_t push_address[LAT_MAX_BINDINGS];
    void *push;  // may be changed by lat_kernel_run
    uint32_t push_bytes;
    const uint32_t *spec;  // specialisation constants 0 .. n_spec-1; 0 is the workgroup size
    uint32_t n_spec;
    uint32_t subgroup_size;  // required; 0 = the driver's choice
    bool full_subgroups;
    // Workgroups. groups is linear: it is folded into x and y past the device's limit, and the
    // shader finds it with lat_group() of common/index.glsl. groups_z is the third dimension.
    uint64_t groups;
    uint32_t groups_z;  // 0 means 1
    uint16_t push_z0;   // byte offset in the push block of the u32 first z, for kernels that may
                        // pass the device's limit of z; 0 = none, then that is ERR_UNSUPPORTED
    uint32_t exact_groups[3];  // instead of groups, when not 0: x, y and z as they are
    struct lat_split split;
    double bytes, flops;  // for statistics; bytes 0 = sum of the bindings
};

lattn_status lat_kernel_run(lattn_ctx *ctx, const struct lat_kernel *k);

// What the start of every binding is a multiple of: what the device asks for, and at least four
// floats, so that shaders may read quads.
uint64_t lat_binding_alignment(const lattn_ctx *ctx);

// Magic number and shift that divide by d >= 1: shaders/common/divide.glsl.
struct lat_divisor {
    uint32_t magic, shift;
};
struct lat_divisor lat_divisor(uint32_t d);

// ---- kernel strategies (select.c) -------------------------------------------------------------------

enum lat_strategy_kind {
    LAT_STRATEGY_BASE,
    LAT_STRATEGY_CPU,
    LAT_STRATEGY_SUBGROUP,
    LAT_STRATEGY_WINOGRAD,
    LAT_STRATEGY_COOPMAT,
    LAT_STRATEGY_COOPMAT2,
    LAT_STRATEGY_KINDS
};
const char *lat_strategy_name(enum lat_strategy_kind kind);
int lat_strategy_kind_of(const char *name);  // -1 = no such strategy

// What a choice may depend on: filled by the op, read by admits and cost.
struct lat_problem {
    const struct lat_caps *caps;
    lattn_dtype dtype;
    int64_t size[6];  // meaning is the op's (for matmul: batch, m, n, k, transposes)
};

// A row of an op's selection table. The admissible row with the least cost runs.
struct lat_strategy {
    enum lat_strategy_kind kind;
    const char *detail;                           // tile or form, "64x64"; "" if there is only one
    bool (*admits)(const struct lat_problem *p);  // NULL = always
    double (*cost)(const struct lat_problem *p);  // seconds up to a factor; NULL = 1
    const void *config;                           // the op's own: shader, tile sizes
};

// Index of the chosen row. LATTN_DISABLE=name,... takes strategies out (never base);
// LATTN_STRATEGY=name or lat_strategy_force prefers one where it is admissible.
int lat_strategy_select(lattn_ctx *ctx, const char *op, const struct lat_strategy *table, int n,
    const struct lat_problem *p);
// The same without remembering it; -1 when no row is admissible.
int lat_strategy_peek(lattn_ctx *ctx, const char *op, const struct lat_strategy *table, int n,
    const struct lat_problem *p);
bool lat_strategy_admitted(
    lattn_ctx *ctx, const struct lat_strategy *row, const struct lat_problem *p);
// For tests and benches: kind = -1 lifts it.
void lat_strategy_force(lattn_ctx *ctx, int kind);
// Whether neither LATTN_STRATEGY nor lat_strategy_force prefers one.
bool lat_strategy_is_free(lattn_ctx *ctx);
// For tune.c: this very row runs wherever its table is asked; NULL lifts it.
void lat_strategy_try(lattn_ctx *ctx, const struct lat_strategy *row);
// As LATTN_DISABLE does, for one context. base stays on.
void lat_strategy_disable(lattn_ctx *ctx, enum lat_strategy_kind kind, bool off);
// What the last select for op took, for lattn-bench and lattn-info.
const struct lat_strategy *lat_strategy_last(lattn_ctx *ctx);
// Every kind that was taken since the last lat_strategy_force, as bits.
uint32_t lat_strategy_taken(lattn_ctx *ctx);

// ---- questions about a device (devices.c) ------------------------------------------------------------

// For kernels laid out for one subgroup size: whether a workgroup surely gets caps->subgroup_size.
bool lat_subgroup_size_known(const struct lat_caps *caps);
// For the cpu strategies: whether loads by device address are the fast ones, as in lavapipe from Mesa
// 26 on. Before, they are the slowest.
bool lat_loads_by_address(const struct lat_caps *caps);

// Kernels with a base and one cpu form: whether the latter runs. fits: the kernel's own conditions, about
// edges. Also their table, for struct lat_op.
enum { LAT_WIDE_STRATEGIES = 2 };
extern const struct lat_strategy lat_wide_strategies[LAT_WIDE_STRATEGIES];
bool lat_wide_chosen(lattn_ctx *ctx, const char *op, lattn_dtype dtype, bool fits);
// Asks for full subgroups of caps->subgroup_size.
void lat_wide_subgroups(lattn_ctx *ctx, struct lat_kernel *k);

#endif
