// SPDX-License-Identifier: MIT
//
// Parsing of command lines, on getopt_long. It is asked for one option at a time in its
// strict order mode ("+"): that way the next word is known before getopt sees it, so that
// option names (and nothing else) get their dashes turned into underscores, and operands can
// stand anywhere.

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "common/cli.h"
#include "common/cli_names.h"

enum { FIRST_LONG = 256, MAN_PAGE = FIRST_LONG - 1, VERSION = FIRST_LONG - 2 };

int cli_usage_error(const char *command, const char *fmt, ...)
{
    va_list args;
    fprintf(stderr, "%s: ", command);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, "\n");
    return CLI_EXIT_USAGE;
}

static char sentence[1024];

lattn_status cli_error(lattn_status status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    return status;
}

int cli_fail(const char *command, lattn_status status, const lattn_ctx *ctx)
{
    const char *text = *sentence ? sentence : lattn_error(ctx);
    if (!*text)
        text = lattn_error(NULL);
    fprintf(stderr, "%s: %s\n", command, *text ? text : lattn_status_text(status));
    return cli_exit_code(status);
}

int cli_exit_code(lattn_status status)
{
    switch (status) {
    case LATTN_OK:
        return CLI_EXIT_OK;
    case LATTN_ERR_ARG:
        return CLI_EXIT_USAGE;
    case LATTN_ERR_SHAPE:
    case LATTN_ERR_DTYPE:
    case LATTN_ERR_FORMAT:
    case LATTN_ERR_UNSUPPORTED:  // files of a kind that is not read; a device that lacks a lot is refused
        return CLI_EXIT_INPUT;
    case LATTN_ERR_NO_DEVICE:
        return CLI_EXIT_NO_DEVICE;
    case LATTN_ERR_DEVICE_LOST:
        return CLI_EXIT_DEVICE_LOST;
    case LATTN_ERR_HOST_MEMORY:
    case LATTN_ERR_GPU_MEMORY:
        return CLI_EXIT_MEMORY;
    case LATTN_ERR_IO:
        return CLI_EXIT_IO;
    case LATTN_ERR_NOT_FINITE:
        return CLI_EXIT_NOT_FINITE;
    case LATTN_ERR_INTERRUPTED:
        return CLI_EXIT_SIGINT;
    default:
        return CLI_EXIT_INTERNAL;
    }
}

bool cli_may_colour(FILE *to)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return !(no && *no) && isatty(fileno(to)) && !(term && strcmp(term, "dumb") == 0);
}

// ---- values ---------------------------------------------------------------------------------

