// SPDX-License-Identifier: MIT
//
// Classification metrics from logits.
//
//   accuracy   share of rows whose largest logit is the label's
//   F1 of a class   2 tp / (predicted + labelled);   macro F1   their mean over the classes that
//   occur among labels or predictions, as scikit-learn's average="macro" over the present ones

#include <math.h>
#include "base/alloc.h"
#include "train/metrics.h"

lattn_status lat_counts_create(int n_classes, struct lat_counts *c)
{
    *c = (struct lat_counts){ .n_classes = n_classes };
    c->hit = lat_calloc(3 * (size_t) n_classes, sizeof *c->hit);
    if (!c->hit)
        return LATTN_ERR_HOST_MEMORY;
    c->predicted = c->hit + n_classes;
    c->labelled = c->predicted + n_classes;
    return LATTN_OK;
}

void lat_counts_free(struct lat_counts *c)
{
    lat_free(c->hit);
    *c = (struct lat_counts){ 0 };
}

int lat_argmax(const float *row, int n)
{
    int best = 0;
    for (int i = 1; i < n && !isnan(row[best]); i++) {
        if (row[i] > row[best] || isnan(row[i]))
            best = i;
    }
    return best;
}

void lat_counts_add(
    struct lat_counts *c, const float *logits, const int32_t *labels, int64_t n, double loss)
{
    int64_t before = c->n;
    for (int64_t i = 0; i < n; i++) {
        int label = labels[i];
        if (label < 0 || label >= c->n_classes)
            continue;
        int predicted = lat_argmax(logits + i * c->n_classes, c->n_classes);
        c->predicted[predicted]++;
        c->labelled[label]++;
        c->hit[label] += predicted == label;
        c->n++;
    }
    // Without any label the loss is no number.
    if (c->n > before)
        c->loss_sum += loss * (double) (c->n - before);
}

lattn_metrics lat_counts_metrics(const struct lat_counts *c)
{
    double f1 = 0, hits = 0;
    int present = 0;
    for (int i = 0; i < c->n_classes; i++) {
        double both = (double) (c->predicted[i] + c->labelled[i]);
        hits += (double) c->hit[i];
        if (both > 0) {
            f1 += 2 * (double) c->hit[i] / both;
            present++;
        }
    }
    double n = c->n > 0 ? (double) c->n : 1;
    return (lattn_metrics){
        .n = c->n,
        .loss = c->loss_sum / n,
        .accuracy = hits / n,
        .macro_f1 = present ? f1 / present : 0,
    };
}
