// SPDX-License-Identifier: MIT
//
// The journal keeps names apart from contents, as file systems do: folders and files are inodes with
// numbers, an entry says which number gets which name in which folder, or which bytes a file gets.
// Syncing a file makes the bytes before it durable, syncing a folder the names in it.

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/rng.h"
#include "io/disk.h"

enum { MAX_ENTRIES = 4096, MAX_INODES = 1024, MAX_FD = 1024, MAX_PATH = 600 };

enum what { NAME, UNNAME, DATA, SYNC_DATA, SYNC_NAMES, NOTE };

struct entry {
    enum what what;
    int folder;      // NAME, UNNAME, SYNC_NAMES
    int inode;       // NAME, DATA, SYNC_DATA
    bool with_next;  // the next entry happens together with it: the two halves of a rename
    char name[64];
    char *data;
    size_t bytes;
    int64_t expected;
};

struct name {
    int folder, inode;
    char name[64];
};

static struct {
    bool active;
    char root[MAX_PATH];
    int at, n_calls;
    enum lt_disk_fault fault;
    struct entry journal[MAX_ENTRIES];
    int n_entries;
    bool is_folder[MAX_INODES];
    int n_inodes;
    int inode_of_fd[MAX_FD];
} disk;

// Names in their present state: of the running system, or of the disk after the cut.
struct tree {
    struct name items[MAX_INODES];
    int n;
};
static struct tree now;

// ---- names ----------------------------------------------------------------------------------------

static int find_name(const struct tree *t, int folder, const char *name)
{
    for (int i = 0; i < t->n; i++) {
        if (t->items[i].folder == folder && strcmp(t->items[i].name, name) == 0)
            return i;
    }
    return -1;
}

static void set_name(struct tree *t, int folder, const char *name, int inode)
{
    int i = find_name(t, folder, name);
    if (i < 0)
        i = t->n++;
    if (i >= MAX_INODES)
        abort();
    t->items[i] = (struct name){ .folder = folder, .inode = inode };
    snprintf(t->items[i].name, sizeof t->items[i].name, "%s", name);
}

static void remove_name(struct tree *t, int folder, const char *name)
{
    int i = find_name(t, folder, name);
    if (i >= 0)
        t->items[i] = t->items[--t->n];
}

static int new_inode(bool is_folder)
{
    if (disk.n_inodes == MAX_INODES)
        abort();
    disk.is_folder[disk.n_inodes] = is_folder;
    return disk.n_inodes++;
}

static bool below_root(const char *path)
{
    size_t n = strlen(disk.root);
    return disk.active && strncmp(path, disk.root, n) == 0 && (path[n] == '/' || path[n] == 0);
}

// The folder and the last name of a path below the root; what was there before lt_disk_begin is made up.
static int folder_of(const char *path, char last[64])
{
    const char *p = path + strlen(disk.root);
    int folder = 0;
    last[0] = 0;
    while (*p) {
        p += *p == '/';
        size_t n = strcspn(p, "/");
        if (last[0]) {
            int i = find_name(&now, folder, last);
            if (i < 0) {
                int made = new_inode(true);
                set_name(&now, folder, last, made);
                folder = made;
            } else
                folder = now.items[i].inode;
        }
        snprintf(last, 64, "%.*s", (int) n, p);
        p += n;
    }
    return folder;
}

// The inode of a path; -1 = no such.
static int inode_of(const char *path)
{
    char last[64];
    int folder = folder_of(path, last);
    if (!last[0])
        return 0;
    int i = find_name(&now, folder, last);
    return i < 0 ? -1 : now.items[i].inode;
}

// ---- journal --------------------------------------------------------------------------------------

static struct entry *add(enum what what)
{
    if (disk.n_entries == MAX_ENTRIES)
        abort();
    struct entry *e = &disk.journal[disk.n_entries++];
    *e = (struct entry){ .what = what };
    return e;
}

static void add_name(int folder, const char *name, int inode)
{
    struct entry *e = add(NAME);
    e->folder = folder;
    e->inode = inode;
    snprintf(e->name, sizeof e->name, "%s", name);
    set_name(&now, folder, name, inode);
}

