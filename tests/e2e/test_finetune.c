// SPDX-License-Identifier: MIT
//
// lattn-bert from text to predictions, and what a run leaves behind: the same bits from the same
// seed, also after being killed or interrupted and resumed.

#include <signal.h>
#include "base/alloc.h"
#include "e2e/command.h"
#include "e2e/corpus.h"

// Runs finetune into dir/name and gives the output folder.
static const char *finetune(const char *dir, const char *name, const char *extra)
{
    const char *output = lt_path(dir, name);
    struct lt_command c = lt_command_run(NULL, lt_finetune_line(dir, output, extra));
    if (c.code != 0)
        lt_fail(__FILE__, __LINE__, "exit code %d: %s", c.code, c.err);
    lt_command_free(&c);
    return output;
}

// A command line with one or two paths in it; lent until the next call.
static const char *line_of(const char *format, const char *a, const char *b)
{
    static char line[8192];
    snprintf(line, sizeof line, format, a, b);
    return line;
}

// Enough to learn the training rows by heart, whatever the seed.
static const char enough[] =
    "--hidden_size 32 --learning_rate 3e-3 --num_train_epochs 40 --hidden_dropout_prob 0 "
    "--attention_probs_dropout_prob 0 --eval_steps 240 --save_steps 240";

GPU_TEST(finetune, a_tiny_model_learns_and_predicts)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    char model[4096];
    snprintf(model, sizeof model, "%s", finetune(dir, "out", enough));
    const char *const files[] = { "config.json", "model.safetensors", "vocab.txt",
        "tokenizer_config.json", "special_tokens_map.json", "metrics.jsonl", "curves.svg",
        "checkpoint-240/trainer_state.json", "checkpoint-240/optimizer.safetensors" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!lt_has_file(model, files[i]))
            lt_fail(__FILE__, __LINE__, "%s was not written", files[i]);
    }

    struct lt_command c = lt_command_run(
        NULL, line_of("lattn-bert eval -m %s/checkpoint-240 -f %s/train.tsv --json", model, dir));
    const char *at = strstr(c.out, "\"accuracy\": ");
    EXPECT_EQ(c.code, 0);
    EXPECT(at && atof(at + 12) >= 0.9);
    lt_command_free(&c);

    lt_write_file(lt_path(dir, "new.tsv"), "text\nthe horse is here\nwe found an old \"saw\"\n");
    c = lt_command_run(
        NULL, line_of("lattn-bert predict -m %s/checkpoint-240 -f %s/new.tsv", model, dir));
    EXPECT_EQ(c.code, 0);
    EXPECT_CONTAINS(c.out, "{\"text\": \"the horse is here\", \"label\": \"animal\"");
    EXPECT_CONTAINS(c.out, "we found an old \\\"saw\\\"");
    EXPECT_CONTAINS(c.out, "\"logits\": [");
    lt_command_free(&c);
}

GPU_TEST(finetune, the_same_seed_gives_the_same_bits)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    finetune(dir, "one", "");
    finetune(dir, "two", "--gradient_checkpointing");  // which changes no bit either
    EXPECT(lt_same_file(lt_path(dir, "one/checkpoint-24/model.safetensors"),
        lt_path(dir, "two/checkpoint-24/model.safetensors")));
    EXPECT(lt_same_file(lt_path(dir, "one/checkpoint-24/optimizer.safetensors"),
        lt_path(dir, "two/checkpoint-24/optimizer.safetensors")));
    finetune(dir, "three", "--seed 8");
    EXPECT(!lt_same_file(lt_path(dir, "one/checkpoint-24/model.safetensors"),
        lt_path(dir, "three/checkpoint-24/model.safetensors")));
}

