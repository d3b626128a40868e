// SPDX-License-Identifier: MIT
//
// Options of lattn-bert that decide what is trained: each is used, or refused with a sentence, and never
// dropped.

#include "base/alloc.h"
#include "base/json.h"
#include "e2e/command.h"
#include "e2e/corpus.h"

// lattn-bert finetune with data and output folder alone; a few updates. @ in extra is the folder.
static struct lt_command finetune_in(
    const char *env, const char *dir, const char *name, const char *extra)
{
    char line[8192];
    size_t n = (size_t) snprintf(line, sizeof line,
        "lattn-bert finetune --train_file %s/train.tsv --output_dir %s/%s --max_seq_length 16 "
        "--max_steps 2 --seed 7 ",
        dir, dir, name);
    for (const char *p = extra; *p; p++)
        n += (size_t) snprintf(
            line + n, sizeof line - n, *p == '@' ? "%s" : "%.1s", *p == '@' ? dir : p);
    return lt_command_run(env, line);
}

static struct lt_command finetune(const char *dir, const char *name, const char *extra)
{
    return finetune_in(NULL, dir, name, extra);
}

static void train(const char *dir, const char *name, const char *extra)
{
    struct lt_command c = finetune(dir, name, extra);
    if (c.code != 0)
        lt_fail(__FILE__, __LINE__, "%s: exit code %d: %s", extra, c.code, c.err);
    lt_command_free(&c);
}

static void expect_refused(const char *dir, const char *extra, const char *part)
{
    struct lt_command c = finetune(dir, "refused", extra);
    lt_expect_sentence(&c, "lattn-bert finetune", 2, part);
    lt_command_free(&c);
}

static int64_t config_of(const char *dir, const char *name, const char *field)
{
    char file[64];
    int64_t value = -1;
    json_t *j = NULL;
    snprintf(file, sizeof file, "%s/config.json", name);
    EXPECT_OK(lat_json_load(lt_path(dir, file), 1 << 20, &j));
    EXPECT_OK(lat_json_int(file, j, field, true, 0, INT64_MAX, &value));
    json_decref(j);
    return value;
}

static const char small[] = "--hidden_size 16 --num_hidden_layers 1 ";

// ---- the model ---------------------------------------------------------------------------------------

static const char config[] = "{ \"model_type\": \"bert\", \"vocab_size\": 90, \"hidden_size\": 12, "
                             "\"num_hidden_layers\": 1, \"num_attention_heads\": 3, "
                             "\"intermediate_size\": 20, \"max_position_embeddings\": 40 }";

GPU_TEST(options, config_name_decides_the_new_model)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    lt_write_file(lt_path(dir, "small.json"), config);
    train(dir, "out", "--config_name @/small.json");
    EXPECT_EQ(config_of(dir, "out", "vocab_size"), 90);
    EXPECT_EQ(config_of(dir, "out", "hidden_size"), 12);
    EXPECT_EQ(config_of(dir, "out", "num_attention_heads"), 3);
    EXPECT_EQ(config_of(dir, "out", "intermediate_size"), 20);
    EXPECT_EQ(config_of(dir, "out", "max_position_embeddings"), 40);
    char *vocab = lt_read_file(lt_path(dir, "out/vocab.txt"), NULL);
    int lines = 0;
    for (const char *p = vocab; *p; p++)
        lines += *p == '\n';
    EXPECT(lines > 20 && lines <= 90);
    lat_free(vocab);
}

GPU_TEST(options, of_a_new_model_are_refused_beside_a_given_one)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    lt_write_file(lt_path(dir, "small.json"), config);
    expect_refused(dir, "--config_name @/small.json --hidden_size 32", "--hidden_size");
    expect_refused(dir, "--config_name @/small.json --vocab_size 99", "--vocab_size");
    expect_refused(dir, "--config_name @/small.json -m @/start", "--config_name");
    train(dir, "start", small);
    expect_refused(dir, "-m @/start --num_hidden_layers 4", "--num_hidden_layers");
    expect_refused(dir, "-m @/start --hidden_dropout_prob 0", "--hidden_dropout_prob");
    expect_refused(dir, "--config_name ''", "--config_name");
    expect_refused(dir, "-m ''", "--model_name_or_path");
}

GPU_TEST(options, attention_may_be_told_of_distances)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    train(dir, "out",
        "--hidden_size 16 --num_hidden_layers 1 --position_embedding_type relative_key");
    char *text = lt_read_file(lt_path(dir, "out/config.json"), NULL);
    EXPECT_CONTAINS(text, "\"position_embedding_type\": \"relative_key\"");
    lat_free(text);
    expect_refused(dir, "--position_embedding_type rotary", "relative_key_query");
    expect_refused(dir, "-m @/out --position_embedding_type absolute", "--position_embedding_type");
}

// ---- resuming ------------------------------------------------------------------------------------------

static void expect_other_settings(const char *dir, const char *extra)
{
    struct lt_command c = finetune(dir, "out", extra);
    lt_expect_sentence(&c, "lattn-bert finetune", 3, "other settings");
    lt_command_free(&c);
}

