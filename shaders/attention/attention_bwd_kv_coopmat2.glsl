// SPDX-License-Identifier: MIT
//
// attention_bwd_kv_coopmat2: attention_bwd_kv_base with whole matrices, by the holder that was included before.
// Rows are keys, columns queries. The method is in attention_matrices.glsl.
#ifndef LAT_ATTENTION_BWD_KV_COOPMAT2_GLSL
#define LAT_ATTENTION_BWD_KV_COOPMAT2_GLSL

layout(binding = 6) readonly buffer G { LatFactor g[]; };
layout(binding = 7) readonly buffer Stats { float stats[]; };
layout(binding = 8) writeonly buffer Dk { T dk[]; };
layout(binding = 9) writeonly buffer Dv { T dv[]; };

LAT_OPERAND(q)
LAT_OPERAND(k)
LAT_OPERAND(v)
LAT_OPERAND(g)

uint query_of(uint col)
{
    return min(col0 + col, p.t - 1);
}

// Of what a query's row has: 0 the logarithm of its weights' sum, 1 the product of its gradient and result.
float stat_of(uint t, uint which)
{
    return stats[((batch * HEADS + head) * p.t + t) * 2 + which];
}

float weight_at(const in uint row, const in uint col, const in float dot_qk)
{
    uint t = query_of(col);
    float w = weight_of(score_of(dot_qk, batch, head, t, row0 + row, keys), stat_of(t, 0));
    return col0 + col < p.t ? w : 0.0;
}

float kept_at(const in uint row, const in uint col, const in float w)
{
    return kept(batch, head, query_of(col), row0 + row) ? rounded(w * WEIGHT_SCALE) : 0.0;
}

float gradient_at(const in uint row, const in uint col, const in float dot_gv, const in float w)
{
    uint t = query_of(col);
    bool keep = kept(batch, head, t, row0 + row);
    return p.scale * w * ((keep ? dot_gv * p.keep_factor : 0.0) - stat_of(t, 1));
}

float store_dk(const in uint row, const in uint col, const in float x, const in uint key_head,
    const in uint d0)
{
    uint s = row0 + row, d = d0 + col;
    if (s < p.s && d < D)
        dk[row_at(batch, key_head, s, p.s, KEY_HEADS) + d] = store(x);
    return x;
}

float store_dv(const in uint row, const in uint col, const in float x, const in uint key_head,
    const in uint d0)
{
    uint s = row0 + row, d = d0 + col;
    if (s < p.s && d < D)
        dv[row_at(batch, key_head, s, p.s, KEY_HEADS) + d] = store(x * (p.keep_factor / WEIGHT_SCALE));
    return x;
}

void main()
{
    uint key_head;
    if (!find_rows(p.s, KEY_HEADS, key_head))
        return;
    Lines k_lines = LINES(k, key_head, keys), v_lines = LINES(v, key_head, keys);

    // A block of padding only gets zeros.
    uint end = row0 < keys ? query_end(min(row0 + ROWS, keys)) : 0;
    LatLeft k_rows[PARTS], v_rows[PARTS];
    LatSum sum_k[PARTS], sum_v[PARTS];
    EACH_PART(i) {
        sum_k[i] = sum_v[i] = LatSum(0.0);
        if (end > 0) {
            left_k(k_rows[i], k_lines, row0, i);
            left_v(v_rows[i], v_lines, row0, i);
        }
    }
    LatScores exponent = LatScores(float(LEAST_EXPONENT));

    for (uint shared_by = 0; shared_by < SHARING; shared_by++) {
        head = key_head * SHARING + shared_by;
        Lines q_lines = LINES(q, head, p.t), g_lines = LINES(g, head, p.t);
        for (col0 = query_begin(row0) / COLS * COLS; col0 < end; col0 += COLS) {
            LatScores w, ds;
            LatWeights weights;
            MULTIPLY(w, k_rows, q, q_lines, col0)
            coopMatPerElementNV(w, w, weight_at);
            MULTIPLY(ds, v_rows, g, g_lines, col0)
            coopMatPerElementNV(ds, ds, gradient_at, w);
            coopMatPerElementNV(w, w, kept_at);
            weights = LatWeights(w);
            ADD_PRODUCT(sum_v, weights, g, g_lines, col0)
            GROW_EXPONENT(sum_k, exponent, ds)
            coopMatPerElementNV(ds, ds, scaled_at, exponent);
            weights = LatWeights(ds);
            ADD_PRODUCT(sum_k, weights, q, q_lines, col0)
        }
    }

    coopMatPerElementNV(exponent, exponent, unscaled_at);
    RESCALE_SUM(sum_k, exponent)
    EACH_PART(i) {
        coopMatPerElementNV(sum_k[i], sum_k[i], store_dk, key_head, i * PART);
        coopMatPerElementNV(sum_v[i], sum_v[i], store_dv, key_head, i * PART);
    }
}

#endif
