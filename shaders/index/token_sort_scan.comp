#version 450
#extension GL_GOOGLE_include_directive : require
// SPDX-License-Identifier: MIT
//
// token_sort_scan: exclusive sums over the table, in place, by one workgroup: each invocation adds
// up a share, the shares are summed in shared memory, and a second walk writes. See token_sort.glsl.
//
// @groups    (1, 1, 1)

#include "token_sort.abi.h"

layout(local_size_x = LAT_SORT_SCAN) in;

layout(binding = 0) buffer Table { uint table[]; };

shared uint sums[LAT_SORT_SCAN];

void main()
{
    uint n = p.n_digits * p.n_runs;
    uint share = (n + LAT_SORT_SCAN - 1u) / LAT_SORT_SCAN;
    uint lane = gl_LocalInvocationID.x;
    uint first = min(lane * share, n), last = min(first + share, n);

    uint own = 0u;
    for (uint i = first; i < last; i++)
        own += table[i];
    sums[lane] = own;
    barrier();
    for (uint reach = 1u; reach < LAT_SORT_SCAN; reach *= 2u) {
        uint other = lane >= reach ? sums[lane - reach] : 0u;
        barrier();
        sums[lane] += other;
        barrier();
    }
    uint before = sums[lane] - own;
    for (uint i = first; i < last; i++) {
        uint count = table[i];
        table[i] = before;
        before += count;
    }
}
