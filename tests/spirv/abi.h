// SPDX-License-Identifier: MIT
//
// Push blocks as the C compiler lays them out; the table is made by abi.awk.
#ifndef ABI_H
#define ABI_H
#include <stddef.h>

struct abi_member {
    const char *name;
    char kind;  // 'u', 'i', 'f'
    size_t offset, bytes;
};

struct abi_block {
    const char *name;
    size_t bytes;
    const struct abi_member *members;
    size_t n_members;
};

extern const struct abi_block abi_blocks[];  // ends with a NULL name

#endif
