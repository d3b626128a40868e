// SPDX-License-Identifier: MIT
//
// A disk that fails, and a disk whose power is cut.
//
// The linker sends the calls of the library that change files (open, write, fsync, rename, mkdir,
// unlink, rmdir) through disk.c (--wrap in tests/CMakeLists.txt). There one call can be made to fail,
// and what was called below a folder is kept as a journal, from which the folder can be built as a
// disk may hold it when the power goes: what was not synced is there, missing or torn.
#ifndef LT_DISK_H
#define LT_DISK_H
#include <stdint.h>
#include "harness/harness.h"

enum lt_disk_fault {
    LT_DISK_ENOSPC,
    LT_DISK_EIO,
    LT_DISK_EINTR,
    LT_DISK_SHORT_WRITE,
    LT_DISK_FAULTS
};

// Call number `at` (from 0) below the folder fails, all others work; at < 0: none fails. SHORT_WRITE
// writes half and is no error; EINTR concerns write and fsync only. Starts counting and a new journal.
void lt_disk_begin(const char *folder, int at, enum lt_disk_fault fault);
// Stops; the number of calls there were.
int lt_disk_end(void);

// Notes in the journal that from here on the test expects this.
void lt_disk_note(int64_t expected);

enum lt_disk_survives {
    LT_DISK_ALL,     // as after a kill: everything called before the cut
    LT_DISK_NAMES,   // all names; data that was not synced is missing, the files are empty
    LT_DISK_TORN,    // all names; half of the data that was not synced
    LT_DISK_SYNCED,  // only names whose folder was synced since, and data that was synced
    LT_DISK_RANDOM,  // of what was not synced, a random part in the order of each folder
    LT_DISK_SURVIVALS
};

// Fills the empty folder `to` with what survives when the power goes after the first `cut` entries of
// the journal; gives the newest note before the cut, -1 = none. seed matters for RANDOM.
int64_t lt_disk_after_power_cut(
    const char *to, int cut, enum lt_disk_survives survives, uint64_t seed);
int lt_disk_journal_length(void);

#endif
