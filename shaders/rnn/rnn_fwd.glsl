// SPDX-License-Identifier: MIT
//
// Forward of a cell, once the product of the state with the weight is there:
//
//     RNN    h = tanh(x + a), or its ReLU
//     LSTM   i, f, o = sigmoid(x + a), g = tanh(x + a), c = f c' + i g, h = o tanh(c)
//     GRU    r, z = sigmoid(x + a), n = tanh(x + r a), h = (1 - z) n + z h'
//
// with a = product + bias. Past a row's length the state stays and y is 0.
// Sources: Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000 (f); Cho et al. 2014,
// arXiv:1406.1078, in the form whose reset comes after the product.
#ifndef LAT_RNN_FWD_GLSL
#define LAT_RNN_FWD_GLSL

layout(binding = 0) readonly buffer X { T x[]; };              // [steps, B, G H]
layout(binding = 2) readonly buffer Bias { T bias[]; };        // [G H]
layout(binding = 3) readonly buffer Lengths { int lengths[]; };
layout(binding = 4) writeonly buffer Y { T y[]; };             // [steps, B, H]
layout(binding = 5) coherent buffer States { T states[]; };
layout(binding = 6) buffer Cells { float cells[]; };
layout(binding = 7) writeonly buffer Gates { T gates[]; };     // [steps, B, KEPT H]

// product: of each gate.
void rnn_forward(uint t, uint b, uint unit, float product[4])
{
    uint row = t * p.n_batch + b;
    uint before = (slot_before(t) * p.n_batch + b) * HIDDEN + unit;
    uint after = (slot_after(t) * p.n_batch + b) * HIDDEN + unit;
    bool live = (FLAGS & LAT_RNN_LENGTHS) == 0u || int(p.step0 + t) < lengths[b];
    float v[4], a[4];
    [[unroll]] for (uint g = 0; g < GATES; g++) {
        v[g] = load(x[(row * GATES + g) * HIDDEN + unit + LANE]);
        a[g] = product[g];
        if ((FLAGS & LAT_RNN_BIAS) != 0u)
            a[g] += load(bias[g * HIDDEN + unit + LANE]);
    }

    float h0 = load(states[before + LANE]), h, kept[4];
    if (CELL == LAT_RNN_LSTM) {
        float c0 = cells[before + LANE];
        kept[0] = lat_sigmoid(v[0] + a[0]);
        kept[1] = lat_sigmoid(v[1] + a[1]);
        kept[2] = lat_tanh(v[2] + a[2]);
        kept[3] = lat_sigmoid(v[3] + a[3]);
        float c = kept[1] * c0 + kept[0] * kept[2];
        h = kept[3] * lat_tanh(c);
        RNN_PUT(cells, after, live ? c : c0)
    } else if (CELL == LAT_RNN_GRU) {
        kept[0] = lat_sigmoid(v[0] + a[0]);
        kept[1] = lat_sigmoid(v[1] + a[1]);
        kept[2] = lat_tanh(v[2] + kept[0] * a[2]);
        kept[3] = a[2];
        h = kept[2] + kept[1] * (h0 - kept[2]);
    } else {
        float s = v[0] + a[0];
        h = CELL == LAT_RNN_TANH ? lat_tanh(s) : lat_is_nan(s) ? s : max(s, 0.0);
    }
    if (!NORM) {
        RNN_PUT(y, row * HIDDEN + unit, store(live ? h : 0.0))
        RNN_PUT(states, after, store(live ? h : h0))
    }
    if ((FLAGS & LAT_RNN_KEEP) != 0u)
        [[unroll]] for (uint g = 0; g < KEPT; g++)
            RNN_PUT(gates, (row * KEPT + g) * HIDDEN + unit, store(kept[g]))
}

#endif
