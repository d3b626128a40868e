// SPDX-License-Identifier: MIT
//
// Tokens sorted by (id, position): what the gradient of an embedding needs to add up the rows of
// each id in a fixed order. A radix sort of a few bits per pass, from the lowest up, each pass in
// three dispatches:
//
//     token_sort_count   table[digit][run] = how often digit occurs in a run of keys
//     token_sort_scan    exclusive sums over the table: where the run's keys of that digit go
//     token_sort_place   puts keys and positions there
//
// Each run is one invocation with its own column of the table: no atomics, no shared memory, and
// keys that are equal stay in order. Source: Knuth, The Art of Computer Programming 3, 5.2.5.
#ifndef LAT_TOKEN_SORT_GLSL
#define LAT_TOKEN_SORT_GLSL
#include "token_sort.abi.h"
#include "common/index.glsl"

layout(binding = 0) readonly buffer Index { int index[]; };
layout(binding = 1) readonly buffer KeysIn { uint keys_in[]; };

uint key_at(uint i)
{
    if (p.from_index == 0u)
        return keys_in[i];
    int id = index[i];
    // Ids outside the table, and the padding, come after all others.
    return id < 0 || uint(id) >= p.vocab || id == p.padding_idx ? p.vocab : uint(id);
}

uint slot_of(uint key, uint run)
{
    return ((key >> p.shift) & (p.n_digits - 1u)) * p.n_runs + run;
}

#endif
