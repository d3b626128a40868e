// SPDX-License-Identifier: MIT
//
// The tasks of lattn-seq that are no language models: each learns something small, is judged the same again
// from its folder, predicts, and refuses what is wrong in one sentence.

#include "base/alloc.h"
#include "e2e/command.h"
#include "e2e/corpus.h"

// Ends as the last run said with --json.
static double figure(const char *json, const char *key)
{
    char name[64];
    snprintf(name, sizeof name, "\"%s\": ", key);
    const char *at = strstr(json, name);
    if (!at)
        lt_fail(__FILE__, __LINE__, "no %s in %s", key, json);
    return at ? atof(at + strlen(name)) : -1;
}

// What a command prints; it must end well. The caller frees it with lat_free.
static char *output_of(const char *line)
{
    struct lt_command c = lt_command_run(NULL, line);
    if (c.code != 0)
        lt_fail(__FILE__, __LINE__, "exit code %d of %s: %s", c.code, line, c.err);
    char *out = lat_strdup(c.out);
    lt_command_free(&c);
    return out;
}

static void expect_same_weights(const char *dir, const char *a, const char *b)
{
    char one[4096], two[4096];
    snprintf(one, sizeof one, "%s/%s/model.safetensors", dir, a);
    snprintf(two, sizeof two, "%s/%s/model.safetensors", dir, b);
    EXPECT(lt_same_file(one, two));
}

// ---- classification -------------------------------------------------------------------------------

static const char *classify_line(const char *dir, const char *output, const char *extra)
{
    static char line[8192];
    snprintf(line, sizeof line,
        "lattn-seq train --task classify --train_file %s/train.tsv --validation_file %s/train.tsv "
        "--output_dir %s/%s --hidden_size 16 --vocab_size 200 --seq_len 16 --learning_rate 0.03 "
        "--per_device_train_batch_size 16 --max_steps 48 --eval_steps 24 --save_steps 24 --seed 7 "
        "--quiet --json %s",
        dir, dir, dir, output, extra);
    return line;
}

GPU_TEST(seq_tasks, classify_learns_with_either_network)
{
    (void) ctx;
    char line[8192];
    const char *dir = lt_corpus(lt_temp_dir());
    char *lstm = output_of(classify_line(dir, "lstm", ""));
    EXPECT(figure(lstm, "eval_accuracy") > 0.9);
    char *encoder = output_of(classify_line(
        dir, "encoder", "--model_type transformer --num_attention_heads 2 --learning_rate 0.01"));
    EXPECT(figure(encoder, "eval_accuracy") > 0.9);
    snprintf(line, sizeof line, "lattn-seq eval -m %s/lstm -f %s/train.tsv --json", dir, dir);
    char *eval = output_of(line);
    EXPECT_NEAR(figure(eval, "loss"), figure(lstm, "eval_loss"), 1e-5);
    EXPECT_EQ(figure(eval, "n"), 96);
    lt_write_file(lt_path(dir, "new.tsv"), "text\na small eagle was seen\n\"\"\n");
    snprintf(line, sizeof line, "lattn-seq predict -m %s/lstm -f %s/new.tsv", dir, dir);
    char *said = output_of(line);
    EXPECT_CONTAINS(said, "{\"text\": \"a small eagle was seen\", \"label\": \"animal\", ");
    EXPECT_CONTAINS(said, "\"probabilities\": {\"animal\": ");
    lat_free(said);
    lat_free(eval);
    lat_free(encoder);
    lat_free(lstm);
}

GPU_TEST(seq_tasks, classify_resumes_with_the_same_bits)
{
    (void) ctx;
    char extra[4096];
    const char *dir = lt_corpus(lt_temp_dir());
    lat_free(output_of(classify_line(dir, "one", "--dropout 0.1")));
    snprintf(
        extra, sizeof extra, "--dropout 0.1 --resume_from_checkpoint %s/one/checkpoint-24", dir);
    lat_free(output_of(classify_line(dir, "two", extra)));
    expect_same_weights(dir, "one/checkpoint-48", "two/checkpoint-48");
}

GPU_TEST(seq_tasks, classify_refuses_what_is_wrong)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    char line[8192];
    lt_write_file(lt_path(dir, "one.tsv"), "text\tlabel\na\tx\nb\tx\n");
    snprintf(line, sizeof line, "--train_file %s/one.tsv", dir);
    lt_expect_refusal(NULL, classify_line(dir, "no", line), 3, "1 label, a choice needs two");
    lt_write_file(lt_path(dir, "other.tsv"), "text\tlabel\na\tmineral\n");
    snprintf(line, sizeof line, "--validation_file %s/other.tsv", dir);
    lt_expect_refusal(NULL, classify_line(dir, "no", line), 3, "mineral");
    lt_expect_refusal(NULL, classify_line(dir, "no", "--label_column kind"), 3,
        "has no column \"kind\"; its columns are");
    lt_expect_refusal(NULL, classify_line(dir, "no", "--tie_weights"), 2,
        "tied weights need outputs that are tokens");
    lt_expect_refusal(NULL, "lattn-seq predict -m x", 2, "--test_file is missing");
}
