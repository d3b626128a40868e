// SPDX-License-Identifier: MIT
//
// lattn-bench page FOLDER: the files that ./run bench has written, time.json, floors.json, model.json (and more of
// its rows in model_f16.json), costs.json, stats.json, as one page of Markdown on stdout. A file that is not there is a section that
// is not there, so that the page never says more than what was measured. pytorch.json, of baselines/pytorch.py,
// becomes a column of the others.

#include <jansson.h>
#include <string.h>
#include <unistd.h>
#include "bench/bench.h"
#include "common/json.h"

static const char name[] = "lattn-bench page";

// Those that are there; NULL = not.
struct files {
    json_t *time, *floors, *model, *model_f16, *costs, *stats, *pytorch;
};

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

// ---- beside PyTorch ---------------------------------------------------------------------------------

static double time_of(const json_t *file, const char *row_name, const char *ending)
{
    size_t i;
    json_t *row;
    size_t n = strlen(row_name);
    json_array_foreach(json_object_get(file, "benchmarks"), i, row)
    {
        const char *found = text_of(row, "name");
        if (strncmp(found, row_name, n) == 0 && strcmp(found + n, ending) == 0)
            return number_of(row, "real_time");
    }
    return 0;
}

// How many times as fast as PyTorch; what both do has the same name. Without its file no column.
static void print_peer(const json_t *row, const json_t *pytorch, const char *ending)
{
    double peer = time_of(pytorch, text_of(row, "name"), ending), own = number_of(row, "real_time");
    if (peer > 0 && own > 0)
        printf(" %.2f |", peer / own);
    else if (pytorch)
        printf(" |");
}

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

static void print_ops(const json_t *file, const json_t *pytorch, bool drawn)
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
    printf("\n%s of OpenBLAS |%s form |\n|---|---:|---:|---:|---:|---:|---:|%s---|\n", RATES,
        pytorch ? " of PyTorch |" : "", pytorch ? "---:|" : "");
    json_array_foreach(json_object_get(file, "benchmarks"), i, row)
    {
        print_rates(row);
        print_number(row, "blas_share", "%.2f");
        print_peer(row, pytorch, "");
        printf(" %s |\n", text_of(row, "form"));
    }
}

static void print_steps(const json_t *file, const json_t *pytorch)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(file, "benchmarks"), i, row)
    {
        print_rates(row);
        print_number(row, "samples_per_second", "%.1f");
        print_number(row, "dispatches", "%.0f");
        print_number(row, "barriers", "%.0f");
        print_number(row, "submits", "%.0f");
        printf(" %.0f |", 1e-6 * number_of(row, "peak_bytes"));
        print_number(row, "pipelines", "%.0f");
        print_number(row, "first_use_ms", "%.0f");
        print_peer(row, pytorch, "");
        print_peer(row, pytorch, "/compiled");
        printf("\n");
    }
}

static void print_networks(const struct files *f)
{
    printf("\n## Training steps\n\n`lattn-bench model`: forward, backward, clipping and AdamW, "
           "captured and replayed; operations are those of the matrix products.\n\n");
    printf(
        "%s samples/s | dispatches | barriers | submits | memory, MB | pipelines | first use, ms "
        "|%s\n",
        RATES, f->pytorch ? " of PyTorch | of PyTorch, compiled |" : "");
    printf("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|%s\n",
        f->pytorch ? "---:|---:|" : "");
    print_steps(f->model, f->pytorch);
    print_steps(f->model_f16, f->pytorch);
}

static void print_costs(const json_t *file)
{
    size_t i;
    json_t *row;
    printf(
        "\n## Dispatches\n\n`lattn-bench costs`: of one dispatch besides its work; *submit* is a "
        "step of one, the others are in steps of 1,000.\n\n"
        "| row | host, us | device, us | until it is done, us |\n|---|---:|---:|---:|\n");
    json_array_foreach(json_object_get(file, "benchmarks"), i, row) printf(
        "| %s | %.2f | %.2f | %.2f |\n", text_of(row, "name"), 1e-3 * number_of(row, "cpu_time"),
        1e-3 * number_of(row, "device_time"), 1e-3 * number_of(row, "real_time"));
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

static const json_t *any_context(const struct files *f)
{
    const json_t *all[] = { f->time, f->floors, f->model, f->model_f16, f->costs, f->stats };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
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
    if (f->pytorch) {
        const json_t *peer = json_object_get(f->pytorch, "context");
        printf("| PyTorch %s | %s; *of PyTorch* is its time over this library's |\n",
            text_of(peer, "library_version"), text_of(peer, "device"));
    }
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
        .model_f16 = load(folder, "model_f16.json", &bad),
        .costs = load(folder, "costs.json", &bad),
        .stats = load(folder, "stats.json", &bad),
        .pytorch = load(folder, "pytorch.json", &bad),
    };
    int code = bad ? CLI_EXIT_INPUT : CLI_EXIT_OK;
    if (!bad && !any_context(&f)) {
        fprintf(stderr,
            "%s: %s holds none of time.json, floors.json, model.json, costs.json, stats.json\n",
            name, folder);
        code = CLI_EXIT_INPUT;
    }
    if (!code) {
        snprintf(drawing, sizeof drawing, "%s/roofline.svg", folder);
        print_head(&f, commit, command);
        if (f.floors)
            print_floors(f.floors);
        if (f.model || f.model_f16)
            print_networks(&f);
        if (f.time)
            print_ops(f.time, f.pytorch, access(drawing, F_OK) == 0);
        if (f.costs)
            print_costs(f.costs);
        if (f.stats)
            print_kernels(f.stats);
    }
    json_decref(f.time);
    json_decref(f.floors);
    json_decref(f.model);
    json_decref(f.model_f16);
    json_decref(f.costs);
    json_decref(f.stats);
    json_decref(f.pytorch);
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
                   "model.json, costs.json, stats.json, those that are there.",
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
