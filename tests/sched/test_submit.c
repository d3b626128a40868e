// SPDX-License-Identifier: MIT
//
// Submissions: cutting by estimated time, learning, canaries, the modes of LATTN_CHECK, and what
// happens when the device is lost or wedged.

#include "sched/fixture.h"

// n commands, each depending on the one before, on a block of N_WORDS words.
enum { N_WORDS = 256 };
static void record_chain(struct fixture *f, struct lat_block *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct lat_range half = { b, 0, N_WORDS * 2 }, rest = { b, N_WORDS * 2, N_WORDS * 2 };
        struct mix m = { .z = i % 2 ? half : rest, .x = i % 2 ? rest : half, .a = 3, .keep = 5 };
        m.y = m.x;
        EXPECT_OK(mix(f, &m));
    }
}

static void run_chain(struct fixture *f, uint32_t n, uint32_t *out)
{
    struct lat_block *b = block_of(f, LAT_BLOCK_KEPT, N_WORDS * 4);
    EXPECT_OK(lat_sched_fill(f->s, whole(b), 1));
    record_chain(f, b, n);
    EXPECT_OK(lat_sched_download(f->s, whole(b), out));
    lat_block_release(b);
}

TEST(submit, short_list_is_one_submission)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    uint32_t out[N_WORDS];
    uint64_t before = f.dev->stats.submits;
    run_chain(&f, 100, out);
    EXPECT_EQ(f.dev->stats.submits - before, 1);
    fixture_close(&f);
}

TEST(submit, budget_cuts_without_changing_results)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    uint32_t want[N_WORDS], got[N_WORDS];
    run_chain(&f, 100, want);
    f.s->budget_ns = 10 * f.s->rate.ns_per_command * f.s->rate.scale;
    uint64_t before = f.dev->stats.submits;
    run_chain(&f, 100, got);
    uint64_t submits = f.dev->stats.submits - before;
    // 102 commands, 7 to 9 of them in each; fewer once a busy machine makes the device look slow.
    EXPECT(submits >= 11 && submits <= 102);
    EXPECT(memcmp(want, got, sizeof got) == 0);
    fixture_close(&f);
}

TEST(submit, one_long_command_goes_alone)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    uint32_t out[N_WORDS];
    f.s->budget_ns = 1;
    uint64_t before = f.dev->stats.submits;
    run_chain(&f, 10, out);
    EXPECT_EQ(f.dev->stats.submits - before, 12);
    fixture_close(&f);
}

TEST(submit, serial_mode_submits_each_command)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    uint32_t want[N_WORDS], got[N_WORDS];
    run_chain(&f, 50, want);
    f.s->check = LAT_CHECK_SERIAL;
    uint64_t before = f.dev->stats.submits;
    run_chain(&f, 50, got);
    EXPECT_EQ(f.dev->stats.submits - before, 52);
    EXPECT(memcmp(want, got, sizeof got) == 0);
    fixture_close(&f);
}

TEST(submit, many_submissions_recycle_their_segments)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    uint32_t out[N_WORDS];
    f.s->check = LAT_CHECK_SERIAL;
    run_chain(&f, 3 * LAT_MAX_IN_FLIGHT, out);
    run_chain(&f, 3 * LAT_MAX_IN_FLIGHT, out);
    EXPECT_OK(lat_sched_wait(f.s));
    EXPECT_EQ(f.s->in_flight.n, 0);
    EXPECT_EQ(f.s->n_eager, 0);
    EXPECT(f.s->free_segments.n <= LAT_MAX_IN_FLIGHT);
    fixture_close(&f);
}

TEST(submit, device_time_is_measured)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    uint32_t out[N_WORDS];
    run_chain(&f, 100, out);
    if (f.dev->caps.timestamp_ns > 0)
        EXPECT(f.dev->stats.device_time_ns > 0);
    else
        EXPECT_EQ(f.dev->stats.device_time_ns, 0);
    fixture_close(&f);
}

