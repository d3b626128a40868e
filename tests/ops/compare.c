// SPDX-License-Identifier: MIT
//
// Comparing what the device computed with the double-precision reference.
//
//     |got - want| <= abs + rel * magnitude + half a unit of got's dtype
//
// where magnitude is |want|, or what rounding errors of this element scale with (a sum of absolute
// values, for example). The last term is the rounding of the result when it is stored; in f32 it is
// the smallest normal number, because Vulkan lets devices flush denormals. NaN and infinities must
// be where the reference has them, with their sign.

#include "ops/engine.h"
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- messages -----------------------------------------------------------------------------------

static void add_text(struct ot_session *s, const char *fmt, va_list args)
{
    size_t used = strlen(s->text);
    if (used + 2 >= sizeof s->text)
        return;
    if (used)
        s->text[used++] = '\n';
    vsnprintf(s->text + used, sizeof s->text - used, fmt, args);
}

void ot_fail(struct ot_session *s, const char *fmt, ...)
{
    s->verdict = OT_FAILED;
    va_list args;
    va_start(args, fmt);
    add_text(s, fmt, args);
    va_end(args);
}

static void skip(struct ot_session *s, const char *fmt, ...) LATTN_PRINTF(2, 3);
static void skip(struct ot_session *s, const char *fmt, ...)
{
    if (s->verdict == OT_PASSED)
        s->verdict = OT_SKIPPED;
    va_list args;
    va_start(args, fmt);
    add_text(s, fmt, args);
    va_end(args);
}

void ot_fail_status(struct ot_session *s, const char *what, lattn_status status)
{
    const lattn_device_info *device = lattn_ctx_device(s->ctx);
    // A result of a dtype that the device cannot store; such inputs are left out before.
    bool no_storage = status == LATTN_ERR_DTYPE && !(device->storage_u8 && device->storage_f16);
    if (status == LATTN_ERR_UNSUPPORTED || no_storage)
        skip(s, "%s: %s", what, lattn_error(s->ctx));
    else
        ot_fail(s, "%s: %s: %s", what, lattn_status_name(status), lattn_error(s->ctx));
}

// ---- numbers ------------------------------------------------------------------------------------

void ot_to_double(lattn_dtype dtype, const void *raw, double *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (dtype == LATTN_DTYPE_F32)
            v[i] = ((const float *) raw)[i];
        else if (dtype == LATTN_DTYPE_F16)
            v[i] = lat_f32_from_f16(((const uint16_t *) raw)[i]);
        else if (dtype == LATTN_DTYPE_BF16)
            v[i] = lat_f32_from_bf16(((const uint16_t *) raw)[i]);
        else if (dtype == LATTN_DTYPE_I32)
            v[i] = ((const int32_t *) raw)[i];
        else
            v[i] = ((const uint8_t *) raw)[i];
    }
}

// The numbers of a dtype in order: neighbours differ by one.
static int64_t ordinal(lattn_dtype dtype, double v)
{
    float f = (float) v;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    int64_t sign_bit = INT64_C(1) << 31, order = bits;
    if (dtype == LATTN_DTYPE_F16) {
        sign_bit = INT64_C(1) << 15;
        order = lat_f16_from_f32(f);
    } else if (dtype == LATTN_DTYPE_BF16) {
        sign_bit = INT64_C(1) << 15;
        order = lat_bf16_from_f32(f);
    }
    return order & sign_bit ? sign_bit - order : order;
}

// Half the distance between v and the next number of dtype.
static double half_unit(lattn_dtype dtype, double v)
{
    if (!lat_is_float(dtype))
        return 0;
    if (dtype == LATTN_DTYPE_F32)
        return FLT_MIN;  // f32's own rounding is part of rel
    int exponent = 0;
    frexp(v, &exponent);
    if (dtype == LATTN_DTYPE_F16)
        return ldexp(0.5, LAT_MAX(exponent - 11, -24)) * 1.001;
    return ldexp(0.5, exponent - 8) * 1.001 + FLT_MIN;
}

// PyTorch's table for f32 unless the op says otherwise; the 16-bit types add the rounding of the
// result, which compare() does for all. Gradients in 16 bits may be off by two units in the last
// place of each of their terms: what forward kept was rounded as well.
struct ot_bound ot_forward_tolerance(const struct ot_op *op, lattn_dtype dtype)
{
    const struct ot_tolerance *t = &op->tolerance;
    struct ot_bound b = { t->f32_rel, t->f32_abs };
    if (b.rel == 0 && b.abs == 0)
        b = (struct ot_bound){ 1e-6, 0 };
    if (dtype == LATTN_DTYPE_F16 && (t->f16_rel > 0 || t->f16_abs > 0))
        b = (struct ot_bound){ t->f16_rel, t->f16_abs };
    if (dtype == LATTN_DTYPE_BF16 && (t->bf16_rel > 0 || t->bf16_abs > 0))
        b = (struct ot_bound){ t->bf16_rel, t->bf16_abs };
    return b;
}

