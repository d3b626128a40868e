// SPDX-License-Identifier: MIT
//
// What a run does to files that were there before it, and to a disk or a stdout that takes no more: nothing
// saved is lost, and nothing is lost silently.

#include "base/alloc.h"
#include "base/file.h"
#include "e2e/command.h"
#include "e2e/corpus.h"

// lattn-bert finetune into dir/name.
static struct lt_command finetune(
    const char *env, const char *dir, const char *name, const char *extra)
{
    char output[4096];
    snprintf(output, sizeof output, "%s/%s", dir, name);
    return lt_command_run(env, lt_finetune_line(dir, output, extra));
}

static void train(const char *dir, const char *name, const char *extra)
{
    struct lt_command c = finetune(NULL, dir, name, extra);
    if (c.code != 0)
        lt_fail(__FILE__, __LINE__, "%s: exit code %d: %s", extra, c.code, c.err);
    lt_command_free(&c);
}

static void expect_refused(const char *dir, const char *name, const char *extra, const char *part)
{
    struct lt_command c = finetune(NULL, dir, name, extra);
    lt_expect_sentence(&c, "lattn-bert finetune", 2, part);
    lt_command_free(&c);
}

static bool has_checkpoint(const char *dir, const char *name)
{
    return !lattn_checkpoint_verify(lt_path(dir, name));
}

// ---- output folders ---------------------------------------------------------------------------------

static const char older[] = "--max_steps 6 --save_steps 3";
static const char newer[] = "--max_steps 2 --save_steps 1 --seed 9";

GPU_TEST(output, a_new_run_leaves_an_older_one_alone)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    train(dir, "out", older);
    size_t n = 0, m = 0;
    char *before = lt_read_file(lt_path(dir, "out/model.safetensors"), &n);
    expect_refused(dir, "out", newer, "checkpoint-6");
    expect_refused(dir, "out", newer, "overwrite_output_dir");
    char *after = lt_read_file(lt_path(dir, "out/model.safetensors"), &m);
    EXPECT(n > 0 && n == m && memcmp(before, after, n) == 0);
    EXPECT(has_checkpoint(dir, "out/checkpoint-3") && has_checkpoint(dir, "out/checkpoint-6"));
    lat_free(before);
    lat_free(after);
}

GPU_TEST(output, overwriting_removes_the_older_run)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    char extra[256];
    train(dir, "out", older);
    snprintf(extra, sizeof extra, "%s --overwrite_output_dir", newer);
    train(dir, "out", extra);
    EXPECT(has_checkpoint(dir, "out/checkpoint-1") && has_checkpoint(dir, "out/checkpoint-2"));
    EXPECT(!lat_path_exists(lt_path(dir, "out/checkpoint-3")));
    EXPECT(!lat_path_exists(lt_path(dir, "out/checkpoint-6")));
    snprintf(extra, sizeof extra, "%s --resume_from_checkpoint true", newer);
    train(dir, "out", extra);
}

GPU_TEST(output, a_model_of_somebody_else_is_not_overwritten)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    EXPECT_OK(lat_dir_create(lt_path(dir, "out")));
    lt_write_file(lt_path(dir, "out/model.safetensors"), "dear");
    expect_refused(dir, "out", "--max_steps 2", "model.safetensors");
    expect_refused(dir, "out", "--max_steps 2 --resume_from_checkpoint true", "model.safetensors");
    char *text = lt_read_file(lt_path(dir, "out/model.safetensors"), NULL);
    EXPECT_STR(text, "dear");
    lat_free(text);

    char extra[4096];
    train(dir, "start", "--max_steps 2");
    snprintf(extra, sizeof extra, "-m %s/start --max_steps 2", dir);
    char line[8192];
    snprintf(line, sizeof line,
        "lattn-bert finetune --train_file %s/train.tsv --max_seq_length 16 --output_dir %s/start "
        "%s",
        dir, dir, extra);
    lt_expect_refusal(NULL, line, 2, "overwrite_output_dir");
}

// Hidden files are nobody's work, and a run that was stopped before its first checkpoint starts again.
GPU_TEST(output, what_an_early_stop_left_is_no_obstacle)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    EXPECT_OK(lat_dir_create(lt_path(dir, "out")));
    lt_write_file(lt_path(dir, "out/.gitignore"), "*\n");
    train(dir, "out", "--max_steps 2");

    EXPECT_OK(lat_dir_create(lt_path(dir, "early")));
    lt_write_file(lt_path(dir, "early/metrics.jsonl"), "");
    lt_write_file(lt_path(dir, "early/model.safetensors"), "the best so far");
    expect_refused(dir, "early", "--max_steps 2", "is not empty");
    train(dir, "early", "--max_steps 2 --resume_from_checkpoint true");
}

