// SPDX-License-Identifier: MIT
//
// Signals that end a training after a checkpoint, and probabilities.

#include "common/run.h"
#include <math.h>
#include <signal.h>

static volatile int stop;
static volatile sig_atomic_t last_signal;

static void on_signal(int number)
{
    stop = 1;
    last_signal = number;
    signal(number, SIG_DFL);
}

const volatile int *run_watch_signals(void)
{
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    return &stop;
}

int run_signal(void)
{
    return last_signal;
}

void run_softmax(const float *logits, int n, double *out)
{
    double max = -INFINITY, sum = 0;
    for (int i = 0; i < n; i++)
        max = fmax(max, (double) logits[i]);
    for (int i = 0; i < n; i++)
        sum += out[i] = exp((double) logits[i] - max);
    for (int i = 0; i < n; i++)
        out[i] /= sum;
}
