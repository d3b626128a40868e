// SPDX-License-Identifier: MIT
//
// lattn-bench from outside: what it measures is JSON of the form that Google Benchmark's tools read, and
// compare reads it, too.

#include "base/json.h"
#include "e2e/command.h"

// Runs the command; every benchmark has a name with that beginning and positive numbers of these names
// (ends with NULL). What it printed goes to the file path.
static void expect_rows(
    const char *line, const char *begins, const char *const *numbers, const char *path)
{
    struct lt_command c = lt_command_run(NULL, line);
    json_t *j = NULL;
    EXPECT_EQ(c.code, 0);
    EXPECT_OK(lat_json_parse(line, c.out, strlen(c.out), &j));
    const json_t *rows = json_object_get(j, "benchmarks");
    EXPECT(json_array_size(rows) > 0);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *name = json_string_value(json_object_get(row, "name"));
        EXPECT(name && strncmp(name, begins, strlen(begins)) == 0);
        for (int k = 0; numbers[k]; k++)
            if (!(json_number_value(json_object_get(row, numbers[k])) > 0))
                lt_fail(__FILE__, __LINE__, "%s of %s is not positive", numbers[k], name);
    }
    EXPECT_STR(json_string_value(json_object_get(json_object_get(j, "context"), "library_version")),
        lattn_version());
    lt_write_file(path, c.out);
    json_decref(j);
    lt_command_free(&c);
}

TEST(bench, ops_and_networks_are_measured_and_compared)
{
    static const char *const of_op[] = { "real_time", "cpu_time", "iterations", "gflops",
        "gb_per_s", "peak_share", NULL };
    static const char *const of_network[] = { "real_time", "samples_per_second", "gflops",
        "peak_share", "dispatches", "barriers", "submits", "peak_bytes", "planned_bytes", NULL };
    if (!lt_has_device())
        return;
    const char *dir = lt_temp_dir();
    char path[300], line[1000];
    snprintf(path, sizeof path, "%s/time.json", dir);
    snprintf(line, sizeof line,
        "lattn-bench time --quick --forward_only --json --roofline %s/roofline.svg softmax rows=3 "
        "columns=33 dtype=f32",
        dir);
    expect_rows(line, "softmax/rows=3,columns=33/f32/", of_op, path);
    snprintf(path, sizeof path, "%s/model.json", dir);
    expect_rows("lattn-bench model --quick --json --batch_size 2 --seq_len 8 wordnet",
        "wordnet/b2_t8/f32/train", of_network, path);
    expect_rows("lattn-bench costs --quick --json", "cost/",
        (const char *const[]){ "real_time", "cpu_time", NULL }, lt_path(dir, "costs.json"));
    snprintf(line, sizeof line, "lattn-bench compare %s %s", path, path);
    struct lt_command c = lt_command_run(NULL, line);
    EXPECT_EQ(c.code, 0);
    EXPECT_CONTAINS(c.out, "wordnet/b2_t8/f32/train");
    EXPECT_CONTAINS(c.out, "0 slower, 0 faster, 1 the same, 0 not in both");
    lt_command_free(&c);
    char *svg = lt_read_file(lt_path(dir, "roofline.svg"), NULL);
    EXPECT_CONTAINS(svg, "<title>softmax/rows=3,columns=33/f32/");
    lat_free(svg);
    // What was measured is on the page, and what was not has no section.
    snprintf(line, sizeof line, "lattn-bench page --commit 1234567 %s", dir);
    c = lt_command_run(NULL, line);
    EXPECT_EQ(c.code, 0);
    EXPECT_CONTAINS(c.out, "| commit | 1234567 |");
    EXPECT_CONTAINS(c.out, "| softmax/rows=3,columns=33/f32/");
    EXPECT_CONTAINS(c.out, "| wordnet/b2_t8/f32/train |");
    EXPECT_CONTAINS(c.out, "| cost/replay/barrier |");
    EXPECT_CONTAINS(c.out, "](roofline.svg)");
    EXPECT(!strstr(c.out, "## Floors"));
    lt_command_free(&c);
}

// Whether a floor is held is a matter of the machine and what else it does; that each row is judged is not.
TEST(bench, floors_are_judged)
{
    if (!lt_has_device())
        return;
    struct lt_command c = lt_command_run(NULL, "lattn-bench floors --quick sum");
    EXPECT(c.code == 0 || c.code == 1);
    EXPECT_CONTAINS(c.out, "sum/rows=4096,columns=768,dim=0/f32/");
    EXPECT_CONTAINS(c.out, c.code ? "aim 2.17: missed" : "aim 2.17: held");
    lt_command_free(&c);
}

