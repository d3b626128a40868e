// SPDX-License-Identifier: MIT
//
// The trace file: valid JSON, one event per command, in replays too, never overlapping.

#include "base/json.h"
#include "sched/fixture.h"

static void record(struct fixture *f, struct lat_block *a, struct lat_block *b)
{
    lat_sched_label(f->s, "encoder.layer.0");
    EXPECT_OK(lat_sched_fill(f->s, whole(a), 1));
    struct mix m = { .z = whole(b), .x = whole(a), .y = whole(a), .label = "a \"quoted\" name" };
    lat_sched_op(f->s, "gelu", true);
    EXPECT_OK(mix(f, &m));
    lat_sched_op(f->s, NULL, false);
    lat_sched_label(f->s, NULL);
    EXPECT_OK(lat_sched_copy(f->s, whole(a), whole(b)));
}

static bool open_trace(struct fixture *f, char *path, size_t capacity)
{
    snprintf(path, capacity, "%s/trace.json", lt_temp_dir());
    EXPECT_OK(lat_trace_open(f->s, path, &f->s->trace));
    if (f->s->trace)
        return true;
    lt_skip("no timestamps");
    return false;
}

// Closes the scheduler and checks the file; n_events of ph X are expected.
static void check_trace(struct fixture *f, const char *path, size_t n_events)
{
    lat_sched_destroy(&f->s);
    json_t *events = NULL;
    EXPECT_OK(lat_json_load(path, 1 << 20, &events));
    if (!events)
        return;
    size_t n = 0;
    double end = 0;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        if (strcmp(json_string_value(json_object_get(e, "ph")), "X") != 0)
            continue;
        const json_t *args = json_object_get(e, "args");
        double ts = json_number_value(json_object_get(e, "ts"));
        EXPECT(ts >= end - 0.0005);  // half a nanosecond for the decimals
        end = ts + json_number_value(json_object_get(e, "dur"));
        EXPECT(json_integer_value(json_object_get(args, "bytes")) > 0);
        const char *name = json_string_value(json_object_get(e, "name"));
        const char *path_text = json_string_value(json_object_get(args, "path"));
        if (n % 3 == 0)
            EXPECT_STR(name, "fill");
        if (n % 3 == 1) {
            EXPECT_STR(name, "gelu");
            EXPECT_STR(json_string_value(json_object_get(e, "cat")), "backward");
            EXPECT_STR(json_string_value(json_object_get(args, "kernel")), "a \"quoted\" name");
        }
        if (n % 3 == 2)
            EXPECT(path_text == NULL);
        else
            EXPECT_STR(path_text, "encoder.layer.0");
        n++;
    }
    EXPECT_EQ(n, n_events);
    json_decref(events);
}

TEST(profile, eager_commands_are_traced)
{
    struct fixture f;
    char path[512];
    if (!fixture_open(&f))
        return;
    if (open_trace(&f, path, sizeof path)) {
        struct lat_block *a = block_of(&f, LAT_BLOCK_KEPT, 4096),
                         *b = block_of(&f, LAT_BLOCK_KEPT, 4096);
        for (int i = 0; i < 5; i++) {
            record(&f, a, b);
            EXPECT_OK(lat_sched_flush(f.s));
        }
        lat_block_release(a);
        lat_block_release(b);
        check_trace(&f, path, 15);
    }
    fixture_close(&f);
}

TEST(profile, replays_are_traced)
{
    struct fixture f;
    char path[512];
    if (!fixture_open(&f))
        return;
    if (open_trace(&f, path, sizeof path)) {
        struct lat_block *a = block_of(&f, LAT_BLOCK_KEPT, 4096),
                         *b = block_of(&f, LAT_BLOCK_KEPT, 4096);
        EXPECT_OK(lat_capture_begin(f.s));
        record(&f, a, b);
        struct lat_replay *r;
        struct lat_replay_params params = { 0 };
        EXPECT_OK(lat_capture_end(f.s, &params, &r));
        for (int i = 0; i < 7; i++)
            EXPECT_OK(lat_replay_run(r));
        lat_replay_destroy(&r);
        lat_block_release(a);
        lat_block_release(b);
        check_trace(&f, path, 21);
    }
    fixture_close(&f);
}

TEST(profile, bad_path_is_an_error)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    if (f.dev->caps.timestamp_ns > 0)
        EXPECT_STATUS(lat_trace_open(f.s, "/nonexistent/trace.json", &f.s->trace), LATTN_ERR_IO);
    EXPECT(f.s->trace == NULL);
    fixture_close(&f);
}
