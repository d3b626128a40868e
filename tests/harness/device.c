// SPDX-License-Identifier: MIT
//
// The shared context of the GPU tests. One per process: opening a device and compiling its first
// pipelines costs more than most tests. So that tests still do not see each other, each begins with
// an empty step, the same random state, no forced strategy and no kept error, and what it leaves
// open is closed and reported.

#include "harness/device.h"
#include "harness/harness.h"
#include "tensor/context.h"
#include "tensor/kernel.h"

enum { SEED = 42 };

static lattn_ctx *shared;
static char refused[1024];
static bool asked;
static size_t steps_before;
static uint64_t messages_before;
static _Atomic int log_validations;

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
    messages_before = shared->dev->validation_messages;
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
    uint64_t messages = shared->dev->validation_messages - messages_before;
    if (messages)
        lt_fail(__FILE__, __LINE__, "%llu validation message(s)", (unsigned long long) messages);
}

void lt_device_close(void)
{
    lattn_ctx_destroy(&shared);
    asked = false;
}

// ---- messages -----------------------------------------------------------------------------------

static void on_message(void *user, lattn_log_level level, const char *message)
{
    (void) user;
    if (level <= LATTN_LOG_WARN)
        fprintf(stderr, "%s: %s\n", level == LATTN_LOG_ERROR ? "error" : "warning", message);
    if (strncmp(message, "validation: ", 12) == 0)
        log_validations++;
}

void lt_messages_begin(void)
{
    log_validations = 0;
    lattn_log_set(on_message, NULL);
}

void lt_messages_end(void)
{
    if (log_validations)
        lt_fail(__FILE__, __LINE__, "%d validation message(s) in the log", (int) log_validations);
    lattn_log_set(NULL, NULL);
}