struct ot_bound ot_grad_tolerance(const struct ot_op *op, lattn_dtype dtype)
{
    const struct ot_tolerance *t = &op->grad_tolerance;
    struct ot_bound f = ot_forward_tolerance(op, dtype), b = { 4 * f.rel, 4 * f.abs };
    if (dtype == LATTN_DTYPE_F32 && (t->f32_rel > 0 || t->f32_abs > 0))
        return (struct ot_bound){ t->f32_rel, t->f32_abs };
    if (dtype == LATTN_DTYPE_F16) {
        if (t->f16_rel > 0 || t->f16_abs > 0)
            return (struct ot_bound){ t->f16_rel, t->f16_abs };
        b.rel += 2 * 0x1p-10;
    }
    if (dtype == LATTN_DTYPE_BF16) {
        if (t->bf16_rel > 0 || t->bf16_abs > 0)
            return (struct ot_bound){ t->bf16_rel, t->bf16_abs };
        b.rel += 2 * 0x1p-7;
    }
    return b;
}

// ---- comparing ----------------------------------------------------------------------------------

// The error of one element as a share of its tolerance; above 1 is wrong.
static double share(const struct ot_comparison *c, double got, double want, double magnitude)
{
    double stored = lat_is_float(c->dtype) ? ot_round(c->dtype, want) : want;
    if (isnan(stored) || isnan(got))
        return isnan(stored) && isnan(got) ? 0 : INFINITY;
    if (got == stored)
        return 0;
    if (c->exact || !lat_is_float(c->dtype))
        return INFINITY;
    double tolerance = c->abs + c->rel * magnitude + half_unit(c->dtype, want);
    if (isinf(got) || isinf(stored)) {
        // At the end of the range either side may have rounded to infinity.
        double finite = isinf(got) ? want : got;
        double end = c->dtype == LATTN_DTYPE_F16 ? 65520 : 0x1p128;
        return !isinf(finite) && fabs(finite) + 2 * tolerance >= end &&
                       signbit(finite) == signbit(isinf(got) ? got : want)
                   ? 1
                   : INFINITY;
    }
    double error = fabs(got - want) / tolerance;
    return isnan(error) ? INFINITY : error;
}

static double share_of(const struct ot_comparison *c, int64_t i)
{
    double magnitude = c->bound ? c->bound[i] : fabs(c->want[i]);
    double best = share(c, c->got[i], c->want[i], magnitude);
    if (best > 1 && c->other_want)
        best = fmin(best, share(c, c->got[i], c->other_want[i], magnitude));
    return best;
}

static const char *index_text(char *text, size_t bytes, const struct ot_comparison *c, int64_t i)
{
    if (c->rank < 2) {
        snprintf(text, bytes, "[%lld]", (long long) i);
        return text;
    }
    size_t used = 0;
    int64_t rest = c->n;
    for (int d = 0; d < c->rank && used < bytes; d++) {
        rest /= c->dim[d];
        used += (size_t) snprintf(
            text + used, bytes - used, "%s%lld", d ? ", " : "[", (long long) (i / rest));
        i %= rest;
    }
    if (used < bytes)
        snprintf(text + used, bytes - used, "]");
    return text;
}

static void describe(
    struct ot_session *s, const struct ot_comparison *c, int64_t i, double error, int64_t wrong)
{
    char index[128], apart[64] = "";
    double got = c->got[i], want = c->want[i];
    if (lat_is_float(c->dtype) && !isnan(got) && !isnan(want))
        snprintf(apart, sizeof apart, ", %lld ULP apart",
            llabs((long long) (ordinal(c->dtype, got) - ordinal(c->dtype, want))));
    ot_fail(s,
        "%s%s: expected %.9g, got %.9g%s, %.3g times the tolerance; %lld of %lld elements wrong",
        c->what, index_text(index, sizeof index, c, i), want, got, apart, error, (long long) wrong,
        (long long) c->n);
}

bool ot_compare(struct ot_session *s, const struct ot_comparison *c)
{
    int64_t worst_at = -1, wrong = 0;
    double worst = 0;
    for (int64_t i = 0; i < c->n; i++) {
        double error = share_of(c, i);
        wrong += error > 1;
        if (error > worst || (worst_at < 0 && error > 0)) {
            worst = error;
            worst_at = i;
        }
    }
    s->worst = fmax(s->worst, worst);
    if (wrong)
        describe(s, c, worst_at, worst, wrong);
    return wrong == 0;
}
