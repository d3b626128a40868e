// SPDX-License-Identifier: MIT
//
// Learning-rate schedules: a factor on the base rate as a function of the update's number.
// Same definitions as transformers' get_*_schedule_with_warmup and torch's StepLR and MultiStepLR, so
// that curves can be laid over each other.

#include <math.h>
#include "lattn/optim.h"

// How often the rate has been cut before update step.
static int64_t cuts(const lattn_schedule *s, int64_t step)
{
    int64_t n = 0;
    if (s->kind == LATTN_SCHEDULE_STEP)
        return s->step_size > 0 ? step / s->step_size : 0;
    for (int i = 0; i < s->n_milestones && i < LATTN_MAX_MILESTONES; i++)
        n += step >= s->milestones[i];
    return n;
}

double lattn_schedule_factor(const lattn_schedule *schedule, int64_t step)
{
    if (!schedule)
        return 0;
    static const double pi = 3.14159265358979323846;
    const lattn_schedule *s = schedule;
    double warmth = step < s->n_warmup ? (double) step / (double) s->n_warmup : 1;
    if (s->kind == LATTN_SCHEDULE_STEP || s->kind == LATTN_SCHEDULE_MULTISTEP)
        return warmth * pow(s->gamma > 0 ? s->gamma : 0.1, (double) cuts(s, step));
    if (step < s->n_warmup || s->kind == LATTN_SCHEDULE_CONSTANT)
        return warmth;

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