GPU_TEST(finetune, accumulating_two_half_batches_is_close_to_one_batch)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    finetune(dir, "half",
        "--hidden_dropout_prob 0 --attention_probs_dropout_prob 0 "
        "--per_device_train_batch_size 8 --gradient_accumulation_steps 2");
    finetune(dir, "whole", "--hidden_dropout_prob 0 --attention_probs_dropout_prob 0");
    lattn_safetensors *a = NULL, *b = NULL;
    float x[48], y[48];
    EXPECT_OK(
        lattn_safetensors_open(lt_path(dir, "half/checkpoint-24/model.safetensors"), NULL, &a));
    EXPECT_OK(
        lattn_safetensors_open(lt_path(dir, "whole/checkpoint-24/model.safetensors"), NULL, &b));
    REQUIRE(a && b);
    int64_t i = lattn_safetensors_find(a, "classifier.weight");
    EXPECT_OK(lattn_safetensors_read(a, (size_t) i, LATTN_DTYPE_F32, x, sizeof x));
    EXPECT_OK(lattn_safetensors_read(b, (size_t) i, LATTN_DTYPE_F32, y, sizeof y));
    for (int k = 0; k < 48; k++)
        EXPECT_NEAR(x[k], y[k], 2e-2);
    lattn_safetensors_close(&a);
    lattn_safetensors_close(&b);
}

static const char long_run[] = "--save_steps 5 --num_train_epochs 10";
static const char long_run_again[] =
    "--save_steps 5 --num_train_epochs 10 --resume_from_checkpoint true";

// Starts a run, sends a signal once the first checkpoint is there, resumes, and compares the end
// with an undisturbed run's.
static void disturb(int signal_number, int expected_code)
{
    const char *dir = lt_corpus(lt_temp_dir());
    char output[4096];
    snprintf(output, sizeof output, "%s/cut", dir);
    finetune(dir, "whole", long_run);
    pid_t pid = lt_command_start(dir, lt_finetune_line(dir, output, long_run));
    lt_wait_for(output, "checkpoint-5/manifest.json");
    kill(pid, signal_number);
    int code = lt_command_wait(pid);
    if (code != expected_code && code != 0)
        lt_fail(__FILE__, __LINE__, "exit code %d, expected %d", code, expected_code);
    finetune(dir, "cut", long_run_again);
    EXPECT(lt_same_file(lt_path(dir, "whole/checkpoint-60/model.safetensors"),
        lt_path(dir, "cut/checkpoint-60/model.safetensors")));
    EXPECT(lt_same_file(lt_path(dir, "whole/checkpoint-60/optimizer.safetensors"),
        lt_path(dir, "cut/checkpoint-60/optimizer.safetensors")));
}

GPU_TEST(finetune, killed_and_resumed_gives_the_same_bits)
{
    (void) ctx;
    disturb(SIGKILL, 128 + SIGKILL);
}

GPU_TEST(finetune, interrupted_and_resumed_gives_the_same_bits)
{
    (void) ctx;
    disturb(SIGINT, 130);
}

GPU_TEST(finetune, resuming_a_finished_run_changes_nothing)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    finetune(dir, "out", "--resume_from_checkpoint");
    size_t n = 0;
    char *before = lt_read_file(lt_path(dir, "out/model.safetensors"), &n);
    finetune(dir, "out", "--resume_from_checkpoint");
    size_t m = 0;
    char *after = lt_read_file(lt_path(dir, "out/model.safetensors"), &m);
    EXPECT(n > 0 && n == m && memcmp(before, after, n) == 0);
    lat_free(before);
    lat_free(after);
}

GPU_TEST(finetune, a_folder_can_be_fine_tuned_further_with_other_labels)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    finetune(dir, "first", "");
    lt_write_file(lt_path(dir, "other.tsv"),
        "label\ttext\nyes\tthe horse is here\nno\tthe oak is here\nyes\ta dog\nno\tmoss\n");
    char line[8192];
    snprintf(line, sizeof line,
        "lattn-bert finetune -m %s/first --train_file %s/other.tsv --output_dir %s/second "
        "--max_seq_length 16 --max_steps 3",
        dir, dir, dir);
    struct lt_command c = lt_command_run(NULL, line);
    if (c.code != 0)
        lt_fail(__FILE__, __LINE__, "exit code %d: %s", c.code, c.err);
    EXPECT_CONTAINS(c.err, "newly initialised: classifier.weight, classifier.bias");
    lt_command_free(&c);
}
