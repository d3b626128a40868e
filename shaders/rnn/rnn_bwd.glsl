// SPDX-License-Identifier: MIT
//
// Backward of a cell, once the gradient that reaches its state through the next step's product is there.
// What reaches it past the product waits in `carry`: [2, B, H], of the state and of c.
//
//     RNN    da = dh (1 - h^2), or dh where h > 0
//     LSTM   dc = carry + dh o (1 - tanh(c)^2)
//            di = dc g i (1 - i), df = dc c' f (1 - f), dg = dc i (1 - g^2), do = dh tanh(c) o (1 - o)
//            carry = dc f
//            with NORM carry has all of dc already, and do is where it belongs
//     GRU    dn = dh (1 - z)(1 - n^2), dz = dh (h' - n) z (1 - z), dr = dn a r (1 - r)
//            carry = dh z; the product gets dn r where x gets dn
#ifndef LAT_RNN_BWD_GLSL
#define LAT_RNN_BWD_GLSL

layout(binding = 0) readonly buffer DY { T dy[]; };             // [steps, B, H]
layout(binding = 2) readonly buffer Lengths { int lengths[]; };
layout(binding = 3) readonly buffer States { T states[]; };
layout(binding = 4) readonly buffer Cells { float cells[]; };
layout(binding = 5) readonly buffer Gates { T gates[]; };       // [steps, B, KEPT H]
layout(binding = 6) writeonly buffer DX { T dx[]; };            // [lead + steps, B, G H], GRU alone
layout(binding = 7) coherent buffer DA { T da[]; };             // of what cells add to x; others' dx too
layout(binding = 8) buffer Carry { float carry[]; };

void rnn_backward(uint t, uint b, uint unit, float product)
{
    uint row = t * p.n_batch + b, at = b * HIDDEN + unit;
    uint before = (slot_before(t) * p.n_batch + b) * HIDDEN + unit + LANE;
    uint after = (slot_after(t) * p.n_batch + b) * HIDDEN + unit + LANE;
    uint kept_at = row * KEPT * HIDDEN + unit + LANE;
    uint to = (row + p.lead * p.n_batch) * GATES * HIDDEN + unit;
    bool live = (FLAGS & LAT_RNN_LENGTHS) == 0u || int(p.step0 + t) < lengths[b];
    float waiting = carry[at + LANE] + product;
    float dh = waiting + load(dy[row * HIDDEN + unit + LANE]);
    float d[4], stays = 0.0;

    if (CELL == LAT_RNN_LSTM) {
        uint of_c = at + p.n_batch * HIDDEN;
        float i = load(gates[kept_at]), f = load(gates[kept_at + HIDDEN]);
        float g = load(gates[kept_at + 2u * HIDDEN]), o = load(gates[kept_at + 3u * HIDDEN]);
        float c = cells[before], tanh_c = lat_tanh(cells[after]), dc0 = carry[of_c + LANE];
        float dc = NORM ? dc0 : dc0 + dh * o * (1.0 - tanh_c * tanh_c);
        d[0] = dc * g * i * (1.0 - i);
        d[1] = dc * c * f * (1.0 - f);
        d[2] = dc * i * (1.0 - g * g);
        d[3] = dh * tanh_c * o * (1.0 - o);
        RNN_PUT(carry, of_c, live ? dc * f : dc0)
    } else if (CELL == LAT_RNN_GRU) {
        float r = load(gates[kept_at]), z = load(gates[kept_at + HIDDEN]);
        float n = load(gates[kept_at + 2u * HIDDEN]), a = load(gates[kept_at + 3u * HIDDEN]);
        float dn = dh * (1.0 - z) * (1.0 - n * n);
        d[0] = dn * a * r * (1.0 - r);
        d[1] = dh * (load(states[before]) - n) * z * (1.0 - z);
        d[2] = dn * r;
        RNN_PUT(dx, to, store(live ? d[0] : 0.0))
        RNN_PUT(dx, to + HIDDEN, store(live ? d[1] : 0.0))
        RNN_PUT(dx, to + 2u * HIDDEN, store(live ? dn : 0.0))
        stays = dh * z;
    } else {
        float h = load(states[after]);
        d[0] = CELL == LAT_RNN_TANH ? dh * (1.0 - h * h) : h > 0.0 ? dh : 0.0;
    }
    RNN_PUT(carry, at, live ? stays : waiting)
    [[unroll]] for (uint g = 0; g < (NORM ? 3u : GATES); g++)
        RNN_PUT(da, to + g * HIDDEN, store(live ? d[g] : 0.0))
}

// Past the first step: what the initial state gets.
void rnn_finish(uint b, uint unit, float product)
{
    uint at = b * HIDDEN + unit;
    RNN_PUT(carry, at, carry[at + LANE] + product)
}

#endif
