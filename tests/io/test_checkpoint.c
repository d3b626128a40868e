// SPDX-License-Identifier: MIT
//
// Checkpoint folders: complete or not there, whatever is cut, lost or left behind.

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/compiler.h"
#include "base/file.h"
#include "base/thread.h"
#include "harness/harness.h"

static char root[200];

static const char *in(const char *name)
{
    static char paths[8][300];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static lattn_status put(const char *folder, const char *name, const char *text)
{
    char *path = lat_path_join(folder, name);
    lattn_status st = path ? lat_file_replace(path, text, strlen(text)) : LATTN_ERR_HOST_MEMORY;
    lat_free(path);
    return st;
}

// A checkpoint of two files, one in a sub-folder; what tells two versions apart.
static lattn_status save(int64_t step, const char *what)
{
    lattn_checkpoint *c;
    lattn_status st = lattn_checkpoint_begin(root, step, &c);
    if (st)
        return st;
    char *sub = lat_path_join(lattn_checkpoint_dir(c), "state");
    st = sub ? put(lattn_checkpoint_dir(c), "model", what) : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = lat_dir_create(sub);
    if (!st)
        st = put(sub, "optim", what);
    lat_free(sub);
    if (!st)
        return lattn_checkpoint_commit(&c);
    lattn_checkpoint_abort(&c);
    return st;
}

static lattn_status count_entry(void *user, const char *name)
{
    (void) name;
    ++*(int *) user;
    return LATTN_OK;
}

// A new output folder at every call.
static void begin_test(void)
{
    static int n;
    snprintf(root, sizeof root, "%s/%d", lt_temp_dir(), n++);
}

static int64_t newest(void)
{
    int64_t step = -2;
    char path[300];
    EXPECT_OK(lattn_checkpoint_find(root, &step, path, sizeof path));
    if (step < 0)
        EXPECT_STR(path, "");
    else
        EXPECT_OK(lattn_checkpoint_verify(path));
    return step;
}

TEST(checkpoint, the_newest_is_found)
{
    begin_test();
    EXPECT_EQ(newest(), -1);  // not even the folder is there
    EXPECT_OK(save(5, "five"));
    EXPECT_OK(save(10, "ten"));
    EXPECT_OK(save(9, "nine"));
    EXPECT_EQ(newest(), 10);  // by number, not by text
    EXPECT_OK(put(root, "checkpoint-99", "a file"));
    EXPECT_OK(lat_dir_create(in("checkpoint-012")));
    EXPECT_OK(lat_dir_create(in("checkpoint-x")));
    EXPECT_OK(lat_dir_create(in("checkpoint--3")));
    EXPECT_EQ(newest(), 10);
    int64_t step;
    char tiny[4];
    EXPECT_OK(lattn_checkpoint_find(root, &step, NULL, 0));
    EXPECT_EQ(step, 10);
    EXPECT_STATUS(lattn_checkpoint_find(root, &step, tiny, sizeof tiny), LATTN_ERR_ARG);
}

TEST(checkpoint, nothing_is_visible_before_the_commit)
{
    begin_test();
    lattn_checkpoint *c;
    REQUIRE(!lattn_checkpoint_begin(root, 3, &c));
    EXPECT_OK(put(lattn_checkpoint_dir(c), "model", "x"));
    EXPECT_EQ(newest(), -1);
    lattn_checkpoint_abort(&c);
    lattn_checkpoint_abort(&c);
    EXPECT(!lat_path_exists(in(".tmp-checkpoint-3")));
    EXPECT_STATUS(lattn_checkpoint_begin(root, -1, &c), LATTN_ERR_ARG);
}

TEST(checkpoint, a_damaged_one_is_skipped_and_named)
{
    static const struct {
        const char *name, *content, *part;  // content NULL = removed
    } damage[] = {
        { "checkpoint-2/model", NULL, "model" },
        { "checkpoint-2/state/optim", NULL, "optim" },
        { "checkpoint-2/model", "ne", "has 2 bytes, expected 3" },
        { "checkpoint-2/model", "nex", "has changed since it was written" },
        { "checkpoint-2/manifest.json", NULL, "has no manifest.json" },
        { "checkpoint-2/manifest.json", "", "manifest.json" },
        { "checkpoint-2/manifest.json", "{\"format\":\"lattn-chec", "line 1" },
        { "checkpoint-2/manifest.json", "{\"format\":\"other\"}", "\"format\" is \"other\"" },
        { "checkpoint-2/manifest.json",
            "{\"format\":\"lattn-checkpoint\",\"version\":2,\"step\":2,\"files\":[]}",
            "\"version\" is 2, expected 1 to 1" },
        { "checkpoint-2/manifest.json",
            "{\"format\":\"lattn-checkpoint\",\"version\":1,\"step\":2}", "\"files\" is missing" },
        { "checkpoint-2/manifest.json",
            "{\"format\":\"lattn-checkpoint\",\"version\":1,\"step\":2,\"files\":[{\"name\":\"../"
            "x\","
            "\"bytes\":1,\"xxh3\":\"0\"}]}",
            "is no file below the folder" },
        { "checkpoint-2/manifest.json",
            "{\"format\":\"lattn-checkpoint\",\"version\":1,\"step\":2,\"files\":[{\"name\":"
            "\"/etc/passwd\",\"bytes\":1,\"xxh3\":\"0\"}]}",
            "is no file below the folder" },
    };
    for (size_t i = 0; i < LAT_COUNT(damage); i++) {
        begin_test();
        EXPECT_OK(save(1, "old"));
        EXPECT_OK(save(2, "new"));
        EXPECT_EQ(newest(), 2);
        if (damage[i].content)
            EXPECT_OK(put(root, damage[i].name, damage[i].content));
        else
            EXPECT_EQ(unlink(in(damage[i].name)), 0);
        EXPECT_STATUS(lattn_checkpoint_verify(in("checkpoint-2")), LATTN_ERR_FORMAT);
        EXPECT_CONTAINS(lattn_error(NULL), damage[i].part);
        EXPECT_CONTAINS(lattn_error(NULL), "checkpoint-2");
        EXPECT_EQ(newest(), 1);
    }
}

TEST(checkpoint, a_renamed_one_is_not_believed)
{
    begin_test();
    EXPECT_OK(save(1, "old"));
    EXPECT_OK(lat_rename(in("checkpoint-1"), in("checkpoint-7")));
    EXPECT_EQ(newest(), -1);
}

TEST(checkpoint, the_same_step_is_replaced)
{
    begin_test();
    EXPECT_OK(save(4, "old"));
    EXPECT_OK(save(4, "newer"));
    EXPECT_EQ(newest(), 4);
    char *text;
    size_t n;
    EXPECT_OK(lat_file_read_all(in("checkpoint-4/model"), 100, &text, &n));
    EXPECT_STR(text, "newer");
    lat_free(text);
    EXPECT(!lat_path_exists(in(".tmp-old-checkpoint-4")));
}

TEST(checkpoint, leftovers_are_cleaned)
{
    begin_test();
    EXPECT_OK(save(1, "one"));
    EXPECT_OK(lat_dir_create(in(".tmp-checkpoint-2/state")));
    EXPECT_OK(put(root, ".tmp-checkpoint-2/state/half", "hal"));
    EXPECT_OK(lat_dir_create(in(".tmp-gone-checkpoint-1")));
    EXPECT_OK(put(root, "notes.txt", "mine"));
    EXPECT_OK(lattn_checkpoint_clean(root));
    EXPECT(!lat_path_exists(in(".tmp-checkpoint-2")));
    EXPECT(!lat_path_exists(in(".tmp-gone-checkpoint-1")));
    EXPECT(lat_path_exists(in("notes.txt")));
    EXPECT_EQ(newest(), 1);
    EXPECT_OK(lattn_checkpoint_clean(in("none")));
}

TEST(checkpoint, a_replacement_cut_between_its_renames_is_undone)
{
    begin_test();
    EXPECT_OK(save(1, "one"));
    EXPECT_OK(lat_rename(in("checkpoint-1"), in(".tmp-old-checkpoint-1")));
    EXPECT_EQ(newest(), -1);
    EXPECT_OK(lattn_checkpoint_clean(root));
    EXPECT_EQ(newest(), 1);

    // With the new one in place the old one goes.
    EXPECT_OK(lat_rename(in("checkpoint-1"), in(".tmp-old-checkpoint-1")));
    EXPECT_OK(save(1, "two"));
    EXPECT_OK(lattn_checkpoint_clean(root));
    EXPECT(!lat_path_exists(in(".tmp-old-checkpoint-1")));
    EXPECT_EQ(newest(), 1);
}

TEST(checkpoint, the_last_ones_and_the_best_are_kept)
{
    begin_test();
    for (int64_t step = 1; step <= 6; step++)
        EXPECT_OK(save(step, "x"));
    EXPECT_STATUS(lattn_checkpoint_prune(root, 0, -1), LATTN_ERR_ARG);
    EXPECT_OK(lattn_checkpoint_prune(root, 2, 3));
    static const bool kept[] = { false, false, false, true, false, true, true };
    for (int i = 1; i <= 6; i++) {
        char name[32];
        snprintf(name, sizeof name, "checkpoint-%d", i);
        EXPECT(lat_path_exists(in(name)) == kept[i]);
    }
    EXPECT_OK(lattn_checkpoint_prune(root, 9, -1));
    EXPECT_EQ(newest(), 6);
}

TEST(checkpoint, a_folder_that_cannot_be_written_is_an_error)
{
    begin_test();
    EXPECT_OK(lat_dir_create(root));
    EXPECT_OK(put(root, "file", "x"));
    lattn_checkpoint *c;
    EXPECT_STATUS(lattn_checkpoint_begin(in("file"), 1, &c), LATTN_ERR_IO);
    EXPECT(c == NULL);
    EXPECT_STATUS(lattn_checkpoint_begin("/proc/none", 1, &c), LATTN_ERR_IO);
}

TEST(checkpoint, a_failed_commit_keeps_the_old_one)
{
    begin_test();
    EXPECT_OK(save(8, "old"));
    lattn_checkpoint *c;
    REQUIRE(!lattn_checkpoint_begin(root, 8, &c));
    EXPECT_OK(put(lattn_checkpoint_dir(c), "manifest.json", "mine"));
    EXPECT_STATUS(lattn_checkpoint_commit(&c), LATTN_ERR_STATE);
    EXPECT(c == NULL);
    EXPECT_CONTAINS(lattn_error(NULL), "is there already");
    EXPECT(!lat_path_exists(in(".tmp-checkpoint-8")));
    EXPECT_EQ(newest(), 8);
}

// A writer killed at any moment: the newest complete one never gets older, and after a clean
// nothing half-made is left. Steps 1, 2, 2, 3, 3, ...: every second save replaces.
TEST(checkpoint, a_killed_writer_never_loses_a_checkpoint)
{
    begin_test();
    uint64_t before = lat_now_ns();
    EXPECT_OK(save(1, "first"));
    uint64_t one_save_ns = lat_now_ns() - before;
    int64_t last = 1;
    // On a busy disk a writer may be killed before its first save, round after round.
    for (unsigned round = 0; round < 16 || (last == 1 && round < 400); round++) {
        pid_t child = fork();
        if (child == 0) {
            for (int64_t step = last;; step++)
                if (save(step, "new") || save(step, "newer") || lattn_checkpoint_prune(root, 2, -1))
                    _exit(1);
        }
        REQUIRE(child > 0);
        lat_sleep_ns(one_save_ns * (1 + round * 7 % 16) * (1 + round / 16) / 4);
        EXPECT_EQ(kill(child, SIGKILL), 0);
        int status;
        REQUIRE(waitpid(child, &status, 0) == child);
        EXPECT(WIFSIGNALED(status));
        EXPECT_OK(lattn_checkpoint_clean(root));
        int64_t step = newest();
        EXPECT(step >= last);
        last = step;
        int n_entries = 0;
        EXPECT_OK(lat_dir_each(root, count_entry, &n_entries));
        EXPECT(n_entries <= 3);  // two kept, and one that was about to be pruned
    }
    EXPECT(last > 1);
}

TEST(checkpoint, every_failed_allocation_keeps_the_old_one)
{
    begin_test();
    EXPECT_OK(save(1, "old"));
    int64_t live = lat_alloc_live();
    bool again = true;
    for (int64_t at = 0; again && at < 2000; at++) {
        lat_alloc_fail_at(at);
        lattn_status st = save(2, "new");
        lat_alloc_fail_at(-1);
        EXPECT_EQ(lat_alloc_live(), live);
        again = st != LATTN_OK;
        if (st)
            EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
        // Removing may have run out of memory as well; the next run's clean does it.
        EXPECT_OK(lattn_checkpoint_clean(root));
        int64_t step = newest();
        EXPECT(step == 1 || step == 2);
        EXPECT_OK(lat_dir_remove_all(in("checkpoint-2")));
    }
    EXPECT(!again);
    for (int64_t at = 0; at < 60; at++) {
        int64_t step;
        char path[300];
        lat_alloc_fail_at(at);
        lattn_status st = lattn_checkpoint_find(root, &step, path, sizeof path);
        lat_alloc_fail_at(-1);
        EXPECT_EQ(lat_alloc_live(), live);
        EXPECT(st == LATTN_ERR_HOST_MEMORY || step == 1);
    }
}

TEST(checkpoint, those_after_a_step_are_removed)
{
    begin_test();
    for (int64_t step = 1; step <= 12; step += 3)
        EXPECT_OK(save(step, "x"));
    EXPECT_OK(lattn_checkpoint_remove_after(root, 10));
    EXPECT_EQ(newest(), 10);
    EXPECT_OK(lattn_checkpoint_remove_after(root, 4));
    EXPECT_EQ(newest(), 4);
    EXPECT(lat_path_exists(in("checkpoint-1")) && !lat_path_exists(in("checkpoint-7")));
    EXPECT_OK(lattn_checkpoint_remove_after(root, -1));
    EXPECT_EQ(newest(), -1);
    EXPECT_OK(lattn_checkpoint_remove_after("/nowhere", -1));
}
