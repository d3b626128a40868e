// SPDX-License-Identifier: MIT
//
// The product inside the recurrence on lavapipe 26 and newer, as in gemm_cpu.comp: a workgroup is one
// subgroup and handles ROWS rows of the batch, a tile of VECTORS vectors of units at a time. The operand's
// value is the same in all lanes; the weight comes in whole vectors, packed in the order in which they are
// read: [tiles, DEPTH, COLUMNS, VECTORS * SG]. HIDDEN is a multiple of SG * VECTORS.
//
// The operand was written by this subgroup in the step before. Its address has a type without `readonly`,
// so that its loads stay behind those writes.
#ifndef LAT_RNN_CPU_GLSL
#define LAT_RNN_CPU_GLSL

layout(constant_id = 3) const uint ROWS = 16;
layout(constant_id = 4) const uint SG = 8;
layout(constant_id = 5) const uint VECTORS = 1;
layout(constant_id = 6) const uint STEPS_OF_K = 8;  // in an iteration; divides HIDDEN

#include "common/wide.glsl"

// What is stored here is read again by its element, so it has no view in pairs.
#define RNN_PUT(buf, at, value) LAT_STORE_EACH(buf, at, 1u, value)

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer RnnOperand { float f[]; };

// The product: [ROWS, COLUMNS, VECTORS]. Not the sums themselves: the cells' loop over rows picks
// elements by number, which would bring the sums of the inner loop to memory as well.
float product[ROWS * COLUMNS * VECTORS];

// line: of the operand, [lines, B, DEPTH].
void rnn_product(uint line, uint first, uint unit)
{
    float acc[ROWS * COLUMNS * VECTORS];
    [[unroll]] for (uint i = 0; i < ROWS * COLUMNS * VECTORS; i++)
        acc[i] = 0.0;
    uint64_t weight = packUint2x32(uvec2(p.weight_address[0], p.weight_address[1])) 
        + 4ul * DEPTH * COLUMNS * unit;
    uint64_t rows = packUint2x32(uvec2(p.operand_address[0], p.operand_address[1]))
        + 4ul * DEPTH * (uint64_t(line) * p.n_batch + first);
    uint most = p.n_batch - 1u - first;  // rows past the end are the last one again
    uint k = 0;
    for (;;) {
        float columns[STEPS_OF_K * COLUMNS * VECTORS];
        uint64_t at = weight + uint64_t(k) * (4u * COLUMNS * VECTORS * SG);
        [[unroll]] for (uint q = 0; q < STEPS_OF_K; q++)
            [[unroll]] for (uint c = 0; c < COLUMNS; c++)
                [[unroll]] for (uint v = 0; v < VECTORS; v++)
                    columns[(q * COLUMNS + c) * VECTORS + v] =
                        lat_load_lanes(LatFloats(at), ((q * COLUMNS + c) * VECTORS + v) * SG);
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            RnnOperand row = RnnOperand(rows + 4ul * DEPTH * min(r, most) + 4ul * k);
            float values[STEPS_OF_K];
            [[unroll]] for (uint q = 0; q < STEPS_OF_K; q++)
                values[q] = row.f[q];
            [[unroll]] for (uint q = 0; q < STEPS_OF_K; q++)
                [[unroll]] for (uint j = 0; j < COLUMNS * VECTORS; j++)
                    acc[r * COLUMNS * VECTORS + j] = fma(values[q],
                        columns[q * COLUMNS * VECTORS + j], acc[r * COLUMNS * VECTORS + j]);
        }
        k += STEPS_OF_K;
        if (k >= DEPTH)
            break;
    }
    [[unroll]] for (uint i = 0; i < ROWS * COLUMNS * VECTORS; i++)
        product[i] = acc[i];
}

#endif
