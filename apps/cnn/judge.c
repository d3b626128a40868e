// SPDX-License-Identifier: MIT
//
// What an evaluation shows beside its figures: the confusion matrix, and the pictures that the network got
// most wrong as a contact sheet.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cnn/cnn.h"

enum { COLUMNS = 6, TILE = 96, GAP = 8 };

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

// ---- the sheet ------------------------------------------------------------------------------------

struct sheet {
    lattn_image pictures[CNN_N_WORST];
    lattn_caption captions[CNN_N_WORST];
    char text[CNN_N_WORST][3][160];
};

static lattn_status fill(
    struct sheet *s, int i, const struct cnn_judge *j, const lattn_cnn_config *c)
{
    const struct cnn_mistake *m = &j->worst[i];
    const char *file = lattn_dataset_text(j->data, m->row, NULL);
    char buffer[16];
    snprintf(s->text[i][0], sizeof s->text[i][0], "%s", cnn_label(c, m->label, buffer, 16));
    snprintf(s->text[i][1], sizeof s->text[i][1], "%.0f %% %s", 100 * m->probability,
        cnn_label(c, m->prediction, buffer, 16));
    if (file && *file)
        snprintf(s->text[i][2], sizeof s->text[i][2], "%.100s, loss %.3f", file, m->loss);
    else
        snprintf(s->text[i][2], sizeof s->text[i][2], "row %lld, loss %.3f", (long long) m->row,
            m->loss);
    s->captions[i] = (lattn_caption){ s->text[i][0], s->text[i][1], s->text[i][2] };
    return lattn_dataset_image(j->data, m->row, &s->pictures[i]);
}

static lattn_status save_sheet(
    const struct cnn_judge *j, const lattn_cnn_config *c, const char *dir)
{
    struct sheet *s = calloc(1, sizeof *s);
    lattn_grid_params params = { .columns = COLUMNS, .tile = TILE, .gap = GAP, .background = 255 };
    lattn_image grid = { 0 };
    char path[4096];
    lattn_status st;
    if (!s)
        return LATTN_ERR_HOST_MEMORY;
    for (int i = 0; i < j->n_worst; i++)
        TRY(fill(s, i, j, c));
    snprintf(path, sizeof path, "%s/worst.svg", dir);
    TRY(lattn_image_save_sheet(path, s->pictures, s->captions, j->n_worst, &params));
    snprintf(path, sizeof path, "%s/worst.png", dir);
    TRY(lattn_image_grid(s->pictures, j->n_worst, &params, &grid));
    TRY(lattn_image_save_png(path, &grid));

done:
    for (int i = 0; i < j->n_worst; i++)
        lattn_image_free(&s->pictures[i]);
    lattn_image_free(&grid);
    free(s);
    return st;
}

lattn_status cnn_judge_write(const struct cnn_judge *j, const lattn_cnn_config *c, const char *dir)
{
    char path[2][4096];
    lattn_status st;
    TRY(lattn_confusion_save(j->confusion, c->labels, dir));
    snprintf(path[0], sizeof path[0], "%s/worst.png", dir);
    snprintf(path[1], sizeof path[1], "%s/worst.svg", dir);
    for (int i = 0; i < 2; i++)
        remove(path[i]);  // of an earlier run: this one may have no mistakes
    if (j->n_worst && lattn_dataset_has_pictures(j->data))
        TRY(save_sheet(j, c, dir));

done:
    return st;
}
