// SPDX-License-Identifier: MIT
//
// A device and a scheduler of the test's own, and one integer kernel (mix.comp). The test is
// skipped where there is no device, and fails for a validation message or a leaked slice.
#ifndef LT_SCHED_FIXTURE_H
#define LT_SCHED_FIXTURE_H
#include "base/array.h"
#include "base/hash.h"
#include "base/rng.h"
#include "harness/harness.h"
#include "sched/replay.h"

static const uint32_t mix_words[] = {
#include "sched_shaders/mix.inc"
};

struct fixture {
    struct lat_device *dev;
    struct lat_sched *s;
    struct lat_pipeline *mix;
};

// False: the test must return (it was skipped or has failed).
static inline bool fixture_open(struct fixture *f)
{
    *f = (struct fixture){ 0 };
    lattn_ctx_params params = { .cache_dir = "" };
    lattn_status st = lat_device_open(&params, &f->dev);
    if (st == LATTN_ERR_NO_DEVICE) {
        lt_skip("%s", lat_err_text());
        return false;
    }
    EXPECT_OK(st);
    if (st)
        return false;
    st = lat_sched_create(f->dev, &f->s);
    EXPECT_OK(st);
    if (!st)  // the modes that change what is submitted are for the tests to set
        f->s->check &= LAT_CHECK_HAZARD | LAT_CHECK_POISON;
    static const struct lat_spirv spirv = { -1, -1, mix_words,
        sizeof mix_words / sizeof mix_words[0] };
    struct lat_pipeline_key key = {
        .spirv = &spirv,
        .name = "mix",
        .n_bindings = 3,
        .push_bytes = 16,
    };
    if (!st)
        st = lat_pipeline_get(f->dev, &key, &f->mix);
    EXPECT_OK(st);
    return st == LATTN_OK;
}

static inline void fixture_close(struct fixture *f)
{
    if (!f->dev)
        return;
    lat_sched_destroy(&f->s);  // NULL when the test has done it
    EXPECT_EQ(f->dev->validation_messages, 0);
    EXPECT_EQ(f->dev->stats.used_bytes_now, 0);
    lat_device_close(&f->dev);
}

static inline struct lat_block *block_of(
    struct fixture *f, enum lat_block_kind kind, uint64_t bytes)
{
    struct lat_block *b;
    EXPECT_OK(lat_block_create(f->s, kind, bytes, &b));
    return b;
}

static inline struct lat_range whole(struct lat_block *b)
{
    return (struct lat_range){ b, 0, lat_block_bytes(b) };
}

// z = keep * z + a * x + b * reversed y + i
struct mix {
    struct lat_range z, x, y;
    uint32_t a, b, keep;
    const char *label;
};

static inline lattn_status mix(struct fixture *f, const struct mix *m)
{
    uint32_t n = (uint32_t) (m->z.bytes / 4);
    uint32_t push[4] = { n, m->a, m->b, m->keep };
    struct lat_dispatch d = {
        .pipeline = f->mix,
        .bindings = { m->x, m->y, m->z },
        .n_bindings = 3,
        .writes = 1u << 2,
        .push = push,
        .push_bytes = sizeof push,
        .groups = { (n + 63) / 64, 1, 1 },
        .label = m->label ? m->label : "mix",
    };
    return lat_sched_dispatch(f->s, &d);
}

static inline void mix_host(
    uint32_t *z, const uint32_t *x, const uint32_t *y, uint32_t n, const struct mix *m)
{
    for (uint32_t i = 0; i < n; i++)
        z[i] = m->keep * z[i] + m->a * x[i] + m->b * y[n - 1 - i] + i;
}

#endif
