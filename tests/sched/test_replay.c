// SPDX-License-Identifier: MIT
//
// Captured steps: results, what a run may not do, two copies in flight, inputs and outputs.
//
// The step of these tests:  t = 3 x + reversed x + i;  u = t + 2 state + i;  state = u + i
// with x an input, state a kept block that is changed in place, t and u planned, u[0..n) = output.

#include "sched/fixture.h"

enum { N = 500, BYTES = N * 4 };

struct step {
    struct fixture f;
    struct lat_block *x, *state;
    struct lat_replay *r;
    uint32_t host[N];  // what state should be
};

// Records the three commands; *out gets one reference to u.
static void record_step(struct step *t, struct lat_block **out)
{
    struct lat_block *a = block_of(&t->f, LAT_BLOCK_STEP, BYTES);
    struct lat_block *u = block_of(&t->f, LAT_BLOCK_STEP, BYTES);
    struct mix first = { .z = whole(a), .x = whole(t->x), .y = whole(t->x), .a = 3, .b = 1 };
    struct mix second = { .z = whole(u), .x = whole(a), .y = whole(t->state), .a = 1, .b = 2 };
    struct mix third = { .z = whole(t->state), .x = whole(u), .y = whole(u), .a = 1 };
    EXPECT_OK(mix(&t->f, &first));
    EXPECT_OK(mix(&t->f, &second));
    EXPECT_OK(mix(&t->f, &third));
    lat_block_release(a);
    *out = u;
}

static void step_on_host(struct step *t, uint32_t x, uint32_t *u)
{
    uint32_t xs[N], a[N];
    for (uint32_t i = 0; i < N; i++)
        xs[i] = x;
    struct mix first = { .a = 3, .b = 1 }, second = { .a = 1, .b = 2 }, third = { .a = 1 };
    mix_host(a, xs, xs, N, &first);
    mix_host(u, a, t->host, N, &second);
    mix_host(t->host, u, u, N, &third);
}

static bool step_open(struct step *t)
{
    memset(t, 0, sizeof *t);
    if (!fixture_open(&t->f))
        return false;
    struct lat_sched *s = t->f.s;
    t->x = block_of(&t->f, LAT_BLOCK_KEPT, BYTES);
    t->state = block_of(&t->f, LAT_BLOCK_KEPT, BYTES);
    EXPECT_OK(lat_sched_fill(s, whole(t->x), 0));
    EXPECT_OK(lat_sched_fill(s, whole(t->state), 0));
    struct lat_block *u;
    EXPECT_OK(lat_capture_begin(s));
    record_step(t, &u);
    struct lat_range input = whole(t->x), output = whole(u);
    struct lat_replay_params params = {
        .inputs = &input, .n_inputs = 1, .outputs = &output, .n_outputs = 1
    };
    EXPECT_OK(lat_capture_end(s, &params, &t->r));
    lat_block_release(u);
    return t->r != NULL;
}

static void step_close(struct step *t)
{
    lat_replay_destroy(&t->r);
    lat_block_release(t->x);
    lat_block_release(t->state);
    fixture_close(&t->f);
}

static void write_x(struct step *t, uint32_t value)
{
    uint32_t words[N];
    for (uint32_t i = 0; i < N; i++)
        words[i] = value;
    EXPECT_OK(lat_replay_write(t->r, 0, words, BYTES));
}

static void expect_output(struct step *t, int age, const uint32_t *want)
{
    uint32_t got[N];
    EXPECT_OK(lat_replay_read(t->r, 0, age, got, BYTES));
    EXPECT(memcmp(got, want, BYTES) == 0);
}

