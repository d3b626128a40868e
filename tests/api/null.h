// SPDX-License-Identifier: MIT
//
// Calls with NULL and what must come of them (lattn.h, "NULL").
//
//     REFUSED(call)   returns ERR_ARG with a sentence that starts with the function's name
//     KEPT(call)      returns NULL and keeps such an error in ctx
//     NOTHING(call)   returns NULL, 0 or false without an error
//     FINE(call)      returns nothing, and does nothing
#ifndef LT_NULL_H
#define LT_NULL_H
#include "harness/harness.h"

// The called function's name: the call up to its parenthesis.
static inline const char *name_of(const char *call)
{
    static char name[100];
    snprintf(name, sizeof name, "%.*s", (int) strcspn(call, "("), call);
    return name;
}

static inline void check_sentence(
    const char *file, int line, const char *call, lattn_status st, const char *sentence)
{
    const char *name = name_of(call);
    bool names_it = strncmp(sentence, name, strlen(name)) == 0 && strstr(sentence, " is NULL");
    if (st != LATTN_ERR_ARG || !names_it)
        lt_fail(file, line, "%s gave %s \"%s\", expected ERR_ARG \"%s: ... is NULL\"", call,
            lattn_status_name(st), sentence, name);
}

static inline void check_kept(
    const char *file, int line, const char *call, lattn_ctx *ctx, const void *result)
{
    if (result)
        lt_fail(file, line, "%s is not NULL", call);
    lattn_status st = lattn_ctx_status(ctx);
    check_sentence(file, line, call, st, lattn_error(NULL));
}

#define REFUSED(call)                                                                              \
    do {                                                                                           \
        lattn_status refused_ = (call);                                                            \
        check_sentence(__FILE__, __LINE__, #call, refused_, lattn_error(NULL));                    \
    } while (0)
#define KEPT(call) check_kept(__FILE__, __LINE__, #call, ctx, (call))
#define NOTHING(call)                                                                              \
    do {                                                                                           \
        if (call)                                                                                  \
            lt_fail(__FILE__, __LINE__, "%s is not NULL, 0 or false", #call);                      \
    } while (0)
#define FINE(call) (call)

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })

#endif
