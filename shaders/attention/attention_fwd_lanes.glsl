// SPDX-License-Identifier: MIT
//
// Forward of the cpu and subgroup strategies: online softmax with one query per lane. The formulas
// are those of attention_fwd_base.comp.

layout(binding = 3) readonly buffer Q { T q[]; };
layout(binding = 4) readonly buffer K { T k[]; };
layout(binding = 5) readonly buffer V { T v[]; };
layout(binding = 6) writeonly buffer Out { T out_[]; };
layout(binding = 7) writeonly buffer Lse { float lse[]; };

#define AT_K(row) (k_base + min(row, p.s - 1) * p.k_stride[2])
#define AT_V(row) (v_base + min(row, p.s - 1) * p.v_stride[2])
#define FETCH_K(i) load(k[i])
#define FETCH_V(i) load(v[i])
#define ADDRESS_K packUint2x32(uvec2(p.address0, p.address1))
#define ADDRESS_V packUint2x32(uvec2(p.address2, p.address3))

// Keys first .. first + n - 1; n is BLOCK or 1. Sums of all keys grow side by side: one alone would wait for
// each addition.
#define ADD_KEYS(n, first)                                                                    \
    {                                                                                         \
        float w[n];                                                                           \
        float top = m;                                                                        \
        OPEN_ROWS(K, n, first)                                                                \
        [[unroll]] for (uint i = 0; i < n; i++)                                               \
            w[i] = 0.0;                                                                       \
        APART(0)                                                                              \
        [[unroll]] for (uint d = 0; d < D; d++)                                               \
            [[unroll]] for (uint i = 0; i < n; i++)                                           \
                w[i] = fma(own[d], ROW(K, i, d), w[i]);                                       \
        [[unroll]] for (uint i = 0; i < n; i++) {                                             \
            w[i] = score_of(w[i], batch, head, t, (first) + i, keys);                         \
            top = max(top, w[i]);                                                             \
        }                                                                                     \
        float shrink = exp(m - top);                                                          \
        m = top;                                                                              \
        l *= shrink;                                                                          \
        uvec4 words = uvec4(0);                                                               \
        [[unroll]] for (uint i = 0; i < n; i++) {                                             \
            w[i] = weight_of(w[i], m);                                                        \
            l += w[i];                                                                        \
            if (DROPOUT) {                                                                    \
                if (i % 4 == 0)                                                               \
                    words = drop_words(batch, head, t, (first) + i);                          \
                if (words[(n == 1 ? (first) : i) % 4] < p.drop_below)                         \
                    w[i] = 0.0;                                                               \
            }                                                                                 \
        }                                                                                     \
        OPEN_ROWS(V, n, first)                                                                \
        [[unroll]] for (uint part = 0; part < D; part += PART)                                \
            APART(1 + part)                                                                   \
            [[unroll]] for (uint d = part; d < min(part + PART, D); d++) {                    \
                float sum = o[d] * shrink;                                                    \
                [[unroll]] for (uint i = 0; i < n; i++)                                       \
                    sum = fma(w[i], ROW(V, i, d), sum);                                       \
                o[d] = sum;                                                                   \
            }                                                                                 \
    }

void main()
{
    uint blocks = (p.t + SG - 1) / SG;
    uint n_groups = p.n_batch * HEADS * blocks;
    uint group = min(lat_group(), n_groups - 1);  // loads run even where no lane is active
    uint matrix = group / blocks;
    uint batch = matrix / HEADS;
    uint head = matrix % HEADS;
    uint t0 = group % blocks * SG;
    uint t = min(t0 + gl_SubgroupInvocationID, p.t - 1);
    uint q_base = p.q_offset + batch * p.q_stride[0] + head * p.q_stride[1];
    uint k_base = p.k_offset + batch * p.k_stride[0] + head / SHARING * p.k_stride[1];
    uint v_base = p.v_offset + batch * p.v_stride[0] + head / SHARING * p.v_stride[1];

    float own[D];
    float o[D];
    [[unroll]] for (uint d = 0; d < D; d++) {
        own[d] = load(q[q_base + t * p.q_stride[2] + d]);
        o[d] = 0.0;
    }
    float m = LAT_ATTENTION_MASKED;
    float l = 0.0;

    uint keys = keys_of(batch);
    uint end = key_end(min(t0 + SG, p.t), keys);
    uint s = key_begin(t0) / 4 * 4;  // four keys share their random words
    if (BLOCK > 1 && s + BLOCK <= end)
        for (;;) {
            ADD_KEYS(BLOCK, s)
            s += BLOCK;
            if (s + BLOCK > end)
                break;
        }
    if (s < end)
        for (;;) {
            ADD_KEYS(1, s)
            s++;
            if (s >= end)
                break;
        }

    if (lat_group() >= n_groups || t0 + gl_SubgroupInvocationID >= p.t)
        return;
    // l is 0 when nothing is to be seen; NaN stays NaN.
    float factor = l == 0.0 ? 0.0 : p.keep_factor / l;
    uint at = row_at(batch, head, t, p.t, HEADS);
    [[unroll]] for (uint d = 0; d < D; d++)
        out_[at + d] = store(o[d] * factor);
    lse[matrix * p.t + t] = l == 0.0 ? 0.0 : m + log(l);
}
