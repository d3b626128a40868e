// SPDX-License-Identifier: MIT
//
// Device memory: alignment, no overlap, limits, counters, poison.

#include "base/rng.h"
#include "base/status.h"
#include "device/pieces.h"
#include "device/fixture.h"

enum { SLOTS = 200 };

static const enum lat_memory_kind kinds[] = {
    LAT_MEMORY_DEVICE,
    LAT_MEMORY_UPLOAD,
    LAT_MEMORY_READBACK,
};

TEST(memory, slices_suit_bindings_copies_and_the_host)
{
    struct lat_device *dev = dt_open(NULL);
    if (!dev)
        return;
    for (int k = 0; k < LAT_MEMORY_KINDS; k++) {
        struct lat_slice a, b;
        EXPECT_OK(lat_memory_alloc(dev, kinds[k], 1, &a));
        EXPECT_OK(lat_memory_alloc(dev, kinds[k], 5000, &b));
        EXPECT_EQ(b.offset % dev->caps.buffer_alignment, 0);
        EXPECT_EQ(b.offset % dev->caps.noncoherent_atom, 0);
        EXPECT_EQ(b.offset % 256, 0);
        EXPECT_EQ(b.bytes, 5000);
        if (kinds[k] != LAT_MEMORY_DEVICE)
            EXPECT(a.mapped && b.mapped);
        EXPECT_EQ(b.address != 0, dev->caps.buffer_address);
        EXPECT_OK(lat_memory_flush(dev, &b));
        EXPECT_OK(lat_memory_invalidate(dev, &b));
        lat_memory_free(dev, &a);
        lat_memory_free(dev, &b);
        lat_memory_free(dev, &b);  // empty now
    }
    EXPECT_EQ(dev->stats.used_bytes_now, 0);
    EXPECT_EQ(dev->stats.slice_allocations, 6);
    dt_close(&dev);
}

// Every slice is filled with its own number; nobody else's must ever be found there.
static bool intact(const struct lat_slice *s, uint32_t tag)
{
    const uint32_t *w = s->mapped;
    for (uint64_t i = 0; i < s->bytes / 4; i += 97)
        if (w[i] != tag)
            return false;
    return s->bytes < 4 || w[s->bytes / 4 - 1] == tag;
}

TEST(memory, random_use_never_overlaps)
{
    struct lat_device *dev = dt_open(NULL);
    if (!dev)
        return;
    static struct lat_slice slots[SLOTS];
    struct lat_rng rng = { .seed = 3 };
    memset(slots, 0, sizeof slots);
    uint64_t used = 0;
    for (int step = 0; step < 4000 && !lt_failed(); step++) {
        int i = (int) lat_rng_below(&rng, SLOTS);
        if (slots[i].slab) {
            EXPECT(intact(&slots[i], (uint32_t) i));
            used -= slots[i].block->bytes;
            lat_memory_free(dev, &slots[i]);
        } else {
            uint64_t bytes = 1 + lat_rng_below(&rng, step % 40 ? 20000 : 3000000);
            EXPECT_OK(lat_memory_alloc(dev, kinds[1 + i % 2], bytes, &slots[i]));
            for (uint64_t w = 0; w < bytes / 4; w++)
                ((uint32_t *) slots[i].mapped)[w] = (uint32_t) i;
            used += slots[i].block->bytes;
        }
        EXPECT_EQ(dev->stats.used_bytes_now, used);
    }
    EXPECT(dev->stats.device_allocations < 20);
    for (int i = 0; i < SLOTS; i++)
        lat_memory_free(dev, &slots[i]);
    EXPECT_EQ(dev->stats.used_bytes_now, 0);
    EXPECT(dev->stats.device_bytes_now > 0);
    lat_memory_trim(dev);
    EXPECT_EQ(dev->stats.device_bytes_now, 0);
    dt_close(&dev);
}

TEST(memory, steady_use_takes_nothing_new_from_the_driver)
{
    struct lat_device *dev = dt_open(NULL);
    if (!dev)
        return;
    uint64_t after_first = 0;
    for (int step = 0; step < 10; step++) {
        struct lat_slice s[32];
        for (int i = 0; i < 32; i++)
            EXPECT_OK(
                lat_memory_alloc(dev, LAT_MEMORY_DEVICE, 100000u * (unsigned) (i + 1), &s[i]));
        for (int i = 0; i < 32; i++)
            lat_memory_free(dev, &s[(i * 7) % 32]);
        if (step == 0)
            after_first = dev->stats.device_allocations;
    }
    EXPECT_EQ(dev->stats.device_allocations, after_first);
    dt_close(&dev);
}