static struct entry *add_unname(int folder, const char *name)
{
    struct entry *e = add(UNNAME);
    e->folder = folder;
    snprintf(e->name, sizeof e->name, "%s", name);
    remove_name(&now, folder, name);
    return e;
}

static void add_created(const char *path, bool is_folder)
{
    char last[64];
    int folder = folder_of(path, last);
    if (last[0])
        add_name(folder, last, new_inode(is_folder));
}

static void forget_journal(void)
{
    for (int i = 0; i < disk.n_entries; i++)
        free(disk.journal[i].data);
    disk.n_entries = 0;
}

void lt_disk_begin(const char *folder, int at, enum lt_disk_fault fault)
{
    forget_journal();
    disk.active = true;
    disk.at = at;
    disk.n_calls = 0;
    disk.fault = fault;
    disk.n_inodes = 0;
    now.n = 0;
    new_inode(true);
    snprintf(disk.root, sizeof disk.root, "%s", folder);
    for (int i = 0; i < MAX_FD; i++)
        disk.inode_of_fd[i] = -1;
}

int lt_disk_end(void)
{
    disk.active = false;
    return disk.n_calls;
}

void lt_disk_note(int64_t expected)
{
    add(NOTE)->expected = expected;
}

int lt_disk_journal_length(void)
{
    return disk.n_entries;
}

// ---- the calls ------------------------------------------------------------------------------------
// (open is open64 where offsets have 64 bits.)

// True where this call is the one that fails; errno is set.
static bool fails(bool can_be_interrupted)
{
    bool hit = disk.n_calls++ == disk.at;
    if (!hit || disk.fault == LT_DISK_SHORT_WRITE ||
        (disk.fault == LT_DISK_EINTR && !can_be_interrupted))
        return false;
    static const int numbers[] = { ENOSPC, EIO, EINTR };
    errno = numbers[disk.fault];
    return true;
}

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *data, size_t bytes);
ssize_t __wrap_write(int fd, const void *data, size_t bytes);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_rmdir(const char *path);
int __wrap_rmdir(const char *path);

int __wrap_open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    if (!below_root(path))
        return __real_open64(path, flags, mode);
    bool creates = (flags & O_CREAT) != 0;
    if (creates && fails(false))
        return -1;
    int fd = __real_open64(path, flags, mode);
    if (fd < 0 || fd >= MAX_FD)
        return fd;
    // Truncating makes a new file here: what the old one held is not asked for again.
    if (creates && (inode_of(path) < 0 || (flags & O_TRUNC)))
        add_created(path, false);
    disk.inode_of_fd[fd] = inode_of(path);
    return fd;
}

static int watched(int fd)
{
    return disk.active && fd >= 0 && fd < MAX_FD ? disk.inode_of_fd[fd] : -1;
}

ssize_t __wrap_write(int fd, const void *data, size_t bytes)
{
    int inode = watched(fd);
    if (inode < 0)
        return __real_write(fd, data, bytes);
    bool hit = disk.n_calls == disk.at;
    if (fails(true))
        return -1;
    if (hit && disk.fault == LT_DISK_SHORT_WRITE)
        bytes = (bytes + 1) / 2;
    ssize_t n = __real_write(fd, data, bytes);
    if (n > 0) {
        struct entry *e = add(DATA);
        e->inode = inode;
        e->bytes = (size_t) n;
        e->data = malloc((size_t) n);
        if (!e->data)
            abort();
        memcpy(e->data, data, (size_t) n);
    }
    return n;
}

int __wrap_fsync(int fd)
{
    int inode = watched(fd);
    if (inode < 0)
        return __real_fsync(fd);
    if (fails(true))
        return -1;
    struct entry *e = add(disk.is_folder[inode] ? SYNC_NAMES : SYNC_DATA);
    e->inode = inode;
    e->folder = inode;
    return 0;  // the journal is what counts; a real sync would only take time
}

int __wrap_rename(const char *from, const char *to)
{
    if (!below_root(from))
        return __real_rename(from, to);
    if (fails(false))
        return -1;
    int inode = inode_of(from);
    if (__real_rename(from, to))
        return -1;
    char last[64];
    int folder = folder_of(from, last);
    add_unname(folder, last)->with_next = true;
    folder = folder_of(to, last);
    add_name(folder, last, inode < 0 ? new_inode(false) : inode);
    return 0;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    if (!below_root(path))
        return __real_mkdir(path, mode);
    if (fails(false))
        return -1;
    if (__real_mkdir(path, mode))
        return -1;
    add_created(path, true);
    return 0;
}

