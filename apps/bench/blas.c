// SPDX-License-Identifier: MIT
//
// OpenBLAS as a measure (blas.h). It stays open: its threads wait in it.

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "bench/blas.h"

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112, MAX_TIMES = 64 };

static int driver_threads(void)
{
    const char *text = getenv("LP_NUM_THREADS");  // of lavapipe
    int n = text ? atoi(text) : 0;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? n : cpus > 0 ? (int) cpus : 1;
}

// lavapipe computes in 256 bits also where the processor has 512, and says so in its name. OpenBLAS would take
// what there is; it is held to the same, unless the user has chosen.
static void choose_kernels(const lattn_ctx *ctx)
{
    if (strstr(lattn_ctx_device(ctx)->name, "256 bits"))
        setenv("OPENBLAS_CORETYPE", "Haswell", 0);
}

void blas_open(struct blas *b, const lattn_ctx *ctx)
{
    static const char *const libraries[] = { "libopenblas.so.0", "libblas.so.3" };
    *b = (struct blas){ .library = NULL };
    if (lattn_ctx_device(ctx)->type != LATTN_DEVICE_TYPE_CPU)
        return;
    choose_kernels(ctx);
    for (int i = 0; i < 2 && !b->library; i++) {
        void *library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
        void *sgemm = library ? dlsym(library, "cblas_sgemm") : NULL;
        // Another BLAS under the second name would be no measure.
        void (*set_threads)(int) = NULL;
        if (library)
            *(void **) &set_threads = dlsym(library, "openblas_set_num_threads");
        if (!sgemm || !set_threads)
            continue;
        *(void **) &b->sgemm = sgemm;
        char *(*core_name)(void) = NULL;
        *(void **) &core_name = dlsym(library, "openblas_get_corename");
        b->kernels = core_name ? core_name() : "unknown";
        b->threads = driver_threads();
        set_threads(b->threads);
        b->library = libraries[i];
    }
}

void blas_say(const struct blas *b, const char *command)
{
    if (b->library)
        fprintf(stderr, "%s: %s (%s kernels) with %d threads as a measure\n", command, b->library,
            b->kernels, b->threads);
    else
        fprintf(
            stderr, "%s: no OpenBLAS on this machine to measure by (libopenblas.so.0)\n", command);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static float *values(int64_t n)
{
    float *v = malloc((size_t) n * sizeof *v);
    for (int64_t i = 0; v && i < n; i++)
        v[i] = (float) (i % 61) / 61 - 0.5f;
    return v;
}

double blas_gflops(const struct blas *b, const int64_t mnk[3], bool transposed[2], double seconds)
{
    int m = (int) mnk[0], n = (int) mnk[1], k = (int) mnk[2], count = 0;
    if (!b->library)
        return 0;
    float *x = values(mnk[0] * mnk[2]), *y = values(mnk[2] * mnk[1]), *z = values(mnk[0] * mnk[1]);
    double times[MAX_TIMES], start = now(), flops = 2.0 * m * n * k;
    // Several products in one time where one is too short for the clock.
    int repeats = flops > 1e8 ? 1 : (int) (1e8 / flops) + 1;
    while (x && y && z && count < MAX_TIMES && (count < 6 || now() - start < seconds)) {
        double begun = now();
        for (int i = 0; i < repeats; i++)
            b->sgemm(ROW_MAJOR, transposed[0] ? TRANS : NO_TRANS, transposed[1] ? TRANS : NO_TRANS,
                m, n, k, 1, x, transposed[0] ? m : k, y, transposed[1] ? k : n, 0, z, n);
        times[count++] = (now() - begun) / repeats;
    }
    free(x);
    free(y);
    free(z);
    if (count == 0)
        return 0;
    qsort(
        times + 1, (size_t) count - 1, sizeof times[0], ascending);  // the first wakes its threads
    return 1e-9 * flops / times[1 + (count - 1) / 2];
}

double blas_gflops_of(const struct blas *b, const struct ot_timing *t, double seconds)
{
    const struct ot_input *x = &t->c->in[0], *y = &t->c->in[1];
    if (!b->library || t->backward || t->dtype != LATTN_DTYPE_F32 ||
        strcmp(t->op->name, "matmul") != 0 || x->rank < 2 || y->rank < 2)
        return 0;
    bool transposed[] = { t->c->i[0] != 0, t->c->i[1] != 0 };
    const int64_t *xd = x->dim + x->rank - 2, *yd = y->dim + y->rank - 2;
    const int64_t mnk[] = { xd[transposed[0]], yd[!transposed[1]], xd[!transposed[0]] };
    return mnk[0] && mnk[1] && mnk[2] ? blas_gflops(b, mnk, transposed, seconds) : 0;
}
