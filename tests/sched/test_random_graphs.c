// SPDX-License-Identifier: MIT
//
// Random graphs of 20 to 200 commands with views, blocks that share planned memory, and updates
// in place. Each must give, bit for bit, what it gives with a barrier before every command and
// memory of its own for every block; and with any one barrier left out the checker must report it.
//
// A graph is made from its number alone, so a failure can be repeated.

#include "sched/fixture.h"

enum { GRAPHS = 1000, MUTATED = 60, LIVE = 12, KEPT = 3 };

struct graph {
    struct fixture *f;
    struct lat_rng rng;
    struct lat_block *live[LIVE];  // 0 .. KEPT - 1 are kept to the end
    bool hold;                     // keep a reference to all, so that nothing is planned
    struct {
        struct lat_block **items;
        size_t n, capacity;
    } held;
};

static uint32_t below(struct graph *g, uint32_t n)
{
    return (uint32_t) lat_rng_below(&g->rng, n);
}

// A view: some part of a live block, at an offset that devices allow.
static struct lat_range view(struct graph *g, uint32_t *which)
{
    *which = below(g, LIVE);
    struct lat_block *b = g->live[*which];
    uint64_t slots = lat_block_bytes(b) / 256;
    uint64_t first = below(g, 2) ? 0 : below(g, (uint32_t) slots);
    uint64_t n = 1 + below(g, (uint32_t) (slots - first));
    return (struct lat_range){ b, first * 256, n * 256 };
}

static bool overlap(const struct lat_range *a, const struct lat_range *b)
{
    return a->block == b->block && a->offset < b->offset + b->bytes &&
           b->offset < a->offset + a->bytes;
}

// Blocks start defined, or results would depend on what memory held before.
static void new_block(struct graph *g, uint32_t which)
{
    enum lat_block_kind kind = which == 0 ? LAT_BLOCK_KEPT : LAT_BLOCK_STEP;
    g->live[which] = block_of(g->f, kind, 256 * (1 + below(g, 16)));
    EXPECT_OK(lat_sched_fill(g->f->s, whole(g->live[which]), below(g, 1000)));
    if (g->hold) {
        lat_block_retain(g->live[which]);
        EXPECT_OK(LAT_PUSH(&g->held, g->live[which]));
    }
}

static void shrink_to_common(struct lat_range *a, struct lat_range *b)
{
    a->bytes = b->bytes = LAT_MIN(a->bytes, b->bytes);
}

static void random_mix(struct graph *g)
{
    uint32_t i;
    struct mix m = { .x = view(g, &i), .y = view(g, &i), .z = view(g, &i) };
    shrink_to_common(&m.x, &m.y);
    shrink_to_common(&m.x, &m.z);
    m.y.bytes = m.x.bytes;
    if (overlap(&m.x, &m.z) || overlap(&m.y, &m.z))
        return;
    m.a = below(g, 100);
    m.b = below(g, 100);
    m.keep = below(g, 3);  // 0 = a plain result, else an update in place
    EXPECT_OK(mix(g->f, &m));
}

static void random_transfer(struct graph *g)
{
    uint32_t i, words[64];
    struct lat_range dst = view(g, &i), src = view(g, &i);
    switch (below(g, 3)) {
    case 0:
        EXPECT_OK(lat_sched_fill(g->f->s, dst, below(g, 1000)));
        break;
    case 1:
        for (uint32_t k = 0; k < 64; k++)
            words[k] = below(g, 1000);
        dst.bytes = 256;
        EXPECT_OK(lat_sched_update(g->f->s, dst, words));
        break;
    default:
        shrink_to_common(&dst, &src);
        if (!overlap(&dst, &src))
            EXPECT_OK(lat_sched_copy(g->f->s, dst, src));
    }
}

static void record_graph(struct graph *g, uint64_t number)
{
    g->rng = (struct lat_rng){ .seed = number, .stream = 42 };
    for (uint32_t i = 0; i < LIVE; i++)
        new_block(g, i);
    uint32_t n = 20 + below(g, 181);
    while (lat_sched_pending(g->f->s) < n) {
        uint32_t what = below(g, 10);
        if (what < 2) {
            uint32_t which = KEPT + below(g, LIVE - KEPT);
            lat_block_release(g->live[which]);
            new_block(g, which);
        } else if (what < 4) {
            random_transfer(g);
        } else {
            random_mix(g);
        }
    }
}

// Lets go of all but the kept blocks, so that the others are planned.
static void drop_temporaries(struct graph *g)
{
    for (uint32_t i = KEPT; i < LIVE; i++) {
        lat_block_release(g->live[i]);
        g->live[i] = NULL;
    }
}

