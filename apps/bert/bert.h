// SPDX-License-Identifier: MIT
//
// What the subcommands of lattn-bert share.
#ifndef APP_BERT_H
#define APP_BERT_H
#include "common/cli.h"
#include "common/run.h"
#include "lattn/lattn.h"

int bert_finetune(int argc, char **argv);
int bert_eval(int argc, char **argv);
int bert_predict(int argc, char **argv);
int bert_vocab(int argc, char **argv);
int bert_tokenize(int argc, char **argv);
int bert_wordnet(int argc, char **argv);

// A model with its tokenizer.
struct bert_model {
    lattn_ctx *ctx;
    lattn_tokenizer *tokenizer;
    lattn_bert *bert;
    float label_smoothing;  // of the training loss
};
void bert_model_close(struct bert_model *m);

// A folder that finetune wrote, or any BERT folder of Hugging Face. strict: NaN in its weights is an error.
lattn_status bert_model_open(
    const char *dir, const char *device, bool strict, struct bert_model *m);
// ERR_FORMAT naming the first tensor with NaN or infinity.
lattn_status bert_check_finite(const char *dir);
// What a load found, on stderr.
void bert_tell_load(const char *dir, const lattn_load_report *report);

// The model as the library's trainer sees it. Fields: input_ids, token_type_ids, lengths, labels.
lattn_task bert_task(struct bert_model *m);

#endif
