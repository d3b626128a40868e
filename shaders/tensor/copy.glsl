// SPDX-License-Identifier: MIT
//
// The body of copy and copy_quads: MOVE(dst, src) moves one element or quad. Dimensions are those
// that the host could not join, so a matrix in other strides costs one division.

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 1) const uint RANK = 1;  // 1 .. LAT_COPY_MAX_RANK

void move_one(uint i)
{
    uint src = p.src_offset, dst = p.dst_offset;
    for (uint d = RANK - 1u; d > 0u; d--) {
        uint quotient = lat_divide(i, p.magic[d], bitfieldExtract(p.shifts, int(5u * d), 5));
        uint rest = i - quotient * p.size[d];
        src += rest * p.src_stride[d];
        dst += rest * p.dst_stride[d];
        i = quotient;
    }
    MOVE(dst + i * p.dst_stride[0], src + i * p.src_stride[0]);
}

void main()
{
    uint group = lat_group() * gl_WorkGroupSize.x * 4u, first = group + gl_LocalInvocationID.x;
    if (group + 4u * gl_WorkGroupSize.x <= p.n) {  // the same for the whole workgroup
        for (uint k = 0; k < 4u; k++)
            move_one(first + k * gl_WorkGroupSize.x);
        return;
    }
    for (uint k = 0; k < 4u; k++)
        if (first + k * gl_WorkGroupSize.x < p.n)
            move_one(first + k * gl_WorkGroupSize.x);
}
