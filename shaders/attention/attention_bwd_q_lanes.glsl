// SPDX-License-Identifier: MIT
//
// Gradient of the queries in the cpu and subgroup strategies, with one query per lane. The formulas
// are those of attention_bwd_q_base.comp.

layout(binding = 3) readonly buffer Q { T q[]; };
layout(binding = 4) readonly buffer K { T k[]; };
layout(binding = 5) readonly buffer V { T v[]; };
layout(binding = 6) readonly buffer Out { T out_[]; };
layout(binding = 7) readonly buffer G { T g[]; };
layout(binding = 8) readonly buffer Lse { float lse[]; };
layout(binding = 9) writeonly buffer Dq { T dq[]; };
layout(binding = 10) writeonly buffer Stats { float stats[]; };  // [B, H, T, 2]

#define AT_K(row) (k_base + min(row, p.s - 1) * p.k_stride[2])
#define AT_V(row) (v_base + min(row, p.s - 1) * p.v_stride[2])
#define FETCH_K(i) load(k[i])
#define FETCH_V(i) load(v[i])
#define ADDRESS_K packUint2x32(uvec2(p.address0, p.address1))
#define ADDRESS_V packUint2x32(uvec2(p.address2, p.address3))

// For short sequences gradients of scores and weights after dropout are kept, so that the second kernel does
// not make them again: [B, H, S, 2, T], T a multiple of SG.
#ifdef LAT_KEEPS_WEIGHTS
const bool PAIRS = true;
LAT_LANES_OUT(11, Made, made)
#define KEEP(key, ds, w)                                                                      \
    {                                                                                         \
        uint line = (p.t + SG - 1) / SG * SG;                                                 \
        uint made_at = (matrix * p.s + (key)) * 2 * line + t0;                                \
        LAT_STORE_LANES(made, made_at, ds)                                                    \
        LAT_STORE_LANES(made, made_at + line, w)                                              \
    }
#else
#define KEEP(key, ds, w)
#endif

// Keys first .. first + n - 1; n is BLOCK or 1.
#define ADD_KEYS(n, first)                                                                    \
    {                                                                                         \
        float score[n];                                                                       \
        float ds[n];                                                                          \
        uvec4 words = uvec4(0);                                                               \
        OPEN_ROWS(K, n, first)                                                                \
        OPEN_ROWS(V, n, first)                                                                \
        [[unroll]] for (uint i = 0; i < n; i++) {                                             \
            score[i] = 0.0;                                                                   \
            ds[i] = 0.0;                                                                      \
        }                                                                                     \
        APART(0)                                                                              \
        [[unroll]] for (uint d = 0; d < D; d++)                                               \
            [[unroll]] for (uint i = 0; i < n; i++)                                           \
                score[i] = fma(own[d], ROW(K, i, d), score[i]);                               \
        APART(1)                                                                              \
        [[unroll]] for (uint d = 0; d < D; d++)                                               \
            [[unroll]] for (uint i = 0; i < n; i++)                                           \
                ds[i] = fma(own_g[d], ROW(V, i, d), ds[i]);                                   \
        [[unroll]] for (uint i = 0; i < n; i++) {                                             \
            float keep = p.keep_factor;                                                       \
            if (DROPOUT) {                                                                    \
                if (i % 4 == 0)                                                               \
                    words = drop_words(batch, head, t, (first) + i);                          \
                if (words[(n == 1 ? (first) : i) % 4] < p.drop_below)                         \
                    keep = 0.0;                                                               \
            }                                                                                 \
            float w = weight_of(                                                              \
                score_of(score[i], batch, head, t, (first) + i, keys), row_lse);              \
            ds[i] = p.scale * w * (ds[i] * keep - r);                                         \
            KEEP((first) + i, ds[i], w * keep)                                                \
        }                                                                                     \
        [[unroll]] for (uint part = 0; part < D; part += PART)                                \
            APART(2 + part)                                                                   \
            [[unroll]] for (uint d = part; d < min(part + PART, D); d++) {                    \
                float sum = acc[d];                                                           \
                [[unroll]] for (uint i = 0; i < n; i++)                                       \
                    sum = fma(ds[i], ROW(K, i, d), sum);                                      \
                acc[d] = sum;                                                                 \
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
    uint g_base = p.g_offset + batch * p.g_stride[0] + head * p.g_stride[1];
    uint at = row_at(batch, head, t, p.t, HEADS);

    float own[D];
    float own_g[D];
    float acc[D];
    float r = 0.0;
    [[unroll]] for (uint d = 0; d < D; d++) {
        own[d] = load(q[q_base + t * p.q_stride[2] + d]);
        own_g[d] = load(g[g_base + t * p.g_stride[2] + d]);
        r = fma(own_g[d], load(out_[at + d]), r);
        acc[d] = 0.0;
    }
    float row_lse = lse[matrix * p.t + t];

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
    [[unroll]] for (uint d = 0; d < D; d++)
        dq[at + d] = store(acc[d]);
    stats[(matrix * p.t + t) * 2] = row_lse;
    stats[(matrix * p.t + t) * 2 + 1] = r;
}
