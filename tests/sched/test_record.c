// SPDX-License-Identifier: MIT
//
// Recording, flushing, uploads and downloads of eager lists.

#include "sched/fixture.h"

TEST(record, nothing_is_flushed_by_itself)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_block *b = block_of(&f, LAT_BLOCK_KEPT, 1024);
    uint64_t submits = f.dev->stats.submits;
    EXPECT_OK(lat_sched_fill(f.s, whole(b), 7));
    EXPECT_EQ(lat_sched_pending(f.s), 1);
    EXPECT_EQ(f.dev->stats.submits, submits);
    EXPECT_OK(lat_sched_flush(f.s));
    EXPECT_EQ(lat_sched_pending(f.s), 0);
    EXPECT_EQ(f.dev->stats.submits, submits + 1);
    lat_block_release(b);
    fixture_close(&f);
}

TEST(record, commands_see_what_earlier_ones_wrote)
{
    enum { N = 1000 };
    struct fixture f;
    if (!fixture_open(&f))
        return;
    uint32_t x[N], z[N] = { 0 }, got[N];
    for (uint32_t i = 0; i < N; i++)
        x[i] = i * 2654435761u;
    struct lat_block *bx = block_of(&f, LAT_BLOCK_STEP, sizeof x);
    struct lat_block *bz = block_of(&f, LAT_BLOCK_STEP, sizeof z);
    EXPECT_OK(lat_sched_upload(f.s, whole(bx), x));
    EXPECT_OK(lat_sched_fill(f.s, whole(bz), 0));
    for (uint32_t k = 1; k <= 5; k++) {
        struct mix m = {
            .z = whole(bz), .x = whole(bx), .y = whole(bx), .a = k, .b = 3, .keep = k
        };
        EXPECT_OK(mix(&f, &m));
        mix_host(z, x, x, N, &m);
    }
    EXPECT_OK(lat_sched_download(f.s, whole(bz), got));
    EXPECT(memcmp(got, z, sizeof z) == 0);
    EXPECT_EQ(f.dev->stats.dispatches, 5);
    lat_block_release(bx);
    lat_block_release(bz);
    fixture_close(&f);
}

TEST(record, update_and_copy_move_bytes)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    uint32_t words[16], got[16];
    for (uint32_t i = 0; i < 16; i++)
        words[i] = 100 + i;
    struct lat_block *a = block_of(&f, LAT_BLOCK_KEPT, 64), *b = block_of(&f, LAT_BLOCK_STEP, 64);
    EXPECT_OK(lat_sched_update(f.s, whole(a), words));
    struct lat_range low = { b, 0, 32 }, high = { b, 32, 32 };
    EXPECT_OK(lat_sched_copy(f.s, low, (struct lat_range){ a, 32, 32 }));
    EXPECT_OK(lat_sched_copy(f.s, high, low));
    EXPECT_OK(lat_sched_download(f.s, whole(b), got));
    for (uint32_t i = 0; i < 16; i++)
        EXPECT_EQ(got[i], 108 + i % 8);
    lat_block_release(a);
    lat_block_release(b);
    fixture_close(&f);
}

TEST(record, empty_ranges_and_groups_record_nothing)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_block *b = block_of(&f, LAT_BLOCK_KEPT, 64);
    struct lat_range none = { b, 0, 0 };
    EXPECT_OK(lat_sched_fill(f.s, none, 1));
    EXPECT_OK(lat_sched_update(f.s, none, ""));
    EXPECT_OK(lat_sched_copy(f.s, none, none));
    EXPECT_OK(lat_sched_upload(f.s, none, ""));
    EXPECT_OK(lat_sched_download(f.s, none, NULL));
    struct lat_dispatch d = { .pipeline = f.mix, .n_bindings = 3, .groups = { 0, 1, 1 } };
    EXPECT_OK(lat_sched_dispatch(f.s, &d));
    EXPECT_EQ(lat_sched_pending(f.s), 0);
    lat_block_release(b);
    fixture_close(&f);
}

// Larger than both staging rings, in odd sizes, more than once around.
TEST(staging, large_and_odd_transfers_come_back)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    static const size_t sizes[] = { 1, 3, 4, 4097, (5 << 20) + 2, (37 << 20) + 1 };
    for (size_t k = 0; k < LAT_COUNT(sizes); k++) {
        size_t n = sizes[k];
        uint8_t *data = lat_alloc(n), *got = lat_alloc(n);
        for (size_t i = 0; i < n; i++)
            data[i] = (uint8_t) (i * 31 + i / 255 + k);
        struct lat_block *b = block_of(&f, LAT_BLOCK_STEP, n);
        EXPECT_OK(lat_sched_upload(f.s, whole(b), data));
        EXPECT_OK(lat_sched_download(f.s, whole(b), got));
        EXPECT(memcmp(data, got, n) == 0);
        lat_block_release(b);
        lat_free(data);
        lat_free(got);
    }
    fixture_close(&f);
}

