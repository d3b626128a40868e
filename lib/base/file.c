// SPDX-License-Identifier: MIT
//
// Files that are read by position and written front to back.
//
// Reading uses pread, never a mapping: a mapped file that shrinks kills the process
// with SIGBUS, a short pread is an error like any other. Only regular files are
// opened; the open does not block on a pipe that is named like a model. Replacing goes
// through a temporary file, fsync, rename and fsync of the folder, so after a power
// cut the old or the new content is there.

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"

enum { BUFFER_BYTES = 64 * 1024 };
// The kernel moves at most about 2 GiB in one call.
static const size_t max_transfer = (size_t) 1 << 30;

struct lat_file {
    int fd;
    uint64_t size;  // at open; grows with every write
    char *path;
    char *target;  // of a file that replaces another
    char *buffer;  // of a file being written
    size_t n_buffered;
};

// strerror() is not safe between threads, strerror_l() is; the sentences around it are
// English, so it is asked in the C locale.
const char *lat_errno_text(int err)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t) 0);
    if (c == (locale_t) 0)
        return "unknown reason";
    const char *text = strerror_l(err, c);
    freelocale(c);
    return text;
}

lattn_status lat_err_errno(const char *doing, const char *path)
{
    int err = errno;
    lattn_status status = err == ENOMEM ? LATTN_ERR_HOST_MEMORY : LATTN_ERR_IO;
    return lat_err(status, "cannot %s %s: %s", doing, path, lat_errno_text(err));
}

static lattn_status wrap(int fd, const char *path, bool writing, struct lat_file **out)
{
    struct lat_file *f = LAT_NEW(struct lat_file);
    if (f)
        *f = (struct lat_file){ .fd = fd, .path = lat_strdup(path) };
    if (f && writing)
        f->buffer = lat_alloc(BUFFER_BYTES);
    if (!f || !f->path || (writing && !f->buffer)) {
        close(fd);
        if (f) {
            lat_free(f->path);
            lat_free(f->buffer);
        }
        lat_free(f);
        return LATTN_ERR_HOST_MEMORY;
    }
    *out = f;
    return LATTN_OK;
}

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode)    ? "a folder"
           : S_ISFIFO(mode) ? "a pipe"
           : S_ISSOCK(mode) ? "a socket"
                            : "a device";
}

lattn_status lat_file_open(const char *path, struct lat_file **out)
{
    *out = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return lat_err_errno("open", path);
    struct stat info;
    if (fstat(fd, &info)) {
        lattn_status st = lat_err_errno("examine", path);
        close(fd);
        return st;
    }
    if (!S_ISREG(info.st_mode)) {
        close(fd);
        return lat_err(LATTN_ERR_IO, "cannot open %s: it is %s, not a regular file", path,
            kind_of(info.st_mode));
    }
    LAT_TRY(wrap(fd, path, false, out));
    (*out)->size = (uint64_t) info.st_size;
    return LATTN_OK;
}

lattn_status lat_file_create(const char *path, struct lat_file **out)
{
    *out = NULL;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        return lat_err_errno("create", path);
    return wrap(fd, path, true, out);
}

uint64_t lat_file_size(const struct lat_file *f)
{
    return f->size;
}

const char *lat_file_path(const struct lat_file *f)
{
    return f->path;
}

lattn_status lat_file_pread(struct lat_file *f, uint64_t offset, void *data, size_t bytes)
{
    char *to = data;
    uint64_t at = offset;
    for (size_t left = bytes; left > 0;) {
        if (at > INT64_MAX)
            return lat_err(
                LATTN_ERR_IO, "%s: offset %llu is too large", f->path, (unsigned long long) at);
        ssize_t got = pread(f->fd, to, LAT_MIN(left, max_transfer), (off_t) at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return lat_err_errno("read", f->path);
        if (got == 0)
            return lat_err(LATTN_ERR_IO, "%s ends at byte %llu, %zu bytes from %llu were expected",
                f->path, (unsigned long long) at, bytes, (unsigned long long) offset);
        to += got;
        at += (uint64_t) got;
        left -= (size_t) got;
    }
    return LATTN_OK;
}

static lattn_status write_all(int fd, const char *path, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t put = write(fd, data, LAT_MIN(bytes, max_transfer));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return lat_err_errno("write", path);
        data += put;
        bytes -= (size_t) put;
    }
    return LATTN_OK;
}

static lattn_status flush(struct lat_file *f)
{
    size_t n = f->n_buffered;
    f->n_buffered = 0;
    return write_all(f->fd, f->path, f->buffer, n);
}

