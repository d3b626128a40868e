// SPDX-License-Identifier: MIT
//
// Checked files. Every failure names the path and the reason.
#ifndef LAT_FILE_H
#define LAT_FILE_H
#include "base/alloc.h"

// Text of an errno value; safe between threads. Valid until the next call in this thread.
const char *lat_errno_text(int err);
// "cannot <doing> <path>: <text of errno>" as ERR_IO (ENOMEM: ERR_HOST_MEMORY).
lattn_status lat_err_errno(const char *doing, const char *path);

struct lat_file;
lattn_status lat_file_open(
    const char *path, struct lat_file **out);  // for reading; regular files only
lattn_status lat_file_create(const char *path, struct lat_file **out);  // truncates
uint64_t lat_file_size(const struct lat_file *f);
const char *lat_file_path(const struct lat_file *f);
// Exactly bytes from offset, or ERR_IO; works after the file was truncated (no mmap).
lattn_status lat_file_pread(struct lat_file *f, uint64_t offset, void *data, size_t bytes);
lattn_status lat_file_write(struct lat_file *f, const void *data, size_t bytes);
lattn_status lat_file_sync(struct lat_file *f);
lattn_status lat_file_close(struct lat_file **f);  // reports a failed flush; accepts NULL

// A whole file, NUL-terminated behind the end. ERR_FORMAT when larger than max_bytes.
lattn_status lat_file_read_all(const char *path, size_t max_bytes, char **data, size_t *bytes);
// A file in pieces: written as path.tmp; commit syncs it, renames it over path and syncs the
// folder. Commit and abort both free; abort (and a failed commit) removes path.tmp.
lattn_status lat_file_replace_begin(const char *path, struct lat_file **out);
lattn_status lat_file_replace_commit(struct lat_file **f);
void lat_file_replace_abort(struct lat_file **f);  // accepts NULL
// The same at once. Writes path.tmp, syncs, renames over path, syncs the folder: old or new content, never half.
lattn_status lat_file_replace(const char *path, const void *data, size_t bytes);
// Appends one line at once (O_APPEND), newline added.
lattn_status lat_file_append_line(const char *path, const char *line);

bool lat_path_exists(const char *path);
bool lat_path_is_dir(const char *path);
lattn_status lat_dir_create(const char *path);         // with parents; fine if it exists
lattn_status lat_dir_create_parent(const char *path);  // the folder that path is to be in
lattn_status lat_dir_sync(const char *path);
lattn_status lat_dir_sync_parent(const char *path);  // the folder that path is in
lattn_status lat_dir_remove_all(const char *path);   // a tree; fine if it does not exist
lattn_status lat_rename(const char *from, const char *to);
// Calls fn for every entry except . and ..; stops at the first status that is not OK.
lattn_status lat_dir_each(
    const char *path, lattn_status (*fn)(void *user, const char *name), void *user);
char *lat_path_join(const char *dir, const char *name);  // NULL = out of memory

// A lock on a folder that the kernel releases when the process dies (F6). ERR_IO names the
// process that holds it.
struct lat_dir_lock;
lattn_status lat_dir_lock(const char *dir, struct lat_dir_lock **out);
void lat_dir_unlock(struct lat_dir_lock **lock);

#endif
