// SPDX-License-Identifier: MIT
//
// What users get wrong: each gives one clear sentence on stderr, the exit code of the manual, and
// leaves what was saved before as it was.

#include <unistd.h>
#include "base/alloc.h"
#include "base/file.h"
#include "e2e/command.h"
#include "e2e/corpus.h"

static void expect_finetune(const char *dir, const char *extra, int code, const char *part)
{
    char output[4096];
    snprintf(output, sizeof output, "%s/out", dir);
    lt_expect_refusal(NULL, lt_finetune_line(dir, output, extra), code, part);
}

TEST(bad_input, options)
{
    const char *dir = lt_corpus(lt_temp_dir());
    lt_expect_refusal(NULL, "lattn-bert finetune", 2, "--train_file is missing");
    expect_finetune(dir, "--learning_rate fast", 2, "learning_rate");
    expect_finetune(dir, "--learning-rate -1", 2, "learning_rate");
    expect_finetune(dir, "--per_device_train_batch_size 0", 2, "per_device_train_batch_size");
    expect_finetune(dir, "--no_such_option 1", 2, "no_such_option");
    expect_finetune(dir, "--metric_for_best_model taste", 2, "taste");
    expect_finetune(dir, "--lr_scheduler_type sawtooth", 2, "sawtooth");
}

TEST(bad_input, files)
{
    const char *dir = lt_corpus(lt_temp_dir());
    expect_finetune(dir, "--train_file /nowhere/train.tsv", 7, "/nowhere/train.tsv");
    expect_finetune(dir, "--label_column colour", 3, "colour");
    expect_finetune(dir, "--text_column body", 3, "body");

    lt_write_file(lt_path(dir, "empty.tsv"), "label\ttext\n");
    char extra[4096];
    snprintf(extra, sizeof extra, "--train_file %s", lt_path(dir, "empty.tsv"));
    expect_finetune(dir, extra, 3, "empty.tsv");
    lt_write_file(lt_path(dir, "short.tsv"), "label\ttext\na\tb\nno second column\n");
    snprintf(extra, sizeof extra, "--train_file %s", lt_path(dir, "short.tsv"));
    expect_finetune(dir, extra, 3, "short.tsv:3");
    lt_write_file(lt_path(dir, "other.tsv"), "label\ttext\nanimal\tx\nmineral\ty\n");
    snprintf(extra, sizeof extra, "--validation_file %s", lt_path(dir, "other.tsv"));
    expect_finetune(dir, extra, 3, "mineral");
    lt_write_file(lt_path(dir, "broken.tsv"), "label\ttext\nanimal\t\xff\xfe horse\n");
    snprintf(extra, sizeof extra, "--strict --train_file %s", lt_path(dir, "broken.tsv"));
    expect_finetune(dir, extra, 3, "broken.tsv:2");
}

TEST(bad_input, no_driver_and_unknown_devices)
{
    const char *dir = lt_corpus(lt_temp_dir());
    char output[4096];
    snprintf(output, sizeof output, "%s/out", dir);
    lt_expect_refusal("VK_DRIVER_FILES=/nonexistent.json VK_ICD_FILENAMES=/nonexistent.json",
        lt_finetune_line(dir, output, ""), 4, "Vulkan");
    expect_finetune(dir, "--device no-such-card", 2, "no-such-card");
    lt_expect_refusal("LATTN_DEVICE=999", lt_finetune_line(dir, output, ""), 2, "LATTN_DEVICE");
}

GPU_TEST(bad_input, output_folders)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    struct lat_dir_lock *lock = NULL;
    expect_finetune(dir, "--output_dir /proc/nowhere", 7, "/proc/nowhere");
    char extra[4096];
    snprintf(extra, sizeof extra, "--output_dir %s", lt_path(dir, "train.tsv"));
    expect_finetune(dir, extra, 7, "train.tsv");
    EXPECT_OK(lat_dir_create(lt_path(dir, "out")));
    EXPECT_OK(lat_dir_lock(lt_path(dir, "out"), &lock));
    char pid[32];
    snprintf(pid, sizeof pid, "%d", (int) getpid());
    expect_finetune(dir, "", 7, pid);
    lat_dir_unlock(&lock);
}

// Trains a tiny model into dir/out.
static void train(const char *dir)
{
    char output[4096];
    snprintf(output, sizeof output, "%s/out", dir);
    struct lt_command c = lt_command_run(NULL, lt_finetune_line(dir, output, "--max_steps 6"));
    EXPECT_EQ(c.code, 0);
    lt_command_free(&c);
}

