#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
// SPDX-License-Identifier: MIT
//
// attention_fwd_coopmat: attention_fwd_base with matrix units, f16 summed in f32.
//
// A workgroup of four subgroups has 32 queries of one head and walks over the keys 32 at a time. q stays
// in shared memory; k and then v of a block share a place. Scores are made in fragments, dealt out to the
// subgroups, and go through shared memory, because only there does an invocation know which it holds: it
// has one row, with the invocations WG / 32 apart sharing that row's columns. Weights go back as f16,
// times 2^14 so that small ones stay normal numbers. o stays in fragments, whose columns are dealt out; it is rescaled by a fragment whose rows
// are exp(m - m'). Head sizes are padded to a multiple of 16 with zeros.
//
// @variants  T = f16
// @needs     coopmat
// @groups    (batches * heads * ceil(t / 32), 1, 1)

layout(local_size_x = 128, local_size_x_id = 0) in;  // four subgroups, of 8 to 64
layout(constant_id = 8) const uint FM = 16;
layout(constant_id = 9) const uint FN = 16;
layout(constant_id = 10) const uint FK = 16;
// Whether rows of q, k and v are eights that start at a multiple of 16 bytes.
layout(constant_id = 11) const bool EIGHTS = true;

#include "attention.glsl"
#include "matmul/coopmat.glsl"

const uint WG = gl_WorkGroupSize.x;
const float WEIGHT_SCALE = 16384.0;  // the largest weight is 1
const uint SUBGROUPS = 4;
const uint ROWS = 32;  // queries of a block
const uint COLS = 32;  // keys of a block
const uint PARTS = WG / ROWS;  // invocations of a row
const uint OWN = COLS / PARTS;  // columns of an invocation
const uint CELLS = (D + 15) / 16 * 2;  // eights of a row
const uint LINE = CELLS + 1;  // with one of padding, against bank conflicts
const uint SCORE_LINE = COLS + 4;
const uint WEIGHT_LINE = COLS + 8;
const uint SCORES_EACH = ROWS / FM * (COLS / FN) / SUBGROUPS;  // fragments of a subgroup
const uint O_COLUMNS = CELLS * 8 / FN;
const uint O_EACH = (O_COLUMNS + SUBGROUPS - 1) / SUBGROUPS;
const uint O_ROWS = ROWS / FM;

layout(binding = 3) readonly buffer Q { LatCell q[]; };
layout(binding = 3) readonly buffer QCells { LatCells q_cells[]; };
layout(binding = 4) readonly buffer K { LatCell k[]; };
layout(binding = 4) readonly buffer KCells { LatCells k_cells[]; };
layout(binding = 5) readonly buffer V { LatCell v[]; };
layout(binding = 5) readonly buffer VCells { LatCells v_cells[]; };
layout(binding = 6) writeonly buffer Out { T out_[]; };
layout(binding = 7) writeonly buffer Lse { float lse[]; };

shared uvec4 q_tile[ROWS * LINE];
shared uvec4 kv_tile[COLS * LINE];
shared float scores[ROWS * SCORE_LINE];  // at the end a fragment of o per subgroup
shared float16_t weights[ROWS * WEIGHT_LINE];
shared float shrinks[ROWS * FN];  // every row its own, FN times
shared float factors[ROWS];

// Rows first .. first + 31 below n, as eights; zeros beyond.
#define LOAD_TILE(tile, cell, cells, base, stride, first, n)                             \
    for (uint e = gl_LocalInvocationID.x; e < ROWS * CELLS; e += WG) {                   \
        uint line = (first) + e / CELLS, d = e % CELLS * 8;                              \
        uint from = (base) + line * (stride) + d;                                        \
        uvec4 eight = uvec4(0);                                                          \
        if (line < (n) && d < D) {                                                       \
            if (EIGHTS)                                                                  \
                eight = LAT_WHOLE_EIGHT(cells, from);                                    \
            else                                                                         \
                eight = LAT_EIGHT(cell, from, 1, D - d);                                 \
        }                                                                                \
        tile[e / CELLS * LINE + e % CELLS] = eight;                                      \
    }

// Scores of a block before scale and mask.
void multiply_keys()
{
    [[unroll]] for (uint i = 0; i < SCORES_EACH; i++) {
        uint f = i * SUBGROUPS + gl_SubgroupID;
        uint row = f / (COLS / FN) * FM, col = f % (COLS / FN) * FN;
        LatSum sum = LatSum(0.0);
        for (uint d = 0; d < CELLS * 8; d += FK) {
            LatLeft x;
            LatRight y;
            coopMatLoad(x, q_tile, row * LINE + d / 8, LINE, LAT_BY_ROWS);
            coopMatLoad(y, kv_tile, col * LINE + d / 8, LINE, LAT_BY_COLUMNS);
            sum = coopMatMulAdd(x, y, sum);
        }
        coopMatStore(sum, scores, row * SCORE_LINE + col, SCORE_LINE, LAT_BY_ROWS);
    }
}

LatSum o[O_ROWS * O_EACH];

