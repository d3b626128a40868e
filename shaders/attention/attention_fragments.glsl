// SPDX-License-Identifier: MIT
//
// What the three coopmat kernels share: 32 x 32 tiles of scores on matrix units, f16 or bf16 summed in f32.
//
// A workgroup of four subgroups has 32 rows of one head (queries; in the gradients of keys and values:
// keys) and walks over the other side 32 at a time. Tiles are in shared memory, head sizes padded to a
// multiple of 16 with zeros. Products of a tile with another are made in fragments, dealt out to the
// subgroups, and go through shared memory, because only there does an invocation know which it holds: it
// has one row, with the invocations WG / 32 apart sharing that row's columns. What is multiplied next goes
// back as that type. Sums over the other side stay in fragments, whose columns are dealt out; a fragment whose
// rows are a factor each rescales them.
//
// The kernel defines how many it needs: TILES of rows, WEIGHTS of 32 x 32.
#ifndef LAT_ATTENTION_FRAGMENTS_GLSL
#define LAT_ATTENTION_FRAGMENTS_GLSL

layout(local_size_x = 128, local_size_x_id = 0) in;  // four subgroups, of 8 to 64
layout(constant_id = 8) const uint FM = 16;
layout(constant_id = 9) const uint FN = 16;
layout(constant_id = 10) const uint FK = 16;
// Whether rows of all tensors that fill tiles are eights that start at a multiple of 16 bytes.
layout(constant_id = 11) const bool EIGHTS = true;

#include "attention.glsl"
#include "attention_factors.glsl"
#include "matmul/coopmat.glsl"

const uint WG = gl_WorkGroupSize.x;
const uint SUBGROUPS = 4;
const uint ROWS = 32;
const uint COLS = 32;
const uint PARTS = WG / ROWS;  // invocations of a row
const uint OWN = COLS / PARTS;  // columns of an invocation
const uint CELLS = (D + 15) / 16 * 2;  // eights of a row
const uint LINE = CELLS + 1;  // with one of padding, against bank conflicts
const uint TILE = ROWS * LINE;
const uint SCORE_LINE = COLS + 4;
const uint WEIGHT_LINE = COLS + 8;
const uint WEIGHT_TILE = ROWS * WEIGHT_LINE;
const uint SCORES_EACH = ROWS / FM * (COLS / FN) / SUBGROUPS;  // fragments of a subgroup
const uint SUM_COLUMNS = CELLS * 8 / FN;
const uint SUM_EACH = (SUM_COLUMNS + SUBGROUPS - 1) / SUBGROUPS;
const uint SUM_ROWS = ROWS / FM;
const uint SUM = SUM_ROWS * SUM_EACH;  // fragments of a sum in a subgroup

layout(binding = 3) readonly buffer Q { LatCell q[]; };
layout(binding = 3) readonly buffer QCells { LatCells q_cells[]; };
layout(binding = 4) readonly buffer K { LatCell k[]; };
layout(binding = 4) readonly buffer KCells { LatCells k_cells[]; };
layout(binding = 5) readonly buffer V { LatCell v[]; };
layout(binding = 5) readonly buffer VCells { LatCells v_cells[]; };

shared uvec4 tiles[TILES * TILE];
shared float scores[ROWS * SCORE_LINE];  // at the end a fragment of a sum per subgroup
shared LatFactor weights[WEIGHTS * WEIGHT_TILE];
shared float shrinks[ROWS * FN];  // every row its own, FN times
shared float factors[ROWS];       // of what is stored

#if defined(T_BF16)
#define from_cell(bits) load(bits)
#else
#define from_cell(bits) float(uint16BitsToHalf(bits))
#endif

// Rows first .. first + 31 below n to tile, as eights; zeros beyond.
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
        tiles[(tile) + e / CELLS * LINE + e % CELLS] = eight;                            \
    }