TEST(bench, what_tuning_finds_is_known_to_the_next_run)
{
    if (!lt_has_device())
        return;
    char env[300];
    snprintf(env, sizeof env, "LATTN_CACHE_DIR=%s", lt_temp_dir());
    static const char line[] =
        "lattn-bench time --tune --quick --forward_only matmul m=16 n=16 k=16";
    struct lt_command c = lt_command_run(env, line);
    EXPECT_EQ(c.code, 0);
    EXPECT_CONTAINS(c.err, "tuned matmul/f32/1,16,16,16,");
    EXPECT(!strstr(c.err, "LEFT OUT"));
    lt_command_free(&c);
    c = lt_command_run(env, line);
    EXPECT_EQ(c.code, 0);
    EXPECT(!strstr(c.err, "tuned"));
    lt_command_free(&c);
}

TEST(bench, stats_are_shown_or_why_there_are_none)
{
    if (!lt_has_device())
        return;
    struct lt_command c = lt_command_run(NULL, "lattn-bench stats --case=classify cross_entropy");
    EXPECT(c.code == 0 || c.code == 4);
    if (c.code == 0)
        EXPECT_CONTAINS(c.out, "cross_entropy");
    else
        EXPECT_CONTAINS(c.err, "says nothing about its kernels (it lacks VK_KHR_pipeline_exec");
    lt_command_free(&c);
}

// A row of the same name is the same work: the page says how many times as fast this one is.
TEST(bench, the_page_has_a_column_of_pytorch)
{
    static const char form[] = "{ \"context\": { \"library_version\": \"2.11\", \"device\": \"a "
                               "card\" }, \"benchmarks\": [ %s ] }";
    static const char rows[] = "{ \"name\": \"wordnet/b2_t8/f16/train\", \"real_time\": %d }, "
                               "{ \"name\": \"wordnet/b2_t8/f16/train%s\", \"real_time\": %d }";
    const char *dir = lt_temp_dir();
    char own[300], peer[300], text[600], line[400];
    snprintf(own, sizeof own, rows, 200, "/nothing", 1);
    snprintf(text, sizeof text, form, own);
    lt_write_file(lt_path(dir, "model_f16.json"), text);
    snprintf(peer, sizeof peer, rows, 150, "/compiled", 50);
    snprintf(text, sizeof text, form, peer);
    lt_write_file(lt_path(dir, "pytorch.json"), text);
    snprintf(line, sizeof line, "lattn-bench page %s", dir);
    struct lt_command c = lt_command_run(NULL, line);
    EXPECT_EQ(c.code, 0);
    EXPECT_CONTAINS(c.out, "| PyTorch 2.11 | a card;");
    EXPECT_CONTAINS(c.out, "| of PyTorch | of PyTorch, compiled |");
    EXPECT_CONTAINS(c.out, "| 0.75 | 0.25 |\n");
    lt_command_free(&c);
}

// Beyond the threshold and the spread of both, and only then, a row is slower.
TEST(bench, a_slower_row_is_exit_code_1)
{
    static const char form[] = "{ \"benchmarks\": [ { \"name\": \"add\", \"real_time\": %s, "
                               "\"time_unit\": \"us\", \"spread\": 0.3 } ] }";
    static const struct {
        const char *time, *verdict;
        int code;
    } others[] = {
        { "125", "0 slower, 0 faster, 1 the same", 0 },
        { "135", "1 slower, 0 faster, 0 the same", 1 },
        { "70", "0 slower, 1 faster, 0 the same", 0 },
    };
    char text[300], old[300], new[300], line[700];
    snprintf(old, sizeof old, "%s/old.json", lt_temp_dir());
    snprintf(new, sizeof new, "%s/new.json", lt_temp_dir());
    snprintf(text, sizeof text, form, "100");
    lt_write_file(old, text);
    for (size_t i = 0; i < LAT_COUNT(others); i++) {
        snprintf(text, sizeof text, form, others[i].time);
        lt_write_file(new, text);
        snprintf(line, sizeof line, "lattn-bench compare %s %s", old, new);
        struct lt_command c = lt_command_run(NULL, line);
        EXPECT_EQ(c.code, others[i].code);
        EXPECT_CONTAINS(c.out, others[i].verdict);
        lt_command_free(&c);
    }
}

TEST(bench, unknown_names_are_refused)
{
    lt_expect_refusal(NULL, "lattn-bench time softmaxx", 2, "there is no op 'softmaxx'");
    lt_expect_refusal(NULL, "lattn-bench time matmul m=8 n=8 q=8", 2,
        "matmul has no size 'q'; it has m, n, k, [batch], [ta], [tb]");
    lt_expect_refusal(NULL, "lattn-bench time matmul m=8 n=0 k=8", 2,
        "matmul: n is a whole number from 1 to 16777216, not '0'");
    lt_expect_refusal(NULL, "lattn-bench time softmax rows=8", 2, "softmax: columns is missing");
    lt_expect_refusal(NULL, "lattn-bench model gpt-5", 2, "there is no network 'gpt-5'");
}
