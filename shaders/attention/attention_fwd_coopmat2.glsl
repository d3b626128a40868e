// SPDX-License-Identifier: MIT
//
// attention_fwd_coopmat2: attention_fwd_base with whole matrices, by the holder that was included before. The
// method is in attention_matrices.glsl.
#ifndef LAT_ATTENTION_FWD_COOPMAT2_GLSL
#define LAT_ATTENTION_FWD_COOPMAT2_GLSL

layout(binding = 6) writeonly buffer Out { T out_[]; };
layout(binding = 7) writeonly buffer Lse { float lse[]; };

LAT_OPERAND(q)
LAT_OPERAND(k)
LAT_OPERAND(v)

float score_at(const in uint row, const in uint col, const in float dot_qk)
{
    // Rows past the end are not stored.
    return score_of(dot_qk, batch, head, min(row0 + row, p.t - 1), col0 + col, keys);
}

float weight_at(const in uint row, const in uint col, const in float score, const in float top)
{
    return weight_of(score, top);
}

float fade_at(const in uint row, const in uint col, const in float before, const in float top)
{
    return exp(before - top);
}

float kept_at(const in uint row, const in uint col, const in float w)
{
    return kept(batch, head, row0 + row, col0 + col) ? rounded(w * WEIGHT_SCALE) : 0.0;
}

// What sums of a row are multiplied with: l is 0 when nothing is to be seen; NaN stays NaN.
float finish_row(const in uint row, const in uint col, const in float l, const in float m)
{
    uint t = row0 + row;
    if (col == 0 && t < p.t)
        lse[(batch * HEADS + head) * p.t + t] = l == 0.0 ? 0.0 : m + log(l);
    return l == 0.0 ? 0.0 : p.keep_factor / WEIGHT_SCALE / l;
}

float store_out(const in uint row, const in uint col, const in float x, const in uint d0)
{
    uint t = row0 + row, d = d0 + col;
    if (t < p.t && d < D)
        out_[row_at(batch, head, t, p.t, HEADS) + d] = store(x);
    return x;
}

void main()
{
    if (!find_rows(p.t, HEADS, head))
        return;
    Lines q_lines = LINES(q, head, p.t);
    Lines k_lines = LINES(k, head / SHARING, keys), v_lines = LINES(v, head / SHARING, keys);

    LatLeft q_rows[PARTS];
    LatSum o[PARTS];
    EACH_PART(i) {
        left_q(q_rows[i], q_lines, row0, i);
        o[i] = LatSum(0.0);
    }
    LatScores m = LatScores(LAT_ATTENTION_MASKED), l = LatScores(0.0);

    uint end = key_end(min(row0 + ROWS, p.t), keys);
    for (col0 = key_begin(row0) / COLS * COLS; col0 < end; col0 += COLS) {
        LatScores scores, top, shrink;
        MULTIPLY(scores, q_rows, k, k_lines, col0)
        coopMatPerElementNV(scores, scores, score_at);
        coopMatReduceNV(top, scores, gl_CooperativeMatrixReduceRowNV, larger_of);
        coopMatPerElementNV(top, top, larger, m);
        coopMatPerElementNV(shrink, m, fade_at, top);
        m = top;
        coopMatPerElementNV(scores, scores, weight_at, top);
        l = l * shrink + scores;  // added up along rows at the end
        coopMatPerElementNV(scores, scores, kept_at);
        RESCALE_SUM(o, shrink)
        LatWeights weights = LatWeights(scores);
        ADD_PRODUCT(o, weights, v, v_lines, col0)
    }

    coopMatReduceNV(l, l, gl_CooperativeMatrixReduceRowNV, sum_of);
    coopMatPerElementNV(l, l, finish_row, m);
    RESCALE_SUM(o, l)
    EACH_PART(i)
        coopMatPerElementNV(o[i], o[i], store_out, i * PART);
}

#endif