TEST(memory, impossible_sizes_are_refused_before_the_driver_is_asked)
{
    struct lat_device *dev = dt_open(NULL);
    if (!dev)
        return;
    struct lat_slice s;
    uint64_t calls = dev->stats.device_allocations;
    static const uint64_t sizes[] = { 1ull << 50, UINT64_MAX, UINT64_MAX / 2 };
    for (int i = 0; i < 3; i++) {
        EXPECT_STATUS(lat_memory_alloc(dev, LAT_MEMORY_DEVICE, sizes[i], &s), LATTN_ERR_GPU_MEMORY);
        EXPECT(!s.slab && !s.mapped);
    }
    uint64_t over = dev->caps.max_allocation_bytes + 1;
    EXPECT_STATUS(lat_memory_alloc(dev, LAT_MEMORY_DEVICE, over, &s), LATTN_ERR_GPU_MEMORY);
    EXPECT_CONTAINS(lat_err_text(), "allows");
    EXPECT_EQ(dev->stats.device_allocations, calls);
    EXPECT_OK(lat_memory_alloc(dev, LAT_MEMORY_DEVICE, 100, &s));  // still fine
    lat_memory_free(dev, &s);
    dt_close(&dev);
}

TEST(memory, limit_of_the_caller_holds_and_says_the_numbers)
{
    lattn_ctx_params p = { .cache_dir = "", .memory_limit_bytes = 10 << 20 };
    struct lat_device *dev = dt_open(&p);
    if (!dev)
        return;
    struct lat_slice a, b;
    EXPECT_OK(lat_memory_alloc(dev, LAT_MEMORY_DEVICE, 4 << 20, &a));
    EXPECT(dev->stats.device_bytes_now <= p.memory_limit_bytes);
    EXPECT_STATUS(lat_memory_alloc(dev, LAT_MEMORY_DEVICE, 9 << 20, &b), LATTN_ERR_GPU_MEMORY);
    EXPECT_CONTAINS(lat_err_text(), "9437184 bytes are needed");
    EXPECT_CONTAINS(lat_err_text(), "limit 10485760 bytes");
    lat_memory_free(dev, &a);
    lat_memory_trim(dev);
    EXPECT_OK(lat_memory_alloc(dev, LAT_MEMORY_DEVICE, 9 << 20, &b));
    EXPECT(dev->stats.device_bytes_peak <= p.memory_limit_bytes);
    lat_memory_free(dev, &b);
    dt_close(&dev);
}

TEST(memory, number_of_allocations_is_respected)
{
    dt_env("LATTN_LIMITS", "max_memory_allocations=2,max_allocation_bytes=1048576");
    struct lat_device *dev = dt_open(NULL);
    dt_env_restore();
    if (!dev)
        return;
    struct lat_slice a, b, c;
    EXPECT_OK(lat_memory_alloc(dev, LAT_MEMORY_DEVICE, 1 << 20, &a));
    EXPECT_OK(lat_memory_alloc(dev, LAT_MEMORY_DEVICE, 1 << 20, &b));
    EXPECT_STATUS(lat_memory_alloc(dev, LAT_MEMORY_DEVICE, 1 << 20, &c), LATTN_ERR_GPU_MEMORY);
    EXPECT_CONTAINS(lat_err_text(), "2 memory allocations");
    lat_memory_free(dev, &a);
    EXPECT_OK(lat_memory_alloc(dev, LAT_MEMORY_DEVICE, 1 << 20, &c));
    lat_memory_free(dev, &b);
    lat_memory_free(dev, &c);
    dt_close(&dev);
}

TEST(memory, fresh_mapped_memory_is_poisoned_on_request)
{
    dt_env("LATTN_CHECK", "hazard,poison");
    struct lat_device *dev = dt_open(NULL);
    dt_env_restore();
    if (!dev)
        return;
    struct lat_slice s;
    EXPECT_OK(lat_memory_alloc(dev, LAT_MEMORY_UPLOAD, 4096, &s));
    for (int i = 0; i < 1024; i++)
        if (((uint32_t *) s.mapped)[i] != 0x7fa5a5a5) {
            lt_fail(__FILE__, __LINE__, "word %d is not poisoned", i);
            break;
        }
    lat_memory_free(dev, &s);
    dt_close(&dev);
}
