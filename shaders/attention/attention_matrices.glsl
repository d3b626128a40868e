// SPDX-License-Identifier: MIT
//
// What the coopmat2 kernels share: scores, weights and sums as whole matrices, f16 or bf16 summed in
// f32 (VK_NV_cooperative_matrix2).
//
// Who holds a matrix has ROWS rows of one head (queries; in the gradients of keys and values: keys) and walks
// over the other side COLS at a time. A product of both sides is a matrix of scores; what happens to a score
// is a function of its row and column, what belongs to a row is a matrix whose columns are all the same, made by
// a reduction. Nothing goes through shared memory that the driver does not move there. The head size is cut
// into PARTS of PART, one wherever a matrix may be that wide; beyond the head size matrices are zero.
//
// A kernel includes attention_matrices_group.glsl or attention_matrices_subgroup.glsl, who holds matrices and how
// operands are loaded, then its body.
#ifndef LAT_ATTENTION_MATRICES_GLSL
#define LAT_ATTENTION_MATRICES_GLSL

layout(constant_id = 8) const uint ROWS = 16;
layout(constant_id = 9) const uint COLS = 16;
layout(constant_id = 10) const uint PART = 16;
// Whether rows of all tensors are eights that start at a multiple of 16 bytes.
layout(constant_id = 11) const bool EIGHTS = true;

#include "attention.glsl"
#include "attention_factors.glsl"
#include "matmul/factor.glsl"

const uint PARTS = (D + PART - 1) / PART;

// What is multiplied. Both sides of the first products have the head size along their rows, so one is loaded
// across; the second ones take weights at left.
#define LatLeft coopmat<LatFactor, LAT_SCOPE, ROWS, PART, gl_MatrixUseA>
#define LatAcross coopmat<LatFactor, LAT_SCOPE, PART, COLS, gl_MatrixUseB>
#define LatWeights coopmat<LatFactor, LAT_SCOPE, ROWS, COLS, gl_MatrixUseA>
#define LatRight coopmat<LatFactor, LAT_SCOPE, COLS, PART, gl_MatrixUseB>
#define LatScores coopmat<float, LAT_SCOPE, ROWS, COLS, gl_MatrixUseAccumulator>
#define LatSum coopmat<float, LAT_SCOPE, ROWS, PART, gl_MatrixUseAccumulator>

// To a LatFactor, to nearest even: a conversion may truncate.
float rounded(float x)
{
    return load(store(x));
}

layout(binding = 3) readonly buffer Q { LatFactor q[]; };
layout(binding = 4) readonly buffer K { LatFactor k[]; };
layout(binding = 5) readonly buffer V { LatFactor v[]; };

// Rows of a tensor in one batch and head: those from n on count as zero.
struct Lines {
    uint base, stride, n;
};

// Where the holder is, for functions of an element.
uint batch, head, row0, col0;
uint keys;  // keys_of(batch)

// Finds the workgroup's rows among n in each of n_heads: batch, row0, keys and the head that holds them. False, for
// the whole workgroup, past the last one.
bool find_rows(uint n, uint n_heads, out uint holder)
{
    uint blocks = (n + ROWS - 1) / ROWS, matrix = lat_group() / blocks;
    batch = matrix / n_heads;
    holder = matrix % n_heads;
    row0 = lat_group() % blocks * ROWS;
    if (batch >= p.n_batch)
        return false;
    keys = keys_of(batch);
    return true;
}

// Those of a tensor in the holder's batch; name as in the push block.
#define LINES(name, of_head, n)                                                              \
    Lines(p.name##_offset + batch * p.name##_stride[0] + (of_head) * p.name##_stride[1],     \
        p.name##_stride[2], n)

// ---- functions for reductions and elements -------------------------------------------------------------

float larger_of(const in float x, const in float y)
{
    return max(x, y);
}

float sum_of(const in float x, const in float y)
{
    return x + y;
}

float any_of(const in float x, const in float y)
{
    return x;
}

float larger(const in uint row, const in uint col, const in float x, const in float y)
{
    return max(x, y);
}

// sum = sum * what each row has in by_row, whose columns are the same.
#define RESCALE_SUM(sum, by_row)                                                             \
    {                                                                                        \
        LatSum wide;                                                                         \
        coopMatReduceNV(wide, by_row, gl_CooperativeMatrixReduceRowNV, any_of);              \
        EACH_PART(i)                                                                         \
            sum[i] = sum[i] * wide;                                                          \
    }

// ---- gradients of scores ---------------------------------------------------------------------------------

// Exponents of rows' factors (attention_factors.glsl), as matrices of floats.
float exponent_at(const in uint row, const in uint col, const in float ds)
{
    return float(exponent_of(ds));
}

float shrink_at(const in uint row, const in uint col, const in float from, const in float to)
{
    return shrink_of(uint(from), uint(to));
}

float scaled_at(const in uint row, const in uint col, const in float ds, const in float exponent)
{
    return rounded(ds * factor_of(uint(exponent)));
}

float unscaled_at(const in uint row, const in uint col, const in float exponent)
{
    return 1.0 / factor_of(uint(exponent));
}

// Lets the factor of each row in sum follow the largest of ds.
#define GROW_EXPONENT(sum, exponent, ds)                                                     \
    {                                                                                        \
        LatScores most, shrink;                                                              \
        coopMatPerElementNV(most, ds, exponent_at);                                          \
        coopMatReduceNV(most, most, gl_CooperativeMatrixReduceRowNV, larger_of);             \
        coopMatPerElementNV(most, most, larger, exponent);                                   \
        coopMatPerElementNV(shrink, exponent, shrink_at, most);                              \
        exponent = most;                                                                     \
        RESCALE_SUM(sum, shrink)                                                             \
    }

// ---- products ----------------------------------------------------------------------------------------------

// scores = rows of left times columns first .. of the tensor at right
#define MULTIPLY(scores, left, name, lines, first)                                           \
    scores = LatScores(0.0);                                                                 \
    EACH_PART(i) {                                                                           \
        LatAcross y;                                                                         \
        across_##name(y, lines, first, i);                                                   \
        scores = coopMatMulAdd(left[i], y, scores);                                          \
    }

// sum += weights times rows first .. of the tensor at right
#define ADD_PRODUCT(sum, weights, name, lines, first)                                        \
    EACH_PART(i) {                                                                           \
        LatRight y;                                                                          \
        right_##name(y, lines, first, i);                                                    \
        sum[i] = coopMatMulAdd(weights, y, sum[i]);                                          \
    }

#endif