TEST(rate, learns_the_factor_in_a_few_steps)
{
    struct lat_rate r;
    struct lat_caps caps = { 0 };
    lat_rate_init(&r, &caps);
    for (int i = 0; i < 20; i++)
        lat_rate_learn(&r, 1e7, 5e8);
    EXPECT_NEAR(r.scale, 50, 0.5);
    for (int i = 0; i < 20; i++)
        lat_rate_learn(&r, 1e7, 1e7);
    EXPECT_NEAR(r.scale, 1, 0.01);
}

// A driver that compiles during the first run takes 1000 times as long, once.
TEST(rate, one_outlier_moves_it_fourfold_at_most)
{
    struct lat_rate r;
    struct lat_caps caps = { 0 };
    lat_rate_init(&r, &caps);
    lat_rate_learn(&r, 1e7, 1e10);
    EXPECT_NEAR(r.scale, 4, 1e-9);
    lat_rate_learn(&r, 1e5, 1e4);  // too short to mean anything
    EXPECT_NEAR(r.scale, 4, 1e-9);
}

TEST(rate, without_timestamps_waits_are_the_measure)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    f.s->seams.no_timestamps = true;
    uint32_t out[N_WORDS];
    double scale = f.s->rate.scale;
    f.s->rate.ns_per_command = 1e3;  // far too fast
    for (int i = 0; i < 10; i++)
        run_chain(&f, 300, out);
    EXPECT(f.s->rate.scale != scale);
    EXPECT_EQ(f.dev->stats.device_time_ns, 0);
    fixture_close(&f);
}

TEST(canary, dropped_work_is_noticed)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_block *b = block_of(&f, LAT_BLOCK_KEPT, 64);
    EXPECT_OK(lat_sched_fill(f.s, whole(b), 1));
    EXPECT_OK(lat_sched_wait(f.s));
    f.s->seams.drop_canary = true;
    EXPECT_OK(lat_sched_fill(f.s, whole(b), 2));
    EXPECT_STATUS(lat_sched_wait(f.s), LATTN_ERR_DEVICE_LOST);
    EXPECT_CONTAINS(lat_err_text(), "reported success but dropped work");
    // It stays lost, and everything can still be freed.
    EXPECT_STATUS(lat_sched_fill(f.s, whole(b), 3), LATTN_ERR_DEVICE_LOST);
    lat_block_release(b);
    fixture_close(&f);
}

TEST(canary, word_of_an_earlier_run_does_not_pass)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_segment *seg;
    EXPECT_OK(lat_segment_create(f.s, &seg));
    EXPECT_OK(lat_segment_begin(f.s, seg, 0));
    EXPECT_OK(lat_segment_end(f.s, seg));
    VkCommandBuffer buffers[1];
    EXPECT_OK(lat_segment_submit(f.s, seg, buffers, 0));
    EXPECT_OK(lat_sched_wait_ticket(f.s, f.dev->last_ticket, "test"));
    EXPECT_OK(lat_canary_check(f.s, seg->canary, seg->canary_value));
    EXPECT_OK(lat_canary_arm(f.s, seg->canary, seg->canary_value));
    EXPECT_STATUS(lat_canary_check(f.s, seg->canary, seg->canary_value), LATTN_ERR_DEVICE_LOST);
    f.dev->lost = false;
    lat_segment_destroy(f.s, &seg);
    fixture_close(&f);
}