static uint64_t results(struct graph *g)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < KEPT; i++) {
        uint64_t bytes = lat_block_bytes(g->live[i]);
        uint32_t words[1024];
        EXPECT_OK(lat_sched_download(g->f->s, whole(g->live[i]), words));
        hash = hash * 31 + lat_hash(words, (size_t) bytes);
        lat_block_release(g->live[i]);
    }
    for (size_t i = 0; i < g->held.n; i++)
        lat_block_release(g->held.items[i]);
    lat_free(g->held.items);
    return hash;
}

// Everything that a graph computed must end in the kept blocks.
static void gather(struct graph *g)
{
    for (uint32_t i = KEPT; i < LIVE; i++) {
        struct mix m = { .z = whole(g->live[i % KEPT]), .x = whole(g->live[i]), .a = 7, .keep = 3 };
        shrink_to_common(&m.x, &m.z);
        m.y = m.x;
        EXPECT_OK(mix(g->f, &m));
    }
}

static uint64_t run_graph(struct fixture *f, uint64_t number, bool hold)
{
    struct graph g = { .f = f, .hold = hold };
    record_graph(&g, number);
    gather(&g);
    drop_temporaries(&g);
    return results(&g);
}

TEST(random_graphs, equal_themselves_with_every_barrier_and_no_planning)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    if (!f.s->checker)
        EXPECT_OK(lat_check_create(&f.s->checker));
    uint64_t barriers[2] = { 0 };
    for (uint64_t number = 0; number < GRAPHS && !lt_failed(); number++) {
        uint64_t hash[2];
        for (int mode = 0; mode < 2; mode++) {
            uint64_t before = f.dev->stats.barriers;
            f.s->check = mode ? LAT_CHECK_BARRIERS : LAT_CHECK_HAZARD;
            hash[mode] = run_graph(&f, number, mode == 1);
            barriers[mode] += f.dev->stats.barriers - before;
        }
        if (hash[0] != hash[1])
            lt_fail(__FILE__, __LINE__, "graph %llu differs from its serial, unplanned self",
                (unsigned long long) number);
    }
    EXPECT_EQ(lat_check_found(f.s->checker), 0);
    EXPECT(barriers[0] < barriers[1]);
    fixture_close(&f);
}

// Captured and replayed twice: the second run starts from what the first left in kept blocks.
TEST(random_graphs, captured_graphs_equal_eager_ones)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    for (uint64_t number = 0; number < 100 && !lt_failed(); number++) {
        uint64_t eager = run_graph(&f, number, false);
        struct graph g = { .f = &f };
        EXPECT_OK(lat_capture_begin(f.s));
        record_graph(&g, number);
        gather(&g);
        drop_temporaries(&g);
        struct lat_replay *r;
        struct lat_replay_params params = { 0 };
        f.s->budget_ns = number % 2 ? 1e6 : 1e8;  // also in several segments
        EXPECT_OK(lat_capture_end(f.s, &params, &r));
        for (int run = 0; run < 3; run++)
            EXPECT_OK(lat_replay_run(r));
        EXPECT(results(&g) == eager);  // every graph begins by filling its blocks
        lat_replay_destroy(&r);
    }
    fixture_close(&f);
}

static void ignore_log(void *user, lattn_log_level level, const char *message)
{
    (void) level;
    EXPECT_CONTAINS(message, "hazard:");
    ++*(int *) user;
}

// Every barrier is there for a reason: without it the checker speaks up, every time.
TEST(random_graphs, each_dropped_barrier_is_reported)
{
    struct fixture f;
    if (!fixture_open(&f))
        return;
    f.s->check = LAT_CHECK_HAZARD;
    if (!f.s->checker)
        EXPECT_OK(lat_check_create(&f.s->checker));
    int reported = 0, dropped = 0;
    lattn_log_set(ignore_log, &reported);
    for (uint64_t number = 0; number < MUTATED && !lt_failed(); number++) {
        for (int64_t k = 0;; k++) {
            struct graph g = { .f = &f };
            record_graph(&g, number);
            for (uint32_t i = 0; i < LIVE; i++)
                lat_block_release(g.live[i]);
            f.s->seams.drop_barrier = k;
            lattn_status st = lat_sched_flush(f.s);
            bool was_dropped = f.s->seams.drop_barrier < 0;
            f.s->seams.drop_barrier = -1;
            EXPECT_STATUS(st, was_dropped ? LATTN_ERR_INTERNAL : LATTN_OK);
            if (!was_dropped)
                break;
            dropped++;
        }
    }
    lattn_log_set(NULL, NULL);
    EXPECT(dropped > 1000);
    EXPECT_EQ(reported, dropped);
    fixture_close(&f);
}
