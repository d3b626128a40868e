// SPDX-License-Identifier: MIT
//
// lattn-bench compare OLD NEW: two files of `lattn-bench time --json` side by side. Other files with
// Google Benchmark's members work as well.

#include <jansson.h>
#include <string.h>
#include "bench/bench.h"

struct measurements {
    const char *path;
    json_t *root;
    json_t *rows;  // lent by root
};

static bool load(const char *command, const char *path, struct measurements *m)
{
    json_error_t error;
    m->path = path;
    m->root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!m->root) {
        if (error.line > 0)
            fprintf(stderr, "%s: %s: line %d: %s\n", command, path, error.line, error.text);
        else
            fprintf(stderr, "%s: %s\n", command, error.text);
        return false;
    }
    m->rows = json_object_get(m->root, "benchmarks");
    if (!json_is_array(m->rows)) {
        fprintf(stderr, "%s: %s: there is no array \"benchmarks\"\n", command, path);
        return false;
    }
    return true;
}

static const char *name_of(const json_t *row)
{
    const char *name = json_string_value(json_object_get(row, "name"));
    return name ? name : "";
}

// Nanoseconds; 0 where the row has none.
static double time_of(const json_t *row)
{
    const char *unit = json_string_value(json_object_get(row, "time_unit"));
    double scale = !unit || strcmp(unit, "ns") == 0 ? 1
                   : strcmp(unit, "us") == 0        ? 1e3
                   : strcmp(unit, "ms") == 0        ? 1e6
                                                    : 1e9;
    return scale * json_number_value(json_object_get(row, "real_time"));
}

static const json_t *find(const struct measurements *m, const char *name)
{
    for (size_t i = 0; i < json_array_size(m->rows); i++) {
        const json_t *row = json_array_get(m->rows, i);
        if (strcmp(name_of(row), name) == 0)
            return row;
    }
    return NULL;
}

struct counts {
    int faster, slower, same, missing;
};

// Half of the middle half's width of both measurements: what they may differ by without meaning it.
static double noise(const json_t *old, const json_t *new)
{
    return 0.5 * (json_number_value(json_object_get(old, "spread")) +
                     json_number_value(json_object_get(new, "spread")));
}

static void compare_row(const json_t *old, const json_t *new, double threshold, struct counts *n)
{
    double before = time_of(old), after = time_of(new), margin = noise(old, new);
    if (before <= 0 || after <= 0) {
        n->missing++;
        return;
    }
    double change = after / before - 1;
    const char *verdict = "same";
    margin = margin > threshold ? margin : threshold;
    if (change > margin)
        verdict = "slower";
    else if (change < -margin / (1 + margin))
        verdict = "faster";
    n->slower += strcmp(verdict, "slower") == 0;
    n->faster += strcmp(verdict, "faster") == 0;
    n->same += strcmp(verdict, "same") == 0;
    printf("%-64s %12.1f us %12.1f us %+7.1f%%  %-6s (+-%.0f%%)\n", name_of(old), 1e-3 * before,
        1e-3 * after, 100 * change, verdict, 100 * margin);
}

static int compare(const struct measurements *old, const struct measurements *new, double threshold)
{
    struct counts n = { 0 };
    for (size_t i = 0; i < json_array_size(old->rows); i++) {
        const json_t *row = json_array_get(old->rows, i), *other = find(new, name_of(row));
        if (other)
            compare_row(row, other, threshold, &n);
        else
            n.missing++;
    }
    printf("%d slower, %d faster, %d the same, %d not in both\n", n.slower, n.faster, n.same,
        n.missing);
    return n.slower ? CLI_EXIT_INTERNAL : CLI_EXIT_OK;
}

int bench_compare(int argc, char **argv)
{
    static const char name[] = "lattn-bench compare";
    float threshold = 0.1f;
    const struct cli_opt opts[] = {
        CLI_F32("threshold", 't', &threshold, 0, 10, "smallest change that counts, as a share"),
        CLI_END,
    };
    const struct cli_command cmd = {
        .name = name,
        .summary = "Compares two files that lattn-bench time --json has written.",
        .operands = "OLD NEW",
        .opts = opts,
        .min_operands = 2,
        .max_operands = 2,
        .notes =
            "A row is slower or faster when it changed by more than --threshold and by more than "
            "half the spread of both measurements; that margin is in brackets. Exit code 1 when "
            "anything became slower.",
    };
    struct cli_operands files;
    int code;
    if (!cli_parse(&cmd, argc, argv, &files, &code))
        return code;
    struct measurements old = { 0 }, new = { 0 };
    code = CLI_EXIT_INPUT;
    if (load(name, files.items[0], &old) && load(name, files.items[1], &new))
        code = compare(&old, &new, threshold);
    json_decref(old.root);
    json_decref(new.root);
    return code;
}
