// SPDX-License-Identifier: MIT
//
// Folders: make, list, remove, rename, sync, lock.
//
// The lock is flock() on a file in the folder: the kernel gives it up when the process
// dies, however it dies, so there are no stale locks to clean. The file is removed on
// unlock; a locker that opened it just before notices that the name now belongs to
// another file (or to none) and tries again.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/array.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"

bool lat_path_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool lat_path_is_dir(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

char *lat_path_join(const char *dir, const char *name)
{
    struct lat_str s = { 0 };
    lat_str_add(&s, dir);
    if (s.n && s.items[s.n - 1] != '/')
        lat_str_addn(&s, "/", 1);
    lat_str_add(&s, name);
    if (s.status) {
        lat_str_free(&s);
        return NULL;
    }
    return s.items;
}

lattn_status lat_dir_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return lat_err_errno("open folder", path);
    lattn_status st = LATTN_OK;
    while (fsync(fd)) {
        if (errno == EINTR)
            continue;
        // Some network file systems refuse to sync folders; there is nothing more to do.
        if (errno != EINVAL && errno != ENOSYS)
            st = lat_err_errno("sync folder", path);
        break;
    }
    close(fd);
    return st;
}

lattn_status lat_dir_sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return lat_dir_sync(".");
    // On the stack: after a rename nothing should fail for want of memory.
    char dir[4096];
    size_t n = slash == path ? 1 : (size_t) (slash - path);
    if (n >= sizeof dir)
        return lat_err(LATTN_ERR_IO, "the path %.60s... is too long", path);
    memcpy(dir, path, n);
    dir[n] = 0;
    return lat_dir_sync(dir);
}

static lattn_status make_one(const char *path)
{
    if (mkdir(path, 0777) == 0)
        return lat_dir_sync_parent(path);  // what is synced inside is lost if the name is
    if (errno == EEXIST) {
        if (lat_path_is_dir(path))
            return LATTN_OK;
        return lat_err(LATTN_ERR_IO, "cannot create folder %s: a file of that name exists", path);
    }
    return lat_err_errno("create folder", path);
}

lattn_status lat_dir_create(const char *path)
{
    if (lat_path_is_dir(path))
        return LATTN_OK;
    char *part = lat_strdup(path);
    if (!part)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = LATTN_OK;
    for (char *slash = strchr(part + (*part == '/'), '/'); slash && !st;
         slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (*part && !lat_path_is_dir(part))
            st = make_one(part);
        *slash = '/';
    }
    lat_free(part);
    return st ? st : make_one(path);
}

lattn_status lat_dir_create_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash && slash > path ? lat_strndup(path, (size_t) (slash - path)) : NULL;
    lattn_status st = dir ? lat_dir_create(dir) : LATTN_OK;
    lat_free(dir);
    return st;
}

lattn_status lat_rename(const char *from, const char *to)
{
    if (rename(from, to))
        return lat_err(LATTN_ERR_IO, "cannot rename %s to %s: %s", from, to, lat_errno_text(errno));
    return LATTN_OK;
}

lattn_status lat_dir_each(
    const char *path, lattn_status (*fn)(void *user, const char *name), void *user)
{
    DIR *dir = opendir(path);
    if (!dir)
        return lat_err_errno("open folder", path);
    lattn_status st = LATTN_OK;
    while (!st) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno)
                st = lat_err_errno("list", path);
            break;
        }
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            st = fn(user, entry->d_name);
    }
    closedir(dir);
    return st;
}

struct names {
    char **items;
    size_t n, capacity;
};

static lattn_status add_name(void *user, const char *name)
{
    struct names *names = user;
    char *copy = lat_strdup(name);
    if (!copy || LAT_PUSH(names, copy)) {
        lat_free(copy);
        return LATTN_ERR_HOST_MEMORY;
    }
    return LATTN_OK;
}

// The names are collected first: removing entries while readdir walks them is left
// undefined by POSIX. Links are removed, never followed.
lattn_status lat_dir_remove_all(const char *path)
{
    struct stat info;
    if (lstat(path, &info))
        return errno == ENOENT ? LATTN_OK : lat_err_errno("examine", path);
    if (!S_ISDIR(info.st_mode))
        return unlink(path) ? lat_err_errno("remove", path) : LATTN_OK;

    struct names names = { 0 };
    lattn_status st = lat_dir_each(path, add_name, &names);
    for (size_t i = 0; i < names.n; i++) {
        char *entry = st ? NULL : lat_path_join(path, names.items[i]);
        if (!st)
            st = entry ? lat_dir_remove_all(entry) : LATTN_ERR_HOST_MEMORY;
        lat_free(entry);
        lat_free(names.items[i]);
    }
    lat_free(names.items);
    if (!st && rmdir(path))
        st = lat_err_errno("remove folder", path);
    return st;
}

#define LOCK_NAME ".lattn.lock"

struct lat_dir_lock {
    int fd;
    char *path;
};

static lattn_status report_holder(int fd, const char *dir)
{
    char pid[24] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? n : 0] = 0;
    pid[strcspn(pid, "\n")] = 0;
    return lat_err(
        LATTN_ERR_IO, "folder %s is in use by process %s", dir, *pid ? pid : "(unknown)");
}

// *again: the file was removed by its holder between open and lock.
static lattn_status try_lock(const char *path, const char *dir, int *fd_out, bool *again)
{
    *again = false;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0666);
    if (fd < 0)
        return lat_err_errno("create", path);
    while (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno == EINTR)
            continue;
        lattn_status st =
            errno == EWOULDBLOCK ? report_holder(fd, dir) : lat_err_errno("lock", path);
        close(fd);
        return st;
    }
    struct stat mine, named;
    if (fstat(fd, &mine) || stat(path, &named) || mine.st_ino != named.st_ino ||
        mine.st_dev != named.st_dev) {
        close(fd);
        *again = true;
        return LATTN_OK;
    }
    *fd_out = fd;
    return LATTN_OK;
}

lattn_status lat_dir_lock(const char *dir, struct lat_dir_lock **out)
{
    *out = NULL;
    struct lat_dir_lock *lock = LAT_NEW(struct lat_dir_lock);
    char *path = lat_path_join(dir, LOCK_NAME);
    int fd = -1;
    bool again = true;
    lattn_status st = lock && path ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    while (!st && again)
        st = try_lock(path, dir, &fd, &again);
    if (st) {
        lat_free(path);
        lat_free(lock);
        return st;
    }
    // The number only serves the other process's message; the lock holds without it.
    char pid[24];
    int n = snprintf(pid, sizeof pid, "%ld\n", (long) getpid());
    if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t) n, 0) != n)
        lat_log(LATTN_LOG_WARN, "cannot write to %s: %s", path, lat_errno_text(errno));
    *lock = (struct lat_dir_lock){ .fd = fd, .path = path };
    *out = lock;
    return LATTN_OK;
}

void lat_dir_unlock(struct lat_dir_lock **lock)
{
    if (!*lock)
        return;
    unlink((*lock)->path);  // while still locked, so nobody else's file is removed
    close((*lock)->fd);
    lat_free((*lock)->path);
    lat_free(*lock);
    *lock = NULL;
}
