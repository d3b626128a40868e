// SPDX-License-Identifier: MIT
//
// The tasks of lattn-seq that are no language models: each learns something small, is judged the same again
// from its folder, predicts, and refuses what is wrong in one sentence.

#include <math.h>
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

// ---- pairs ----------------------------------------------------------------------------------------

// Strings of up to four letters and the same from the end; every one there is.
static void write_mirrored(const char *path)
{
    FILE *f = fopen(path, "w");
    REQUIRE(f != NULL);
    fputs("source\ttarget\n", f);
    for (int n = 1, most = 3; n <= 4; n++, most *= 3) {
        for (int k = 0; k < most; k++) {
            char text[5] = { 0 }, back[5] = { 0 };
            for (int i = 0, rest = k; i < n; i++, rest /= 3)
                text[i] = back[n - 1 - i] = (char) ('a' + rest % 3);
            fprintf(f, "%s\t%s\n", text, back);
        }
    }
    fclose(f);
}

static const char *mirrored(void)
{
    const char *dir = lt_temp_dir();
    write_mirrored(lt_path(dir, "pairs.tsv"));
    return dir;
}

static const char *pairs_line(const char *dir, const char *output, const char *extra)
{
    static char line[8192];
    snprintf(line, sizeof line,
        "lattn-seq train --task pairs --train_file %s/pairs.tsv --validation_file %s/pairs.tsv "
        "--output_dir %s/%s --hidden_size 32 --num_attention_heads 2 --seq_len 8 --learning_rate "
        "0.005 --per_device_train_batch_size 40 --per_device_eval_batch_size 40 --max_steps 90 "
        "--eval_steps 90 --save_steps 45 --warmup_ratio 0.1 --seed 7 --quiet --json %s",
        dir, dir, dir, output, extra);
    return line;
}

// Weights of two tokens of a target (its begin, b) to three of a source (a, b, its end): in each of two heads two
// rows that add up to 1.
static void expect_attention(const char *dir)
{
    char line[8192];
    double sum = 0;
    int n = 0;
    snprintf(line, sizeof line,
        "lattn-seq attention -m %s/out --text ab --target b --stack memory -o %s/map.svg", dir,
        dir);
    lat_free(output_of(line));
    char *svg = lt_read_file(lt_path(dir, "map.svg"), NULL);
    for (const char *at = svg; (at = strstr(at, "<title>")) != NULL; n++)
        sum += atof(at += strlen("<title>"));
    EXPECT_EQ(n, 12);
    EXPECT_NEAR(sum, 4, 0.01);
    EXPECT_CONTAINS(svg, "layer 0, head 1");
    EXPECT_CONTAINS(svg, "&#60;eos>");
    lat_free(svg);
    snprintf(line, sizeof line, "lattn-seq attention -m %s/out --text ab --head 1 -o %s/map.png",
        dir, dir);
    lat_free(output_of(line));
    EXPECT(lt_has_file(dir, "map.png"));
    snprintf(line, sizeof line, "lattn-seq attention -m %s/out --text ab --layer 1 -o %s/map.png",
        dir, dir);
    lt_expect_refusal(NULL, line, 2, "the model has fewer layers");
    snprintf(line, sizeof line, "lattn-seq attention -m %s/out --text abcabcabc -o %s/map.png", dir,
        dir);
    lt_expect_refusal(NULL, line, 2, "a text of 10 tokens, the most are 8");
    snprintf(line, sizeof line, "lattn-seq attention -m %s/out --text ab -o %s/map.gif", dir, dir);
    lt_expect_refusal(NULL, line, 2, "ends neither in .svg nor in .png");
}

GPU_TEST(seq_tasks, pairs_learn_to_turn_strings_around)
{
    (void) ctx;
    char line[8192];
    const char *dir = mirrored();
    char *trained = output_of(pairs_line(dir, "out", ""));
    EXPECT(figure(trained, "eval_exact_match") > 0.8);
    EXPECT_EQ(figure(trained, "eval_pairs"), 120);
    snprintf(line, sizeof line, "lattn-seq eval -m %s/out -f %s/pairs.tsv -b 7 --json", dir, dir);
    char *eval = output_of(line);
    EXPECT_NEAR(figure(eval, "loss"), figure(trained, "eval_loss"), 1e-4);
    EXPECT_NEAR(figure(eval, "exact_match"), figure(trained, "eval_exact_match"), 0);
    // Answers must be those that were counted: the last batch of 120 has one row.
    snprintf(line, sizeof line, "lattn-seq predict -m %s/out -f %s/pairs.tsv -b 17", dir, dir);
    char *said = output_of(line);
    int n_right = 0;
    for (char *row = strtok(said, "\n"); row; row = strtok(NULL, "\n")) {
        char text[8], back[8] = { 0 };
        REQUIRE(
            sscanf(row, "{\"text\": \"%7[abc]\", \"prediction\": \"%7[abc]\"}", text, back) >= 1);
        size_t n = strlen(text);
        bool right = strlen(back) == n;
        for (size_t i = 0; i < n; i++)
            right = right && text[i] == back[n - 1 - i];
        n_right += right;
    }
    EXPECT_NEAR(n_right / 120.0, figure(eval, "exact_match"), 1e-6);
    expect_attention(dir);
    lat_free(said);
    lat_free(eval);
    lat_free(trained);
}

