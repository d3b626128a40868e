// SPDX-License-Identifier: MIT
//
// The only place for compiler extensions.
#ifndef LAT_COMPILER_H
#define LAT_COMPILER_H

#define LAT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define LAT_MUST_CHECK __attribute__((warn_unused_result))
#define LAT_UNUSED __attribute__((unused))
#define LAT_THREAD_LOCAL _Thread_local
#define LAT_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LAT_MIN(a, b) ((a) < (b) ? (a) : (b))
#define LAT_MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
