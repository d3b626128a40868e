// SPDX-License-Identifier: MIT
//
// The product inside the recurrence, of PARTS * ROWS rows of the batch with the whole weight:
//
//     acc[c, row] = sum_k operand[row, k] weight[k, c, unit]        k < DEPTH, c < COLUMNS
//
// An item is a unit and ROWS rows; the workgroup's items are spread over its invocations, pass after
// pass where there are more. The operand, which the step before wrote to memory, goes through shared
// memory in slabs; the weight comes from shared memory when all of it fits, else through the caches,
// neighbours side by side. Included after `operand`, DEPTH and COLUMNS are there.
#ifndef LAT_RNN_BASE_GLSL
#define LAT_RNN_BASE_GLSL

layout(constant_id = 3) const uint ROWS = 4;       // of an item
layout(constant_id = 4) const uint PARTS = 1;      // items side by side along the batch
layout(constant_id = 5) const uint SLAB = 256;     // of DEPTH
layout(constant_id = 6) const uint ON_CHIP = 0;    // room for the weight in shared memory; 0 = it stays out

layout(binding = 1) readonly buffer Weight { T weight[]; };

shared float slab[PARTS * ROWS * SLAB];
shared float chip[ON_CHIP > 0u ? ON_CHIP : 1u];

float acc[COLUMNS * ROWS];

void rnn_load_weight()
{
    uint n = ON_CHIP > 0u ? GATES * HIDDEN * HIDDEN : 0u;
    for (uint i = gl_LocalInvocationID.x; i < n; i += gl_WorkGroupSize.x)
        chip[i] = load(weight[i]);
}

// line: of the operand, [lines, B, DEPTH]. fresh: the operand is not in shared memory yet. Every
// invocation comes here, also those without an item.
void rnn_product(uint line, uint first, uint part, uint unit, bool inside, bool fresh)
{
    [[unroll]] for (uint i = 0; i < COLUMNS * ROWS; i++)
        acc[i] = 0.0;
    for (uint k0 = 0; k0 < DEPTH; k0 += SLAB) {
        uint n = min(SLAB, DEPTH - k0);
        if (fresh || DEPTH > SLAB) {
            barrier();
            for (uint e = gl_LocalInvocationID.x; e < PARTS * ROWS * SLAB; e += gl_WorkGroupSize.x) {
                uint b = min(first + e / SLAB, p.n_batch - 1u), k = e % SLAB;
                if (k < n)
                    slab[e] = load(operand[(line * p.n_batch + b) * DEPTH + k0 + k]);
            }
            barrier();
        }
        for (uint k = 0; k < n && inside; k++) {
            uint w = (k0 + k) * COLUMNS * HIDDEN + unit;
            [[unroll]] for (uint c = 0; c < COLUMNS; c++) {
                float v;
                if (ON_CHIP > 0u)
                    v = chip[w + c * HIDDEN];
                else
                    v = load(weight[w + c * HIDDEN]);
                [[unroll]] for (uint r = 0; r < ROWS; r++)
                    acc[c * ROWS + r] = fma(slab[(part * ROWS + r) * SLAB + k], v, acc[c * ROWS + r]);
            }
        }
    }
}

#endif
