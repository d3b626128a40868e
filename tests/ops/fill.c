// SPDX-License-Identifier: MIT
//
// Contents of test tensors. Every value is a function of the seed and its position, and is rounded to
// the dtype before anybody uses it, so device and reference start from the same numbers.

#include "ops/engine.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

// A generator of its own: the library's is among the things tested.
// Source: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64).
static uint64_t next_u64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double uniform(uint64_t *state)
{
    return (double) (next_u64(state) >> 11) * 0x1p-53;
}

static double normal(uint64_t *state)
{
    double u = 1 - uniform(state), v = uniform(state);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

double ot_round(lattn_dtype dtype, double v)
{
    float f = (float) v;
    if (dtype == LATTN_DTYPE_F16)
        return lat_f32_from_f16(lat_f16_from_f32(f));
    if (dtype == LATTN_DTYPE_BF16)
        return lat_f32_from_bf16(lat_bf16_from_f32(f));
    return f;
}

static double largest(lattn_dtype dtype)
{
    return dtype == LATTN_DTYPE_F16 ? 65504 : dtype == LATTN_DTYPE_BF16 ? 0x1.fep127 : FLT_MAX;
}

static double special(lattn_dtype dtype, int64_t k)
{
    double denormal = dtype == LATTN_DTYPE_F16 ? 0x1p-20 : 0x1p-130;
    const double values[] = { NAN, INFINITY, -INFINITY, 0.0, -0.0, denormal, -denormal,
        largest(dtype), -largest(dtype), 1.0 };
    return values[k % (int64_t) LAT_COUNT(values)];
}

// A ramp in [-2, 2] in shuffled order: neighbours differ by more than the dtype's rounding as long
// as there are few enough of them.
static void fill_distinct(uint64_t *state, double *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = n > 1 ? -2 + 4.0 * (double) i / (double) (n - 1) : 0.5;
    for (int64_t i = n; i > 1; i--) {
        int64_t j = (int64_t) (next_u64(state) % (uint64_t) i);
        double t = v[i - 1];
        v[i - 1] = v[j];
        v[j] = t;
    }
}

static double away(uint64_t *state)
{
    double v = 0.25 + 1.75 * uniform(state);
    return next_u64(state) & 1 ? v : -v;
}

// limit is the length of a row; every third row is masked as a whole.
static double mask(uint64_t *state, int64_t i, int64_t limit, lattn_dtype dtype)
{
    double masked = dtype == LATTN_DTYPE_F16 ? -65504 : -1e30;
    bool whole_row = limit > 0 && i / limit % 3 == 2;
    return whole_row || uniform(state) < 0.3 ? masked : 0;
}

static double one(enum ot_fill fill, int64_t limit, lattn_dtype dtype, uint64_t *state, int64_t i)
{
    uint64_t range = limit > 0 ? (uint64_t) limit : 1;
    switch (fill) {
    case OT_UNIFORM:
        return 2 * uniform(state) - 1;
    case OT_POSITIVE:
        return 0.5 + 1.5 * uniform(state);
    case OT_INTEGERS:
        return (double) (next_u64(state) % 9) - 4;
    case OT_INDEX:
        return (double) (next_u64(state) % range);
    case OT_BOOL:
        return (double) (next_u64(state) & 1);
    case OT_AWAY:
        return away(state);
    case OT_SPECIAL:
        return i % 3 == 0 ? special(dtype, i / 3) : normal(state);
    case OT_MASK:
        return mask(state, i, limit, dtype);
    case OT_LENGTHS:
        return 1 + (double) (next_u64(state) % range);
    case OT_BIG:
        return 1e4 * normal(state);
    default:
        return normal(state);
    }
}

void ot_fill(
    enum ot_fill fill, int64_t limit, lattn_dtype dtype, uint64_t seed, double *v, int64_t n)
{
    uint64_t state = seed;
    if (fill == OT_DISTINCT)
        fill_distinct(&state, v, n);
    else
        for (int64_t i = 0; i < n; i++)
            v[i] = one(fill, limit, dtype, &state, i);
    for (int64_t i = 0; i < n; i++)
        v[i] = ot_round(dtype, v[i]);
}
