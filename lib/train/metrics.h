// SPDX-License-Identifier: MIT
#ifndef LAT_METRICS_H
#define LAT_METRICS_H
#include "base/status.h"
#include "lattn/train.h"

// Counts of an evaluation: per class, true positives, predicted, labelled.
struct lat_counts {
    int n_classes;
    int64_t *hit, *predicted, *labelled;
    int64_t n;
    double loss_sum;
};
lattn_status lat_counts_create(int n_classes, struct lat_counts *c);
void lat_counts_free(struct lat_counts *c);
// What a row of logits predicts: the first of the largest; NaN counts as the largest, so that it shows.
int lat_argmax(const float *row, int n);
// loss: the mean over the rows that have a label, which alone count.
void lat_counts_add(
    struct lat_counts *c, const float *logits, const int32_t *labels, int64_t n, double loss);
lattn_metrics lat_counts_metrics(const struct lat_counts *c);

#endif
