// SPDX-License-Identifier: MIT
//
// Tensors in tests: from values, compared with values, and errors that are expected.

#include "harness/harness.h"

enum { MAX_REPORTED = 5 };  // wrong elements printed per comparison

lattn_tensor *lt_tensor(lattn_ctx *ctx, int rank, const int64_t *dims, const float *values)
{
    return lattn_from_f32(ctx, LATTN_DTYPE_F32, rank, dims, values);
}

// NaN must be NaN and an infinity the same infinity, whatever the tolerance.
static bool is_near(float got, float want, double tolerance)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got))
        return got == want;
    return fabs((double) got - (double) want) <= tolerance;
}

void lt_expect_near_at(const char *file, int line, lattn_ctx *ctx, lattn_tensor *t,
    const float *expected, int64_t n, double tolerance)
{
    if (!t) {
        lattn_status kept = lattn_ctx_status(ctx);
        lt_fail(file, line, "no tensor: %s: %s", lattn_status_name(kept), lattn_error(ctx));
        return;
    }
    if (lattn_tensor_numel(t) != n) {
        lt_fail(file, line, "%lld elements, expected %lld", (long long) lattn_tensor_numel(t),
            (long long) n);
        return;
    }
    float *got = malloc(sizeof *got * (size_t) (n ? n : 1));
    lattn_status status = got ? lattn_tensor_read_f32(t, got, n) : LATTN_ERR_HOST_MEMORY;
    if (status)
        lt_fail(file, line, "reading: %s: %s", lattn_status_name(status), lattn_error(ctx));
    int n_wrong = 0;
    for (int64_t i = 0; !status && i < n; i++) {
        if (is_near(got[i], expected[i], tolerance))
            continue;
        if (n_wrong++ < MAX_REPORTED)
            lt_fail(file, line, "element %lld is %.9g, expected %.9g within %g", (long long) i,
                (double) got[i], (double) expected[i], tolerance);
    }
    if (n_wrong > MAX_REPORTED)
        lt_fail(file, line, "%d of %lld elements are wrong", n_wrong, (long long) n);
    free(got);
}

void lt_expect_error_at(
    const char *file, int line, lattn_ctx *ctx, lattn_status expected, const char *part)
{
    lattn_status kept = lattn_ctx_status(ctx);
    const char *text = lattn_error(ctx);
    if (kept != expected)
        lt_fail(file, line, "the context keeps %s (%s), expected %s", lattn_status_name(kept), text,
            lattn_status_name(expected));
    else if (part && !strstr(text, part))
        lt_fail(file, line, "\"%s\" does not contain \"%s\"", text, part);
}
