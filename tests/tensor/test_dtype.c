// SPDX-License-Identifier: MIT

#include "harness/harness.h"
#include "tensor/tensor.h"

TEST(dtype, every_f16_value_survives_the_way_through_float)
{
    for (uint32_t v = 0; v <= 0xffff; v++) {
        float f = lat_f32_from_f16((uint16_t) v);
        bool nan = (v & 0x7c00) == 0x7c00 && (v & 0x3ff);
        if (nan) {
            uint16_t back = lat_f16_from_f32(f);
            if (!isnan(f) || (back & 0x7c00) != 0x7c00 || !(back & 0x3ff))
                lt_fail(__FILE__, __LINE__, "NaN %04x became %g, %04x", v, (double) f, back);
        } else if (lat_f16_from_f32(f) != v) {
            lt_fail(__FILE__, __LINE__, "%04x is %g and came back as %04x", v, (double) f,
                lat_f16_from_f32(f));
        }
    }
}

TEST(dtype, every_bf16_value_survives_the_way_through_float)
{
    for (uint32_t v = 0; v <= 0xffff; v++) {
        float f = lat_f32_from_bf16((uint16_t) v);
        uint16_t back = lat_bf16_from_f32(f);
        bool nan = (v & 0x7f80) == 0x7f80 && (v & 0x7f);
        if (nan ? !isnan(f) || !(back & 0x7f) : back != v)
            lt_fail(__FILE__, __LINE__, "%04x came back as %04x", v, back);
    }
}

static float of_bits(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

TEST(dtype, f16_rounds_to_nearest_even)
{
    static const struct {
        float from;
        uint16_t to;
    } rows[] = {
        { 0.0f, 0x0000 }, { -0.0f, 0x8000 }, { 1.0f, 0x3c00 },
        { 1.0f + 0x1p-11f, 0x3c00 },                   // half way, even is below
        { 1.0f + 0x3p-11f, 0x3c02 },                   // half way, even is above
        { 1.0f + 0x1p-11f + 0x1p-20f, 0x3c01 },        // above half way
        { 65504.0f, 0x7bff },                          // largest
        { 65519.996f, 0x7bff }, { 65520.0f, 0x7c00 },  // half way to 2^16: infinity
        { 1e10f, 0x7c00 }, { -INFINITY, 0xfc00 }, { 0x1p-14f, 0x0400 },  // smallest normal
        { 0x1p-24f, 0x0001 },                                            // smallest denormal
        { 0x1p-25f, 0x0000 },                                            // half of it: even is 0
        { 0x1.000002p-25f, 0x0001 }, { 0x3p-25f, 0x0002 },               // 1.5 units: even is 2
        { 0x1.ff8p-15f, 0x03ff },                                        // largest denormal
        { 0x1.ffap-15f, 0x03ff }, { 0x1.ffcp-15f, 0x0400 },  // half way: even is the first normal
    };
    for (size_t i = 0; i < LAT_COUNT(rows); i++)
        EXPECT_EQ(lat_f16_from_f32(rows[i].from), rows[i].to);
}

TEST(dtype, bf16_rounds_to_nearest_even_and_keeps_nan)
{
    static const struct {
        uint32_t from;
        uint16_t to;
    } rows[] = {
        { 0x3f800000, 0x3f80 },
        { 0x3f808000, 0x3f80 },  // half way, even is below
        { 0x3f818000, 0x3f82 },  // half way, even is above
        { 0x3f808001, 0x3f81 },
        { 0x3f807fff, 0x3f80 },
        { 0x7f7fffff, 0x7f80 },  // largest float rounds to infinity
        { 0x7f800000, 0x7f80 },
        { 0xff800000, 0xff80 },
        { 0x7f800001, 0x7fc0 },  // NaN whose upper half alone would be infinity
        { 0x00008000, 0x0000 },
        { 0x00018000, 0x0002 },
        { 0x80000000, 0x8000 },
    };
    for (size_t i = 0; i < LAT_COUNT(rows); i++)
        EXPECT_EQ(lat_bf16_from_f32(of_bits(rows[i].from)), rows[i].to);
}

TEST(dtype, integers_are_cut_to_their_range)
{
    const float from[] = { 1.9f, -1.9f, 3e9f, -3e9f, NAN, INFINITY, -INFINITY, 300, -5, 254.5f };
    int32_t i32[10];
    uint8_t u8[10];
    lat_convert_from_f32(LATTN_DTYPE_I32, i32, from, 10);
    lat_convert_from_f32(LATTN_DTYPE_U8, u8, from, 10);
    const int32_t want_i32[] = { 1, -1, INT32_MAX, INT32_MIN, 0, INT32_MAX, INT32_MIN, 300, -5,
        254 };
    const uint8_t want_u8[] = { 1, 0, 255, 0, 0, 255, 0, 255, 0, 254 };
    for (int i = 0; i < 10; i++) {
        EXPECT_EQ(i32[i], want_i32[i]);
        EXPECT_EQ(u8[i], want_u8[i]);
    }
}

TEST(dtype, names_and_sizes)
{
    EXPECT_STR(lattn_dtype_name(LATTN_DTYPE_BF16), "bf16");
    EXPECT_EQ(lattn_dtype_bytes(LATTN_DTYPE_F16), 2);
    EXPECT_STR(lattn_dtype_name((lattn_dtype) 99), "unknown");
    EXPECT_EQ(lattn_dtype_bytes((lattn_dtype) -1), 0);
}

// The device must round as the host does.
GPU_TEST(dtype, device_and_host_round_alike)
{
    enum { N = 4096 };
    static float values[N];
    for (int i = 0; i < N; i++) {
        // Every exponent that f16 has, mantissas around the half-way points.
        uint32_t bits = (uint32_t) (100 + i % 45) << 23 | (uint32_t) ((i * 2654435761u) >> 9);
        if (i % 3 == 0)
            bits = (bits & ~0x1fffu) | 0x1000u;
        if (i % 3 == 1)
            bits = (bits & ~0xffffu) | 0x8000u;
        values[i] = of_bits(i % 2 ? bits | 0x80000000u : bits);
    }
    for (int dtype = LATTN_DTYPE_F16; dtype <= LATTN_DTYPE_BF16; dtype++) {
        if (lat_dtype_check(ctx, (lattn_dtype) dtype))
            continue;
        int64_t n = N;
        static uint16_t host[N], device[N];
        lat_convert_from_f32((lattn_dtype) dtype, host, values, N);
        lattn_tensor *x = lattn_from_f32(ctx, LATTN_DTYPE_F32, 1, &n, values);
        lattn_tensor *y = lattn_cast(ctx, x, (lattn_dtype) dtype);
        EXPECT_OK(lattn_tensor_read(y, device, sizeof device));
        for (int i = 0; i < N; i++) {
            // Denormals may be flushed to zero by a device.
            bool tiny = fabsf(values[i]) < 0x1p-14f && dtype == LATTN_DTYPE_F16;
            if (host[i] != device[i] && !(tiny && (device[i] & 0x7fff) == 0))
                lt_fail(__FILE__, __LINE__, "%a as %s: host %04x, device %04x", (double) values[i],
                    lattn_dtype_name((lattn_dtype) dtype), host[i], device[i]);
        }
    }
}