// Neighbours of a range in the middle of a block stay as they are.
TEST(staging, upload_writes_its_bytes_only)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    uint8_t got[16];
    struct lat_block *b = block_of(&f, LAT_BLOCK_STEP, 16);
    EXPECT_OK(lat_sched_fill(f.s, whole(b), 0x11111111));
    EXPECT_OK(lat_sched_upload(f.s, (struct lat_range){ b, 4, 2 }, "\x22\x33"));
    EXPECT_OK(lat_sched_download(f.s, whole(b), got));
    for (int i = 0; i < 16; i++)
        EXPECT_EQ(got[i], i == 4 ? 0x22 : i == 5 ? 0x33 : 0x11);
    lat_block_release(b);
    fixture_close(&f);
}

TEST(staging, many_uploads_wait_only_for_the_ring)
{
    enum { BYTES = 1 << 20, COUNT = 100 };
    struct fixture f;
    if (!fixture_open(&f))
        return;
    uint32_t *data = lat_calloc(1, BYTES), last;
    struct lat_block *b = block_of(&f, LAT_BLOCK_KEPT, BYTES);
    for (uint32_t k = 0; k < COUNT; k++) {
        data[BYTES / 4 - 1] = k;
        EXPECT_OK(lat_sched_upload(f.s, whole(b), data));
        memset(data, 0xee, BYTES);  // the caller's memory is free again
        data[BYTES / 4 - 1] = 0;
    }
    EXPECT_OK(lat_sched_download(f.s, (struct lat_range){ b, BYTES - 4, 4 }, &last));
    EXPECT_EQ(last, COUNT - 1);
    lat_block_release(b);
    lat_free(data);
    fixture_close(&f);
}

TEST(block, step_memory_is_shared_when_uses_do_not_overlap)
{
    enum { BYTES = 1 << 15 };
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_block *in = block_of(&f, LAT_BLOCK_STEP, BYTES);
    EXPECT_OK(lat_sched_fill(f.s, whole(in), 1));
    for (uint32_t k = 0; k < 20; k++) {
        struct lat_block *out = block_of(&f, LAT_BLOCK_STEP, BYTES);
        struct mix m = { .z = whole(out), .x = whole(in), .y = whole(in), .a = 1, .b = 1 };
        EXPECT_OK(mix(&f, &m));
        lat_block_release(in);
        in = out;
    }
    uint32_t word;
    EXPECT_OK(lat_sched_download(f.s, (struct lat_range){ in, 0, 4 }, &word));
    // Two at a time are alive; the last one is held by the test and has memory of its own.
    EXPECT_EQ(f.dev->stats.plan_bytes, 2 * BYTES);
    EXPECT_EQ(lat_block_address(in), 0);
    lat_block_release(in);
    fixture_close(&f);
}

// One step of four kernels on temporaries that are planned, into one block that is read.
static void eager_step(struct fixture *f, struct lat_block *kept, uint64_t bytes)
{
    struct lat_block *t[4];
    for (int i = 0; i < 4; i++) {
        t[i] = block_of(f, LAT_BLOCK_STEP, bytes);
        struct lat_range from = whole(i ? t[i - 1] : kept);
        struct mix m = { .z = whole(t[i]), .x = from, .y = from, .a = 1 };
        EXPECT_OK(mix(f, &m));
    }
    for (int i = 0; i < 3; i++)
        lat_block_release(t[i]);
    uint32_t word;
    EXPECT_OK(lat_sched_download(f->s, (struct lat_range){ t[3], 0, 4 }, &word));
    EXPECT_EQ(word, 5);
    lat_block_release(t[3]);
}

TEST(block, steady_eager_steps_allocate_nothing)
{
    enum { BYTES = 1 << 15 };
    struct fixture f;
    if (!fixture_open(&f))
        return;
    f.s->budget_ns = 1e12;  // on a busy machine measured times would move the cuts
    struct lat_block *kept = block_of(&f, LAT_BLOCK_KEPT, BYTES);
    EXPECT_OK(lat_sched_fill(f.s, whole(kept), 5));
    eager_step(&f, kept, BYTES);
    eager_step(&f, kept, BYTES);
    uint64_t device = f.dev->stats.device_allocations, host = lat_alloc_count();
    for (int step = 0; step < 10; step++)
        eager_step(&f, kept, BYTES);
    EXPECT_EQ(f.dev->stats.device_allocations, device);
    EXPECT_EQ(lat_alloc_count(), host);
    EXPECT(f.dev->stats.plan_bytes > 0);
    lat_block_release(kept);
    fixture_close(&f);
}

TEST(block, create_refuses_more_than_the_device_has)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    struct lat_block *b = block_of(&f, LAT_BLOCK_KEPT, 64);
    struct lat_block *huge;
    EXPECT_STATUS(
        lat_block_create(f.s, LAT_BLOCK_KEPT, (uint64_t) 1 << 50, &huge), LATTN_ERR_GPU_MEMORY);
    EXPECT(huge == NULL);
    EXPECT_OK(lat_block_create(f.s, LAT_BLOCK_STEP, (uint64_t) 1 << 50, &huge));
    EXPECT_OK(lat_sched_fill(f.s, (struct lat_range){ huge, 0, 64 }, 1));
    EXPECT_STATUS(lat_sched_flush(f.s), LATTN_ERR_GPU_MEMORY);
    lat_block_release(huge);
    // The scheduler goes on.
    EXPECT_OK(lat_sched_fill(f.s, whole(b), 1));
    EXPECT_OK(lat_sched_wait(f.s));
    lat_block_release(b);
    fixture_close(&f);
}
