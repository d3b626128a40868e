// SPDX-License-Identifier: MIT
//
// Progress on stderr: one line that is redrawn on a terminal, plain lines now and then elsewhere.
#ifndef LAT_PROGRESS_H
#define LAT_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>

struct lat_progress {
    bool quiet, terminal;
    int64_t total;       // updates in all
    int64_t done_first;  // done before this call (resume)
    uint64_t start_ns, last_draw_ns;
    int width;  // of the last line drawn
};

void lat_progress_begin(struct lat_progress *p, bool quiet, int64_t total, int64_t done);
struct lat_figures {
    double epoch, loss, samples_per_second;
    double loss_scale;  // 0 = there is none
    int64_t n_skipped;  // updates, for it
};
// Cheap: draws ten times a second on a terminal, else every 15 s.
void lat_progress_step(struct lat_progress *p, int64_t done, const struct lat_figures *f);
// Takes the bar away before something else is printed; the next step draws it again.
void lat_progress_clear(struct lat_progress *p);
// A line of its own above the bar.
void lat_progress_line(struct lat_progress *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void lat_progress_end(struct lat_progress *p);

#endif