TEST(replay, every_run_gives_the_result_of_the_step)
{
    struct step t;
    if (!step_open(&t))
        return;
    EXPECT_EQ(t.f.dev->stats.graph_runs, 0);
    uint32_t u[N], got[N];
    for (uint32_t run = 0; run < 20; run++) {
        write_x(&t, run * 17 + 1);
        EXPECT_OK(lat_replay_run(t.r));
        step_on_host(&t, run * 17 + 1, u);
        expect_output(&t, 0, u);
    }
    EXPECT_OK(lat_sched_download(t.f.s, whole(t.state), got));
    EXPECT(memcmp(got, t.host, BYTES) == 0);
    EXPECT_EQ(t.f.dev->stats.graph_runs, 20);
    EXPECT_EQ(t.f.dev->stats.dispatches, 60);
    step_close(&t);
}

TEST(replay, capture_itself_executes_nothing)
{
    struct step t;
    if (!step_open(&t))
        return;
    uint32_t got[N];
    EXPECT_EQ(t.f.dev->stats.dispatches, 0);
    EXPECT_OK(lat_sched_download(t.f.s, whole(t.state), got));
    for (uint32_t i = 0; i < N; i++)
        EXPECT_EQ(got[i], 0);
    step_close(&t);
}

TEST(replay, steady_run_only_submits)
{
    struct step t;
    if (!step_open(&t))
        return;
    for (uint32_t run = 0; run < 4; run++) {
        write_x(&t, run);
        EXPECT_OK(lat_replay_run(t.r));
    }
    EXPECT_OK(lat_sched_wait(t.f.s));
    lattn_stats before = t.f.dev->stats;
    uint64_t host = lat_alloc_count();
    for (uint32_t run = 0; run < 2; run++) {
        write_x(&t, run);
        EXPECT_OK(lat_replay_run(t.r));
    }
    lattn_stats after = t.f.dev->stats;
    EXPECT_EQ(lat_alloc_count(), host);
    EXPECT_EQ(after.device_allocations, before.device_allocations);
    EXPECT_EQ(after.slice_allocations, before.slice_allocations);
    EXPECT_EQ(after.commands_recorded, before.commands_recorded);
    EXPECT_EQ(after.barriers, before.barriers);
    EXPECT_EQ(after.descriptor_writes, before.descriptor_writes);
    EXPECT_EQ(after.pipelines_created, before.pipelines_created);
    EXPECT_EQ(after.waits, before.waits);  // both copies were free
    EXPECT_EQ(after.submits, before.submits + 2);
    step_close(&t);
}

TEST(replay, outputs_of_the_run_before_are_kept)
{
    struct step t;
    if (!step_open(&t))
        return;
    uint32_t u[2][N];
    uint32_t word;
    EXPECT_STATUS(lat_replay_read(t.r, 0, 0, u[0], BYTES), LATTN_ERR_STATE);
    for (uint32_t run = 0; run < 9; run++) {
        write_x(&t, run);
        EXPECT_OK(lat_replay_run(t.r));
        step_on_host(&t, run, u[run % 2]);
        if (run == 0)
            EXPECT_STATUS(lat_replay_read(t.r, 0, 1, u[1], BYTES), LATTN_ERR_STATE);
        else
            expect_output(&t, 1, u[(run - 1) % 2]);
    }
    expect_output(&t, 0, u[0]);
    expect_output(&t, 1, u[1]);
    EXPECT_STATUS(lat_replay_read(t.r, 0, 2, u[0], BYTES), LATTN_ERR_ARG);
    EXPECT_STATUS(lat_replay_read(t.r, 1, 0, u[0], BYTES), LATTN_ERR_ARG);
    EXPECT_STATUS(lat_replay_read(t.r, 0, 0, &word, 4), LATTN_ERR_ARG);
    EXPECT_STATUS(lat_replay_write(t.r, 0, &word, 4), LATTN_ERR_ARG);
    EXPECT_STATUS(lat_replay_write(t.r, 1, u[0], BYTES), LATTN_ERR_ARG);
    step_close(&t);
}

