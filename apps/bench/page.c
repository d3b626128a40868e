// SPDX-License-Identifier: MIT
//
// lattn-bench page FOLDER: the files that ./run bench has written, time.json, floors.json, model.json and
// stats.json, as one page of Markdown on stdout. A file that is not there is a section that is not there, so that
// the page never says more than what was measured.

#include <jansson.h>
#include <string.h>
#include <unistd.h>
#include "bench/bench.h"
#include "common/json.h"

static const char name[] = "lattn-bench page";

// ---- reading --------------------------------------------------------------------------------------

// NULL where there is none; *bad where it is none that can be read.
static json_t *load(const char *folder, const char *file, bool *bad)
{
    char path[1024];
    json_error_t error;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (access(path, F_OK) != 0)
        return NULL;
    json_t *j = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!j || !json_is_object(json_object_get(j, "context"))) {
        fprintf(
            stderr, "%s: %s: %s\n", name, path, j ? "there is no object \"context\"" : error.text);
        *bad = true;
    }
    return j;
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

static double number_of(const json_t *object, const char *member)
{
    return json_number_value(json_object_get(object, member));
}

// ---- tables ---------------------------------------------------------------------------------------

static void print_time(const json_t *row)
{
    double us = 1e-3 * number_of(row, "real_time");
    if (us < 1e3)
        printf(" %.1f us |", us);
    else
        printf(" %.2f ms |", 1e-3 * us);
}

static void print_number(const json_t *row, const char *member, const char *format)
{
    printf(" ");
    if (json_object_get(row, member))
        printf(format, number_of(row, member));
    printf(" |");
}

static void print_share(const json_t *row, const char *member)
{
    if (json_object_get(row, member))
        printf(" %.0f %% |", 100 * number_of(row, member));
    else
        printf(" |");
}

static void print_rates(const json_t *row)
{
    printf("| %s |", text_of(row, "name"));
    print_time(row);
    printf(" %.0f %% |", 50 * number_of(row, "spread"));
    print_number(row, "gb_per_s", "%.1f");
    print_number(row, "gflops", "%.1f");
    print_share(row, "peak_share");
}

static const char RATES[] = "| row | time | +- | GB/s | GFLOP/s | of peak |";

static void print_floors(const json_t *file)
{
    size_t i;
    json_t *row;
    printf(
        "\n## Floors\n\n`lattn-bench floors`: the kernels that carry a training step, each as the "
        "library "
        "chooses it, as a share of what the machine does itself.\n\n%s form | share | floor | aim "
        "| "
        "verdict | what limits it |\n|---|---:|---:|---:|---:|---:|---|---:|---:|---:|---|---|\n",
        RATES);
    json_array_foreach(json_object_get(file, "benchmarks"), i, row)
    {
        print_rates(row);
        printf(" %s | ", text_of(row, "form"));
        if (json_object_get(row, "ratio"))
            printf("%.2f of %s", number_of(row, "ratio"), text_of(row, "of"));
        printf(" |");
        print_number(row, "floor", "%.2f");
        print_number(row, "aim", "%.2f");
        printf(" %s | %s |\n", text_of(row, "verdict"), text_of(row, "limit"));
    }
}

static void print_ops(const json_t *file, bool drawn)
{
    size_t i;
    json_t *row;
    printf("\n## Ops\n\n`lattn-bench time --chosen`, shapes of real networks. *of peak* is the "
           "time that "
           "the device's copy rate or multiply-add rate asks for, whichever is longer, over the "
           "time it "
           "took; above 100 %% a cache held the tensors.\n");
    if (drawn)
        printf(
            "\n![operations per byte against GFLOP/s, under the device's peaks](roofline.svg)\n");
    printf("\n%s of OpenBLAS | form |\n|---|---:|---:|---:|---:|---:|---:|---|\n", RATES);
    json_array_foreach(json_object_get(file, "benchmarks"), i, row)
    {
        print_rates(row);
        print_number(row, "blas_share", "%.2f");
        printf(" %s |\n", text_of(row, "form"));
    }
}

