// SPDX-License-Identifier: MIT
//
// Learning-rate schedules: a factor on the base rate as a function of the update's number.
// Same definitions as transformers' get_*_schedule_with_warmup, so that curves can be laid over
// each other.

#include <math.h>
#include "lattn/optim.h"

double lattn_schedule_factor(const lattn_schedule *schedule, int64_t step)
{
    if (!schedule)
        return 0;
    static const double pi = 3.14159265358979323846;
    const lattn_schedule *s = schedule;
    if (step < s->n_warmup)
        return (double) step / (double) (s->n_warmup > 1 ? s->n_warmup : 1);
    if (s->kind == LATTN_SCHEDULE_CONSTANT)
        return 1;

    int64_t n_decay = s->n_steps - s->n_warmup;
    double progress = (double) (step - s->n_warmup) / (double) (n_decay > 1 ? n_decay : 1);
    progress = fmin(fmax(progress, 0), 1);
    switch (s->kind) {
    case LATTN_SCHEDULE_COSINE:
        return 0.5 * (1 + cos(pi * progress));
    case LATTN_SCHEDULE_POLYNOMIAL:
        return pow(1 - progress, s->power > 0 ? (double) s->power : 1);
    default:
        return 1 - progress;
    }
}
