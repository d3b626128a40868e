// SPDX-License-Identifier: MIT
//
// The shared context of the GPU tests. One per process: opening a device and compiling its first
// pipelines costs more than most tests. So that tests still do not see each other, each begins with
// an empty step, the same random state, no forced strategy and no kept error, and what it leaves
// open is closed and reported.

#include <pthread.h>
#include "harness/device.h"
#include "harness/harness.h"
#include "tensor/context.h"
#include "tensor/kernel.h"

enum { SEED = 42 };

static lattn_ctx *shared;
static char refused[1024];
static bool asked;
static size_t steps_before;

static void open_shared(void)
{
    asked = true;
    lattn_ctx_params params = { .seed = SEED };
    lattn_status status = lattn_ctx_create(&params, &shared);
    if (status) {
        snprintf(refused, sizeof refused, "%s: %s", lattn_status_name(status), lattn_error(NULL));
        return;
    }
    const lattn_device_info *info = lattn_ctx_device(shared);
    printf("device: %s, %s, subgroup size %u\n", info->name, info->driver, info->subgroup_size);
}

lattn_ctx *lt_device_begin(const char **why)
{
    // A lost device never comes back; the next test deserves its own chance.
    if (shared && lat_device_alive(shared->dev))
        lt_device_close();
    if (!asked)
        open_shared();
    if (!shared) {
        *why = refused;
        return NULL;
    }
    lattn_rng_set(shared, (lattn_rng_state){ .seed = SEED });
    lat_strategy_force(shared, -1);
    steps_before = shared->marks.n;
    if (lattn_step_begin(shared)) {
        *why = lattn_error(shared);
        return NULL;
    }
    return shared;
}

void lt_device_end(void)
{
    lattn_status kept = lattn_ctx_status(shared);
    if (kept)
        lt_fail(__FILE__, __LINE__, "the test left %s in the context: %s", lattn_status_name(kept),
            lattn_error(shared));
    if (shared->marks.n != steps_before + 1)
        lt_fail(__FILE__, __LINE__, "the test left %d step(s) open",
            (int) shared->marks.n - (int) steps_before - 1);
    while (shared->marks.n > steps_before)
        if (lattn_step_end(shared))
            break;
    lattn_status waited = lattn_sync(shared);
    if (waited)
        lt_fail(__FILE__, __LINE__, "waiting after the test: %s: %s", lattn_status_name(waited),
            lattn_error(shared));
}

void lt_device_close(void)
{
    lattn_ctx_destroy(&shared);
    asked = false;
}

bool lt_sees(lattn_ctx *ctx, uint64_t bytes)
{
    uint64_t most = lattn_ctx_device(ctx)->max_binding_bytes;
    if (most < bytes)
        lt_skip("a shader sees %llu bytes at once here, the test needs %llu",
            (unsigned long long) most, (unsigned long long) bytes);
    return most >= bytes;
}

lattn_ctx *lt_limited(const char *words)
{
    const char *before = getenv("LATTN_LIMITS");
    char limits[200];
    lattn_ctx *ctx = NULL;
    char *kept = before ? strdup(before) : NULL;
    snprintf(limits, sizeof limits, "%s%s%s", kept ? kept : "", kept ? "," : "", words);
    setenv("LATTN_LIMITS", limits, 1);
    lattn_status st = lattn_ctx_create(NULL, &ctx);
    if (st)
        lt_fail(__FILE__, __LINE__, "LATTN_LIMITS=%s: %s", limits, lattn_error(NULL));
    if (kept)
        setenv("LATTN_LIMITS", kept, 1);
    else
        unsetenv("LATTN_LIMITS");
    free(kept);
    return ctx;
}

lattn_ctx *lt_short_bindings(uint64_t bytes)
{
    char words[50];
    snprintf(words, sizeof words, "max_binding_bytes=%llu", (unsigned long long) bytes);
    return lt_limited(words);
}

// ---- messages -----------------------------------------------------------------------------------

// What the library said during the test, printed if it fails: tests of errors make many.
static struct {
    pthread_mutex_t lock;
    char text[16384];
    size_t n;
    int validations;
    int expected;  // validation messages that the test announced
} messages = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void on_message(void *user, lattn_log_level level, const char *message)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };
    (void) user;
    pthread_mutex_lock(&messages.lock);
    size_t room = sizeof messages.text - messages.n;
    if (level <= LATTN_LOG_WARN && room > 1) {
        int n = snprintf(messages.text + messages.n, room, "%s: %s\n", names[level], message);
        messages.n += (size_t) n < room ? (size_t) n : room - 1;
    }
    if (strncmp(message, "validation: ", 12) == 0)
        messages.validations++;
    pthread_mutex_unlock(&messages.lock);
}

void lt_messages_begin(void)
{
    messages.n = 0;
    messages.validations = messages.expected = 0;
    lattn_log_set(on_message, NULL);
}

void lt_expect_validation(int at_least)
{
    messages.expected = at_least;
}

void lt_messages_end(void)
{
    lattn_log_set(NULL, NULL);
    if (messages.validations < messages.expected)
        lt_fail(__FILE__, __LINE__, "%d validation message(s), expected at least %d",
            messages.validations, messages.expected);
    if (messages.validations && !messages.expected)
        lt_fail(__FILE__, __LINE__, "%d validation message(s)", messages.validations);
    if (lt_failed() && messages.n)
        fprintf(stderr, "%s", messages.text);
}
