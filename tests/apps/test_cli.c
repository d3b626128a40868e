// SPDX-License-Identifier: MIT
//
// The option table: spellings, types, ranges, and one clear sentence with exit code 2 for
// everything that is wrong.

#include <unistd.h>
#include "common/cli.h"
#include "harness/harness.h"

static const char *const dtypes[] = { "f32", "f16", "bf16", NULL };

struct options {
    bool quiet, do_train;
    const char *train_file, *resume;
    struct cli_strs files;
    int n_epochs, dtype;
    int64_t seed;
    float lr;
};

// Parses the words and keeps what was printed to stderr.
struct run {
    struct options o;
    struct cli_operands rest;
    bool go_on;
    int code;
    char words[16][64];
    char *argv[17];
    char message[1024];
    struct cli_opt opts[16];
    bool given[16];
    struct cli_command cmd;
};

static void parse(struct run *r, const char *line)
{
    memset(r, 0, sizeof *r);
    r->o = (struct options){ .n_epochs = 3, .lr = 2e-5f, .seed = 42 };
    struct options *o = &r->o;
    const struct cli_opt opts[] = {
        CLI_GROUP("Data"),
        CLI_STR("train_file", 't', &o->train_file, "FILE", "training data"),
        CLI_STRS("input_file", 0, &o->files, "FILE", "more data"),
        CLI_GROUP("Training"),
        CLI_FLAG("do_train", 0, &o->do_train, "train"),
        CLI_FLAG("quiet", 'q', &o->quiet, "no progress"),
        CLI_INT("num_train_epochs", 'e', &o->n_epochs, 1, 1000, "passes over the data"),
        CLI_I64("seed", 0, &o->seed, 0, 9e15, "of all random numbers"),
        CLI_F32("learning_rate", 0, &o->lr, 0, 1, "peak learning rate"),
        CLI_ENUM("dtype", 0, &o->dtype, dtypes, "storage type"),
        CLI_OPT_STR("resume_from_checkpoint", 0, &o->resume, "true|PATH", "go on"),
        CLI_END,
    };
    _Static_assert(sizeof opts <= sizeof r->opts, "room for all");
    memcpy(r->opts, opts, sizeof opts);
    r->cmd = (struct cli_command){
        .name = "lattn-test",
        .summary = "Tests the options.",
        .operands = "[WORD...]",
        .opts = r->opts,
        .max_operands = 2,
        .given = r->given,
    };
    int argc = 0;
    r->argv[argc++] = strcpy(r->words[0], "lattn-test");
    char copy[512];
    snprintf(copy, sizeof copy, "%s", line);
    for (char *w = strtok(copy, " "); w; w = strtok(NULL, " ")) {
        r->argv[argc] = strcpy(r->words[argc], w);
        argc++;
    }

    FILE *capture = tmpfile();
    fflush(stderr);
    int saved = dup(2);
    dup2(fileno(capture), 2);
    r->go_on = cli_parse(&r->cmd, argc, r->argv, &r->rest, &r->code);
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    rewind(capture);
    size_t n = fread(r->message, 1, sizeof r->message - 1, capture);
    r->message[n] = '\0';
    fclose(capture);
}

TEST(cli, defaults_stay_without_options)
{
    struct run r;
    parse(&r, "");
    EXPECT(r.go_on);
    EXPECT_EQ(r.o.n_epochs, 3);
    EXPECT_EQ(r.o.seed, 42);
    EXPECT_NEAR(r.o.lr, 2e-5, 1e-9);
}

TEST(cli, every_type_takes_its_value)
{
    struct run r;
    parse(&r, "--train_file a.tsv -e 5 --seed=7000000000 --learning_rate 1e-3 --dtype bf16 -q "
              "--input_file x --input_file=y --do_train=false");
    EXPECT(r.go_on);
    EXPECT_STR(r.o.train_file, "a.tsv");
    EXPECT_EQ(r.o.n_epochs, 5);
    EXPECT_EQ(r.o.seed, 7000000000);
    EXPECT_NEAR(r.o.lr, 1e-3, 1e-9);
    EXPECT_EQ(r.o.dtype, 2);
    EXPECT(r.o.quiet && !r.o.do_train);
    EXPECT_EQ(r.o.files.n, 2);
    EXPECT_STR(r.o.files.items[1], "y");
}

