// SPDX-License-Identifier: MIT
//
// What commands that train or predict share.
#ifndef LATTN_APPS_RUN_H
#define LATTN_APPS_RUN_H
#include "lattn/status.h"

// On: SIGINT and SIGTERM set the flag; a second signal ends the process.
const volatile int *run_watch_signals(void);
int run_signal(void);  // the signal that came, or 0

// One row's probabilities from its logits.
void run_softmax(const float *logits, int n, double *out);

// For functions with `lattn_status st` and a label done.
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        st = (expr);                                                                               \
        if (st)                                                                                    \
            goto done;                                                                             \
    } while (0)

#endif