// scores = tile at left times the transpose of the tile at right
void multiply_tiles(uint left, uint right)
{
    for (uint i = 0; i < SCORES_EACH; i++) {
        uint f = i * SUBGROUPS + gl_SubgroupID;
        uint row = f / (COLS / FN) * FM, col = f % (COLS / FN) * FN;
        LatSum sum = LatSum(0.0);
        for (uint d = 0; d < CELLS * 8; d += FK) {
            LatLeft x;
            LatRight y;
            coopMatLoad(x, tiles, left + row * LINE + d / 8, LINE, LAT_BY_ROWS);
            coopMatLoad(y, tiles, right + col * LINE + d / 8, LINE, LAT_BY_COLUMNS);
            sum = coopMatMulAdd(x, y, sum);
        }
        coopMatStore(sum, scores, row * SCORE_LINE + col, SCORE_LINE, LAT_BY_ROWS);
    }
}

// A sum is an array of fragments, LatSum[SUM], and these are macros because an array that several sums
// share is one that AMD's compiler leaves in memory.
#define CLEAR_SUM(sum)                                                                       \
    [[unroll]] for (uint i = 0; i < SUM; i++)                                                \
        sum[i] = LatSum(0.0);

// Multiplies each row by its factor in shrinks.
#define RESCALE_SUM(sum)                                                                     \
    [[unroll]] for (uint r = 0; r < SUM_ROWS; r++) {                                         \
        LatSum shrink;                                                                       \
        coopMatLoad(shrink, shrinks, r * FM * FN, FN, LAT_BY_ROWS);                          \
        [[unroll]] for (uint i = 0; i < SUM_EACH; i++)                                       \
            sum[r * SUM_EACH + i] = sum[r * SUM_EACH + i] * shrink;                          \
    }

// sum += weights at weight times tile. Past the last column this makes the last one again, which is not
// stored.
#define ADD_PRODUCT(sum, weight, tile)                                                       \
    for (uint s = 0; s < COLS; s += FK) {                                                    \
        LatLeft x[SUM_ROWS];                                                                 \
        [[unroll]] for (uint r = 0; r < SUM_ROWS; r++)                                       \
            coopMatLoad(x[r], weights, (weight) + r * FM * WEIGHT_LINE + s, WEIGHT_LINE,     \
                LAT_BY_ROWS);                                                                \
        [[unroll]] for (uint i = 0; i < SUM_EACH; i++) {                                     \
            uint column = min(i * SUBGROUPS + gl_SubgroupID, SUM_COLUMNS - 1);               \
            LatRight y;                                                                      \
            coopMatLoad(y, tiles, (tile) + s * LINE + column * FN / 8, LINE, LAT_BY_ROWS);   \
            [[unroll]] for (uint r = 0; r < SUM_ROWS; r++)                                   \
                sum[r * SUM_EACH + i] = coopMatMulAdd(x[r], y, sum[r * SUM_EACH + i]);       \
        }                                                                                    \
    }

// Stores a sum, each row times its factor: rows row0 .. row0 + 31 below n of a tensor with that many heads.
#define STORE_SUM(to, sum, batch, head, row0, n, heads)                                      \
    {                                                                                        \
        uint own = gl_SubgroupID * FM * FN;                                                  \
        [[unroll]] for (uint r = 0; r < SUM_ROWS; r++)                                       \
            [[unroll]] for (uint i = 0; i < SUM_EACH; i++) {                                 \
                uint column = i * SUBGROUPS + gl_SubgroupID;                                 \
                coopMatStore(sum[r * SUM_EACH + i], scores, own, FN, LAT_BY_ROWS);           \
                lat_subgroup_sync();                                                         \
                for (uint e = gl_SubgroupInvocationID; e < FM * FN; e += gl_SubgroupSize) {  \
                    uint line = r * FM + e / FN, d = column * FN + e % FN;                   \
                    if ((row0) + line < (n) && d < D)                                        \
                        to[row_at(batch, head, (row0) + line, n, heads) + d] =               \
                            store(scores[own + e] * factors[line]);                          \
                }                                                                            \
                lat_subgroup_sync();                                                         \
            }                                                                                \
    }

#endif
