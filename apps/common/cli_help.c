// SPDX-License-Identifier: MIT
//
// The texts made from an option table: --help within 80 columns, the manual page, the words
// for what a value may be, and "did you mean".

#include <math.h>
#include <string.h>
#include "common/cli.h"
#include "common/cli_names.h"

enum { WIDTH = 80, HELP_COLUMN = 30, MAX_NAME = 64 };

bool cli_names_equal(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
            return false;
    return *a == *b;
}

// Edits (insert, delete, replace) from a to b; names longer than the table differ anyhow.
static size_t distance(const char *a, const char *b)
{
    size_t row[MAX_NAME + 1], n = strlen(b);
    if (n > MAX_NAME)
        return MAX_NAME;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; *a; i++, a++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (*a != b[j - 1]);
            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[n];
}

const char *cli_names_nearest(const struct option *longs, const char *name)
{
    const char *nearest = NULL;
    size_t best = strlen(name) / 3 + 1;  // more edits than that is another word
    for (const struct option *o = longs; o->name; o++) {
        size_t d = distance(name, o->name);
        if (d < best) {
            best = d;
            nearest = o->name;
        }
    }
    return nearest;
}

bool cli_names_ambiguous(
    const struct option *longs, const char *name, const char **a, const char **b)
{
    *a = *b = NULL;
    for (const struct option *o = longs; o->name; o++) {
        if (strncmp(o->name, name, strlen(name)) != 0)
            continue;
        *b = *a;
        *a = o->name;
    }
    return *b != NULL;
}

void cli_names_allowed(const struct cli_opt *o, char *text, size_t bytes)
{
    size_t n;
    switch (o->type) {
    case CLI_TYPE_FLAG:
        snprintf(text, bytes, "true or false");
        break;
    case CLI_TYPE_INT:
    case CLI_TYPE_I64:
        snprintf(text, bytes, "a whole number from %.17g to %.17g", o->min, o->max);
        break;
    case CLI_TYPE_F32:
        if (isinf(o->max))
            snprintf(text, bytes, "a number from %g up", o->min);
        else
            snprintf(text, bytes, "a number from %g to %g", o->min, o->max);
        break;
    case CLI_TYPE_ENUM:
        n = (size_t) snprintf(text, bytes, "one of");
        for (int i = 0; o->choices[i] && n < bytes; i++)
            n += (size_t) snprintf(text + n, bytes - n, "%s %s", i ? "," : "", o->choices[i]);
        break;
    default:
        snprintf(text, bytes, "a text");
    }
}

// The current value as text; "" = none worth showing.
static void default_of(const struct cli_opt *o, char *text, size_t bytes)
{
    const char *s = NULL;
    *text = '\0';
    switch (o->type) {
    case CLI_TYPE_STR:
    case CLI_TYPE_OPT_STR:
        s = *(const char **) o->value;
        if (s)
            snprintf(text, bytes, "%s", s);
        break;
    case CLI_TYPE_INT:
        snprintf(text, bytes, "%d", *(int *) o->value);
        break;
    case CLI_TYPE_I64:
        snprintf(text, bytes, "%lld", (long long) *(int64_t *) o->value);
        break;
    case CLI_TYPE_F32:
        snprintf(text, bytes, "%g", (double) *(float *) o->value);
        break;
    case CLI_TYPE_ENUM:
        snprintf(text, bytes, "%s", o->choices[*(int *) o->value]);
        break;
    default:
        break;
    }
}

static const char *arg_of(const struct cli_opt *o)
{
    if (o->arg)
        return o->arg;
    switch (o->type) {
    case CLI_TYPE_FLAG:
        return NULL;
    case CLI_TYPE_INT:
    case CLI_TYPE_I64:
        return "N";
    case CLI_TYPE_F32:
        return "X";
    case CLI_TYPE_ENUM:
        return "NAME";
    default:
        return "TEXT";
    }
}

static void signature(const struct cli_opt *o, char *text, size_t bytes)
{
    const char *arg = arg_of(o);
    char letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    if (!arg)
        snprintf(text, bytes, "  %s--%s", letter, o->name);
    else if (o->type == CLI_TYPE_OPT_STR)
        snprintf(text, bytes, "  %s--%s [%s]", letter, o->name, arg);
    else
        snprintf(text, bytes, "  %s--%s %s", letter, o->name, arg);
}

static void describe(const struct cli_opt *o, char *text, size_t bytes)
{
    char value[160], allowed[256];
    size_t n = (size_t) snprintf(text, bytes, "%s", o->help);
    default_of(o, value, sizeof value);
    cli_names_allowed(o, allowed, sizeof allowed);
    if (o->type == CLI_TYPE_ENUM && n < bytes)
        n += (size_t) snprintf(text + n, bytes - n, "; %s", allowed);
    if (*value && n < bytes)
        n += (size_t) snprintf(text + n, bytes - n, " (default %s)", value);
    if (o->type == CLI_TYPE_STRS && n < bytes)
        snprintf(text + n, bytes - n, "; may be repeated");
}