GPU_TEST(output, going_back_to_an_older_checkpoint_drops_the_newer_on_request)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    char extra[4096];
    train(dir, "out", older);
    snprintf(extra, sizeof extra, "%s --resume_from_checkpoint %s/out/checkpoint-3", older, dir);
    expect_refused(dir, "out", extra, "checkpoint-6");
    snprintf(extra, sizeof extra,
        "%s --resume_from_checkpoint %s/out/checkpoint-3 --overwrite_output_dir", older, dir);
    train(dir, "out", extra);
    EXPECT(has_checkpoint(dir, "out/checkpoint-3") && has_checkpoint(dir, "out/checkpoint-6"));
}

// ---- a disk that takes no more ------------------------------------------------------------------------

static lattn_status expect_no_leftover(void *user, const char *name)
{
    (void) user;
    if (strstr(name, ".tmp"))
        lt_fail(__FILE__, __LINE__, "%s was left behind", name);
    return LATTN_OK;
}

// The best model cannot take the place of a folder. The run goes on to its end, where that is an error;
// what could be saved is there. (train/test_run.c lets every single call fail.)
GPU_TEST(output, a_save_that_fails_is_told_and_the_run_goes_on)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    EXPECT_OK(lat_dir_create(lt_path(dir, "out/model.safetensors/full")));
    struct lt_command c = finetune(NULL, dir, "out",
        "--overwrite_output_dir --max_steps 4 --eval_steps 2 --save_steps 1 --save_total_limit 9");
    lt_expect_sentence(&c, "lattn-bert finetune", 7, "model.safetensors");
    EXPECT_CONTAINS(c.err, "training goes on");
    lt_command_free(&c);
    EXPECT(has_checkpoint(dir, "out/checkpoint-1") && has_checkpoint(dir, "out/checkpoint-3"));
    EXPECT_OK(lat_dir_each(lt_path(dir, "out"), expect_no_leftover, NULL));
}

// In blocks of 512 bytes. (Not of a command with a device: the memory of some drivers is a file.)
TEST(output, a_file_that_may_not_grow_is_an_error_and_no_signal)
{
    const char *dir = lt_corpus(lt_temp_dir());
    char line[8192];
    snprintf(line, sizeof line,
        "lattn-bert vocab --train_file %s/train.tsv --output_dir %s/vocab --vocab_size 1000", dir,
        dir);
    lt_expect_refusal("ulimit -f 1;", line, 7, "File too large");
    EXPECT_OK(lat_dir_each(lt_path(dir, "vocab"), expect_no_leftover, NULL));
}

// ---- stdout ------------------------------------------------------------------------------------------

static void expect_lost_output(const char *dir, const char *line)
{
    static const char *const places[] = { ">/dev/full", ">&-" };
    for (int i = 0; i < 2; i++) {
        char full[8192];
        size_t n = 0;
        for (const char *p = line; *p; p++)
            n += (size_t) snprintf(
                full + n, sizeof full - n, *p == '@' ? "%s" : "%.1s", *p == '@' ? dir : p);
        snprintf(full + n, sizeof full - n, " %s", places[i]);
        lt_expect_refusal(NULL, full, 7, "cannot write to stdout");
    }
}

GPU_TEST(output, results_that_cannot_be_printed_are_an_error)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    train(dir, "out", "--max_steps 2");
    expect_lost_output(dir, "lattn-bert predict -m @/out -f @/dev.tsv");
    expect_lost_output(dir, "lattn-bert eval -m @/out -f @/dev.tsv");
    expect_lost_output(dir, "lattn-bert eval -m @/out -f @/dev.tsv --json");
    expect_lost_output(dir, "lattn-info --json");
    expect_lost_output(dir, "lattn-info --list_devices");
    // What the data went to is as it was: no file took the place of the closed stdout.
    lt_expect_refusal(NULL, "lattn-bert predict -m /nowhere -f /nowhere.tsv >&-", 7, "/nowhere");
}

TEST(output, help_that_cannot_be_printed_is_an_error)
{
    expect_lost_output("", "lattn-bert finetune --help");
    expect_lost_output("", "lattn-bert --version");
    expect_lost_output("", "lattn-cnn --help");
    expect_lost_output("", "lattn-seq --help");
    expect_lost_output("", "lattn-bench list");
    expect_lost_output("", "lattn-info --help");
}
