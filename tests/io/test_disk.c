// SPDX-License-Identifier: MIT
//
// What is saved survives a disk that fails and a power cut, at every single call (io/disk.h).

#include <unistd.h>
#include "base/alloc.h"
#include "base/compiler.h"
#include "base/file.h"
#include "io/disk.h"

static char root[200];
static char after[300];  // where a disk after a power cut is built

static void begin_test(void)
{
    snprintf(root, sizeof root, "%s/work", lt_temp_dir());
    snprintf(after, sizeof after, "%s/after", lt_temp_dir());
    EXPECT_OK(lat_dir_create(root));
}

static const char *in(const char *folder, const char *name)
{
    static char paths[4][600];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

// Two files, one in a folder of its own, as the trainer's checkpoints have.
static lattn_status save(const char *dir, int64_t step, const char *what)
{
    lattn_checkpoint *c;
    lattn_status st = lattn_checkpoint_begin(dir, step, &c);
    if (st)
        return st;
    char sub[600];
    snprintf(sub, sizeof sub, "%s", in(lattn_checkpoint_dir(c), "state"));
    st = lat_file_replace(in(lattn_checkpoint_dir(c), "model"), what, strlen(what));
    if (!st)
        st = lat_dir_create(sub);
    if (!st)
        st = lat_file_replace(in(sub, "optim"), what, strlen(what));
    if (!st)
        return lattn_checkpoint_commit(&c);
    lattn_checkpoint_abort(&c);
    return st;
}

static int64_t newest(const char *dir)
{
    int64_t step = -1;
    char path[600];
    EXPECT_OK(lattn_checkpoint_clean(dir));
    EXPECT_OK(lattn_checkpoint_find(dir, &step, path, sizeof path));
    return step;
}

static bool holds(const char *path, const char *text)
{
    char *data = NULL;
    size_t n = 0;
    bool same = !lat_file_read_all(path, 1 << 20, &data, &n) && strcmp(data, text) == 0;
    lat_free(data);
    return same;
}

// ---- one call fails -------------------------------------------------------------------------------

static void expect_checkpoints_survive(enum lt_disk_fault fault)
{
    bool tolerated = fault == LT_DISK_EINTR || fault == LT_DISK_SHORT_WRITE;
    begin_test();
    EXPECT_OK(save(root, 1, "old"));
    int at = 0, n_calls = 1;
    // A failure ends the save early, so the number of calls is known when none was left to fail.
    for (; at < n_calls; at++) {
        lt_disk_begin(root, at, fault);
        lattn_status st = save(root, 2, "new");
        n_calls = LAT_MAX(lt_disk_end(), at + (st ? 2 : 0));
        if (tolerated)
            EXPECT_OK(st);
        // The error of a last, harmless removal may be told or not; the others must be.
        if (st) {
            EXPECT_STATUS(st, LATTN_ERR_IO);
            EXPECT_CONTAINS(lattn_error(NULL), root);
        }
        int64_t step = newest(root);
        if (step != 2 && (step != 1 || !st))
            lt_fail(__FILE__, __LINE__, "fault %d in call %d of %d: status %d, newest %d", fault,
                at, n_calls, st, (int) step);
        EXPECT(holds(in(root, "checkpoint-1/model"), "old"));
        EXPECT_OK(lat_dir_remove_all(in(root, "checkpoint-2")));
    }
    EXPECT(at > 20);
}

TEST(disk, a_full_disk_loses_no_checkpoint)
{
    expect_checkpoints_survive(LT_DISK_ENOSPC);
}

TEST(disk, an_unreadable_sector_loses_no_checkpoint)
{
    expect_checkpoints_survive(LT_DISK_EIO);
}

TEST(disk, interrupted_calls_and_short_writes_are_no_errors)
{
    expect_checkpoints_survive(LT_DISK_EINTR);
    expect_checkpoints_survive(LT_DISK_SHORT_WRITE);
}

TEST(disk, a_failed_replacement_leaves_the_old_file)
{
    begin_test();
    for (enum lt_disk_fault fault = 0; fault < LT_DISK_FAULTS; fault++) {
        int at = 0, n_calls = 1;
        EXPECT_OK(lat_file_replace(in(root, "model"), "old", 3));
        for (; at < n_calls; at++) {
            lt_disk_begin(root, at, fault);
            lattn_status st = lat_file_replace(in(root, "model"), "new", 3);
            n_calls = LAT_MAX(lt_disk_end(), at + (st ? 2 : 0));
            EXPECT(holds(in(root, "model"), "new") || (st && holds(in(root, "model"), "old")));
            EXPECT_OK(lat_file_replace(in(root, "model"), "old", 3));
        }
        EXPECT(at >= 4);
    }
}

// ---- the power is cut -----------------------------------------------------------------------------

static void for_every_cut(void (*check)(int64_t expected))
{
    for (int cut = 0; cut <= lt_disk_journal_length(); cut++) {
        for (int kind = 0; kind < LT_DISK_SURVIVALS; kind++) {
            for (uint64_t seed = 0; seed < (kind == LT_DISK_RANDOM ? 8 : 1); seed++) {
                EXPECT_OK(lat_dir_remove_all(after));
                EXPECT_OK(lat_dir_create(after));
                check(lt_disk_after_power_cut(after, cut, (enum lt_disk_survives) kind, seed));
                if (lt_failed()) {
                    lt_fail(__FILE__, __LINE__, "cut %d of %d, what survives %d, seed %d", cut,
                        lt_disk_journal_length(), kind, (int) seed);
                    return;
                }
            }
        }
    }
}

// The output folder is new as well: its own name must survive.
static void expect_checkpoint(int64_t expected)
{
    int64_t step = newest(in(after, "out"));
    EXPECT(step >= expected);
}

TEST(disk, a_power_cut_loses_no_checkpoint)
{
    static const int64_t steps[] = { 1, 2, 2, 3, 3, 4 };
    begin_test();
    lt_disk_begin(root, -1, LT_DISK_EIO);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        EXPECT_OK(save(in(root, "out"), steps[i], "new"));
        lt_disk_note(steps[i]);
        EXPECT_OK(lattn_checkpoint_prune(in(root, "out"), 2, -1));
    }
    lt_disk_end();
    EXPECT(lt_disk_journal_length() > 100);
    for_every_cut(expect_checkpoint);
}

static void expect_file(int64_t expected)
{
    static const char *const versions[] = { "first", "second", "third" };
    bool found = expected < 0;
    for (int64_t i = expected < 0 ? 0 : expected; i < 3; i++)
        found = found || holds(in(after, "model"), versions[i]);
    EXPECT(found);
}

TEST(disk, a_power_cut_leaves_one_version_of_a_file)
{
    begin_test();
    lt_disk_begin(root, -1, LT_DISK_EIO);
    EXPECT_OK(lat_file_replace(in(root, "model"), "first", 5));
    lt_disk_note(0);
    EXPECT_OK(lat_file_replace(in(root, "model"), "second", 6));
    lt_disk_note(1);
    EXPECT_OK(lat_file_replace(in(root, "model"), "third", 5));
    lt_disk_note(2);
    lt_disk_end();
    for_every_cut(expect_file);
}