static void expect_predict(const char *dir, int code, const char *part)
{
    char line[8192];
    snprintf(line, sizeof line, "lattn-bert predict -m %s/out -f %s/dev.tsv", dir, dir);
    lt_expect_refusal(NULL, line, code, part);
}

GPU_TEST(bad_input, damaged_models)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    train(dir);
    size_t n = 0;
    char *config = lt_read_file(lt_path(dir, "out/config.json"), NULL);
    char *weights = lt_read_file(lt_path(dir, "out/model.safetensors"), &n);
    char *heads = strstr(config, "\"num_attention_heads\": 2");
    REQUIRE(heads != NULL);
    heads[strlen("\"num_attention_heads\": ")] = '3';
    lt_write_file(lt_path(dir, "out/config.json"), config);
    expect_predict(dir, 3, "num_attention_heads");
    heads[strlen("\"num_attention_heads\": ")] = '2';
    lt_write_file(lt_path(dir, "out/config.json"), "{ \"model_type\": \"bert\", ");
    expect_predict(dir, 3, "config.json");
    lt_write_file(lt_path(dir, "out/config.json"), config);
    EXPECT_OK(lat_file_replace(lt_path(dir, "out/model.safetensors"), weights, n - 4));
    expect_predict(dir, 3, "model.safetensors");
    EXPECT_OK(lat_file_replace(lt_path(dir, "out/model.safetensors"), weights, n));
    char *vocab = lt_read_file(lt_path(dir, "out/vocab.txt"), NULL);
    char *longer = lat_alloc(strlen(vocab) + 16);
    sprintf(longer, "%sone\ntoo\nmany\n", vocab);
    lt_write_file(lt_path(dir, "out/vocab.txt"), longer);
    expect_predict(dir, 3, "the vocabulary has");
    lat_free(vocab);
    lat_free(longer);
    lt_write_file(lt_path(dir, "out/vocab.txt"), "");
    expect_predict(dir, 3, "the vocabulary is empty");
    lat_free(config);
    lat_free(weights);
}

GPU_TEST(bad_input, texts_longer_than_the_model)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    expect_finetune(
        dir, "--max_seq_length 64 --max_position_embeddings 32", 2, "max_position_embeddings 32");
}

// Weights with NaN give a NaN loss: the run ends, and the model saved before is still there.
GPU_TEST(bad_input, a_loss_that_is_not_finite_saves_nothing)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    train(dir);
    size_t n = 0;
    char *weights = lt_read_file(lt_path(dir, "out/model.safetensors"), &n);
    const uint32_t nan_bits = 0x7fc00000;
    EXPECT_OK(lat_dir_create(lt_path(dir, "broken")));
    const char *const files[] = { "config.json", "vocab.txt", "tokenizer_config.json" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char from[64], to[64];
        snprintf(from, sizeof from, "out/%s", files[i]);
        snprintf(to, sizeof to, "broken/%s", files[i]);
        char *text = lt_read_file(lt_path(dir, from), NULL);
        lt_write_file(lt_path(dir, to), text);
        lat_free(text);
    }
    char *broken = lat_memdup(weights, n);
    memcpy(broken + n - 400, &nan_bits, sizeof nan_bits);
    EXPECT_OK(lat_file_replace(lt_path(dir, "broken/model.safetensors"), broken, n));
    char line[8192];
    snprintf(line, sizeof line,
        "lattn-bert finetune --train_file %s/train.tsv --output_dir %s/out --overwrite_output_dir "
        "--max_seq_length 16 -m %s/broken",
        dir, dir, dir);
    lt_expect_refusal(NULL, line, 8, "update 1");
    snprintf(line, sizeof line, "lattn-bert predict -m %s/broken -f %s/dev.tsv --strict", dir, dir);
    lt_expect_refusal(NULL, line, 3, "not finite");
    size_t m = 0;
    char *after = lt_read_file(lt_path(dir, "out/model.safetensors"), &m);
    EXPECT(n == m && memcmp(weights, after, n) == 0);
    lat_free(weights);
    lat_free(broken);
    lat_free(after);
}

GPU_TEST(bad_input, resuming_with_other_settings_or_data)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    train(dir);
    expect_finetune(
        dir, "--resume_from_checkpoint --learning_rate 5e-3 --max_steps 6", 3, "other settings");
    char extra[4096];
    snprintf(extra, sizeof extra, "--resume_from_checkpoint --max_steps 6 --train_file %s",
        lt_path(dir, "dev.tsv"));
    expect_finetune(dir, extra, 3, "training data");
}
