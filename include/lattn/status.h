// SPDX-License-Identifier: MIT
//
// Status codes, error texts, the log callback and the version.
#ifndef LATTN_STATUS_H
#define LATTN_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define LATTN_API
#else
#define LATTN_API __attribute__((visibility("default")))
#endif

// Put on every function whose status must not be dropped.
#if defined(__GNUC__)
#define LATTN_MUST_CHECK __attribute__((warn_unused_result))
#define LATTN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define LATTN_MUST_CHECK
#define LATTN_PRINTF(fmt, args)
#endif

#define LATTN_VERSION_MAJOR 0
#define LATTN_VERSION_MINOR 1
#define LATTN_VERSION_PATCH 0

// One row per status: code, value, text. The enum, lattn_status_name() and
// lattn_status_text() are all made from this list. Values never change.
// clang-format off
#define LATTN_STATUS_MAP(XX)                                      \
    XX(OK,                0, "success")                           \
    XX(ERR_ARG,          -1, "invalid argument")                  \
    XX(ERR_SHAPE,        -2, "shapes do not fit together")        \
    XX(ERR_DTYPE,        -3, "dtype not accepted here")           \
    XX(ERR_STATE,        -4, "call not allowed in this state")    \
    XX(ERR_UNSUPPORTED,  -5, "not supported by this device")      \
    XX(ERR_NO_DEVICE,    -6, "no usable Vulkan device")           \
    XX(ERR_HOST_MEMORY,  -7, "out of host memory")                \
    XX(ERR_GPU_MEMORY,   -8, "out of device memory")              \
    XX(ERR_DEVICE_LOST,  -9, "device lost")                       \
    XX(ERR_IO,          -10, "cannot read or write file")         \
    XX(ERR_FORMAT,      -11, "malformed file")                    \
    XX(ERR_NOT_FINITE,  -12, "NaN or infinity in loss or gradient") \
    XX(ERR_INTERNAL,    -13, "internal error, please report")     \
    XX(ERR_INTERRUPTED, -14, "interrupted")
// clang-format on

typedef enum lattn_status {
#define XX(code, value, text) LATTN_##code = value,
    LATTN_STATUS_MAP(XX)
#undef XX
} lattn_status;

typedef struct lattn_ctx lattn_ctx;

/** Name of a status, "ERR_SHAPE"; "UNKNOWN" for a value that is no status. */
LATTN_API const char *lattn_status_name(lattn_status status);

/** Text of a status in words, "shapes do not fit together". */
LATTN_API const char *lattn_status_text(lattn_status status);

/**
 * The sentence that belongs to the last error: what, where, with the values.
 *
 * Args     ctx  NULL = the calling thread's last error, for failures before a
 *               context exists
 * Edge     "" when there was none
 * Owner    the library; valid until the next call on ctx (or in this thread)
 */
LATTN_API const char *lattn_error(const lattn_ctx *ctx);

typedef enum lattn_log_level {
    LATTN_LOG_ERROR,
    LATTN_LOG_WARN,
    LATTN_LOG_INFO,
    LATTN_LOG_DEBUG,
} lattn_log_level;

/** Receives one message without a newline. Called from any thread. */
typedef void (*lattn_log_fn)(void *user, lattn_log_level level, const char *message);

/**
 * Sets where messages go, for the whole process. The library prints nothing by
 * itself unless LATTN_LOG (error, warn, info, debug) is set; then to stderr. A
 * callback gets messages up to that level, up to info when it is not set.
 *
 * Args     fn  NULL = the default again
 */
LATTN_API void lattn_log_set(lattn_log_fn fn, void *user);

/** "0.1.0" of the library at run time. */
LATTN_API const char *lattn_version(void);

#ifdef __cplusplus
}
#endif
#endif
