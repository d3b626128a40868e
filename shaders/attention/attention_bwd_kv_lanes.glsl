// SPDX-License-Identifier: MIT
//
// Gradients of keys and values in the cpu and subgroup strategies, with one key per lane. The formulas
// are those of attention_bwd_kv_base.comp.

layout(binding = 3) readonly buffer Q { T q[]; };
layout(binding = 4) readonly buffer K { T k[]; };
layout(binding = 5) readonly buffer V { T v[]; };
layout(binding = 6) readonly buffer G { T g[]; };
#ifdef LAT_KEEPS_WEIGHTS
layout(binding = 7) readonly buffer Made { float made[]; };  // by the kernel of the queries
#else
layout(binding = 7) readonly buffer Stats { float stats[]; };
#endif
layout(binding = 8) writeonly buffer Dk { T dk[]; };
layout(binding = 9) writeonly buffer Dv { T dv[]; };

#define AT_Q(row) (q_base + min(row, p.t - 1) * p.q_stride[2])
#define AT_G(row) (g_base + min(row, p.t - 1) * p.g_stride[2])
#define FETCH_Q(i) load(q[i])
#define FETCH_G(i) load(g[i])
#define ADDRESS_Q packUint2x32(uvec2(p.address0, p.address1))
#define ADDRESS_G packUint2x32(uvec2(p.address2, p.address3))

// Weights after dropout and gradients of scores of n queries. What is hidden may not have been kept.
#ifdef LAT_KEEPS_WEIGHTS
#define MAKE_WEIGHTS(n, first)                                                                \
    [[unroll]] for (uint i = 0; i < n; i++) {                                                 \
        uint t_i = min((first) + i, p.t - 1);                                                 \
        uint line = (p.t + SG - 1) / SG * SG;                                                 \
        uint at = ((batch * HEADS + head) * p.s + s) * 2 * line + t_i;                        \
        bool hidden = is_hidden(t_i, s, keys);                                                \
        ds[i] = hidden ? 0.0 : made[at];                                                      \
        w[i] = hidden ? 0.0 : made[at + line];                                                \
    }
#else
#define MAKE_WEIGHTS(n, first)                                                                \
    [[unroll]] for (uint i = 0; i < n; i++) {                                                 \
        w[i] = 0.0;                                                                           \
        ds[i] = 0.0;                                                                          \
    }                                                                                         \
    APART(0)                                                                                  \
    [[unroll]] for (uint d = 0; d < D; d++)                                                   \
        [[unroll]] for (uint i = 0; i < n; i++)                                               \
            w[i] = fma(own_k[d], ROW(Q, i, d), w[i]);                                         \
    APART(1)                                                                                  \
    [[unroll]] for (uint d = 0; d < D; d++)                                                   \
        [[unroll]] for (uint i = 0; i < n; i++)                                               \
            ds[i] = fma(own_v[d], ROW(G, i, d), ds[i]);                                       \
    [[unroll]] for (uint i = 0; i < n; i++) {                                                 \
        uint t_i = min((first) + i, p.t - 1);                                                 \
        uint at = ((batch * HEADS + head) * p.t + t_i) * 2;                                   \
        w[i] = weight_of(score_of(w[i], batch, head, t_i, s, keys), stats[at]);               \
        float keep = kept(batch, head, t_i, s) ? p.keep_factor : 0.0;                         \
        ds[i] = p.scale * w[i] * (ds[i] * keep - stats[at + 1]);                              \
        w[i] *= keep;                                                                         \
    }
#endif

// Queries first .. first + n - 1; n is BLOCK or 1.
#define ADD_QUERIES(n, first)                                                                 \
    {                                                                                         \
        float w[n];                                                                           \
        float ds[n];                                                                          \
        OPEN_ROWS(Q, n, first)                                                                \
        OPEN_ROWS(G, n, first)                                                                \
        MAKE_WEIGHTS(n, first)                                                                \
        [[unroll]] for (uint part = 0; part < D; part += PART)                                \
            APART(2 + part)                                                                   \
            [[unroll]] for (uint d = part; d < min(part + PART, D); d++) {                    \
                float sum = acc_k[d];                                                         \
                [[unroll]] for (uint i = 0; i < n; i++)                                       \
                    sum = fma(ds[i], ROW(Q, i, d), sum);                                      \
                acc_k[d] = sum;                                                               \
            }                                                                                 \
        [[unroll]] for (uint part = 0; part < D; part += PART)                                \
            APART(D + 2 + part)                                                               \
            [[unroll]] for (uint d = part; d < min(part + PART, D); d++) {                    \
                float sum = acc_v[d];                                                         \
                [[unroll]] for (uint i = 0; i < n; i++)                                       \
                    sum = fma(w[i], ROW(G, i, d), sum);                                       \
                acc_v[d] = sum;                                                               \
            }                                                                                 \
    }

void main()
{
    uint blocks = (p.s + SG - 1) / SG;
    uint n_groups = p.n_batch * KEY_HEADS * blocks;
    uint group = min(lat_group(), n_groups - 1);  // loads run even where no lane is active
    uint matrix = group / blocks;
    uint batch = matrix / KEY_HEADS;
    uint key_head = matrix % KEY_HEADS;
    uint s0 = group % blocks * SG;
    uint s = min(s0 + gl_SubgroupInvocationID, p.s - 1);
    uint k_base = p.k_offset + batch * p.k_stride[0] + key_head * p.k_stride[1];
    uint v_base = p.v_offset + batch * p.v_stride[0] + key_head * p.v_stride[1];

    float own_k[D];
    float own_v[D];
    float acc_k[D];
    float acc_v[D];
    [[unroll]] for (uint d = 0; d < D; d++) {
        own_k[d] = load(k[k_base + s * p.k_stride[2] + d]);
        own_v[d] = load(v[v_base + s * p.v_stride[2] + d]);
        acc_k[d] = 0.0;
        acc_v[d] = 0.0;
    }

    uint keys = keys_of(batch);
    uint end = s0 < keys ? query_end(min(s0 + SG, keys)) : 0;  // padding only: zeros
    uint shared_by = 0;
    for (;;) {
        uint head = key_head * SHARING + shared_by;
        uint q_base = p.q_offset + batch * p.q_stride[0] + head * p.q_stride[1];
        uint g_base = p.g_offset + batch * p.g_stride[0] + head * p.g_stride[1];
        uint t = query_begin(s0);
        if (BLOCK > 1 && t + BLOCK <= end)
            for (;;) {
                ADD_QUERIES(BLOCK, t)
                t += BLOCK;
                if (t + BLOCK > end)
                    break;
            }
        if (t < end)
            for (;;) {
                ADD_QUERIES(1, t)
                t++;
                if (t >= end)
                    break;
            }
        shared_by++;
        if (shared_by >= SHARING)
            break;
    }

    if (lat_group() >= n_groups || s0 + gl_SubgroupInvocationID >= p.s)
        return;
    uint at = row_at(batch, key_head, s, p.s, KEY_HEADS);
    [[unroll]] for (uint d = 0; d < D; d++) {
        dk[at + d] = store(acc_k[d]);
        dv[at + d] = store(acc_v[d]);
    }
}