// An input that is not written keeps its content, no matter who wrote it last.
TEST(replay, input_stays_until_it_is_written)
{
    struct step t;
    if (!step_open(&t))
        return;
    uint32_t u[N];
    write_x(&t, 5);
    for (int run = 0; run < 3; run++) {
        EXPECT_OK(lat_replay_run(t.r));
        step_on_host(&t, 5, u);
        expect_output(&t, 0, u);
    }
    EXPECT_OK(lat_sched_fill(t.f.s, whole(t.x), 9));
    for (int run = 0; run < 3; run++) {
        EXPECT_OK(lat_replay_run(t.r));
        step_on_host(&t, 9, u);
        expect_output(&t, 0, u);
    }
    write_x(&t, 6);
    write_x(&t, 7);  // the last write counts
    EXPECT_OK(lat_replay_run(t.r));
    step_on_host(&t, 7, u);
    expect_output(&t, 0, u);
    step_close(&t);
}

TEST(replay, eager_work_keeps_its_place_between_runs)
{
    struct step t;
    if (!step_open(&t))
        return;
    uint32_t u[N];
    for (uint32_t run = 0; run < 6; run++) {
        EXPECT_OK(lat_sched_fill(t.f.s, whole(t.state), run));
        for (uint32_t i = 0; i < N; i++)
            t.host[i] = run;
        EXPECT_OK(lat_replay_run(t.r));
        step_on_host(&t, 0, u);
        // Eager planned memory lies in the arena that the graph uses as well.
        struct lat_block *tmp = block_of(&t.f, LAT_BLOCK_STEP, BYTES);
        EXPECT_OK(lat_sched_fill(t.f.s, whole(tmp), 0xffffffff));
        lat_block_release(tmp);
        EXPECT_OK(lat_sched_flush(t.f.s));
        expect_output(&t, 0, u);
    }
    step_close(&t);
}

TEST(replay, host_and_waiting_calls_are_refused_inside_a_capture)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    uint32_t word = 0;
    struct lat_block *b = block_of(&f, LAT_BLOCK_KEPT, 64);
    EXPECT_OK(lat_sched_fill(f.s, whole(b), 3));
    EXPECT_OK(lat_capture_begin(f.s));
    EXPECT_EQ(lat_sched_pending(f.s), 0);  // flushed
    EXPECT(lat_capturing(f.s));
    struct lat_range r = { b, 0, 4 };
    EXPECT_STATUS(lat_sched_upload(f.s, r, &word), LATTN_ERR_STATE);
    EXPECT_STATUS(lat_sched_download(f.s, r, &word), LATTN_ERR_STATE);
    EXPECT_STATUS(lat_sched_flush(f.s), LATTN_ERR_STATE);
    EXPECT_STATUS(lat_sched_wait(f.s), LATTN_ERR_STATE);
    EXPECT_STATUS(lat_capture_begin(f.s), LATTN_ERR_STATE);
    EXPECT_OK(lat_sched_fill(f.s, r, 9));
    lat_capture_abort(f.s);
    EXPECT(!lat_capturing(f.s));
    EXPECT_OK(lat_sched_download(f.s, r, &word));
    EXPECT_EQ(word, 3);
    lat_block_release(b);
    fixture_close(&f);
}

TEST(replay, unknown_output_is_an_error)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_block *b = block_of(&f, LAT_BLOCK_STEP, 64);
    struct lat_range output = whole(b);
    struct lat_replay_params params = { .outputs = &output, .n_outputs = 1 };
    struct lat_replay *r;
    EXPECT_OK(lat_capture_begin(f.s));
    EXPECT_STATUS(lat_capture_end(f.s, &params, &r), LATTN_ERR_STATE);
    EXPECT(r == NULL);
    EXPECT(!lat_capturing(f.s));
    lat_block_release(b);
    fixture_close(&f);
}

TEST(replay, empty_step_runs)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_replay *r;
    struct lat_replay_params params = { 0 };
    EXPECT_OK(lat_capture_begin(f.s));
    EXPECT_OK(lat_capture_end(f.s, &params, &r));
    for (int i = 0; i < 5; i++)
        EXPECT_OK(lat_replay_run(r));
    lat_replay_destroy(&r);
    fixture_close(&f);
}