static bool parse_bool(const char *text, bool *out)
{
    *out = strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
    return *out || strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

static bool parse_int(const struct cli_opt *o, const char *text, long long *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return *text && !*end && errno == 0 && (double) *out >= o->min && (double) *out <= o->max;
}

static bool parse_float(const struct cli_opt *o, const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return *text && !*end && isfinite(*out) && *out >= o->min && *out <= o->max;
}

static int find_choice(const struct cli_opt *o, const char *text)
{
    for (int i = 0; o->choices[i]; i++)
        if (cli_names_equal(o->choices[i], text))
            return i;
    return -1;
}

static bool set_number(const struct cli_opt *o, const char *text)
{
    long long whole;
    double real;
    switch (o->type) {
    case CLI_TYPE_INT:
        if (!parse_int(o, text, &whole))
            return false;
        *(int *) o->value = (int) whole;
        return true;
    case CLI_TYPE_I64:
        if (!parse_int(o, text, &whole))
            return false;
        *(int64_t *) o->value = whole;
        return true;
    default:
        if (!parse_float(o, text, &real))
            return false;
        *(float *) o->value = (float) real;
        return true;
    }
}

static bool add_str(const struct cli_command *cmd, const struct cli_opt *o, const char *text)
{
    struct cli_strs *s = o->value;
    if (s->n == CLI_MAX_STRS) {
        cli_usage_error(cmd->name, "--%s is given more than %d times", o->name, CLI_MAX_STRS);
        return false;
    }
    s->items[s->n++] = text;
    return true;
}

static bool bad_value(const struct cli_command *cmd, const struct cli_opt *o, const char *text)
{
    char allowed[512];
    cli_names_allowed(o, allowed, sizeof allowed);
    cli_usage_error(cmd->name, "--%s: '%.64s' is not %s", o->name, text, allowed);
    return false;
}

// No file has an empty name: a variable of the caller's script was empty.
static bool is_path(const struct cli_opt *o)
{
    return o->arg && (strstr(o->arg, "FILE") || strstr(o->arg, "DIR") || strstr(o->arg, "PATH"));
}

static bool no_path(const struct cli_command *cmd, const struct cli_opt *o)
{
    cli_usage_error(cmd->name, "--%s: the value is empty", o->name);
    return false;
}

// Python's True and False are the same words.
static const char *true_or_text(const char *text)
{
    if (!text || strcasecmp(text, "true") == 0)
        return "true";
    return strcasecmp(text, "false") == 0 ? "false" : text;
}

// text NULL = the option was given without a value, which only some types allow.
static bool set_value(const struct cli_command *cmd, const struct cli_opt *o, const char *text)
{
    switch (o->type) {
    case CLI_TYPE_FLAG:
        if (!parse_bool(text ? text : "true", o->value))
            return bad_value(cmd, o, text);
        return true;
    case CLI_TYPE_STR:
        *(const char **) o->value = text;
        return *text || !is_path(o) || no_path(cmd, o);
    case CLI_TYPE_OPT_STR:
        *(const char **) o->value = true_or_text(text);
        return !text || *text || !is_path(o) || no_path(cmd, o);
    case CLI_TYPE_STRS:
        return add_str(cmd, o, text);
    case CLI_TYPE_ENUM: {
        int i = find_choice(o, text);
        if (i < 0)
            return bad_value(cmd, o, text);
        *(int *) o->value = i;
        return true;
    }
    default:
        return set_number(o, text) || bad_value(cmd, o, text);
    }
}

// ---- the getopt tables ----------------------------------------------------------------------

struct tables {
    struct option longs[CLI_MAX_OPTIONS];
    char letters[2 * CLI_MAX_OPTIONS + 4];
};

static int has_arg(const struct cli_opt *o)
{
    return o->type == CLI_TYPE_FLAG || o->type == CLI_TYPE_OPT_STR ? optional_argument
                                                                   : required_argument;
}

static void make_tables(const struct cli_command *cmd, struct tables *t)
{
    int n = 0;
    char *s = t->letters;
    memset(t, 0, sizeof *t);
    *s++ = '+';  // stop at the first operand
    *s++ = ':';  // tell a missing value from an unknown option
    *s++ = 'h';
    t->longs[n++] = (struct option){ "help", no_argument, NULL, 'h' };
    t->longs[n++] = (struct option){ "version", no_argument, NULL, VERSION };
    t->longs[n++] = (struct option){ "man_page", no_argument, NULL, MAN_PAGE };
    for (int i = 0; cmd->opts[i].type != CLI_TYPE_END && n < CLI_MAX_OPTIONS - 1; i++) {
        const struct cli_opt *o = &cmd->opts[i];
        if (o->type == CLI_TYPE_GROUP)
            continue;
        t->longs[n++] = (struct option){ o->name, has_arg(o), NULL, FIRST_LONG + i };
        if (o->letter) {
            *s++ = o->letter;
            if (has_arg(o) == required_argument)
                *s++ = ':';
        }
    }
}

static const struct cli_opt *option_of(const struct cli_command *cmd, int code)
{
    if (code >= FIRST_LONG)
        return &cmd->opts[code - FIRST_LONG];
    for (const struct cli_opt *o = cmd->opts; o->type != CLI_TYPE_END; o++)
        if (o->type != CLI_TYPE_GROUP && o->letter == code)
            return o;
    return NULL;
}

// "--a-b=c-d" becomes "--a_b=c-d".
static void underscores(char *word)
{
    if (strncmp(word, "--", 2) != 0)
        return;
    for (char *c = word + 2; *c && *c != '='; c++)
        if (*c == '-')
            *c = '_';
}

static int complain(const struct cli_command *cmd, const struct tables *t, const char *word)
{
    char name[64];
    if (strncmp(word, "--", 2) != 0)
        return cli_usage_error(cmd->name, "unknown option '-%c'; see %s --help", optopt, cmd->name);
    snprintf(name, sizeof name, "%.*s", (int) strcspn(word + 2, "="), word + 2);
    if (optopt)
        return cli_usage_error(cmd->name, "--%s takes no value", name);
    const char *a, *b;
    if (cli_names_ambiguous(t->longs, name, &a, &b))
        return cli_usage_error(cmd->name, "'--%s' may mean '--%s' or '--%s'", name, b, a);
    const char *near = cli_names_nearest(t->longs, name);
    if (near)
        return cli_usage_error(
            cmd->name, "unknown option '--%s', did you mean '--%s'?", name, near);
    return cli_usage_error(cmd->name, "unknown option '--%s'; see %s --help", name, cmd->name);
}

// One option that getopt has found. False: *exit_code is set.
static bool take(const struct cli_command *cmd, const struct tables *t, int code, int argc,
    char **argv, const char *word, int *exit_code)
{
    *exit_code = CLI_EXIT_OK;
    switch (code) {
    case 'h':
        cli_print_help(cmd, stdout);
        return false;
    case VERSION:
        printf("%s %s\n", cmd->name, lattn_version());
        return false;
    case MAN_PAGE:
        cli_print_man(cmd, stdout);
        return false;
    case ':':
        *exit_code = cli_usage_error(cmd->name, "%s needs a value", word);
        return false;
    case '?':
        *exit_code = complain(cmd, t, word);
        return false;
    default:
        break;
    }
    const struct cli_opt *o = option_of(cmd, code);
    const char *text = optarg;
    // getopt takes an optional value only behind '='; people put it in the next word.
    if (o->type == CLI_TYPE_OPT_STR && !text && optind < argc && argv[optind][0] != '-')
        text = argv[optind++];
    if (set_value(cmd, o, text)) {
        if (cmd->given)
            cmd->given[o - cmd->opts] = true;
        return true;
    }
    *exit_code = CLI_EXIT_USAGE;
    return false;
}

static bool check_operands(const struct cli_command *cmd, const struct cli_operands *o, int *code)
{
    if (o->n > cmd->max_operands)
        *code = cli_usage_error(cmd->name, "unexpected word '%.64s'; see %s --help",
            o->items[cmd->max_operands], cmd->name);
    else if (o->n < cmd->min_operands)
        *code = cli_usage_error(cmd->name, "%s expected; see %s --help", cmd->operands, cmd->name);
    else
        return true;
    return false;
}

bool cli_parse(const struct cli_command *cmd, int argc, char **argv, struct cli_operands *operands,
    int *exit_code)
{
    struct tables t;
    // Operands are collected at the front of argv, which has been read by then.
    struct cli_operands rest = { argv + 1, 0 };
    make_tables(cmd, &t);
    opterr = 0;
    optind = 0;  // glibc and musl: start over
    for (;;) {
        int at = optind ? optind : 1;
        char *word = at < argc ? argv[at] : NULL;
        if (!word)
            break;
        underscores(word);
        optopt = 0;
        int code = getopt_long(argc, argv, t.letters, t.longs, NULL);
        if (code == -1) {
            bool ended = strcmp(word, "--") == 0;
            optind = ended ? optind : at + 1;
            if (!ended)
                rest.items[rest.n++] = word;
            while (ended && optind < argc)
                rest.items[rest.n++] = argv[optind++];
        } else if (!take(cmd, &t, code, argc, argv, word, exit_code)) {
            return false;
        }
    }
    if (operands)
        *operands = rest;
    return check_operands(cmd, &rest, exit_code);
}

bool cli_given(const struct cli_command *cmd, const char *option)
{
    for (int i = 0; cmd->opts[i].type != CLI_TYPE_END; i++)
        if (strcmp(cmd->opts[i].name, option) == 0)
            return cmd->given[i];
    return false;
}

static int dispatch(const struct cli_suite *suite, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "--help";
    for (const struct cli_subcommand *c = suite->commands; c->name; c++)
        if (strcmp(c->name, word) == 0)
            return c->run(argc - 1, argv + 1);
    if (strcmp(word, "--version") == 0) {
        printf("%s %s\n", suite->name, lattn_version());
        return CLI_EXIT_OK;
    }
    bool asked =
        strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
    if (!asked)
        return cli_usage_error(
            suite->name, "unknown command '%.64s'; see %s --help", word, suite->name);
    cli_names_print_suite(suite, argc > 1 ? stdout : stderr);
    return argc > 1 ? CLI_EXIT_OK : CLI_EXIT_USAGE;
}

int cli_dispatch(const struct cli_suite *suite, int argc, char **argv)
{
    cli_begin();
    return cli_end(suite->name, dispatch(suite, argc, argv));
}
