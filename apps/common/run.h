// SPDX-License-Identifier: MIT
//
// What commands that train or predict share.
#ifndef LATTN_APPS_RUN_H
#define LATTN_APPS_RUN_H
#include "lattn/train.h"

// On: SIGINT and SIGTERM set the flag; a second signal ends the process.
const volatile int *run_watch_signals(void);
int run_signal(void);  // the signal that came, or 0

// Prints what an evaluation found, on stdout: as words, or as JSON members whose names begin with prefix.
// more: what the program found beside it; NULL = nothing.
typedef void (*run_figures_fn)(const lattn_metrics *m, const void *more, const char *prefix);
// Of classifiers: accuracy, macro F1; in JSON the loss as well. It knows no more.
void run_print_accuracy(const lattn_metrics *m, const void *more, const char *prefix);

// What a training ended with.
struct run_results {
    const char *command, *output;  // for messages; folder of the model
    const char *rows, *resume;     // what the data consists of; the option that goes on
    const lattn_train_result *train;
    const lattn_metrics *test;          // NULL without test data
    const void *best_more, *test_more;  // for figures
    bool json;
    run_figures_fn figures;  // NULL = run_print_accuracy
};
// Prints them on stdout, or the reason why there are none on stderr. Returns the exit code.
int run_finish(const struct run_results *r, lattn_status st, const lattn_ctx *ctx);

// `"label": ..., "score": ..., "probabilities": {...}` of a row, on stdout. name gives a class its name and
// may use the buffer.
typedef const char *(*run_label_fn)(const void *user, int id, char *buffer, size_t bytes);
void run_print_prediction(const float *logits, int n, run_label_fn name, const void *user);

// For functions with `lattn_status st` and a label done.
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        st = (expr);                                                                               \
        if (st)                                                                                    \
            goto done;                                                                             \
    } while (0)

#endif
