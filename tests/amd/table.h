// SPDX-License-Identifier: MIT
//
// What AMD's compiler makes of each kernel at most, over its types, constants and subgroup sizes, as a file with
// a line for each kernel; and the comparison with an earlier one.
#ifndef AMD_TABLE_H
#define AMD_TABLE_H
#include "ops/kernels.h"

enum { AMD_MAX_KERNELS = 512 };

struct amd_row {
    char kernel[64];
    double registers, shared_bytes, instructions;
};
struct amd_table {
    char driver[128];
    struct amd_row rows[AMD_MAX_KERNELS];
    int n;
};

void amd_table_add(struct amd_table *t, const struct ot_kernel *kernel);
bool amd_table_write(
    const struct amd_table *t, const char *path);  // false with a sentence on stderr
bool amd_table_read(struct amd_table *t, const char *path);
// Prints a line for each kernel that needs a tenth more registers or shared memory than it did, and for
// each that is gone. Returns how many.
int amd_table_compare(const struct amd_table *old, const struct amd_table *now);

#endif
