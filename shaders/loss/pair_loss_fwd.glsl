// SPDX-License-Identifier: MIT
//
// Forward of a loss per element: float pair_loss(x, t) comes from the .comp. Either every loss is
// written, or each invocation adds up its own LAT_PAIR_STEPS elements and loss_reduce adds the
// invocations: no shared memory, and an order that depends on the size alone.

layout(local_size_x = 64, local_size_x_id = 0) in;

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) readonly buffer Target { T t[]; };
layout(binding = 2) writeonly buffer Out { float losses[]; };

void main()
{
    uint block = lat_group();
    if (block >= p.n_blocks)
        return;
    uint first = block * gl_WorkGroupSize.x * LAT_PAIR_STEPS + gl_LocalInvocationID.x;
    uint left = p.n - p.block0 * gl_WorkGroupSize.x * LAT_PAIR_STEPS;  // of the tensor from here
    bool each = (p.flags & LAT_PAIR_EACH) != 0u;
    float acc = 0.0;
    for (uint k = 0u; k < LAT_PAIR_STEPS; k++) {
        uint i = first + k * gl_WorkGroupSize.x;
        if (i >= left)
            break;
        float v = pair_loss(load(x[i]), load(t[i]));
        if (each)
            losses[i] = v;
        acc += v;
    }
    if (!each)
        losses[block * gl_WorkGroupSize.x + gl_LocalInvocationID.x] = acc;
}
