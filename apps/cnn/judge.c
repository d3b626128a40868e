// SPDX-License-Identifier: MIT
//
// What an evaluation shows beside its figures: the confusion matrix, and the pictures that the network got
// most wrong as a contact sheet.

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "cnn/cnn.h"

lattn_status cnn_judge_open(
    struct cnn_judge *j, int n_classes, const lattn_dataset *data, const lattn_rows *rows)
{
    *j = (struct cnn_judge){ .data = data, .rows = rows };
    return lattn_confusion_create(n_classes, &j->confusion);
}

void cnn_judge_close(struct cnn_judge *j)
{
    lattn_confusion_destroy(&j->confusion);
}

// ---- counting -------------------------------------------------------------------------------------

// Loss, prediction and its probability from a row of logits.
static struct cnn_mistake look_at(const float *logits, int n, int label)
{
    struct cnn_mistake m = { .label = label };
    double sum = 0;
    for (int i = 1; i < n; i++)
        m.prediction = logits[i] > logits[m.prediction] ? i : m.prediction;
    for (int i = 0; i < n; i++)
        sum += exp((double) logits[i] - (double) logits[m.prediction]);
    m.probability = 1 / sum;
    m.loss = log(sum) + (double) logits[m.prediction] - (double) logits[label];
    return m;
}

// Sorted, the largest loss first; of the same the earlier row.
static void keep(struct cnn_judge *j, const struct cnn_mistake *m)
{
    int at = j->n_worst;
    while (at > 0 && !(j->worst[at - 1].loss >= m->loss))
        at--;
    if (at == CNN_N_WORST)
        return;
    if (j->n_worst < CNN_N_WORST)
        j->n_worst++;
    memmove(&j->worst[at + 1], &j->worst[at], (size_t) (j->n_worst - 1 - at) * sizeof *j->worst);
    j->worst[at] = *m;
}

lattn_status cnn_judge_each(void *user, const lattn_fields *batch, const float *logits, int n)
{
    struct cnn_judge *j = user;
    if (batch->labels)
        lattn_confusion_add(j->confusion, logits, batch->labels, batch->n_samples);
    for (int64_t i = 0; i < batch->n_samples; i++, j->next++) {
        int label = batch->labels ? batch->labels[i] : -1;
        if (label < 0 || label >= n)
            continue;
        struct cnn_mistake m = look_at(logits + i * n, n, label);
        m.row = j->rows ? j->rows->items[j->next] : j->next;
        if (m.prediction != label)
            keep(j, &m);
    }
    return LATTN_OK;
}

// ---- files ----------------------------------------------------------------------------------------

static lattn_status save_worst(
    const struct cnn_judge *j, const lattn_cnn_config *c, const char *svg, const char *png)
{
    struct cnn_sheet sheet = { 0 };
    lattn_status st = LATTN_OK;
    for (int i = 0; i < j->n_worst; i++) {
        const struct cnn_mistake *m = &j->worst[i];
        char label[16], prediction[16], second[128], about[64];
        snprintf(second, sizeof second, "%.0f %% %s", 100 * m->probability,
            cnn_label(c, m->prediction, prediction, sizeof prediction));
        snprintf(about, sizeof about, "loss %.3f", m->loss);
        TRY(cnn_sheet_add(
            &sheet, j->data, m->row, cnn_label(c, m->label, label, sizeof label), second, about));
    }
    TRY(cnn_sheet_save(&sheet, svg, png));

done:
    cnn_sheet_free(&sheet);
    return st;
}

lattn_status cnn_judge_write(const struct cnn_judge *j, const lattn_cnn_config *c, const char *dir)
{
    char svg[4096], png[4096];
    lattn_status st;
    TRY(lattn_confusion_save(j->confusion, c->labels, dir));
    snprintf(svg, sizeof svg, "%s/worst.svg", dir);
    snprintf(png, sizeof png, "%s/worst.png", dir);
    remove(svg);  // of an earlier run: this one may have no mistakes
    remove(png);
    if (j->n_worst && lattn_dataset_has_pictures(j->data))
        TRY(save_worst(j, c, svg, png));

done:
    return st;
}
