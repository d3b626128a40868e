// SPDX-License-Identifier: MIT
//
// What the update rules share: the bindings and the walk over an arena. A workgroup updates one
// chunk, all of one group. The rule is the .comp's, on four elements at a time:
//
//     void rule(vec4 g, float lr, float decay, inout vec4 w, inout vec4 m, inout vec4 v)
//
// with g the gradient without the loss scale, clipped. When grad_norm found NaN or infinity nothing is
// written: weights, moments and copy stay as they are.

layout(local_size_x = 64, local_size_x_id = 0) in;

layout(binding = 0) readonly buffer G { T grads[]; };
layout(binding = 0) readonly buffer G4 { T4 grads4[]; };
layout(binding = 1) readonly buffer ChunkGroup { uint chunk_group[]; };
layout(binding = 2) readonly buffer Groups { float groups[]; };
layout(binding = 3) readonly buffer Hyper { float hyper[]; };
layout(binding = 4) readonly buffer Report { float report[]; };
layout(binding = 5) buffer W { float weights[]; };
layout(binding = 5) buffer W4 { vec4 weights4[]; };
layout(binding = 6) buffer M { float moments[]; };
layout(binding = 6) buffer M4 { vec4 moments4[]; };
layout(binding = 7) buffer V { float squares[]; };
layout(binding = 7) buffer V4 { vec4 squares4[]; };
layout(binding = 8) writeonly buffer Copy { T copies[]; };
layout(binding = 8) writeonly buffer Copy4 { T4 copies4[]; };

void rule(vec4 g, float lr, float decay, inout vec4 w, inout vec4 m, inout vec4 v);

bool has(uint flag)
{
    return (p.flags & flag) != 0u;
}

// Elements 4q .. 4q+3 of the binding.
void update4(uint q, float scale, float lr, float decay)
{
    vec4 w = weights4[q], m = vec4(0.0), v = vec4(0.0);
    if (has(LAT_OPTIM_HAS_MOMENT1))
        m = moments4[q];
    if (has(LAT_OPTIM_HAS_MOMENT2))
        v = squares4[q];
    rule(load4(grads4[q]) * scale, lr, decay, w, m, v);
    weights4[q] = w;
    if (has(LAT_OPTIM_HAS_MOMENT1))
        moments4[q] = m;
    if (has(LAT_OPTIM_HAS_MOMENT2))
        squares4[q] = v;
    if (has(LAT_OPTIM_HAS_COPY))
        copies4[q] = store4(w);
}

// The last elements of an arena that is no whole number of quads.
void update1(uint i, float scale, float lr, float decay)
{
    vec4 w = vec4(weights[i]), m = vec4(0.0), v = vec4(0.0);
    if (has(LAT_OPTIM_HAS_MOMENT1))
        m = vec4(moments[i]);
    if (has(LAT_OPTIM_HAS_MOMENT2))
        v = vec4(squares[i]);
    rule(vec4(load(grads[i]) * scale), lr, decay, w, m, v);
    weights[i] = w.x;
    if (has(LAT_OPTIM_HAS_MOMENT1))
        moments[i] = m.x;
    if (has(LAT_OPTIM_HAS_MOMENT2))
        squares[i] = v.x;
    if (has(LAT_OPTIM_HAS_COPY))
        copies[i] = store(w.x);
}

void main()
{
    uint chunk = lat_group();
    if (chunk >= p.n_chunks || report[LAT_REPORT_FINITE] == 0.0)
        return;
    float scale = report[LAT_REPORT_FACTOR];
    uint group = chunk_group[p.chunk0 + chunk] * LAT_GROUP_COUNT;
    float lr = hyper[LAT_HYPER_LR] * groups[group + LAT_GROUP_LR_RATIO];
    float decay = groups[group + LAT_GROUP_WEIGHT_DECAY];

    uint first = chunk * LAT_OPTIM_CHUNK;
    uint count = min(LAT_OPTIM_CHUNK, p.n - (p.chunk0 * LAT_OPTIM_CHUNK + first));
    for (uint q = gl_LocalInvocationID.x; q < count / 4u; q += gl_WorkGroupSize.x)
        update4(first / 4u + q, scale, lr, decay);
    uint tail = count / 4u * 4u + gl_LocalInvocationID.x;
    if (tail < count)
        update1(first + tail, scale, lr, decay);
}