// What somebody outside holds is not planned, and keeps its content from run to run.
TEST(replay, retained_blocks_live_outside_the_planned_arena)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_block *held = block_of(&f, LAT_BLOCK_STEP, BYTES);
    EXPECT_OK(lat_sched_fill(f.s, whole(held), 1));
    EXPECT_OK(lat_capture_begin(f.s));
    struct lat_block *tmp = block_of(&f, LAT_BLOCK_STEP, BYTES);
    EXPECT_OK(lat_sched_copy(f.s, whole(tmp), whole(held)));
    struct mix m = { .z = whole(held), .x = whole(tmp), .y = whole(tmp), .a = 1, .b = 1 };
    EXPECT_OK(mix(&f, &m));
    lat_block_release(tmp);
    struct lat_replay *r;
    struct lat_replay_params params = { 0 };
    EXPECT_OK(lat_capture_end(f.s, &params, &r));
    EXPECT_EQ(f.dev->stats.plan_bytes, BYTES);
    for (int i = 0; i < 4; i++)
        EXPECT_OK(lat_replay_run(r));
    uint32_t first;
    EXPECT_OK(lat_sched_download(f.s, (struct lat_range){ held, 0, 4 }, &first));
    lat_block_release(held);  // the graph holds it too
    uint32_t want[N], copy[N];
    for (uint32_t i = 0; i < N; i++)
        want[i] = 1;
    for (int i = 0; i < 4; i++) {
        memcpy(copy, want, sizeof copy);
        mix_host(want, copy, copy, N, &m);
    }
    EXPECT_EQ(first, want[0]);
    EXPECT_OK(lat_replay_run(r));
    lat_replay_destroy(&r);
    fixture_close(&f);
}

// A later, larger capture gets a new arena; older graphs move there when they run again.
TEST(replay, captures_of_different_size_share_one_arena)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    static const uint64_t sizes[] = { 1 << 20, 1 << 18, 3 << 20 };
    struct lat_replay *r[3];
    struct lat_block *out[3];
    uint64_t recorded = 0;
    for (int k = 0; k < 3; k++) {
        EXPECT_OK(lat_capture_begin(f.s));
        struct lat_block *tmp = block_of(&f, LAT_BLOCK_STEP, sizes[k]);
        out[k] = block_of(&f, LAT_BLOCK_KEPT, sizes[k]);
        EXPECT_OK(lat_sched_fill(f.s, whole(tmp), (uint32_t) k + 1));
        EXPECT_OK(lat_sched_copy(f.s, whole(out[k]), whole(tmp)));
        lat_block_release(tmp);
        struct lat_replay_params params = { 0 };
        EXPECT_OK(lat_capture_end(f.s, &params, &r[k]));
    }
    EXPECT(r[0]->arena == r[1]->arena);
    EXPECT(r[0]->arena != r[2]->arena);
    for (int run = 0; run < 12; run++) {
        for (int k = 0; k < 3; k++)
            EXPECT_OK(lat_sched_fill(f.s, whole(out[k]), 0));
        EXPECT_OK(lat_replay_run(r[0]));
        EXPECT_OK(lat_replay_run(r[1]));
        EXPECT_OK(lat_replay_run(r[2]));
        if (run == 2)
            recorded = f.dev->stats.commands_recorded;
    }
    EXPECT(r[0]->arena == r[2]->arena && r[1]->arena == r[2]->arena);
    EXPECT_EQ(r[2]->arena->refs, 4);
    EXPECT_EQ(f.dev->stats.commands_recorded, recorded + 9 * 3);  // the fills
    for (int k = 0; k < 3; k++) {
        uint32_t word;
        EXPECT_OK(lat_sched_download(f.s, (struct lat_range){ out[k], sizes[k] - 4, 4 }, &word));
        EXPECT_EQ(word, k + 1);
        lat_block_release(out[k]);
        lat_replay_destroy(&r[k]);
    }
    fixture_close(&f);
}

