// SPDX-License-Identifier: MIT
//
// Files, folders and locks; every failure names the path.

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "harness/harness.h"

// Lent until the fourth call after it.
static const char *in(const char *dir, const char *name)
{
    static char paths[4][300];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static void expect_content(const char *path, const char *text)
{
    char *data;
    size_t n;
    EXPECT_OK(lat_file_read_all(path, 1 << 20, &data, &n));
    EXPECT_STR(data, text);
    lat_free(data);
}

TEST(file, what_was_written_is_read)
{
    const char *dir = lt_temp_dir();
    struct lat_file *f;
    REQUIRE(!lat_file_create(in(dir, "a"), &f));
    EXPECT_OK(lat_file_write(f, "hello ", 6));
    EXPECT_OK(lat_file_write(f, "", 0));
    EXPECT_OK(lat_file_write(f, "world", 5));
    EXPECT_EQ(lat_file_size(f), 11);
    EXPECT_OK(lat_file_sync(f));
    EXPECT_OK(lat_file_close(&f));
    EXPECT_OK(lat_file_close(&f));
    expect_content(in(dir, "a"), "hello world");

    char part[4] = "";
    REQUIRE(!lat_file_open(in(dir, "a"), &f));
    EXPECT_OK(lat_file_pread(f, 4, part, 3));
    EXPECT(!memcmp(part, "o w", 3));
    EXPECT_STATUS(lat_file_pread(f, 9, part, 3), LATTN_ERR_IO);
    EXPECT_CONTAINS(lat_err_text(), "ends at byte 11");
    EXPECT_STATUS(lat_file_pread(f, UINT64_MAX, part, 1), LATTN_ERR_IO);
    EXPECT_OK(lat_file_close(&f));
}

TEST(file, writes_larger_than_the_buffer_keep_their_order)
{
    const char *dir = lt_temp_dir();
    size_t n = 200000;
    char *data = malloc(n + 10), *back;
    for (size_t i = 0; i < n; i++)
        data[i] = (char) ('a' + i % 26);
    struct lat_file *f;
    REQUIRE(!lat_file_create(in(dir, "big"), &f));
    size_t at = 0;
    for (size_t size = 1; at < n; size = size * 3 % 100003) {
        size_t part = LAT_MIN(size, n - at);
        EXPECT_OK(lat_file_write(f, data + at, part));
        at += part;
    }
    EXPECT_OK(lat_file_close(&f));
    EXPECT_OK(lat_file_read_all(in(dir, "big"), n, &back, &at));
    EXPECT(at == n && !memcmp(data, back, n));
    lat_free(back);
    EXPECT_STATUS(lat_file_read_all(in(dir, "big"), n - 1, &back, &at), LATTN_ERR_FORMAT);
    free(data);
}

TEST(file, reading_after_truncation_is_an_error_not_a_signal)
{
    const char *dir = lt_temp_dir();
    const char *path = in(dir, "cut");
    char part[4];
    struct lat_file *f;
    REQUIRE(!lat_file_replace(path, "0123456789", 10));
    REQUIRE(!lat_file_open(path, &f));
    REQUIRE(truncate(path, 5) == 0);
    EXPECT_STATUS(lat_file_pread(f, 4, part, 4), LATTN_ERR_IO);
    EXPECT_CONTAINS(lat_err_text(), path);
    EXPECT_OK(lat_file_close(&f));
}

TEST(file, only_regular_files_are_opened)
{
    const char *dir = lt_temp_dir();
    struct lat_file *f;
    EXPECT_STATUS(lat_file_open(dir, &f), LATTN_ERR_IO);
    EXPECT_CONTAINS(lat_err_text(), "a folder");
    EXPECT_STATUS(lat_file_open("/dev/zero", &f), LATTN_ERR_IO);
    EXPECT_CONTAINS(lat_err_text(), "a device");
    REQUIRE(mkfifo(in(dir, "pipe"), 0600) == 0);
    EXPECT_STATUS(lat_file_open(in(dir, "pipe"), &f), LATTN_ERR_IO);  // and does not wait
    EXPECT_CONTAINS(lat_err_text(), "a pipe");
    REQUIRE(symlink("loop", in(dir, "loop")) == 0);
    EXPECT_STATUS(lat_file_open(in(dir, "loop"), &f), LATTN_ERR_IO);
    EXPECT_STATUS(lat_file_open(in(dir, "none"), &f), LATTN_ERR_IO);
    EXPECT_CONTAINS(lat_err_text(), "No such file");
    EXPECT(f == NULL);
}

TEST(file, replace_leaves_the_old_content_on_failure)
{
    const char *dir = lt_temp_dir();
    char path[300];
    snprintf(path, sizeof path, "%s/a", dir);
    EXPECT_OK(lat_file_replace(path, "old", 3));
    struct lat_file *f;
    REQUIRE(!lat_file_replace_begin(path, &f));
    EXPECT_OK(lat_file_write(f, "new", 3));
    expect_content(path, "old");
    lat_file_replace_abort(&f);
    lat_file_replace_abort(&f);
    expect_content(path, "old");
    EXPECT(!lat_path_exists(in(dir, "a.tmp")));

    REQUIRE(!lat_file_replace_begin(path, &f));
    EXPECT_OK(lat_file_write(f, "new", 3));
    EXPECT_OK(lat_file_replace_commit(&f));
    expect_content(path, "new");
    EXPECT(!lat_path_exists(in(dir, "a.tmp")));

    for (int64_t at = 0; at < 6; at++) {
        lat_alloc_fail_at(at);
        lattn_status st = lat_file_replace(path, "newer", 5);
        lat_alloc_fail_at(-1);
        if (st)
            EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
        expect_content(path, st ? "new" : "newer");
        EXPECT(!lat_path_exists(in(dir, "a.tmp")));
        EXPECT_OK(lat_file_replace(path, "new", 3));
    }
}

TEST(file, a_full_disk_is_reported)
{
    struct lat_file *f;
    if (!lat_path_exists("/dev/full") || lat_file_create("/dev/full", &f)) {
        lt_skip("no /dev/full");
        return;
    }
    EXPECT_OK(lat_file_write(f, "x", 1));
    EXPECT_STATUS(lat_file_close(&f), LATTN_ERR_IO);
    EXPECT_CONTAINS(lat_err_text(), "No space left");
}

TEST(file, lines_are_appended)
{
    const char *path = in(lt_temp_dir(), "log");
    EXPECT_OK(lat_file_append_line(path, "one"));
    EXPECT_OK(lat_file_append_line(path, "two"));
    expect_content(path, "one\ntwo\n");
}

static lattn_status count_entry(void *user, const char *name)
{
    (void) name;
    ++*(int *) user;
    return LATTN_OK;
}

static lattn_status stop(void *user, const char *name)
{
    (void) user;
    return lat_err(LATTN_ERR_STATE, "stop at %s", name);
}

TEST(dir, trees_are_made_listed_and_removed)
{
    const char *dir = lt_temp_dir();
    EXPECT_OK(lat_dir_create(in(dir, "a/b/c")));
    EXPECT_OK(lat_dir_create(in(dir, "a/b/c")));
    EXPECT_OK(lat_dir_create(in(dir, "a/b//d/")));
    EXPECT_OK(lat_file_replace(in(dir, "a/b/file"), "x", 1));
    EXPECT_STATUS(lat_dir_create(in(dir, "a/b/file")), LATTN_ERR_IO);
    EXPECT_STATUS(lat_dir_create(in(dir, "a/b/file/x")), LATTN_ERR_IO);
    int n = 0;
    EXPECT_OK(lat_dir_each(in(dir, "a/b"), count_entry, &n));
    EXPECT_EQ(n, 3);
    EXPECT_STATUS(lat_dir_each(in(dir, "a/b"), stop, NULL), LATTN_ERR_STATE);
    EXPECT_STATUS(lat_dir_each(in(dir, "none"), count_entry, &n), LATTN_ERR_IO);
    EXPECT_OK(lat_dir_sync(in(dir, "a")));
    EXPECT_OK(lat_dir_sync_parent(in(dir, "a/b")));
    EXPECT_OK(lat_dir_sync_parent("a"));
    EXPECT_OK(lat_rename(in(dir, "a/b/file"), in(dir, "a/b/other")));
    EXPECT_STATUS(lat_rename(in(dir, "none"), in(dir, "x")), LATTN_ERR_IO);
    EXPECT_OK(lat_dir_remove_all(in(dir, "a")));
    EXPECT_OK(lat_dir_remove_all(in(dir, "a")));
    EXPECT(!lat_path_exists(in(dir, "a")));
}

TEST(dir, removing_a_tree_does_not_follow_links)
{
    const char *dir = lt_temp_dir();
    EXPECT_OK(lat_dir_create(in(dir, "kept")));
    EXPECT_OK(lat_file_replace(in(dir, "kept/file"), "x", 1));
    EXPECT_OK(lat_dir_create(in(dir, "gone")));
    REQUIRE(symlink(in(dir, "kept"), in(dir, "gone/link")) == 0);
    EXPECT_OK(lat_dir_remove_all(in(dir, "gone")));
    EXPECT(lat_path_exists(in(dir, "kept/file")));
}

TEST(dir, paths_are_joined)
{
    char *p = lat_path_join("a", "b");
    EXPECT_STR(p, "a/b");
    lat_free(p);
    p = lat_path_join("a/", "b");
    EXPECT_STR(p, "a/b");
    lat_free(p);
    p = lat_path_join("", "b");
    EXPECT_STR(p, "b");
    lat_free(p);
}

TEST(dir, a_lock_keeps_others_out_and_names_the_holder)
{
    const char *dir = lt_temp_dir();
    struct lat_dir_lock *mine, *other;
    char pid[32];
    REQUIRE(!lat_dir_lock(dir, &mine));
    EXPECT_STATUS(lat_dir_lock(dir, &other), LATTN_ERR_IO);
    snprintf(pid, sizeof pid, "by process %ld", (long) getpid());
    EXPECT_CONTAINS(lat_err_text(), pid);
    EXPECT(other == NULL);
    lat_dir_unlock(&mine);
    lat_dir_unlock(&mine);
    EXPECT_OK(lat_dir_lock(dir, &other));
    lat_dir_unlock(&other);
    EXPECT(!lat_path_exists(in(dir, ".lattn.lock")));
    EXPECT_STATUS(lat_dir_lock(in(dir, "none"), &other), LATTN_ERR_IO);
}

TEST(dir, a_lock_dies_with_its_process)
{
    const char *dir = lt_temp_dir();
    pid_t child = fork();
    if (child == 0) {
        struct lat_dir_lock *lock;
        _exit(lat_dir_lock(dir, &lock) ? 1 : 0);  // without unlock
    }
    int status = 1;
    REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    EXPECT(lat_path_exists(in(dir, ".lattn.lock")));
    struct lat_dir_lock *lock;
    EXPECT_OK(lat_dir_lock(dir, &lock));
    lat_dir_unlock(&lock);
}
