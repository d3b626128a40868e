// SPDX-License-Identifier: MIT
//
// Tests are C functions; GoogleTest runs them (harness.cpp registers each), so filters, sharding
// and XML come free.
//
//     TEST(suite, name) { EXPECT(1 + 1 == 2); }            no device
//     GPU_TEST(suite, name) { ... ctx ... }                 the process's shared context; skipped
//                                                           where there is no device
//
// A GPU test starts with an empty step and no kept error, and fails when it leaves an error in the
// context or when a validation message came up while it ran.
#ifndef LT_HARNESS_H
#define LT_HARNESS_H
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lattn/lattn.h"

#ifdef __cplusplus
extern "C" {
#endif

struct lt_test {
    const char *suite, *name, *file;
    int line;
    void (*plain)(void);
    void (*gpu)(lattn_ctx *ctx);
    struct lt_test *next;
};
void lt_register(struct lt_test *test);

// Marks the running test failed and goes on.
void lt_fail(const char *file, int line, const char *fmt, ...) LATTN_PRINTF(3, 4);
void lt_skip(const char *fmt, ...) LATTN_PRINTF(1, 2);  // the test must return after it
bool lt_failed(void);                                   // has the running test failed so far

#ifdef __cplusplus
}
#endif

#define TEST(suite_, name_)                                                                        \
    static void suite_##_##name_(void);                                                            \
    __attribute__((constructor)) static void suite_##_##name_##_register(void)                     \
    {                                                                                              \
        static struct lt_test test = { #suite_, #name_, __FILE__, __LINE__, suite_##_##name_,      \
            NULL, NULL };                                                                          \
        lt_register(&test);                                                                        \
    }                                                                                              \
    static void suite_##_##name_(void)

#define GPU_TEST(suite_, name_)                                                                    \
    static void suite_##_##name_(lattn_ctx *ctx);                                                  \
    __attribute__((constructor)) static void suite_##_##name_##_register(void)                     \
    {                                                                                              \
        static struct lt_test test = { #suite_, #name_, __FILE__, __LINE__, NULL,                  \
            suite_##_##name_, NULL };                                                              \
        lt_register(&test);                                                                        \
    }                                                                                              \
    static void suite_##_##name_(lattn_ctx *ctx)

#define EXPECT(cond) ((cond) ? (void) 0 : lt_fail(__FILE__, __LINE__, "expected: %s", #cond))
// Leaves the test when it fails.
#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            lt_fail(__FILE__, __LINE__, "required: %s", #cond);                                    \
            return;                                                                                \
        }                                                                                          \
    } while (0)
#define EXPECT_EQ(a, b)                                                                            \
    do {                                                                                           \
        long long a_ = (long long) (a), b_ = (long long) (b);                                      \
        if (a_ != b_)                                                                              \
            lt_fail(__FILE__, __LINE__, "%s is %lld, expected %s = %lld", #a, a_, #b, b_);         \
    } while (0)
#define EXPECT_NEAR(a, b, tolerance)                                                               \
    do {                                                                                           \
        double a_ = (a), b_ = (b);                                                                 \
        if (!(fabs(a_ - b_) <= (tolerance)))                                                       \
            lt_fail(__FILE__, __LINE__, "%s is %.9g, expected %.9g within %g", #a, a_, b_,         \
                (double) (tolerance));                                                             \
    } while (0)
#define EXPECT_STR(a, b)                                                                           \
    do {                                                                                           \
        const char *a_ = (a), *b_ = (b);                                                           \
        if (!a_ || !b_ || strcmp(a_, b_) != 0)                                                     \
            lt_fail(__FILE__, __LINE__, "%s is \"%s\", expected \"%s\"", #a, a_ ? a_ : "NULL",     \
                b_ ? b_ : "NULL");                                                                 \
    } while (0)
// The text contains part.
#define EXPECT_CONTAINS(text, part)                                                                \
    do {                                                                                           \
        const char *a_ = (text);                                                                   \
        if (!a_ || !strstr(a_, (part)))                                                            \
            lt_fail(                                                                               \
                __FILE__, __LINE__, "\"%s\" does not contain \"%s\"", a_ ? a_ : "NULL", (part));   \
    } while (0)
// A status, with the library's sentence when it differs.
#define EXPECT_STATUS(expr, expected)                                                              \
    do {                                                                                           \
        lattn_status st_ = (expr);                                                                 \
        if (st_ != (expected))                                                                     \
            lt_fail(__FILE__, __LINE__, "%s gave %s (%s), expected %s", #expr,                     \
                lattn_status_name(st_), lattn_error(NULL), lattn_status_name(expected));           \
    } while (0)
#define EXPECT_OK(expr) EXPECT_STATUS(expr, LATTN_OK)

#ifdef __cplusplus
extern "C" {
#endif

// ---- tensors in tests (tensors.c) -------------------------------------------------------------------

// f32 step tensor from values.
lattn_tensor *lt_tensor(lattn_ctx *ctx, int rank, const int64_t *dims, const float *values);
// Reads t and compares n values.
void lt_expect_near_at(const char *file, int line, lattn_ctx *ctx, lattn_tensor *t,
    const float *expected, int64_t n, double tolerance);
#define lt_expect_near(ctx, t, expected, n, tolerance)                                             \
    lt_expect_near_at(__FILE__, __LINE__, ctx, t, expected, n, tolerance)
// The context keeps this error (and it is cleared); the sentence contains part (may be NULL).
void lt_expect_error_at(
    const char *file, int line, lattn_ctx *ctx, lattn_status expected, const char *part);
#define lt_expect_error(ctx, status, part) lt_expect_error_at(__FILE__, __LINE__, ctx, status, part)

// ---- values from names (named.c) ----------------------------------------------------------------------

uint64_t lt_name_seed(const char *name);
uint64_t lt_name_bits(uint64_t seed, int64_t i);   // 64 random bits
double lt_name_uniform(uint64_t seed, int64_t i);  // in [-1, 1), a float's value

// ---- surroundings ---------------------------------------------------------------------------------------

// This test provokes validation messages: at least so many must come, and do not fail it.
void lt_expect_validation(int at_least);

// Whether a shader may see so many bytes at once; where it may not (job floor) the test is skipped, and must
// return.
bool lt_sees(lattn_ctx *ctx, uint64_t bytes);
// A context of its own with these limits (words of LATTN_LIMITS) beside those that the test runs with; NULL with
// the test failed. lattn_ctx_destroy.
lattn_ctx *lt_limited(const char *words);
// A context of its own whose bindings are at most this long, else with the limits that the test runs with; NULL
// with the test failed. lattn_ctx_destroy.
lattn_ctx *lt_short_bindings(uint64_t bytes);

// A fresh folder for one test, removed at the end of the process; lent.
const char *lt_temp_dir(void);
// Path of a file under tests/ in the source tree; lent until the next call.
const char *lt_source_path(const char *relative);

#ifdef __cplusplus
}
#endif
#endif