static int removed(const char *path, int (*remove_it)(const char *))
{
    if (!below_root(path))
        return remove_it(path);
    if (fails(false))
        return -1;
    char last[64];
    int folder = folder_of(path, last);
    if (remove_it(path))
        return -1;
    add_unname(folder, last);
    return 0;
}

int __wrap_unlink(const char *path)
{
    return removed(path, __real_unlink);
}

int __wrap_rmdir(const char *path)
{
    return removed(path, __real_rmdir);
}

// ---- after the cut --------------------------------------------------------------------------------

// Where the last entry of that kind about that inode is before the cut; -1 = none.
static int last_sync(enum what what, int inode, int cut)
{
    for (int i = cut - 1; i >= 0; i--) {
        if (disk.journal[i].what == what && disk.journal[i].inode == inode)
            return i;
    }
    return -1;
}

// How far the names of each folder have come: entries below that index survive.
static void find_name_limits(
    int *limit, int cut, enum lt_disk_survives survives, struct lat_rng *rng)
{
    for (int i = 0; i < disk.n_inodes; i++) {
        int synced = last_sync(SYNC_NAMES, i, cut) + 1;
        limit[i] = cut;
        if (survives == LT_DISK_SYNCED)
            limit[i] = synced;
        if (survives == LT_DISK_RANDOM)
            limit[i] = synced + (int) lat_rng_below(rng, (uint64_t) (cut - synced) + 1);
    }
}

static void write_file(
    const char *path, int inode, int cut, enum lt_disk_survives survives, struct lat_rng *rng)
{
    int synced = last_sync(SYNC_DATA, inode, cut);
    int fd = __real_open64(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    for (int i = 0; fd >= 0 && i < cut; i++) {
        const struct entry *e = &disk.journal[i];
        if (e->what != DATA || e->inode != inode)
            continue;
        size_t bytes = e->bytes;
        if (i > synced && survives == LT_DISK_TORN)
            bytes /= 2;
        if (i > synced && (survives == LT_DISK_NAMES || survives == LT_DISK_SYNCED))
            bytes = 0;
        if (i > synced && survives == LT_DISK_RANDOM)
            bytes = (size_t) lat_rng_below(rng, e->bytes + 1);
        if (__real_write(fd, e->data, bytes) != (ssize_t) bytes || bytes < e->bytes)
            break;
    }
    close(fd);
}

static void build(const struct tree *t, int folder, const char *path, int cut,
    enum lt_disk_survives survives, struct lat_rng *rng)
{
    for (int i = 0; i < t->n; i++) {
        char child[MAX_PATH + 64];
        if (t->items[i].folder != folder)
            continue;
        snprintf(child, sizeof child, "%s/%s", path, t->items[i].name);
        if (disk.is_folder[t->items[i].inode]) {
            if (__real_mkdir(child, 0777))
                abort();
            build(t, t->items[i].inode, child, cut, survives, rng);
        } else
            write_file(child, t->items[i].inode, cut, survives, rng);
    }
}

int64_t lt_disk_after_power_cut(
    const char *to, int cut, enum lt_disk_survives survives, uint64_t seed)
{
    static int limit[MAX_INODES];
    static struct tree t;
    struct lat_rng rng = { .seed = seed };
    int64_t expected = -1;
    t.n = 0;
    find_name_limits(limit, cut, survives, &rng);
    for (int i = 0; i < cut; i++) {
        const struct entry *e = &disk.journal[i];
        bool halved = e->with_next && i + 1 >= limit[e->folder];
        if (e->what == NOTE)
            expected = e->expected;
        if (e->what == NAME && i < limit[e->folder])
            set_name(&t, e->folder, e->name, e->inode);
        if (e->what == UNNAME && i < limit[e->folder] && !halved)
            remove_name(&t, e->folder, e->name);
    }
    build(&t, 0, to, cut, survives, &rng);
    return expected;
}
