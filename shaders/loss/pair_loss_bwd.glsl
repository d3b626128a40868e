// SPDX-License-Identifier: MIT
//
// Backward of a loss per element: vec2 pair_grad(x, t) gives the derivatives by x and by t.

layout(local_size_x = 64, local_size_x_id = 0) in;

layout(binding = 0) readonly buffer X { T x[]; };
layout(binding = 1) readonly buffer Target { T t[]; };
layout(binding = 2) readonly buffer Dy { float dy[]; };  // one, or one per element
layout(binding = 3) writeonly buffer Dx { T dx[]; };
layout(binding = 4) writeonly buffer Dt { T dt[]; };

void main()
{
    uint block = lat_group();
    if (block >= p.n_blocks)
        return;
    uint first = block * gl_WorkGroupSize.x * LAT_PAIR_STEPS + gl_LocalInvocationID.x;
    uint left = p.n - p.block0 * gl_WorkGroupSize.x * LAT_PAIR_STEPS;
    bool each = (p.flags & LAT_PAIR_EACH) != 0u;
    for (uint k = 0u; k < LAT_PAIR_STEPS; k++) {
        uint i = first + k * gl_WorkGroupSize.x;
        if (i >= left)
            break;
        vec2 d = pair_grad(load(x[i]), load(t[i])) * (dy[each ? i : 0u] * p.scale);
        if (p.want_dx != 0u)
            dx[i] = store(d.x);
        if (p.want_dt != 0u)
            dt[i] = store(d.y);
    }
}
