// SPDX-License-Identifier: MIT
//
// A row of what was measured: one line of text, or an object with Google Benchmark's members and the
// counters gflops, gb_per_s and peak_share, the same for ops and for networks.

#include <string.h>
#include "bench/bench.h"
#include "bench/row.h"
#include "common/json.h"

static const char *duration(char *text, size_t bytes, double s)
{
    if (s < 1e-3)
        snprintf(text, bytes, "%.1f us", s * 1e6);
    else if (s < 1)
        snprintf(text, bytes, "%.2f ms", s * 1e3);
    else
        snprintf(text, bytes, "%.2f s", s);
    return text;
}

double row_gflops(const struct row *r)
{
    return r->seconds > 0 ? 1e-9 * r->work.flops / r->seconds : 0;
}

double row_gb_per_s(const struct row *r)
{
    return r->seconds > 0 ? 1e-9 * r->work.bytes / r->seconds : 0;
}

// The time that the device's peaks ask for at least, over the time it took: whichever of bytes and
// operations takes longer is what the row is bound by (Williams et al. 2009, the roofline model).
double row_peak_share(const struct row *r, const struct ot_peaks *peaks)
{
    double copy = r->work.bytes / peaks->copy_bytes_per_s;
    double fma = r->work.flops / peaks->fma_flops_per_s;
    return r->seconds > 0 ? (copy > fma ? copy : fma) / r->seconds : 0;
}

void row_print(const struct row *r, const struct ot_peaks *peaks)
{
    char time[32];
    printf(
        "%-60s %10s +-%3.0f%%", r->name, duration(time, sizeof time, r->seconds), 50 * r->spread);
    if (r->work.bytes > 0)
        printf("  %8.1f GB/s", row_gb_per_s(r));
    if (r->work.flops > 0)
        printf("  %9.1f GFLOP/s", row_gflops(r));
    if (r->work.bytes > 0 || r->work.flops > 0)
        printf("  %3.0f%% of peak", 100 * row_peak_share(r, peaks));
    if (r->blas_gflops > 0)
        printf("  %.2f of OpenBLAS", row_gflops(r) / r->blas_gflops);
    if (*r->form)
        printf("  %s", r->form);
}

// What another library needs to run the same (baselines/pytorch.py).
static void print_case(const struct ot_op *op, const struct ot_case *c)
{
    int last = OT_MAX_PARAMS;
    printf(",\n      \"inputs\": [");
    for (int i = 0; i < op->n_inputs; i++) {
        printf("%s", i ? ", " : "");
        if (c->in[i].absent) {
            printf("null");
            continue;
        }
        printf("[");
        for (int d = 0; d < c->in[i].rank; d++)
            printf("%s%lld", d ? ", " : "", (long long) c->in[i].dim[d]);
        printf("]");
    }
    printf("],\n      \"integers\": [");
    while (last > 0 && c->i[last - 1] == 0)
        last--;
    for (int i = 0; i < last; i++)
        printf("%s%lld", i ? ", " : "", (long long) c->i[i]);
    printf("]");
}

void row_print_json(const struct row *r, const struct ot_peaks *peaks, bool first)
{
    printf("%s\n    {\n      \"name\": ", first ? "" : ",");
    json_print_string(stdout, r->name, strlen(r->name));
    printf(",\n      \"run_name\": ");
    json_print_string(stdout, r->name, strlen(r->name));
    printf(",\n      \"run_type\": \"iteration\",\n      \"iterations\": %lld,\n",
        (long long) r->applications);
    printf("      \"real_time\": %.6g,\n      \"cpu_time\": %.6g,\n      \"time_unit\": \"ns\",\n",
        1e9 * r->seconds, 1e9 * r->wall_seconds);
    printf("      \"spread\": %.4g", r->spread);
    if (r->op)
        print_case(r->op, r->c);
    if (r->work.bytes > 0)
        printf(",\n      \"gb_per_s\": %.6g", row_gb_per_s(r));
    if (r->work.flops > 0)
        printf(",\n      \"gflops\": %.6g", row_gflops(r));
    if (r->work.bytes > 0 || r->work.flops > 0)
        printf(",\n      \"peak_share\": %.4g", row_peak_share(r, peaks));
    if (r->blas_gflops > 0)
        printf(",\n      \"blas_gflops\": %.6g,\n      \"blas_share\": %.4g", r->blas_gflops,
            row_gflops(r) / r->blas_gflops);
    if (*r->form)
        printf(",\n      \"form\": \"%s\"", r->form);
}

void row_say_peaks(const char *command, const struct ot_peaks *peaks)
{
    fprintf(stderr, "%s: copy %.1f GB/s, multiply-add %.1f GFLOP/s (f32)\n", command,
        1e-9 * peaks->copy_bytes_per_s, 1e-9 * peaks->fma_flops_per_s);
}

void row_print_peaks(FILE *to, const struct ot_peaks *peaks)
{
    fprintf(to, ",\n    \"copy_gb_per_s\": %.6g,\n    \"fma_gflops\": %.6g",
        1e-9 * peaks->copy_bytes_per_s, 1e-9 * peaks->fma_flops_per_s);
}

void row_of_timing(const struct ot_timing *t, struct row *r)
{
    char base[sizeof r->name - 16];
    bench_name(base, sizeof base, t->op, t->c, t->dtype, t->strategy);
    snprintf(r->name, sizeof r->name, "%s%s", base, t->backward ? "/backward" : "");
    snprintf(r->form, sizeof r->form, "%s", t->form);
    r->seconds = t->seconds;
    r->spread = t->spread;
    r->wall_seconds = t->wall_seconds;
    r->applications = t->applications;
    r->work = t->work;
    r->blas_gflops = 0;
    r->op = t->op;
    r->c = t->c;
}