GPU_TEST(options, of_the_model_must_be_the_same_when_resuming)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    train(dir, "out", small);
    expect_other_settings(
        dir, "-r true --hidden_size 16 --num_hidden_layers 1 --num_attention_heads 4");
    expect_other_settings(
        dir, "-r true --hidden_size 16 --num_hidden_layers 1 --hidden_dropout_prob 0");
    expect_other_settings(
        dir, "-r true --hidden_size 16 --num_hidden_layers 1 --attention_probs_dropout_prob 0.2");
    expect_other_settings(
        dir, "-r true --hidden_size 16 --num_hidden_layers 1 --metric_for_best_model loss");
    train(dir, "out", "--hidden_size 16 --num_hidden_layers 1 --resume_from_checkpoint True");
    train(dir, "out", "--hidden_size 16 --num_hidden_layers 1 --resume_from_checkpoint TRUE");
}

GPU_TEST(options, other_kernels_are_told_when_resuming)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    train(dir, "out", small);
    struct lt_command c = finetune_in("LATTN_DISABLE=cpu,subgroup,coopmat,coopmat2", dir, "out",
        "--hidden_size 16 --num_hidden_layers 1 --resume_from_checkpoint true");
    EXPECT_EQ(c.code, 0);
    EXPECT_CONTAINS(c.err, "begun with the kernels of ");
    lt_command_free(&c);
}

// ---- names of run_glue.py ------------------------------------------------------------------------------

GPU_TEST(options, of_run_glue_are_taken)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    train(dir, "one",
        "--hidden_size 16 --num_hidden_layers 1 --do_train --do_eval --do_predict "
        "--validation_file @/dev.tsv --test_file @/dev.tsv --overwrite_output_dir "
        "--metric_for_best_model eval_f1 --lr_scheduler_type constant_with_warmup --warmup_steps "
        "1");
    train(dir, "two",
        "--hidden_size 16 --num_hidden_layers 1 --validation_file @/dev.tsv "
        "--metric_for_best_model eval_loss --lr_scheduler_type constant --eager");
    expect_refused(dir, "--do_eval", "--validation_file");
    expect_refused(dir, "--do_predict", "--test_file");
    expect_refused(dir, "--do_train=false", "--do_train");
    expect_refused(dir, "--lr_scheduler_type constant --warmup_steps 1", "constant_with_warmup");
}

GPU_TEST(options, a_beta_of_0_is_0)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    train(dir, "zero", "--hidden_size 16 --num_hidden_layers 1 --adam_beta1 0");
    train(dir, "default", small);
    EXPECT(!lt_same_file(
        lt_path(dir, "zero/model.safetensors"), lt_path(dir, "default/model.safetensors")));
}

// ---- what the data lost --------------------------------------------------------------------------------

GPU_TEST(options, cut_skipped_and_empty_texts_are_told)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    lt_write_file(lt_path(dir, "odd.tsv"),
        "label\ttext\n\nanimal\tthe horse is here\nplant\t\ntool\tthis hammer belongs to us and to "
        "the others and to all of us and to the horse and to the dog and to the cat\n");
    struct lt_command c = finetune(dir, "out",
        "--hidden_size 16 --num_hidden_layers 1 --train_file @/odd.tsv --max_seq_length 8");
    EXPECT_EQ(c.code, 0);
    EXPECT_CONTAINS(c.err, "1 empty lines were skipped");
    EXPECT_CONTAINS(c.err, "1 texts are empty");
    EXPECT_CONTAINS(c.err, "texts are longer than the token limit and were cut");
    lt_command_free(&c);
    char line[8192];
    snprintf(line, sizeof line, "lattn-bert predict -m %s/out -f %s/odd.tsv --max_seq_length 8",
        dir, dir);
    c = lt_command_run(NULL, line);
    EXPECT_EQ(c.code, 0);
    EXPECT_CONTAINS(c.err, "texts are longer than the token limit and were cut");
    lt_command_free(&c);
}

// ---- what is printed ------------------------------------------------------------------------------------

TEST(options, help_says_once_what_may_be_repeated)
{
    struct lt_command c = lt_command_run(NULL, "lattn-bert vocab --help");
    for (char *p = c.out; (p = strstr(p, "\n      "));)  // lines that go on
        memmove(p, p + strspn(p, "\n ") - 1, strlen(p + strspn(p, "\n ") - 1) + 1), *p = ' ';
    const char *at = strstr(c.out, "may be repeated");
    EXPECT(at && !strstr(at + 1, "may be repeated"));
    lt_command_free(&c);
}

GPU_TEST(options, progress_is_plain_lines_where_there_is_no_terminal)
{
    (void) ctx;
    const char *dir = lt_corpus(lt_temp_dir());
    struct lt_command c = finetune(dir, "out", small);
    EXPECT_CONTAINS(c.err, "update 2/2");
    EXPECT(!strchr(c.err, '#') && !strchr(c.err, '\r'));
    lt_command_free(&c);
}