// Words of text from column on, broken before WIDTH; the cursor is at column already.
static void wrap(FILE *to, const char *text, size_t column)
{
    size_t at = column;
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (at > column && at + 1 + word >= WIDTH) {
            fprintf(to, "\n%*s", (int) column, "");
            at = column;
        } else if (at > column) {
            fputc(' ', to);
            at++;
        }
        fprintf(to, "%.*s", (int) word, text);
        at += word;
        text += word;
        if (*text == '\n') {
            fprintf(to, "\n%*s", (int) column, "");
            at = column;
        }
        text += *text != '\0';
    }
    fputc('\n', to);
}

static void print_row(FILE *to, const char *left, const char *text)
{
    fputs(left, to);
    if (strlen(left) + 2 > HELP_COLUMN)
        fprintf(to, "\n%*s", HELP_COLUMN, "");
    else
        fprintf(to, "%*s", (int) (HELP_COLUMN - strlen(left)), "");
    wrap(to, text, HELP_COLUMN);
}

void cli_print_help(const struct cli_command *cmd, FILE *to)
{
    char left[160], text[1024];
    fprintf(to, "Usage: %s [OPTION...]%s%s\n\n", cmd->name, cmd->operands ? " " : "",
        cmd->operands ? cmd->operands : "");
    wrap(to, cmd->summary, 0);
    if (cmd->opts[0].type != CLI_TYPE_GROUP)
        fprintf(to, "\nOptions:\n");
    for (const struct cli_opt *o = cmd->opts; o->type != CLI_TYPE_END; o++) {
        if (o->type == CLI_TYPE_GROUP) {
            fprintf(to, "\n%s:\n", o->name);
            continue;
        }
        signature(o, left, sizeof left);
        describe(o, text, sizeof text);
        print_row(to, left, text);
    }
    fprintf(to, "\n");
    print_row(to, "  -h, --help", "show this text");
    print_row(to, "      --version", "show the version");
    if (cmd->notes) {
        fprintf(to, "\n");
        wrap(to, cmd->notes, 0);
    }
}

void cli_names_print_suite(const struct cli_suite *suite, FILE *to)
{
    char left[80];
    fprintf(to, "Usage: %s COMMAND [OPTION...]\n\n", suite->name);
    wrap(to, suite->summary, 0);
    fprintf(to, "\nCommands:\n");
    for (const struct cli_subcommand *c = suite->commands; c->name; c++) {
        snprintf(left, sizeof left, "  %s", c->name);
        print_row(to, left, c->summary);
    }
    fprintf(to, "\n%s COMMAND --help shows the options of a command.\n", suite->name);
    if (suite->notes) {
        fprintf(to, "\n");
        wrap(to, suite->notes, 0);
    }
}

// ---- manual page ----------------------------------------------------------------------------

// roff takes dots and quotes at the start of a line, and backslashes and dashes anywhere.
static void roff(FILE *to, const char *text)
{
    for (bool start = true; *text; start = *text == '\n', text++) {
        if (start && (*text == '.' || *text == '\''))
            fputs("\\&", to);
        if (*text == '-')
            fputs("\\-", to);
        else if (*text == '\\')
            fputs("\\e", to);
        else
            fputc(*text, to);
    }
}

void cli_print_man(const struct cli_command *cmd, FILE *to)
{
    char left[160], text[1024];
    fprintf(to, ".TH \"");
    for (const char *c = cmd->name; *c; c++)
        fputc(*c == ' ' ? '-' : *c, to);
    fprintf(to, "\" 1 \"\" \"liblattn %s\" \"User Commands\"\n.SH NAME\n", lattn_version());
    for (const char *c = cmd->name; *c; c++)
        fputs(*c == ' ' || *c == '-' ? "\\-" : (char[]){ *c, 0 }, to);
    fprintf(to, " \\- ");
    roff(to, cmd->summary);
    fprintf(to, "\n.SH SYNOPSIS\n.B ");
    roff(to, cmd->name);
    fprintf(to, "\n[\\fIOPTION\\fR...] ");
    roff(to, cmd->operands ? cmd->operands : "");
    fprintf(to, "\n.SH OPTIONS\n");
    for (const struct cli_opt *o = cmd->opts; o->type != CLI_TYPE_END; o++) {
        if (o->type == CLI_TYPE_GROUP) {
            fprintf(to, ".SS ");
            roff(to, o->name);
            fprintf(to, "\n");
            continue;
        }
        signature(o, left, sizeof left);
        describe(o, text, sizeof text);
        fprintf(to, ".TP\n");
        roff(to, left + strspn(left, " "));
        fprintf(to, "\n");
        roff(to, text);
        fprintf(to, "\n");
    }
    fprintf(to, ".TP\n\\-h, \\-\\-help\nshow a summary of the options\n");
    fprintf(to, ".TP\n\\-\\-version\nshow the version\n");
    if (cmd->notes) {
        fprintf(to, ".SH NOTES\n");
        roff(to, cmd->notes);
        fprintf(to, "\n");
    }
}
