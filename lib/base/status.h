// SPDX-License-Identifier: MIT
//
// Errors are values: a status code that is returned and a sentence that is kept for
// the calling thread. A context copies the first sentence it meets (tensor/context.h).
#ifndef LAT_STATUS_H
#define LAT_STATUS_H
#include <stdbool.h>
#include "base/compiler.h"
#include "lattn/status.h"

// Keeps the sentence for this thread and returns status: return lat_err(LATTN_ERR_IO, "...").
lattn_status lat_err(lattn_status status, const char *fmt, ...) LAT_PRINTF(2, 3);

// Puts words in front of the sentence kept for this thread: "file: " + sentence.
void lat_err_prefix(const char *fmt, ...) LAT_PRINTF(1, 2);

// The sentence last kept for this thread; "" if none.
const char *lat_err_text(void);

// A function of the program may return a status without having reported anything; the sentence kept is
// then that of some older error. Take the count before the call, and give it with what came back: the
// sentence becomes "what returned ERR_IO" when nothing was reported in between.
unsigned lat_err_count(void);
lattn_status lat_err_given(lattn_status status, unsigned count, const char *what);

// For public functions (lattn.h, "NULL"): ERR_ARG "lattn_linear_create: params is NULL".
#define LAT_CHECK_ARG(arg)                                                                         \
    do {                                                                                           \
        if (!(arg))                                                                                \
            return lat_err(LATTN_ERR_ARG, "%s: %s is NULL", __func__, #arg);                       \
    } while (0)

// The same for an array, which may be NULL when nothing is in it.
#define LAT_CHECK_ARRAY(arg, n)                                                                    \
    do {                                                                                           \
        if (!(arg) && (n) > 0)                                                                     \
            return lat_err(                                                                        \
                LATTN_ERR_ARG, "%s: %s is NULL for %lld", __func__, #arg, (long long) (n));        \
    } while (0)

// For functions that own nothing.
#define LAT_TRY(expr)                                                                              \
    do {                                                                                           \
        lattn_status st_ = (expr);                                                                 \
        if (st_)                                                                                   \
            return st_;                                                                            \
    } while (0)

// For functions with a done: label and a local lattn_status st.
#define LAT_GO(expr)                                                                               \
    do {                                                                                           \
        st = (expr);                                                                               \
        if (st)                                                                                    \
            goto done;                                                                             \
    } while (0)

// What only a bug of ours could break. Prints and aborts in debug builds, logs in release.
#define LAT_ASSERT(cond) ((cond) ? (void) 0 : lat_assert_failed(#cond, __FILE__, __LINE__))
void lat_assert_failed(const char *cond, const char *file, int line);

#endif
