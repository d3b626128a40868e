// SPDX-License-Identifier: MIT
//
// The windows of avg_pool2d and adaptive_avg_pool2d along one dimension, and what a sum is divided by.

// A window without the padding: first element, behind the last one; and its size for the mean.
struct Window {
    uint first, end, size;
};

Window avg_window(uint i, uint n_in, uint n_out, uint kernel, uint stride, uint pad)
{
    if (has(LAT_POOL_ADAPTIVE)) {
        uint first = i * n_in / n_out, end = ((i + 1u) * n_in + n_out - 1u) / n_out;
        return Window(first, end, end - first);
    }
    uint padded = i * stride, padded_end = min(padded + kernel, n_in + 2u * pad);
    uint first = max(padded, pad) - pad, end = min(max(padded_end, pad) - pad, n_in);
    return Window(first, end, has(LAT_POOL_EXCLUDE_PAD) ? end - first : padded_end - padded);
}

Window avg_rows(uint i)
{
    return avg_window(i, p.h, p.oh, KERNEL_H, STRIDE_H, p.pad_h);
}

Window avg_columns(uint j)
{
    return avg_window(j, p.w, p.ow, KERNEL_W, STRIDE_W, p.pad_w);
}

float avg_divisor(Window rows, Window columns)
{
    return has(LAT_POOL_DIVISOR) ? p.divisor : float(rows.size * columns.size);
}

// The windows (first, behind the last) that element v lies in.
uvec2 avg_windows(uint v, uint n_in, uint n_out, uint kernel, uint stride, uint pad)
{
    if (has(LAT_POOL_ADAPTIVE))
        return uvec2(v * n_out / n_in, ((v + 1u) * n_out + n_in - 1u) / n_in);
    return pool_windows(v, pad, kernel, stride, n_out);
}
