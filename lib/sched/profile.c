// SPDX-License-Identifier: MIT
//
// LATTN_TRACE=file.json: one event per command in Chrome's trace format (chrome://tracing,
// Perfetto), with op, pass, kernel, module path, device time, bytes and flops.
//
// A timestamp is written behind every command, at the bottom of the pipe, and an event lasts
// from the timestamp before it to its own. So events never overlap and add up to the time of
// the submission; commands that ran side by side share it in the order in which they finished.
//
// The file is written as work completes. Should the process die, only the closing bracket is
// missing, which trace viewers accept.
//
// Source: "Trace Event Format", JSON array format, events ph "X" (complete) and "M" (metadata).

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "sched/state.h"
#include <string.h>

struct lat_trace {
    struct lat_device *dev;
    struct lat_file *file;
    struct lat_str text;       // scratch
    uint64_t previous, total;  // last reading; nanoseconds since the first one
    bool started;
};

lattn_status lat_trace_open(struct lat_sched *s, const char *path, struct lat_trace **out)
{
    *out = NULL;
    const struct lat_caps *caps = &s->dev->caps;
    if (caps->timestamp_ns <= 0) {
        lat_log(LATTN_LOG_WARN, "LATTN_TRACE: %s has no timestamps, no trace is written",
            caps->info.name);
        return LATTN_OK;
    }
    struct lat_trace *t = LAT_NEW(struct lat_trace);
    if (!t)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st;
    t->dev = s->dev;
    LAT_GO(lat_file_create(path, &t->file));
    lat_str_add(
        &t->text, "[\n{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":");
    lat_json_add_escaped(&t->text, caps->info.name, strlen(caps->info.name));
    lat_str_add(&t->text, "}}");
    LAT_GO(t->text.status);
    LAT_GO(lat_file_write(t->file, t->text.items, t->text.n));
    *out = t;
    return LATTN_OK;

done:
    lat_str_free(&t->text);
    if (t->file && lat_file_close(&t->file))
        lat_log(LATTN_LOG_WARN, "LATTN_TRACE: %s", lat_err_text());
    lat_free(t);
    return st;
}

// Nanoseconds since the first reading. Readings themselves start anywhere and may wrap.
static uint64_t since_start(struct lat_trace *t, uint64_t ns)
{
    if (t->started)
        t->total += lat_timer_elapsed(t->dev, t->previous, ns);
    t->started = true;
    t->previous = ns;
    return t->total;
}

static void add_member(struct lat_str *text, const char *name, const char *value)
{
    lat_str_addf(text, "\"%s\":", name);
    lat_json_add_escaped(text, value, strlen(value));
    lat_str_add(text, ",");
}

static void add_event(
    struct lat_str *text, const struct lat_trace_event *e, uint64_t begin_ns, uint64_t end_ns)
{
    lat_str_add(text, ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":1,");
    add_member(text, "name", e->op ? e->op : e->kernel);
    if (e->op)
        add_member(text, "cat", e->backward ? "backward" : "forward");
    // Whole nanoseconds, so that no locale can put a comma where JSON wants a point.
    uint64_t span = end_ns - begin_ns;
    lat_str_addf(text, "\"ts\":%llu.%03u,\"dur\":%llu.%03u,\"args\":{",
        (unsigned long long) (begin_ns / 1000), (unsigned) (begin_ns % 1000),
        (unsigned long long) (span / 1000), (unsigned) (span % 1000));
    add_member(text, "kernel", e->kernel);
    if (e->path)
        add_member(text, "path", e->path);
    lat_str_addf(text, "\"bytes\":%llu,\"flops\":%llu}}", (unsigned long long) e->bytes,
        (unsigned long long) e->flops);
}

lattn_status lat_trace_write(
    struct lat_trace *t, const struct lat_trace_event *events, size_t n, const uint64_t *ns)
{
    lat_str_clear(&t->text);
    uint64_t begin = since_start(t, ns[0]);
    for (size_t i = 0; i < n; i++) {
        uint64_t end = since_start(t, ns[i + 1]);
        add_event(&t->text, &events[i], begin, end);
        begin = end;
    }
    LAT_TRY(t->text.status);
    return lat_file_write(t->file, t->text.items, t->text.n);
}

void lat_trace_close(struct lat_trace **trace)
{
    struct lat_trace *t = *trace;
    *trace = NULL;
    if (!t)
        return;
    lattn_status st = lat_file_write(t->file, "\n]\n", 3);
    lattn_status closed = lat_file_close(&t->file);
    if (st || closed)
        lat_log(LATTN_LOG_WARN, "LATTN_TRACE: %s", lat_err_text());
    lat_str_free(&t->text);
    lat_free(t);
}
