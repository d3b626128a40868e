// SPDX-License-Identifier: MIT
//
// Sums over a workgroup, in a fixed order: a tree in shared memory. Include after local_size.

shared vec2 tree[gl_WorkGroupSize.x];

vec2 tree_sum(vec2 v)
{
    uint lane = gl_LocalInvocationID.x;
    barrier();  // everyone has read the result before
    tree[lane] = v;
    for (uint half_wg = gl_WorkGroupSize.x / 2u; half_wg > 0u; half_wg /= 2u) {
        barrier();
        if (lane < half_wg)
            tree[lane] += tree[lane + half_wg];
    }
    barrier();
    return tree[0];
}