TEST(cli, dash_and_underscore_are_alike_in_names_only)
{
    struct run r;
    parse(&r, "--train-file my-file_1.tsv --num_train-epochs 2 --input-file=a-b_c");
    EXPECT(r.go_on);
    EXPECT_STR(r.o.train_file, "my-file_1.tsv");
    EXPECT_STR(r.o.files.items[0], "a-b_c");
    EXPECT_EQ(r.o.n_epochs, 2);
}

TEST(cli, value_that_looks_like_an_option_stays_as_it_is)
{
    struct run r;
    parse(&r, "--train_file --odd-name");
    EXPECT(r.go_on);
    EXPECT_STR(r.o.train_file, "--odd-name");
}

TEST(cli, beginning_of_a_name_is_enough)
{
    struct run r;
    parse(&r, "--num 9 --learn 0.5");
    EXPECT(r.go_on);
    EXPECT_EQ(r.o.n_epochs, 9);
}

TEST(cli, operands_may_stand_anywhere)
{
    struct run r;
    parse(&r, "one -q two");
    EXPECT(r.go_on && r.o.quiet);
    EXPECT_EQ(r.rest.n, 2);
    EXPECT_STR(r.rest.items[0], "one");
    EXPECT_STR(r.rest.items[1], "two");

    parse(&r, "-e 4 -- --quiet");
    EXPECT(r.go_on && !r.o.quiet);
    EXPECT_EQ(r.rest.n, 1);
    EXPECT_STR(r.rest.items[0], "--quiet");
}

TEST(cli, optional_value_may_be_left_out)
{
    struct run r;
    parse(&r, "--resume_from_checkpoint");
    EXPECT_STR(r.o.resume, "true");
    parse(&r, "--resume_from_checkpoint out/step-50 -q");
    EXPECT_STR(r.o.resume, "out/step-50");
    EXPECT(r.o.quiet);
    parse(&r, "--resume-from-checkpoint -q");
    EXPECT_STR(r.o.resume, "true");
    parse(&r, "--resume_from_checkpoint=x");
    EXPECT_STR(r.o.resume, "x");
}

TEST(cli, true_and_false_may_be_written_as_in_python)
{
    struct run r;
    parse(&r, "--resume_from_checkpoint True --do_train=True");
    EXPECT_STR(r.o.resume, "true");
    EXPECT(r.o.do_train);
    parse(&r, "--resume_from_checkpoint False --do_train=False");
    EXPECT_STR(r.o.resume, "false");
    EXPECT(!r.o.do_train);
    parse(&r, "--resume_from_checkpoint Truest");
    EXPECT_STR(r.o.resume, "Truest");
}

TEST(cli, what_was_given_is_known)
{
    struct run r;
    parse(&r, "--num-train 3 -q");
    EXPECT(cli_given(&r.cmd, "num_train_epochs") && cli_given(&r.cmd, "quiet"));
    EXPECT(!cli_given(&r.cmd, "learning_rate") && !cli_given(&r.cmd, "train_file"));
    EXPECT(!cli_given(&r.cmd, "no_such_option"));
}

static void expect_refused(const char *line, const char *sentence)
{
    struct run r;
    parse(&r, line);
    EXPECT(!r.go_on);
    EXPECT_EQ(r.code, CLI_EXIT_USAGE);
    EXPECT_CONTAINS(r.message, sentence);
    const char *newline = strchr(r.message, '\n');
    EXPECT(newline && newline[1] == '\0');  // one sentence, one line
}

