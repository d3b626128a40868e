// SPDX-License-Identifier: MIT
//
// attention_bwd_q_coopmat2: attention_bwd_q_base with whole matrices, by the holder that was included before. The
// method is in attention_matrices.glsl.
#ifndef LAT_ATTENTION_BWD_Q_COOPMAT2_GLSL
#define LAT_ATTENTION_BWD_Q_COOPMAT2_GLSL

layout(binding = 6) readonly buffer Out { T out_[]; };
layout(binding = 7) readonly buffer G { LatFactor g[]; };
layout(binding = 8) readonly buffer Lse { float lse[]; };
layout(binding = 9) writeonly buffer Dq { T dq[]; };
layout(binding = 10) writeonly buffer Stats { float stats[]; };  // [B, H, T, 2]

LAT_OPERAND(q)
LAT_OPERAND(k)
LAT_OPERAND(v)
LAT_OPERAND(g)

// Rows past the end are not stored.
uint query_of(uint row)
{
    return min(row0 + row, p.t - 1);
}

// Every COLS-th term of the product of a row of g with that of out.
float product_at(const in uint row, const in uint col, const in float sum, const in uint g_base)
{
    uint t = query_of(row);
    float r = sum;
    for (uint d = col; d < D; d += COLS)
        r = fma(float(g[g_base + t * p.g_stride[2] + d]), load(out_[row_at(batch, head, t, p.t, HEADS) + d]), r);
    return r;
}

float lse_at(const in uint row, const in uint col, const in float none)
{
    return lse[(batch * HEADS + head) * p.t + query_of(row)];
}

float weight_at(const in uint row, const in uint col, const in float dot_qk, const in float row_lse)
{
    return weight_of(score_of(dot_qk, batch, head, query_of(row), col0 + col, keys), row_lse);
}

float gradient_at(const in uint row, const in uint col, const in float dot_gv, const in float w,
    const in float r)
{
    bool keep = kept(batch, head, query_of(row), col0 + col);
    return p.scale * w * ((keep ? dot_gv * p.keep_factor : 0.0) - r);
}

float store_stats(const in uint row, const in uint col, const in float r, const in float row_lse)
{
    uint t = row0 + row;
    if (col == 0 && t < p.t) {
        stats[((batch * HEADS + head) * p.t + t) * 2] = row_lse;
        stats[((batch * HEADS + head) * p.t + t) * 2 + 1] = r;
    }
    return r;
}

float store_dq(const in uint row, const in uint col, const in float x, const in uint d0)
{
    uint t = row0 + row, d = d0 + col;
    if (t < p.t && d < D)
        dq[row_at(batch, head, t, p.t, HEADS) + d] = store(x);
    return x;
}

void main()
{
    if (!find_rows(p.t, HEADS, head))
        return;
    Lines q_lines = LINES(q, head, p.t), g_lines = LINES(g, head, p.t);
    Lines k_lines = LINES(k, head / SHARING, keys), v_lines = LINES(v, head / SHARING, keys);

    LatLeft q_rows[PARTS], g_rows[PARTS];
    LatSum sum[PARTS];
    EACH_PART(i) {
        left_q(q_rows[i], q_lines, row0, i);
        left_g(g_rows[i], g_lines, row0, i);
        sum[i] = LatSum(0.0);
    }
    LatScores r, row_lse, exponent = LatScores(float(LEAST_EXPONENT));
    coopMatPerElementNV(r, LatScores(0.0), product_at, g_lines.base);
    coopMatReduceNV(r, r, gl_CooperativeMatrixReduceRowNV, sum_of);
    coopMatPerElementNV(row_lse, LatScores(0.0), lse_at);

    uint end = key_end(min(row0 + ROWS, p.t), keys);
    for (col0 = key_begin(row0) / COLS * COLS; col0 < end; col0 += COLS) {
        LatScores w, ds;
        LatWeights weights;
        MULTIPLY(w, q_rows, k, k_lines, col0)
        coopMatPerElementNV(w, w, weight_at, row_lse);
        MULTIPLY(ds, g_rows, v, v_lines, col0)
        coopMatPerElementNV(ds, ds, gradient_at, w, r);
        GROW_EXPONENT(sum, exponent, ds)
        coopMatPerElementNV(ds, ds, scaled_at, exponent);
        weights = LatWeights(ds);
        ADD_PRODUCT(sum, weights, k, k_lines, col0)
    }

    coopMatPerElementNV(r, r, store_stats, row_lse);
    coopMatPerElementNV(exponent, exponent, unscaled_at);
    RESCALE_SUM(sum, exponent)
    EACH_PART(i)
        coopMatPerElementNV(sum[i], sum[i], store_dq, i * PART);
}

#endif
