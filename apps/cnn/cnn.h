// SPDX-License-Identifier: MIT
//
// What the subcommands of lattn-cnn share.
#ifndef APP_CNN_H
#define APP_CNN_H
#include "common/cli.h"
#include "common/run.h"
#include "lattn/lattn.h"

int cnn_train(int argc, char **argv);
int cnn_eval(int argc, char **argv);
int cnn_predict(int argc, char **argv);
int cnn_features(int argc, char **argv);
int cnn_summary(int argc, char **argv);

// ---- data.c ---------------------------------------------------------------------------------------

// The pictures of a --data_path. Which rows of train are for validation is a matter of the split.
struct cnn_data {
    lattn_dataset *train, *validation, *test;  // the last two may be NULL
    lattn_rows train_rows, validation_rows;    // of train, where it is split
    bool split;
    int32_t channels, height, width;  // of the pictures; height 0 = each its own
};
// Knows what is in path by its names: IDX files (MNIST's), CIFAR's binary files, a CSV file of numbers,
// folders train, val and test, or one folder per class. labels: those of a model, or NULL.
lattn_status cnn_data_open(
    const char *path, int channels, const char *const *labels, int n_labels, struct cnn_data *out);
// Sets a share of the training rows aside, the same share of every class.
lattn_status cnn_data_split(struct cnn_data *d, double share, uint64_t seed);
void cnn_data_close(struct cnn_data *d);

// ---- rates.c --------------------------------------------------------------------------------------

// Which layers train and how fast. Patterns are those of lattn_name_fits.
struct cnn_rates {
    bool freeze;  // all but the head
    struct cli_strs freeze_layers;
    struct cli_strs factors;  // PATTERN=FACTOR
    float factor[CLI_MAX_STRS];
    float backbone, layer_decay;  // 1 = none
};
// Reads the factors; *wrong is one that is none.
bool cnn_rates_parse(struct cnn_rates *r, const char **wrong);
// Before the optimiser is made.
lattn_status cnn_rates_apply(lattn_cnn *cnn, const struct cnn_rates *r);
// What a resumed run must have alike; the caller frees it. NULL = no memory.
char *cnn_rates_text(const struct cnn_rates *r);

// ---- model.c --------------------------------------------------------------------------------------

struct cnn_model {
    lattn_ctx *ctx;
    lattn_cnn *cnn;
    float label_smoothing;
};
void cnn_model_close(struct cnn_model *m);
// A folder that train wrote.
lattn_status cnn_model_open(const char *dir, const char *device, struct cnn_model *m);
// The model as the library's trainer sees it. Fields: images, labels, and with mixup targets.
lattn_task cnn_task(struct cnn_model *m);
// How pictures become what the model takes, without anything random: those of another size are
// stretched. data: NULL = pictures of any size.
lattn_transform cnn_transform(const lattn_cnn_config *c, const struct cnn_data *data);
// The name of a class; config is a lattn_cnn_config, as run_print_prediction hands it on.
const char *cnn_label(const void *config, int id, char *buffer, size_t bytes);
// Layers, shapes, parameters and FLOPs, as a table.
lattn_status cnn_print_summary(struct cnn_model *m, FILE *to);

// ---- filters.c ------------------------------------------------------------------------------------

// Writes filters.png into a folder: the first layer that sees the picture. None, where there is no such
// layer.
lattn_status cnn_save_filters(lattn_cnn *cnn, const char *dir);

// ---- sheet.c --------------------------------------------------------------------------------------

// Pictures with what was predicted, collected one by one.
struct cnn_sheet {
    lattn_image *pictures;
    struct cnn_sheet_text *texts;
    int n, capacity;
};
// Row of data with captions: first and second line, and about, which the sheet adds the file's name to.
lattn_status cnn_sheet_add(struct cnn_sheet *s, const lattn_dataset *data, int64_t row,
    const char *first, const char *second, const char *about);
// Writes an SVG file with captions and, unless png is NULL, the pictures alone. There must be one.
lattn_status cnn_sheet_save(const struct cnn_sheet *s, const char *svg, const char *png);
void cnn_sheet_free(struct cnn_sheet *s);

// ---- judge.c --------------------------------------------------------------------------------------

enum { CNN_N_WORST = 36 };

struct cnn_mistake {
    int64_t row;
    double loss, probability;  // of the prediction
    int label, prediction;
};

// Watches an evaluation of rows of a dataset, in order.
struct cnn_judge {
    const lattn_dataset *data;
    const lattn_rows *rows;  // NULL = all
    lattn_confusion *confusion;
    struct cnn_mistake worst[CNN_N_WORST];
    int n_worst;
    int64_t next;
};
lattn_status cnn_judge_open(
    struct cnn_judge *j, int n_classes, const lattn_dataset *data, const lattn_rows *rows);
void cnn_judge_close(struct cnn_judge *j);
// As lattn_evaluate calls it.
lattn_status cnn_judge_each(void *user, const lattn_fields *batch, const float *logits, int n);
// Writes confusion.csv, .png and .svg into a folder that is there, and the mistakes with the largest loss
// as worst.png and worst.svg.
lattn_status cnn_judge_write(const struct cnn_judge *j, const lattn_cnn_config *c, const char *dir);

#endif