GPU_TEST(seq_tasks, pairs_resume_with_the_same_bits)
{
    (void) ctx;
    char extra[4096];
    const char *dir = mirrored();
    const char *less =
        "--max_steps 6 --save_steps 3 --eval_steps 6 --position_embedding_type rotary";
    lat_free(output_of(pairs_line(dir, "one", less)));
    snprintf(extra, sizeof extra, "%s --resume_from_checkpoint %s/one/checkpoint-3", less, dir);
    lat_free(output_of(pairs_line(dir, "two", extra)));
    expect_same_weights(dir, "one/checkpoint-6", "two/checkpoint-6");
}

TEST(seq_tasks, pairs_refuse_what_is_wrong)
{
    const char *dir = mirrored();
    lt_expect_refusal(NULL, pairs_line(dir, "no", "--target_column answer"), 3,
        "has no column \"answer\"; its columns are \"source\", \"target\"");
}

GPU_TEST(seq_tasks, pairs_refuse_models_that_do_not_fit)
{
    (void) ctx;
    char line[8192];
    const char *dir = mirrored();
    lt_expect_refusal(NULL,
        "lattn-seq train --task pairs --train_file x --output_dir y --model_type lstm "
        "--num_attention_heads 2",
        2, "--num_attention_heads is for --model_type transformer");
    snprintf(line, sizeof line,
        "lattn-seq train --task pairs --train_file %s/pairs.tsv --output_dir %s/no --model_type "
        "gru "
        "--hidden_size 16",
        dir, dir);
    lt_expect_refusal(NULL, line, 2, "this task needs a transformer");
    lt_expect_refusal(NULL, pairs_line(dir, "no", "--max_position_embeddings 4"), 2,
        "--seq_len 8 is above the model's max_position_embeddings 4");
}

// ---- series ---------------------------------------------------------------------------------------

enum { STEPS = 300, SEASON = 8 };

// A season on a slope, and a column that says nothing of it.
static void write_series(const char *path, int n)
{
    static const int shape[SEASON] = { 0, 3, 7, 9, 4, -2, -6, -5 };
    FILE *f = fopen(path, "w");
    REQUIRE(f != NULL);
    fputs("load,\"other, \"\"quoted\"\"\"\n", f);
    for (int t = 0; t < n; t++)
        fprintf(f, "%d,%d\n", 1000 + 2 * t + shape[t % SEASON] * (8 + t % 3), t * 7 % 5);
    fclose(f);
}

static const char *series_of(int n)
{
    const char *dir = lt_temp_dir();
    write_series(lt_path(dir, "series.csv"), n);
    return dir;
}

static const char *series_line(const char *dir, const char *output, const char *extra)
{
    static char line[8192];
    snprintf(line, sizeof line,
        "lattn-seq train --task series --train_file %s/series.csv --test_file %s/series.csv "
        "--validation_split_percentage 20 --output_dir %s/%s --hidden_size 16 --seq_len 16 "
        "--prediction_length 4 --season 8 --learning_rate 0.02 --per_device_train_batch_size 32 "
        "--max_steps 60 --eval_steps 60 --save_steps 30 --seed 7 --quiet --json %s",
        dir, dir, dir, output, extra);
    return line;
}

// The number in a column of the last line but some.
static double field_of(const char *csv, int row, int column)
{
    for (int i = 0; i < row && csv; i++)
        csv = strchr(csv, '\n') ? strchr(csv, '\n') + 1 : NULL;
    for (int i = 0; i < column && csv; i++)
        csv = strchr(csv, ',') ? strchr(csv, ',') + 1 : NULL;
    return csv ? atof(csv) : NAN;
}