lattn_status lat_file_write(struct lat_file *f, const void *data, size_t bytes)
{
    f->size += bytes;
    if (bytes > BUFFER_BYTES - f->n_buffered) {
        LAT_TRY(flush(f));
        if (bytes >= BUFFER_BYTES)
            return write_all(f->fd, f->path, data, bytes);
    }
    if (bytes)
        memcpy(f->buffer + f->n_buffered, data, bytes);
    f->n_buffered += bytes;
    return LATTN_OK;
}

lattn_status lat_file_sync(struct lat_file *f)
{
    if (f->buffer)
        LAT_TRY(flush(f));
    while (fsync(f->fd)) {
        if (errno != EINTR)
            return lat_err_errno("sync", f->path);
    }
    return LATTN_OK;
}

lattn_status lat_file_close(struct lat_file **file)
{
    struct lat_file *f = *file;
    if (!f)
        return LATTN_OK;
    *file = NULL;
    lattn_status st = f->buffer ? flush(f) : LATTN_OK;
    // After EINTR Linux has closed the descriptor all the same; trying again could
    // close somebody else's.
    if (close(f->fd) && errno != EINTR && !st)
        st = lat_err_errno("close", f->path);
    lat_free(f->path);
    lat_free(f->target);
    lat_free(f->buffer);
    lat_free(f);
    return st;
}

lattn_status lat_file_read_all(const char *path, size_t max_bytes, char **data, size_t *bytes)
{
    *data = NULL;
    *bytes = 0;
    struct lat_file *f = NULL;
    char *text = NULL;
    lattn_status st;
    LAT_GO(lat_file_open(path, &f));
    if (f->size > max_bytes) {
        st = lat_err(LATTN_ERR_FORMAT, "%s has %llu bytes, at most %zu are accepted", path,
            (unsigned long long) f->size, max_bytes);
        goto done;
    }
    size_t n = (size_t) f->size;
    text = lat_alloc(n + 1);
    st = text ? lat_file_pread(f, 0, text, n) : LATTN_ERR_HOST_MEMORY;
    if (st)
        goto done;
    text[n] = 0;
    *data = text;
    *bytes = n;
    text = NULL;
done:
    lat_free(text);
    lattn_status closed = lat_file_close(&f);
    return st ? st : closed;
}

lattn_status lat_file_replace_begin(const char *path, struct lat_file **out)
{
    *out = NULL;
    char *target = lat_strdup(path);
    struct lat_str tmp = { 0 };
    lat_str_addf(&tmp, "%s.tmp", path);
    lattn_status st = !target ? LATTN_ERR_HOST_MEMORY : tmp.status;
    if (!st) {
        st = lat_file_create(tmp.items, out);
        if (st == LATTN_ERR_HOST_MEMORY)  // made on disk, then no memory for the handle
            unlink(tmp.items);
    }
    if (st)
        lat_free(target);
    else
        (*out)->target = target;
    lat_str_free(&tmp);
    return st;
}

lattn_status lat_file_replace_commit(struct lat_file **file)
{
    struct lat_file *f = *file;
    lattn_status st = lat_file_sync(f);
    // The rename comes before the close: closing has nothing left to report after a
    // sync, and it frees the two names.
    if (!st)
        st = lat_rename(f->path, f->target);
    if (st) {
        lat_file_replace_abort(file);
        return st;
    }
    st = lat_dir_sync_parent(f->target);
    lattn_status closed = lat_file_close(file);
    return st ? st : closed;
}

void lat_file_replace_abort(struct lat_file **f)
{
    if (!*f)
        return;
    unlink((*f)->path);
    (*f)->n_buffered = 0;
    lattn_status dropped = lat_file_close(f);
    (void) dropped;  // an earlier error is the one to tell
}

lattn_status lat_file_replace(const char *path, const void *data, size_t bytes)
{
    struct lat_file *f;
    LAT_TRY(lat_file_replace_begin(path, &f));
    lattn_status st = lat_file_write(f, data, bytes);
    if (!st)
        return lat_file_replace_commit(&f);
    lat_file_replace_abort(&f);
    return st;
}

lattn_status lat_file_append_line(const char *path, const char *line)
{
    struct lat_str text = { 0 };
    lat_str_add(&text, line);
    lat_str_addn(&text, "\n", 1);
    if (text.status) {
        lat_str_free(&text);
        return LATTN_ERR_HOST_MEMORY;
    }
    lattn_status st = LATTN_OK;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        st = lat_err_errno("open", path);
    else
        st = write_all(fd, path, text.items, text.n);
    if (fd >= 0 && close(fd) && errno != EINTR && !st)
        st = lat_err_errno("close", path);
    lat_str_free(&text);
    return st;
}