TEST(replay, graph_may_be_destroyed_while_it_runs)
{
    struct step t;
    if (!step_open(&t))
        return;
    EXPECT_OK(lat_replay_run(t.r));
    EXPECT_OK(lat_replay_run(t.r));
    step_close(&t);
}

TEST(replay, scheduler_may_go_after_device_was_lost_in_a_run)
{
    struct step t;
    if (!step_open(&t))
        return;
    EXPECT_OK(lat_replay_run(t.r));
    t.f.dev->lost = true;
    EXPECT_STATUS(lat_replay_run(t.r), LATTN_ERR_DEVICE_LOST);
    uint32_t u[N];
    EXPECT_STATUS(lat_replay_read(t.r, 0, 0, u, BYTES), LATTN_ERR_DEVICE_LOST);
    EXPECT_STATUS(lat_replay_write(t.r, 0, u, BYTES), LATTN_ERR_DEVICE_LOST);
    (void) t.f.dev->vk.DeviceWaitIdle(t.f.dev->handle);
    step_close(&t);
}

TEST(replay, dropped_work_is_noticed)
{
    struct step t;
    if (!step_open(&t))
        return;
    EXPECT_OK(lat_replay_run(t.r));
    EXPECT_OK(lat_sched_wait(t.f.s));
    // As if the device had left out the end of the next run.
    t.r->copies[1].segments[0]->canary_value ^= 1;
    EXPECT_OK(lat_replay_run(t.r));
    EXPECT_STATUS(lat_sched_wait(t.f.s), LATTN_ERR_DEVICE_LOST);
    step_close(&t);
}

// A guess that is far too high makes many segments; measured times bring it to one, and then
// nothing is recorded any more.
TEST(replay, cuts_follow_measured_time)
{
    struct step t;
    if (!step_open(&t))
        return;
    struct lat_sched *s = t.f.s;
    lat_replay_destroy(&t.r);
    s->rate.ns_per_command = 80e6;
    struct lat_block *u;
    EXPECT_OK(lat_capture_begin(s));
    record_step(&t, &u);
    struct lat_range output = whole(u);
    struct lat_replay_params params = { .outputs = &output, .n_outputs = 1 };
    EXPECT_OK(lat_capture_end(s, &params, &t.r));
    lat_block_release(u);
    EXPECT_EQ(t.r->ends.n, 3);
    uint64_t recorded = 0;
    for (uint32_t run = 0; run < 20; run++) {
        uint32_t want[N];
        EXPECT_OK(lat_replay_run(t.r));
        step_on_host(&t, 0, want);
        expect_output(&t, 0, want);
        if (run == 9)
            recorded = t.f.dev->stats.commands_recorded;
    }
    if (t.f.dev->caps.timestamp_ns > 0) {
        EXPECT_EQ(t.r->ends.n, 1);
        EXPECT_EQ(t.r->copies[0].n_segments, 1);
        EXPECT_EQ(t.r->copies[1].n_segments, 1);
    }
    EXPECT_EQ(t.f.dev->stats.commands_recorded, recorded);
    step_close(&t);
}

TEST(replay, too_long_segments_are_cut_further)
{
    struct step t;
    if (!step_open(&t))
        return;
    EXPECT_OK(lat_sched_wait(t.f.s));
    t.f.s->budget_ns = 1;
    uint32_t want[N];
    for (uint32_t run = 0; run < 12; run++) {
        EXPECT_OK(lat_replay_run(t.r));
        step_on_host(&t, 0, want);
        expect_output(&t, 0, want);
    }
    EXPECT_EQ(t.r->ends.n, 3);
    EXPECT(t.r->n_recuts <= 3);
    step_close(&t);
}