GPU_TEST(seq_tasks, series_are_forecast_better_than_by_the_season)
{
    (void) ctx;
    char line[8192];
    const char *dir = series_of(STEPS);
    char *trained = output_of(series_line(dir, "out", "--targets load"));
    const char *test = strstr(trained, "\"test_mae\"");
    REQUIRE(test != NULL);
    double mae = figure(test, "load"), season = figure(strstr(test, "\"test_season_mae\""), "load");
    EXPECT(mae > 0 && mae < 0.7 * season);
    EXPECT(season < figure(strstr(test, "\"test_last_value_mae\""), "load"));
    snprintf(line, sizeof line, "lattn-seq eval -m %s/out -f %s/series.csv --json", dir, dir);
    char *eval = output_of(line);
    EXPECT_NEAR(figure(strstr(eval, "\"mae\""), "load"), mae, 1e-3 * mae);
    EXPECT_EQ(figure(eval, "n"), STEPS - 16 - 4 + 1);
    // Three forecasts of the past and one of what comes: 16 rows behind the names.
    snprintf(line, sizeof line,
        "lattn-seq predict -m %s/out -f %s/series.csv --backtests 3 --plot %s/plot.svg", dir, dir,
        dir);
    char *csv = output_of(line);
    EXPECT_CONTAINS(csv, "step,load,load_forecast\n289,");
    double error = 0;
    for (int i = 1; i <= 12; i++)
        error += fabs(field_of(csv, i, 2) - field_of(csv, i, 1)) / 12;
    EXPECT(error < season);
    EXPECT_NEAR(field_of(csv, 16, 0), STEPS + 4, 0);
    EXPECT_CONTAINS(csv, "\n304,,");
    char *svg = lt_read_file(lt_path(dir, "plot.svg"), NULL);
    EXPECT_CONTAINS(svg, "<path class=\"forecast\" d=\"M");
    EXPECT_CONTAINS(svg, "</svg>");
    lat_free(svg);
    lat_free(csv);
    lat_free(eval);
    lat_free(trained);
}

GPU_TEST(seq_tasks, series_resume_with_the_same_bits)
{
    (void) ctx;
    char extra[4096];
    const char *dir = series_of(120);
    const char *less = "--max_steps 6 --save_steps 3 --eval_steps 6 --model_type gru --dropout 0.1";
    lat_free(output_of(series_line(dir, "one", less)));
    snprintf(extra, sizeof extra, "%s --resume_from_checkpoint %s/one/checkpoint-3", less, dir);
    lat_free(output_of(series_line(dir, "two", extra)));
    expect_same_weights(dir, "one/checkpoint-6", "two/checkpoint-6");
    // Columns are a setting: a run of others is another one.
    snprintf(extra, sizeof extra, "%s --targets load --resume_from_checkpoint %s/one/checkpoint-3",
        less, dir);
    lt_expect_refusal(NULL, series_line(dir, "three", extra), 3, "other settings");
    // Both columns, one of them with a comma in its name.
    char line[8192];
    snprintf(line, sizeof line, "lattn-seq predict -m %s/one -f %s/series.csv", dir, dir);
    char *csv = output_of(line);
    EXPECT_CONTAINS(
        csv, "step,load,load_forecast,\"other, \"\"quoted\"\"\",\"other, \"\"quoted\"\"_");
    lat_free(csv);
    write_series(lt_path(dir, "short.csv"), 15);
    snprintf(line, sizeof line, "lattn-seq predict -m %s/one -f %s/short.csv", dir, dir);
    lt_expect_refusal(NULL, line, 3, "15 steps, a forecast reads 16");
    snprintf(line, sizeof line, "lattn-seq eval -m %s/one -f %s/short.csv", dir, dir);
    lt_expect_refusal(NULL, line, 2, "15 steps, a window of 16 and 4 needs 20");
}

TEST(seq_tasks, series_refuse_what_is_wrong)
{
    const char *dir = series_of(80);
    char extra[4096];
    lt_write_file(lt_path(dir, "nan.csv"), "load\n1\nnan\n");
    snprintf(extra, sizeof extra, "--train_file %s/nan.csv", dir);
    lt_expect_refusal(
        NULL, series_line(dir, "no", extra), 3, "nan.csv:3: column \"load\" is \"nan\"");
    lt_expect_refusal(
        NULL, series_line(dir, "no", "--columns load --columns price"), 3, "\"price\"");
    lt_expect_refusal(NULL, series_line(dir, "no", "--season 17"), 2,
        "a season of 17 steps is more than the 16 that are read");
    lt_expect_refusal(NULL, series_line(dir, "no", "--tokenizer bpe"), 2, "a series has no tokens");
    lt_expect_refusal(NULL, "lattn-seq train --train_file x --output_dir y --prediction_length 3",
        2, "--prediction_length is for --task series");
}

// ---- tags -----------------------------------------------------------------------------------------

static const char *const tag_of[5] = { "B-PER", "I-PER", "O", "B-LOC", "I-LOC" };