static void expect_everything_lost(struct fixture *f, struct lat_block *b)
{
    uint32_t word = 0;
    struct lat_range r = { b, 0, 4 };
    struct lat_block *other;
    EXPECT_STATUS(lat_block_create(f->s, LAT_BLOCK_STEP, 64, &other), LATTN_ERR_DEVICE_LOST);
    EXPECT_STATUS(lat_sched_fill(f->s, r, 1), LATTN_ERR_DEVICE_LOST);
    EXPECT_STATUS(lat_sched_update(f->s, r, &word), LATTN_ERR_DEVICE_LOST);
    EXPECT_STATUS(lat_sched_copy(f->s, r, (struct lat_range){ b, 8, 4 }), LATTN_ERR_DEVICE_LOST);
    EXPECT_STATUS(lat_sched_upload(f->s, r, &word), LATTN_ERR_DEVICE_LOST);
    EXPECT_STATUS(lat_sched_download(f->s, r, &word), LATTN_ERR_DEVICE_LOST);
    EXPECT_STATUS(lat_sched_flush(f->s), LATTN_ERR_DEVICE_LOST);
    EXPECT_STATUS(lat_sched_wait(f->s), LATTN_ERR_DEVICE_LOST);
    EXPECT_STATUS(lat_capture_begin(f->s), LATTN_ERR_DEVICE_LOST);
}

TEST(submit, lost_device_fails_everything_at_once)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_block *b = block_of(&f, LAT_BLOCK_KEPT, 64);
    EXPECT_OK(lat_sched_fill(f.s, whole(b), 1));
    EXPECT_OK(lat_sched_flush(f.s));
    f.dev->lost = true;
    expect_everything_lost(&f, b);
    lat_block_release(b);
    // Let what really is in flight end before its objects go.
    (void) f.dev->vk.DeviceWaitIdle(f.dev->handle);
    fixture_close(&f);
}

TEST(submit, wedged_device_fails_everything_at_once)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_block *b = block_of(&f, LAT_BLOCK_KEPT, 64);
    EXPECT_OK(lat_sched_fill(f.s, whole(b), 1));
    EXPECT_OK(lat_sched_wait(f.s));
    f.dev->wedged = true;
    expect_everything_lost(&f, b);
    f.dev->wedged = false;
    lat_block_release(b);
    fixture_close(&f);
}

TEST(submit, addresses_are_patched_into_push_constants)
{
    static const uint32_t words[] = {
#include "sched_shaders/address_mix.inc"
    };
    static const struct lat_spirv spirv = { -1, -1, words, LAT_COUNT(words) };
    struct fixture f;
    if (!fixture_open(&f))
        return;
    if (!f.dev->caps.buffer_address) {
        lt_skip("no buffer addresses");
        fixture_close(&f);
        return;
    }
    struct lat_pipeline_key key = {
        .spirv = &spirv, .name = "address_mix", .n_bindings = 2, .push_bytes = 24
    };
    struct lat_pipeline *p;
    EXPECT_OK(lat_pipeline_get(f.dev, &key, &p));
    struct lat_block *x = block_of(&f, LAT_BLOCK_STEP, 4096),
                     *z = block_of(&f, LAT_BLOCK_STEP, 4096);
    EXPECT_OK(lat_sched_fill(f.s, whole(x), 41));
    EXPECT_OK(lat_sched_fill(f.s, whole(z), 0));
    uint32_t push[6] = { 16 };
    struct lat_dispatch d = {
        .pipeline = p,
        .bindings = { { x, 1024, 1024 }, { z, 2048, 1024 } },
        .n_bindings = 2,
        .writes = 2,
        .push = push,
        .push_bytes = sizeof push,
        .patches = { { 0, 8, 0 }, { 1, 16, 64 } },
        .n_patches = 2,
        .groups = { 1, 1, 1 },
        .label = "address_mix",
    };
    EXPECT_OK(lat_sched_dispatch(f.s, &d));
    uint32_t got[1024];
    EXPECT_OK(lat_sched_download(f.s, whole(z), got));
    for (uint32_t i = 0; i < 1024; i++)
        EXPECT_EQ(got[i], i >= 512 + 16 && i < 512 + 32 ? 42 : 0);
    lat_block_release(x);
    lat_block_release(z);
    fixture_close(&f);
}
