// SPDX-License-Identifier: MIT
//
// --fp16 and --bf16 of the commands that train: a few updates each, what a run leaves behind, and one
// sentence on a device that has no 16-bit numbers.

#include "base/alloc.h"
#include "e2e/command.h"
#include "e2e/corpus.h"
#include "e2e/pictures.h"

// Whether the device computes in 16 bits; where it does not, the line must be refused before anything is
// read.
static bool trains(lattn_ctx *ctx, lattn_dtype dtype, const char *line)
{
    lattn_tensor *one = NULL;
    lattn_status st = lattn_tensor_create(ctx, dtype, 0, NULL, &one);
    lattn_tensor_release(&one);
    if (st) {
        lt_expect_refusal(NULL, line, 4, dtype == LATTN_DTYPE_F16 ? "--fp16: " : "--bf16: ");
        return false;
    }
    struct lt_command c = lt_command_run(NULL, line);
    if (c.code != 0)
        lt_fail(__FILE__, __LINE__, "%s: exit code %d: %s", line, c.code, c.err);
    lt_command_free(&c);
    return true;
}

// What is saved is f32, whatever computed it.
static void expect_f32_weights(const char *dir)
{
    lattn_safetensors *f = NULL;
    lattn_safetensors_entry entry = { 0 };
    EXPECT_OK(lattn_safetensors_open(lt_path(dir, "model.safetensors"), NULL, &f));
    for (size_t i = 0; f && i < lattn_safetensors_count(f); i++) {
        EXPECT_OK(lattn_safetensors_get(f, i, &entry));
        EXPECT(strcmp(entry.dtype, "F32") == 0 || strcmp(entry.dtype, "I32") == 0);
    }
    lattn_safetensors_close(&f);
}

static void expect_log(const char *dir, const char *part, bool there)
{
    char *log = lt_read_file(lt_path(dir, "metrics.jsonl"), NULL);
    EXPECT((strstr(log, part) != NULL) == there);
    lat_free(log);
}

GPU_TEST(precision_e2e, bert_in_fp16_learns_and_resumes_to_the_same_bits)
{
    const char *dir = lt_corpus(lt_temp_dir());
    char whole[4096], rest[4096], extra[4500];
    snprintf(whole, sizeof whole, "%s/whole", dir);
    snprintf(rest, sizeof rest, "%s/rest", dir);
    const char *options = "--fp16 --max_steps 8 --save_steps 4 --eval_steps 8 --logging_steps 4";
    if (!trains(ctx, LATTN_DTYPE_F16, lt_finetune_line(dir, whole, options)))
        return;
    snprintf(extra, sizeof extra, "%s --resume_from_checkpoint %s/checkpoint-4", options, whole);
    EXPECT(trains(ctx, LATTN_DTYPE_F16, lt_finetune_line(dir, rest, extra)));
    EXPECT(lt_same_file(lt_path(whole, "checkpoint-8/model.safetensors"),
        lt_path(rest, "checkpoint-8/model.safetensors")));
    EXPECT(lt_same_file(lt_path(whole, "checkpoint-8/optimizer.safetensors"),
        lt_path(rest, "checkpoint-8/optimizer.safetensors")));
    expect_f32_weights(whole);
    expect_log(whole, "\"loss_scale\":", true);
    // The settings are told apart: a run in f32 is another one.
    lt_expect_refusal(NULL,
        lt_finetune_line(dir, whole, "--max_steps 8 --resume_from_checkpoint true"), 3, "fp16");
}

GPU_TEST(precision_e2e, cnn_in_bf16)
{
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    const char *line = lt_cnn_line(dir, "idx", "out", "--bf16 --max_steps 4");
    if (!trains(ctx, LATTN_DTYPE_BF16, line))
        return;
    expect_f32_weights(lt_path(dir, "out"));
    expect_log(lt_path(dir, "out"), "loss_scale", false);
}

GPU_TEST(precision_e2e, an_lstm_in_fp16)
{
    const char *dir = lt_corpus(lt_temp_dir());
    char line[4096];
    snprintf(line, sizeof line,
        "lattn-seq train --train_file %s/dev.tsv --output_dir %s/out --hidden_size 8 --seq_len 8 "
        "--per_device_train_batch_size 4 --max_steps 4 --logging_steps 2 --quiet --fp16",
        dir, dir);
    if (!trains(ctx, LATTN_DTYPE_F16, line))
        return;
    expect_f32_weights(lt_path(dir, "out"));
    expect_log(lt_path(dir, "out"), "\"skipped_steps\":0", true);
}

TEST(precision_e2e, both_are_one_too_many)
{
    lt_expect_refusal(NULL, "lattn-bert finetune --train_file a.tsv --output_dir out --fp16 --bf16",
        2, "exclude");
    lt_expect_refusal(
        NULL, "lattn-cnn train --data_path a --output_dir out --fp16 --bf16", 2, "exclude");
    lt_expect_refusal(
        NULL, "lattn-seq train --train_file a --output_dir out --fp16 --bf16", 2, "exclude");
}
