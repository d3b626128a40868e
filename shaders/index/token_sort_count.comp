#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// token_sort_count: how often each digit occurs in each run of keys. See token_sort.glsl.
//
// @groups    (ceil(n_runs / WG), 1, 1)

#include "token_sort.glsl"

layout(local_size_x = 16, local_size_x_id = 0) in;

layout(binding = 2) buffer Table { uint table[]; };

void main()
{
    uint run = lat_thread();
    if (run >= p.n_runs)
        return;
    for (uint digit = 0u; digit < p.n_digits; digit++)
        table[digit * p.n_runs + run] = 0u;
    for (uint i = run * p.run_length; i < min((run + 1u) * p.run_length, p.n); i++)
        table[slot_of(key_at(i), run)]++;
}
