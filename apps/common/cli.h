// SPDX-License-Identifier: MIT
//
// Command lines. One table of options per command gives the parsing, the --help text and
// the manual page; nothing about an option is written twice.
//
//     struct options o = { .n_epochs = 3 };
//     const struct cli_opt opts[] = {
//         CLI_GROUP("Training"),
//         CLI_INT("num_train_epochs", 'e', &o.n_epochs, 1, 10000, "passes over the data"),
//         CLI_F32("learning_rate", 0, &o.lr, 0, 1, "peak learning rate"),
//         CLI_END,
//     };
//     const struct cli_command cmd = { "lattn-bert finetune", "...", NULL, opts, 0, 0 };
//     int code;
//     if (!cli_parse(&cmd, argc, argv, NULL, &code))
//         return code;
//
// Names are written with _ here; users may write - or _ in any mixture, and any unambiguous
// beginning of a name. Defaults are what the variables hold before parsing; --help shows
// them. -h, --help and --version are there without being listed.
#ifndef LATTN_APPS_CLI_H
#define LATTN_APPS_CLI_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "lattn/status.h"

enum cli_type {
    CLI_TYPE_END,
    CLI_TYPE_GROUP,    // a heading in --help
    CLI_TYPE_FLAG,     // bool: --x, --x=false
    CLI_TYPE_STR,      // const char *: points into argv
    CLI_TYPE_STRS,     // struct cli_strs: every occurrence adds one
    CLI_TYPE_OPT_STR,  // const char *: the value may be left out, "true" then
    CLI_TYPE_INT,      // int
    CLI_TYPE_I64,      // int64_t
    CLI_TYPE_F32,      // float
    CLI_TYPE_ENUM,     // int: index into choices
};

enum { CLI_MAX_STRS = 64, CLI_MAX_OPTIONS = 96 };

struct cli_strs {
    const char *items[CLI_MAX_STRS];
    int n;
};

struct cli_opt {
    enum cli_type type;
    const char *name;
    char letter;  // short form; 0 = none
    void *value;
    double min, max;             // of numbers, both allowed
    const char *const *choices;  // of CLI_TYPE_ENUM, ends with NULL
    const char *arg;             // word for the value in --help; NULL = by type
    const char *help;
};

// clang-format off
#define CLI_GROUP(title)                        { CLI_TYPE_GROUP, title, 0, NULL, 0, 0, NULL, NULL, NULL }
#define CLI_FLAG(name, letter, value, help)     { CLI_TYPE_FLAG, name, letter, value, 0, 0, NULL, NULL, help }
#define CLI_STR(name, letter, value, arg, help) { CLI_TYPE_STR, name, letter, value, 0, 0, NULL, arg, help }
#define CLI_STRS(name, letter, value, arg, help) { CLI_TYPE_STRS, name, letter, value, 0, 0, NULL, arg, help }
#define CLI_OPT_STR(name, letter, value, arg, help) \
    { CLI_TYPE_OPT_STR, name, letter, value, 0, 0, NULL, arg, help }
#define CLI_INT(name, letter, value, min, max, help) \
    { CLI_TYPE_INT, name, letter, value, min, max, NULL, NULL, help }
#define CLI_I64(name, letter, value, min, max, help) \
    { CLI_TYPE_I64, name, letter, value, min, max, NULL, NULL, help }
#define CLI_F32(name, letter, value, min, max, help) \
    { CLI_TYPE_F32, name, letter, value, min, max, NULL, NULL, help }
#define CLI_ENUM(name, letter, value, choices, help) \
    { CLI_TYPE_ENUM, name, letter, value, 0, 0, choices, NULL, help }
#define CLI_END { CLI_TYPE_END, NULL, 0, NULL, 0, 0, NULL, NULL, NULL }
// clang-format on

struct cli_command {
    const char *name;      // as in messages: "lattn-info" or "lattn-bert finetune"
    const char *summary;   // one sentence
    const char *operands;  // words in the usage line, "[OP...]"; NULL = none
    const struct cli_opt *opts;
    int min_operands, max_operands;
    const char *notes;  // shown below the options, may have several lines; NULL = none
    bool *given;        // out: [number of opts] whether the option was there; NULL = not wanted
};

// What is left of argv once the options are gone.
struct cli_operands {
    char **items;  // points into argv, which is reordered
    int n;
};

// True: go on. False: *exit_code says how to end; messages have been printed (help and
// version to stdout, complaints as one sentence to stderr). operands may be NULL.
// argv's option names are changed in place.
bool cli_parse(const struct cli_command *cmd, int argc, char **argv, struct cli_operands *operands,
    int *exit_code);

// Whether the option was given, by its name; of a command with given.
bool cli_given(const struct cli_command *cmd, const char *option);

void cli_print_help(const struct cli_command *cmd, FILE *to);
void cli_print_man(const struct cli_command *cmd, FILE *to);  // roff, section 1

// A program with subcommands, each with a main of its own; argv[0] is the subcommand then.
struct cli_subcommand {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
};
struct cli_suite {
    const char *name, *summary;
    const struct cli_subcommand *commands;  // ends with name NULL
    const char *notes;                      // NULL = none
};
int cli_dispatch(const struct cli_suite *suite, int argc, char **argv);

// Around the work of every program; cli_dispatch has both inside. From cli_begin on, warnings of the
// library go to stderr (LATTN_LOG asks for more), a closed stdin, stdout or stderr is not taken by the next
// file that is opened, and a file that may not grow (ulimit -f) is an error and no signal. cli_end returns
// code, or CLI_EXIT_IO with a sentence when something could not be printed.
void cli_begin(void);
int cli_end(const char *program, int code);

// ---- exit codes and messages ----------------------------------------------------------------

enum cli_exit {
    CLI_EXIT_OK = 0,
    CLI_EXIT_INTERNAL = 1,
    CLI_EXIT_USAGE = 2,
    CLI_EXIT_INPUT = 3,
    CLI_EXIT_NO_DEVICE = 4,
    CLI_EXIT_DEVICE_LOST = 5,
    CLI_EXIT_MEMORY = 6,
    CLI_EXIT_IO = 7,
    CLI_EXIT_NOT_FINITE = 8,
    CLI_EXIT_SIGINT = 130,
};
int cli_exit_code(lattn_status status);

// "name: sentence" to stderr; returns CLI_EXIT_USAGE.
int cli_usage_error(const char *command, const char *fmt, ...) LATTN_PRINTF(2, 3);
// Keeps a sentence for cli_fail, of an error that the library knows nothing of. Returns status.
lattn_status cli_error(lattn_status status, const char *fmt, ...) LATTN_PRINTF(2, 3);
// "name: sentence of the last error" to stderr; returns the exit code of status.
int cli_fail(const char *command, lattn_status status, const lattn_ctx *ctx);
// Whether text to this stream may be coloured: a terminal, and NO_COLOR is not set.
bool cli_may_colour(FILE *to);

#endif
