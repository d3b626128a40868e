// SPDX-License-Identifier: MIT
//
// Data types: sizes, names, and the host's conversions. They round as the shaders do (to nearest
// even, shaders/common/dtype.glsl), so a value written from the host and one computed from the same
// float on the device have the same bits.

#include "tensor/tensor.h"
#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
#define XX(code, bytes, st, name) { name, bytes },
    LATTN_DTYPE_MAP(XX)
#undef XX
};

const char *lattn_dtype_name(lattn_dtype dtype)
{
    return (unsigned) dtype < LATTN_DTYPE_COUNT ? dtypes[dtype].name : "unknown";
}

size_t lattn_dtype_bytes(lattn_dtype dtype)
{
    return (unsigned) dtype < LATTN_DTYPE_COUNT ? dtypes[dtype].bytes : 0;
}

bool lat_is_float(lattn_dtype dtype)
{
    return dtype == LATTN_DTYPE_F32 || dtype == LATTN_DTYPE_F16 || dtype == LATTN_DTYPE_BF16;
}

lattn_status lat_dtype_check(const lattn_ctx *ctx, lattn_dtype dtype)
{
    const struct lat_caps *caps = lat_caps(ctx);
    if ((unsigned) dtype >= LATTN_DTYPE_COUNT)
        return lat_err(LATTN_ERR_DTYPE, "%d is no dtype", (int) dtype);
    if (dtypes[dtype].bytes == 2 && !caps->storage_16)
        return lat_err(LATTN_ERR_DTYPE, "dtype %s needs storageBuffer16BitAccess, which %s lacks",
            dtypes[dtype].name, ctx->info.name);
    if (dtype == LATTN_DTYPE_F16 && !caps->shader_f16)
        return lat_err(
            LATTN_ERR_DTYPE, "dtype f16 needs shaderFloat16, which %s lacks", ctx->info.name);
    if (dtype == LATTN_DTYPE_BF16 && !caps->shader_i16)
        return lat_err(
            LATTN_ERR_DTYPE, "dtype bf16 needs shaderInt16, which %s lacks", ctx->info.name);
    if (dtypes[dtype].bytes == 1 && !(caps->storage_8 && caps->shader_i8))
        return lat_err(LATTN_ERR_DTYPE,
            "dtype %s needs storageBuffer8BitAccess and shaderInt8, which %s lacks",
            dtypes[dtype].name, ctx->info.name);
    return LATTN_OK;
}

// ---- 16-bit floats ----------------------------------------------------------------------------

static uint32_t bits_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

uint16_t lat_f16_from_f32(float v)
{
    uint32_t bits = bits_of(v);
    uint16_t sign = (uint16_t) (bits >> 16 & 0x8000);
    uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return (uint16_t) (sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x477ff000)  // 65520: half way to the next exponent rounds to infinity
        return sign | 0x7c00;
    if (magnitude < 0x38800000) {
        // Below 2^-14: adding 0.5 lets the float unit put the unit of 2^-24 into the last mantissa
        // bit, and rounds on the way.
        float shifted = float_of(magnitude) + 0.5f;
        return (uint16_t) (sign | (bits_of(shifted) - bits_of(0.5f)));
    }
    uint32_t odd = magnitude >> 13 & 1;
    return (uint16_t) (sign | ((magnitude - 0x38000000 + 0xfff + odd) >> 13));
}

float lat_f32_from_f16(uint16_t v)
{
    uint32_t sign = (uint32_t) (v & 0x8000) << 16;
    uint32_t exponent = v >> 10 & 0x1f, mantissa = v & 0x3ff;
    if (exponent == 31)
        return float_of(sign | 0x7f800000 | mantissa << 13);
    if (exponent == 0)
        return float_of(sign | bits_of((float) mantissa * 0x1p-24f));
    return float_of(sign | (exponent + 112) << 23 | mantissa << 13);
}

uint16_t lat_bf16_from_f32(float v)
{
    uint32_t bits = bits_of(v);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t) (bits >> 16 | 0x40);
    return (uint16_t) ((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float lat_f32_from_bf16(uint16_t v)
{
    return float_of((uint32_t) v << 16);
}

// ---- arrays -----------------------------------------------------------------------------------

// Towards zero; what does not fit becomes the nearest that does, NaN becomes 0.
static int32_t i32_from_f32(float v)
{
    if (v >= 2147483648.0f)
        return INT32_MAX;
    return v >= -2147483648.0f ? (int32_t) v : v < 0 ? INT32_MIN : 0;
}

static uint8_t u8_from_f32(float v)
{
    return v >= 255 ? 255 : v >= 0 ? (uint8_t) v : 0;
}

void lat_convert_from_f32(lattn_dtype dtype, void *dst, const float *src, int64_t n)
{
    switch (dtype) {
    case LATTN_DTYPE_F16:
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *) dst)[i] = lat_f16_from_f32(src[i]);
        break;
    case LATTN_DTYPE_BF16:
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *) dst)[i] = lat_bf16_from_f32(src[i]);
        break;
    case LATTN_DTYPE_I32:
        for (int64_t i = 0; i < n; i++)
            ((int32_t *) dst)[i] = i32_from_f32(src[i]);
        break;
    case LATTN_DTYPE_U8:
        for (int64_t i = 0; i < n; i++)
            ((uint8_t *) dst)[i] = u8_from_f32(src[i]);
        break;
    default:
        memcpy(dst, src, (size_t) n * sizeof *src);
    }
}

void lat_convert_to_f32(lattn_dtype dtype, float *dst, const void *src, int64_t n)
{
    switch (dtype) {
    case LATTN_DTYPE_F16:
        for (int64_t i = 0; i < n; i++)
            dst[i] = lat_f32_from_f16(((const uint16_t *) src)[i]);
        break;
    case LATTN_DTYPE_BF16:
        for (int64_t i = 0; i < n; i++)
            dst[i] = lat_f32_from_bf16(((const uint16_t *) src)[i]);
        break;
    case LATTN_DTYPE_I32:
        for (int64_t i = 0; i < n; i++)
            dst[i] = (float) ((const int32_t *) src)[i];
        break;
    case LATTN_DTYPE_U8:
        for (int64_t i = 0; i < n; i++)
            dst[i] = (float) ((const uint8_t *) src)[i];
        break;
    default:
        memcpy(dst, src, (size_t) n * sizeof *dst);
    }
}