// o = o shrink + weights v
void add_values()
{
    [[unroll]] for (uint r = 0; r < O_ROWS; r++) {
        LatSum shrink;
        coopMatLoad(shrink, shrinks, r * FM * FN, FN, LAT_BY_ROWS);
        [[unroll]] for (uint i = 0; i < O_EACH; i++)
            o[r * O_EACH + i] = o[r * O_EACH + i] * shrink;
    }
    for (uint s = 0; s < COLS; s += FK) {
        LatLeft x[O_ROWS];
        [[unroll]] for (uint r = 0; r < O_ROWS; r++)
            coopMatLoad(x[r], weights, r * FM * WEIGHT_LINE + s, WEIGHT_LINE, LAT_BY_ROWS);
        [[unroll]] for (uint i = 0; i < O_EACH; i++) {
            // Past the last column this makes the last one again, which is not stored.
            uint column = min(i * SUBGROUPS + gl_SubgroupID, O_COLUMNS - 1);
            LatRight y;
            coopMatLoad(y, kv_tile, s * LINE + column * FN / 8, LINE, LAT_BY_ROWS);
            [[unroll]] for (uint r = 0; r < O_ROWS; r++)
                o[r * O_EACH + i] = coopMatMulAdd(x[r], y, o[r * O_EACH + i]);
        }
    }
}

void store_out(uint batch, uint head, uint t0)
{
    uint own = gl_SubgroupID * FM * FN;
    [[unroll]] for (uint r = 0; r < O_ROWS; r++)
        [[unroll]] for (uint i = 0; i < O_EACH; i++) {
            uint column = i * SUBGROUPS + gl_SubgroupID;
            coopMatStore(o[r * O_EACH + i], scores, own, FN, LAT_BY_ROWS);
            lat_subgroup_sync();
            for (uint e = gl_SubgroupInvocationID; e < FM * FN; e += gl_SubgroupSize) {
                uint row = r * FM + e / FN, d = column * FN + e % FN;
                if (t0 + row < p.t && d < D)
                    out_[row_at(batch, head, t0 + row, p.t, HEADS) + d] =
                        store(scores[own + e] * factors[row]);
            }
            lat_subgroup_sync();
        }
}

void main()
{
    uint blocks = (p.t + ROWS - 1) / ROWS;
    uint group = lat_group();
    uint matrix = group / blocks;
    if (matrix >= p.n_batch * HEADS)
        return;  // uniform
    uint batch = matrix / HEADS;
    uint head = matrix % HEADS;
    uint t0 = group % blocks * ROWS;
    uint q_base = p.q_offset + batch * p.q_stride[0] + head * p.q_stride[1];
    uint k_base = p.k_offset + batch * p.k_stride[0] + head / SHARING * p.k_stride[1];
    uint v_base = p.v_offset + batch * p.v_stride[0] + head / SHARING * p.v_stride[1];

    uint row = gl_LocalInvocationID.x % ROWS;
    uint first = gl_LocalInvocationID.x / ROWS * OWN;  // of this invocation's columns
    uint t = min(t0 + row, p.t - 1);  // rows past the end are not stored
    float m = LAT_ATTENTION_MASKED, l = 0.0;
    [[unroll]] for (uint i = 0; i < O_ROWS * O_EACH; i++)
        o[i] = LatSum(0.0);

    uint keys = keys_of(batch);
    uint end = key_end(min(t0 + ROWS, p.t), keys);
    LOAD_TILE(q_tile, q, q_cells, q_base, p.q_stride[2], t0, p.t)
    for (uint s0 = key_begin(t0) / COLS * COLS; s0 < end; s0 += COLS) {
        LOAD_TILE(kv_tile, k, k_cells, k_base, p.k_stride[2], s0, keys)
        barrier();
        multiply_keys();
        barrier();

        uint at = row * SCORE_LINE;
        for (uint c = first; c < first + OWN; c++)
            scores[at + c] = score_of(scores[at + c], batch, head, t, s0 + c, keys);
        LOAD_TILE(kv_tile, v, v_cells, v_base, p.v_stride[2], s0, keys)
        barrier();

        float top = m;
        for (uint c = 0; c < COLS; c++)
            top = max(top, scores[at + c]);
        float shrink = exp(m - top);
        m = top;
        l *= shrink;
        if (first == 0)
            for (uint c = 0; c < FN; c++)
                shrinks[row * FN + c] = shrink;
        for (uint c = first; c < first + OWN; c++) {
            float w = weight_of(scores[at + c], top);
            l += w;
            w = kept(batch, head, t, s0 + c) ? w * WEIGHT_SCALE : 0.0;
            weights[row * WEIGHT_LINE + c] = store(w);
        }
        barrier();
        add_values();
        barrier();
    }

    scores[row * SCORE_LINE + first] = l;
    barrier();
    l = 0.0;
    for (uint c = 0; c < COLS; c += OWN)
        l += scores[row * SCORE_LINE + c];
    if (first == 0) {
        // l is 0 when nothing is to be seen; NaN stays NaN.
        factors[row] = l == 0.0 ? 0.0 : p.keep_factor / WEIGHT_SCALE / l;
        if (t0 + row < p.t)
            lse[matrix * p.t + t] = l == 0.0 ? 0.0 : m + log(l);
    }
    barrier();
    store_out(batch, head, t0);
}