TEST(cli, mistakes_give_one_sentence_and_code_2)
{
    expect_refused("--nonsense", "unknown option '--nonsense'; see lattn-test --help");
    expect_refused("--learning-rat 1 --lerning_rate 1", "did you mean '--learning_rate'?");
    expect_refused("-z", "unknown option '-z'");
    expect_refused("--train_file", "--train_file needs a value");
    expect_refused("--help=yes", "--help takes no value");
    expect_refused("--num_train_epochs 0", "'0' is not a whole number from 1 to 1000");
    expect_refused("-e 1e9", "'1e9' is not a whole number from 1 to 1000");
    expect_refused("-e 99999999999999999999", "is not a whole number from 1 to 1000");
    expect_refused("--num_train_epochs=", "'' is not a whole number");
    expect_refused("--train_file=", "--train_file: the value is empty");
    expect_refused("--resume_from_checkpoint=", "--resume_from_checkpoint: the value is empty");
    expect_refused("--learning_rate nan", "'nan' is not a number from 0 to 1");
    expect_refused("--learning_rate -1", "'-1' is not a number from 0 to 1");
    expect_refused("--learning_rate 0.1x", "'0.1x' is not a number");
    expect_refused("--dtype f64", "'f64' is not one of f32, f16, bf16");
    expect_refused("--quiet=perhaps", "'perhaps' is not true or false");
    expect_refused("a b c", "unexpected word 'c'");
}

TEST(cli, help_fits_80_columns_and_names_every_option)
{
    struct options o = { .train_file = "somewhere/with/a/long/path/train.tsv" };
    const struct cli_opt opts[] = {
        CLI_GROUP("Data"),
        CLI_STR("train_file", 't', &o.train_file, "FILE",
            "training data: tab-separated, comma-separated or one JSON object a line, with "
            "the column names in the first line"),
        CLI_STR("a_name_that_is_longer_than_the_column", 0, &o.resume, "SOMETHING", "a thing"),
        CLI_ENUM("dtype", 0, &o.dtype, dtypes, "storage type"),
        CLI_END,
    };
    const struct cli_command cmd = { "lattn-test", "Tests.", NULL, opts, 0, 0, "A note.", NULL };
    FILE *f = tmpfile();
    char line[512], all[4096] = "";
    cli_print_help(&cmd, f);
    rewind(f);
    while (fgets(line, sizeof line, f)) {
        EXPECT(strlen(line) <= 81);
        strncat(all, line, sizeof all - strlen(all) - 1);
    }
    fclose(f);
    EXPECT_CONTAINS(all, "-t, --train_file FILE");
    EXPECT_CONTAINS(all, "--a_name_that_is_longer_than_the_column SOMETHING");
    EXPECT_CONTAINS(all, "one of f32, f16, bf16 (default f32)");
    EXPECT_CONTAINS(all, "--version");
    EXPECT_CONTAINS(all, "A note.");
}

TEST(cli, exit_codes_follow_the_status)
{
    EXPECT_EQ(cli_exit_code(LATTN_OK), 0);
    EXPECT_EQ(cli_exit_code(LATTN_ERR_ARG), 2);
    EXPECT_EQ(cli_exit_code(LATTN_ERR_FORMAT), 3);
    EXPECT_EQ(cli_exit_code(LATTN_ERR_NO_DEVICE), 4);
    EXPECT_EQ(cli_exit_code(LATTN_ERR_DEVICE_LOST), 5);
    EXPECT_EQ(cli_exit_code(LATTN_ERR_GPU_MEMORY), 6);
    EXPECT_EQ(cli_exit_code(LATTN_ERR_HOST_MEMORY), 6);
    EXPECT_EQ(cli_exit_code(LATTN_ERR_IO), 7);
    EXPECT_EQ(cli_exit_code(LATTN_ERR_NOT_FINITE), 8);
    EXPECT_EQ(cli_exit_code(LATTN_ERR_INTERRUPTED), 130);
}
