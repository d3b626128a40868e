// SPDX-License-Identifier: MIT
//
// Which elements of x an element of upsample2d's result comes from, along one dimension.
//
//     nearest     floor(i n / n_out)
//     bilinear    (i + 1/2) n / n_out - 1/2, at least 0; with CORNERS i (n - 1) / (n_out - 1)

// Two neighbours (the same one at the end) and the share of the second.
struct Source {
    uint first, second;
    float share;
};

Source source_of(uint i, uint n, uint n_out)
{
    if (!has(LAT_POOL_BILINEAR)) {
        uint at = i * n / n_out;
        return Source(at, at, 0.0);
    }
    float at = has(LAT_POOL_CORNERS) ? (n_out > 1u ? float(i) * (float(n - 1u) / float(n_out - 1u)) : 0.0)
                                     : max((float(i) + 0.5) * (float(n) / float(n_out)) - 0.5, 0.0);
    uint first = min(uint(at), n - 1u);
    return Source(first, min(first + 1u, n - 1u), at - float(first));
}

float share_of(Source s, uint k)
{
    return (s.first == k ? 1.0 - s.share : 0.0) + (s.second == k ? s.share : 0.0);
}

// The results (first, behind the last) that element k may have a share in, or a few more.
uvec2 results_of(uint k, uint n, uint n_out)
{
    if (!has(LAT_POOL_BILINEAR))
        return uvec2((k * n_out + n - 1u) / n, ((k + 1u) * n_out + n - 1u) / n);
    float ratio = has(LAT_POOL_CORNERS) ? float(n_out - 1u) / float(max(n - 1u, 1u)) : float(n_out) / float(n);
    float first = floor((float(k) - 1.0) * ratio) - 1.0, end = ceil((float(k) + 2.0) * ratio) + 1.0;
    return uvec2(k == 0u ? 0u : uint(max(first, 0.0)), k == n - 1u ? n_out : min(uint(end), n_out));
}