static void print_networks(const json_t *file)
{
    size_t i;
    json_t *row;
    printf("\n## Training steps\n\n`lattn-bench model`: forward, backward, clipping and AdamW, "
           "captured and "
           "replayed; operations are those of the matrix products.\n\n%s samples/s | dispatches | "
           "barriers "
           "| submits | memory, MB |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        RATES);
    json_array_foreach(json_object_get(file, "benchmarks"), i, row)
    {
        print_rates(row);
        print_number(row, "samples_per_second", "%.1f");
        print_number(row, "dispatches", "%.0f");
        print_number(row, "barriers", "%.0f");
        print_number(row, "submits", "%.0f");
        printf(" %.0f |\n", 1e-6 * number_of(row, "peak_bytes"));
    }
}

static void print_kernels(const json_t *file)
{
    size_t i;
    json_t *row;
    printf("\n## Kernels\n\n`lattn-bench stats`, as the driver counts.\n\n| kernel, types, "
           "subgroup size, "
           "constants | registers | spills | shared bytes | occupancy | instructions |\n"
           "|---|---:|---:|---:|---:|---:|\n");
    json_array_foreach(json_object_get(file, "kernels"), i, row)
    {
        printf("| %s |", text_of(row, "name"));
        print_number(row, "registers", "%.0f");
        print_number(row, "spills", "%.0f");
        print_number(row, "shared_bytes", "%.0f");
        print_number(row, "occupancy", "%.0f");
        print_number(row, "instructions", "%.0f");
        printf("\n");
    }
}

// ---- the page -------------------------------------------------------------------------------------

struct files {
    json_t *time, *floors, *model, *stats;
};

static const json_t *any_context(const struct files *f)
{
    const json_t *all[] = { f->time, f->floors, f->model, f->stats };
    for (int i = 0; i < 4; i++)
        if (all[i])
            return json_object_get(all[i], "context");
    return NULL;
}

static void print_head(const struct files *f, const char *commit, const char *command)
{
    const json_t *c = any_context(f), *floors = json_object_get(f->floors, "context");
    const json_t *peaks = f->time ? json_object_get(f->time, "context") : floors;
    printf("# Figures\n\nWritten by `%s`; do not edit.\n\n| | |\n|---|---|\n", command);
    printf("| device | %s |\n| driver | %s |\n", text_of(c, "device"), text_of(c, "driver"));
    printf("| subgroup | %.0f lanes |\n", number_of(c, "subgroup_size"));
    if (*commit)
        printf("| commit | %s |\n", commit);
    printf("| library | %s |\n| date | %s |\n", text_of(c, "library_version"), text_of(c, "date"));
    if (peaks)
        printf("| copy, read and written | %.1f GB/s |\n| multiply-add, f32 | %.1f GFLOP/s |\n",
            number_of(peaks, "copy_gb_per_s"), number_of(peaks, "fma_gflops"));
    if (json_object_get(floors, "blas_gflops"))
        printf("| OpenBLAS (%s), %.0f threads | %.1f GFLOP/s |\n", text_of(floors, "blas_kernels"),
            number_of(floors, "blas_threads"), number_of(floors, "blas_gflops"));
    if (strcmp(text_of(c, "device_type"), "CPU") == 0)
        printf("\n**This device is a processor, not a GPU.** liblattn has not been measured on a "
               "hardware "
               "GPU: figures of one are open until somebody runs the command above on it.\n");
}

static int print_page(const char *folder, const char *commit, const char *command)
{
    char drawing[1024];
    bool bad = false;
    struct files f = {
        .time = load(folder, "time.json", &bad),
        .floors = load(folder, "floors.json", &bad),
        .model = load(folder, "model.json", &bad),
        .stats = load(folder, "stats.json", &bad),
    };
    int code = bad ? CLI_EXIT_INPUT : CLI_EXIT_OK;
    if (!bad && !any_context(&f)) {
        fprintf(stderr, "%s: %s holds none of time.json, floors.json, model.json, stats.json\n",
            name, folder);
        code = CLI_EXIT_INPUT;
    }
    if (!code) {
        snprintf(drawing, sizeof drawing, "%s/roofline.svg", folder);
        print_head(&f, commit, command);
        if (f.floors)
            print_floors(f.floors);
        if (f.model)
            print_networks(f.model);
        if (f.time)
            print_ops(f.time, access(drawing, F_OK) == 0);
        if (f.stats)
            print_kernels(f.stats);
    }
    json_decref(f.time);
    json_decref(f.floors);
    json_decref(f.model);
    json_decref(f.stats);
    return code;
}

int bench_page(int argc, char **argv)
{
    const char *commit = "", *command = "./run bench";
    const struct cli_opt opts[] = {
        CLI_STR("commit", 'c', &commit, "COMMIT", "what was measured"),
        CLI_STR("command", 0, &command, "COMMAND", "what measured it"),
        CLI_END,
    };
    const struct cli_command cmd = {
        .name = name,
        .summary = "Prints a page of the measurements in a folder: time.json, floors.json, "
                   "model.json, stats.json, those that are there.",
        .operands = "FOLDER",
        .opts = opts,
        .min_operands = 1,
        .max_operands = 1,
    };
    struct cli_operands folder;
    int code;
    if (!cli_parse(&cmd, argc, argv, &folder, &code))
        return code;
    return print_page(folder.items[0], commit, command);
}
