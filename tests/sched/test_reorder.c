// SPDX-License-Identifier: MIT

#include "base/alloc.h"
#include "harness/harness.h"
#include "sched/hazard.h"
#include "sched/list.h"

enum { MAX_COMMANDS = 60, MAX_USES = 4, SLOTS = 6 };

// A list without blocks: what is reordered are commands, by their uses. word is their number.
struct made {
    struct lat_command commands[MAX_COMMANDS];
    struct lat_use uses[MAX_COMMANDS * MAX_USES];
    struct lat_list_block blocks[SLOTS];
    struct lat_list list;
};

static void begin(struct made *m)
{
    memset(m, 0, sizeof *m);
    m->list.commands.items = m->commands;
    m->list.uses.items = m->uses;
    m->list.blocks.items = m->blocks;
    m->list.blocks.n = SLOTS;
}

static void use(struct made *m, uint32_t slot, bool write, uint64_t offset, uint64_t bytes)
{
    m->uses[m->list.uses.n++] = (struct lat_use){ slot, write, offset, bytes };
    m->commands[m->list.commands.n - 1].n_uses++;
}

static void command(struct made *m)
{
    m->commands[m->list.commands.n] = (struct lat_command){ .first_use = (uint32_t) m->list.uses.n,
        .word = (uint32_t) m->list.commands.n };
    m->list.commands.n++;
}

// dst = f(src), whole slots.
static void map(struct made *m, uint32_t dst, uint32_t src)
{
    command(m);
    use(m, src, false, 0, 64);
    use(m, dst, true, 0, 64);
}

// Reorders a copy, as the commands' memory is given up.
static bool reorder(struct made *m)
{
    size_t n = m->list.commands.n;
    m->list.commands.items = lat_memdup(m->commands, n * sizeof *m->commands);
    bool ok = m->list.commands.items && lat_reorder(&m->list) == LATTN_OK;
    EXPECT(ok);
    if (ok)
        memcpy(m->commands, m->list.commands.items, n * sizeof *m->commands);
    lat_free(m->list.commands.items);
    m->list.commands.items = m->commands;
    return ok;
}

static int barriers(const struct made *m)
{
    struct lat_hazards h = { 0 };
    int count = 0;
    for (size_t i = 0; i < m->list.commands.n; i++) {
        struct lat_access a[MAX_USES];
        const struct lat_command *c = &m->commands[i];
        for (uint32_t u = 0; u < c->n_uses; u++) {
            const struct lat_use *use = &m->uses[c->first_use + u];
            a[u] = (struct lat_access){ use->slot + 1, use->offset, use->bytes, use->write };
        }
        enum lat_barrier barrier;
        EXPECT_OK(lat_hazards_command(&h, a, c->n_uses, &barrier));
        count += barrier != LAT_BARRIER_NONE;
    }
    lat_hazards_free(&h);
    return count;
}

TEST(reorder, two_chains_are_woven_into_one)
{
    struct made m;
    begin(&m);
    map(&m, 1, 0);  // one chain
    map(&m, 2, 1);
    map(&m, 3, 0);  // another
    map(&m, 4, 3);
    EXPECT_EQ(barriers(&m), 2);
    REQUIRE(reorder(&m));
    EXPECT_EQ(barriers(&m), 1);
    const uint32_t expected[] = { 0, 2, 1, 3 };
    for (int i = 0; i < 4; i++)
        EXPECT_EQ(m.commands[i].word, expected[i]);
    EXPECT_EQ(m.blocks[3].first, 1);
    EXPECT_EQ(m.blocks[3].last, 3);
    EXPECT_EQ(m.blocks[0].last, 1);
}

TEST(reorder, disjoint_ranges_of_a_block_are_independent)
{
    struct made m;
    begin(&m);
    map(&m, 1, 0);
    map(&m, 2, 1);
    command(&m);
    use(&m, 1, true, 64, 64);  // behind what the second one reads
    REQUIRE(reorder(&m));
    EXPECT_EQ(m.commands[1].word, 2);
}

TEST(reorder, a_chain_stays_as_it_is)
{
    struct made m;
    begin(&m);
    for (uint32_t i = 0; i < 20; i++)
        map(&m, (i + 1) % SLOTS, i % SLOTS);
    REQUIRE(reorder(&m));
    for (uint32_t i = 0; i < 20; i++)
        EXPECT_EQ(m.commands[i].word, i);
}

TEST(reorder, nothing_rises_far)
{
    struct made m;
    begin(&m);
    for (uint32_t i = 0; i < 40; i++)
        map(&m, (i + 1) % 2, i % 2);
    map(&m, 3, 2);  // depends on nothing
    REQUIRE(reorder(&m));
    uint32_t at = 0;
    while (m.commands[at].word != 40)
        at++;
    EXPECT(at < 40);
    EXPECT(at > 20);
}

static bool in_conflict(
    const struct made *m, const struct lat_command *a, const struct lat_command *b)
{
    for (uint32_t i = 0; i < a->n_uses; i++)
        for (uint32_t j = 0; j < b->n_uses; j++) {
            const struct lat_use *x = &m->uses[a->first_use + i], *y = &m->uses[b->first_use + j];
            if (x->slot == y->slot && (x->write || y->write) && x->offset < y->offset + y->bytes &&
                y->offset < x->offset + x->bytes)
                return true;
        }
    return false;
}

TEST(reorder, random_lists_keep_their_conflicts_in_order)
{
    uint64_t seed = lt_name_seed("reorder");
    int64_t at = 0;
    int before = 0, after = 0;
    for (int round = 0; round < 200; round++) {
        struct made m;
        begin(&m);
        uint32_t n = 3 + (uint32_t) (lt_name_bits(seed, at++) % (MAX_COMMANDS - 3));
        for (uint32_t i = 0; i < n; i++) {
            command(&m);
            uint32_t uses = 1 + (uint32_t) (lt_name_bits(seed, at++) % MAX_USES);
            for (uint32_t u = 0; u < uses; u++) {
                uint64_t bits = lt_name_bits(seed, at++);
                use(&m, (uint32_t) (bits % SLOTS), bits >> 8 & 1, bits >> 16 & 63,
                    1 + (bits >> 32 & 31));
            }
        }
        before += barriers(&m);
        REQUIRE(reorder(&m));
        after += barriers(&m);
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = i + 1; j < n; j++)
                if (m.commands[i].word > m.commands[j].word)
                    EXPECT(!in_conflict(&m, &m.commands[i], &m.commands[j]));
    }
    EXPECT(after <= before);
}