// Every sentence of three of the words a to e, each of which has its tag.
static const char *tagged(void)
{
    const char *dir = lt_temp_dir();
    char text[8192];
    size_t n = 0;
    for (int k = 0; k < 125; k++)
        for (int i = 0, rest = k; i < 3; i++, rest /= 5)
            n += (size_t) snprintf(text + n, sizeof text - n, "%c\t%s\n%s", 'a' + rest % 5,
                tag_of[rest % 5], i == 2 ? "\n" : "");
    lt_write_file(lt_path(dir, "tags.txt"), text);
    return dir;
}

static const char *tag_line(const char *dir, const char *output, const char *extra)
{
    static char line[8192];
    snprintf(line, sizeof line,
        "lattn-seq train --task tag --train_file %s/tags.txt --validation_file %s/tags.txt "
        "--output_dir %s/%s --hidden_size 16 --seq_len 8 --learning_rate 0.03 "
        "--per_device_train_batch_size 32 --max_steps 40 --eval_steps 40 --save_steps 20 --seed 7 "
        "--quiet --json %s",
        dir, dir, dir, output, extra);
    return line;
}

// What seqeval says of these: spans that agree 3, in the file 7, said 6.
GPU_TEST(seq_tasks, tags_are_learnt_and_entities_counted)
{
    (void) ctx;
    char line[8192];
    const char *dir = tagged();
    char *trained = output_of(tag_line(dir, "out", ""));
    EXPECT_NEAR(figure(trained, "eval_accuracy"), 1, 0);
    EXPECT_NEAR(figure(trained, "eval_entity_f1"), 1, 0);
    lt_write_file(lt_path(dir, "other.txt"), "a\tB-PER\nb\tI-PER\nc\tO\n\n"
                                             "a\tB-PER\nb\tB-PER\n\n"
                                             "c\tO\ne\tI-LOC\nd\tB-LOC\n\n"
                                             "a\tB-PER\ne\tI-PER\n\n"
                                             "c\tO\nc\tB-LOC\n");
    snprintf(line, sizeof line, "lattn-seq eval -m %s/out -f %s/other.txt --json", dir, dir);
    char *eval = output_of(line);
    EXPECT_NEAR(figure(eval, "entity_precision"), 3.0 / 6, 1e-6);
    EXPECT_NEAR(figure(eval, "entity_recall"), 3.0 / 7, 1e-6);
    EXPECT_NEAR(figure(eval, "entity_f1"), 6.0 / 13, 1e-6);
    EXPECT_EQ(figure(eval, "entities"), 7);
    EXPECT_EQ(figure(eval, "n"), 12);
    EXPECT_NEAR(figure(eval, "accuracy"), 9.0 / 12, 1e-6);
    // Words without tags; the limit of 4 tokens has places for two of them.
    lt_write_file(lt_path(dir, "new.txt"), "d\ne\n\nc\na\nb\n");
    snprintf(line, sizeof line, "lattn-seq predict -m %s/out -f %s/new.txt --seq_len 4", dir, dir);
    char *said = output_of(line);
    EXPECT_STR(said, "d\tB-LOC\ne\tI-LOC\n\nc\tO\na\tB-PER\nb\t_\n\n");
    lat_free(said);
    lat_free(eval);
    lat_free(trained);
}

GPU_TEST(seq_tasks, tags_without_spans_and_resumed)
{
    (void) ctx;
    char extra[4096];
    const char *dir = tagged();
    const char *less = "--max_steps 6 --save_steps 3 --eval_steps 6 --dropout 0.1";
    lt_write_file(lt_path(dir, "tags.txt"), "the\tDT\ncat\tNN\n\na\tDT\ndog\tNN\n");
    char *one = output_of(tag_line(dir, "one", less));
    EXPECT(!strstr(one, "entit"));
    snprintf(extra, sizeof extra, "%s --resume_from_checkpoint %s/one/checkpoint-3", less, dir);
    lat_free(output_of(tag_line(dir, "two", extra)));
    expect_same_weights(dir, "one/checkpoint-6", "two/checkpoint-6");
    lat_free(one);
    lt_write_file(lt_path(dir, "bad.txt"), "the\tDT\ncat\tVB\n");
    snprintf(extra, sizeof extra, "--validation_file %s/bad.txt", dir);
    lt_expect_refusal(NULL, tag_line(dir, "no", extra), 3, "VB");
    lt_write_file(lt_path(dir, "empty.txt"), "\n\n");
    snprintf(extra, sizeof extra, "--train_file %s/empty.txt", dir);
    lt_expect_refusal(NULL, tag_line(dir, "no", extra), 3, "empty.txt");
}
