// SPDX-License-Identifier: MIT
//
// The progress bar. Time left comes from the updates of this call only, so a resumed run does
// not start with a fantasy.

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/thread.h"
#include "train/progress.h"

enum { BAR = 24 };
static const uint64_t terminal_ns = 100000000, plain_ns = 15000000000;

void lat_progress_begin(struct lat_progress *p, bool quiet, int64_t total, int64_t done)
{
    const char *term = lat_env("TERM");
    *p = (struct lat_progress){
        .quiet = quiet,
        .terminal = lat_stderr_is_terminal() && !(term && strcmp(term, "dumb") == 0),
        .total = total,
        .done_first = done,
        .start_ns = lat_now_ns(),
    };
}

void lat_progress_clear(struct lat_progress *p)
{
    if (p->width)
        fprintf(stderr, "\r%*s\r", p->width, "");
    p->width = 0;
}

static void duration_text(char *text, size_t bytes, double seconds)
{
    long s = (long) (seconds + 0.5);
    if (s >= 3600)
        snprintf(text, bytes, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, bytes, "%ld:%02ld", s / 60, s % 60);
}

// "  scale 32768, 2 skipped"
static const char *scale_text(char *text, size_t bytes, const struct lat_figures *f)
{
    *text = 0;
    int n = f->loss_scale > 0 ? snprintf(text, bytes, "  scale %g", f->loss_scale) : 0;
    if (n && f->n_skipped)
        snprintf(text + n, bytes - (size_t) n, ", %lld skipped", (long long) f->n_skipped);
    return text;
}

void lat_progress_step(struct lat_progress *p, int64_t done, const struct lat_figures *f)
{
    uint64_t now = lat_now_ns();
    bool last = done >= p->total;
    if (p->quiet || (!last && now - p->last_draw_ns < (p->terminal ? terminal_ns : plain_ns)))
        return;
    p->last_draw_ns = now;

    double share = p->total > 0 ? (double) done / (double) p->total : 1;
    int64_t here = done - p->done_first;
    double elapsed = (double) (now - p->start_ns) * 1e-9;
    char left[32] = "?", loss_text[32] = "...", scale[64];
    if (!isnan(f->loss))
        snprintf(loss_text, sizeof loss_text, "%.4f", f->loss);
    if (here > 0)
        duration_text(left, sizeof left, elapsed / (double) here * (double) (p->total - done));
    char line[256];
    int n = snprintf(line, sizeof line,
        "%3.0f%%  update %lld/%lld  epoch %.2f  loss %s%s  %.0f samples/s  %s left", 100 * share,
        (long long) done, (long long) p->total, f->epoch, loss_text,
        scale_text(scale, sizeof scale, f), f->samples_per_second, left);
    if (p->terminal) {
        char bar[BAR + 1];
        memset(bar, '.', BAR);
        memset(bar, '#', (size_t) (share * BAR));
        bar[BAR] = 0;
        n += fprintf(stderr, "\r[%s] ", bar) - 1;
        fprintf(stderr, "%s%*s", line, p->width > n ? p->width - n : 0, "");
        p->width = n;
    } else {
        fprintf(stderr, "%s\n", line);
    }
    fflush(stderr);
}

void lat_progress_line(struct lat_progress *p, const char *fmt, ...)
{
    if (p->quiet)
        return;
    lat_progress_clear(p);
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    fflush(stderr);
}

void lat_progress_end(struct lat_progress *p)
{
    if (p->width)
        fputc('\n', stderr);
    p->width = 0;
}
