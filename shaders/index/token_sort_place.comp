#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// token_sort_place: moves each run's keys and positions to where the table says. See token_sort.glsl.
//
// @groups    (ceil(n_runs / WG), 1, 1)

#include "token_sort.glsl"

layout(local_size_x = 16, local_size_x_id = 0) in;

layout(binding = 2) readonly buffer PositionsIn { uint positions_in[]; };
layout(binding = 3) buffer Table { uint table[]; };
layout(binding = 4) writeonly buffer Keys { uint keys[]; };
layout(binding = 5) writeonly buffer Positions { uint positions[]; };

void main()
{
    uint run = lat_thread();
    if (run >= p.n_runs)
        return;
    for (uint i = run * p.run_length; i < min((run + 1u) * p.run_length, p.n); i++) {
        uint key = key_at(i);
        uint slot = slot_of(key, run);
        uint to = table[slot];
        table[slot] = to + 1u;
        keys[to] = key;
        positions[to] = p.from_index != 0u ? i : positions_in[i];
    }
}
