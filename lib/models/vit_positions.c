// SPDX-License-Identifier: MIT
//
// Embedded positions of a vision transformer for another image size: the rows of the patches as an image,
// interpolated; the row of the class token stays.
//
// Source: Keys 1981, "Cubic convolution interpolation for digital image processing", with a = -0.75;
// torchvision, interpolate_embeddings.

#include <math.h>
#include <string.h>
#include "base/alloc.h"
#include "models/vit.h"
#include "tensor/tensor.h"

enum { TAPS = 4 };

// Weights of the four values around, t behind the second.
static void cubic(double t, double w[TAPS])
{
    const double a = -0.75;
    double x = t + 1;
    w[0] = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
    w[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
    x = 1 - t;
    w[2] = ((a + 2) * x - (a + 3)) * x * x + 1;
    x = 2 - t;
    w[3] = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

// Result o of n_out along a side of n_in: which values count, cut at the edges, and how much.
static void taps_of(int64_t o, int64_t n_out, int64_t n_in, int64_t at[TAPS], double w[TAPS])
{
    double x = n_out > 1 ? (double) o * (double) (n_in - 1) / (double) (n_out - 1) : 0;
    int64_t first = (int64_t) floor(x);
    cubic(x - (double) first, w);
    for (int k = 0; k < TAPS; k++)
        at[k] = LAT_MIN(LAT_MAX(first - 1 + k, 0), n_in - 1);
}

void lat_vit_resize_positions(
    const float *from, int64_t n, float *to, int64_t h, int64_t w, int64_t width)
{
    int64_t ys[TAPS], xs[TAPS];
    double wy[TAPS], wx[TAPS];
    for (int64_t p = 0; p < h * w; p++) {
        taps_of(p / w, h, n, ys, wy);
        taps_of(p % w, w, n, xs, wx);
        for (int64_t c = 0; c < width; c++) {
            double sum = 0;
            for (int k = 0; k < TAPS * TAPS; k++)
                sum += wy[k / TAPS] * wx[k % TAPS] *
                       (double) from[(ys[k / TAPS] * n + xs[k % TAPS]) * width + c];
            to[p * width + c] = (float) sum;
        }
    }
}

// The side of a square of n, 0 when there is none.
static int64_t side_of(int64_t n)
{
    int64_t side = (int64_t) llround(sqrt((double) n));
    return n > 0 && side * side == n ? side : 0;
}

bool lat_vit_positions_fit(
    const lattn_module *root, const char *name, const lattn_safetensors_entry *entry)
{
    static const char positions[] = "encoder.pos_embedding";
    const lattn_tensor *own = lattn_module_parameter((lattn_module *) root, positions);
    return own && strcmp(name, positions) == 0 && entry->rank == 3 && entry->dim[0] == 1 &&
           entry->dim[2] == lat_dim(own, 2) && side_of(entry->dim[1] - 1);
}

lattn_status lat_vit_load_positions(const lattn_module *root, const lattn_cnn_config *c,
    lattn_safetensors *file, size_t i, lattn_tensor *positions)
{
    lattn_safetensors_entry entry;
    LAT_TRY(lattn_safetensors_get(file, i, &entry));
    int64_t width = entry.dim[2], n = side_of(entry.dim[1] - 1), n_own = lat_numel(positions);
    int64_t h = lat_vit_patches(root, c->height), w = lat_vit_patches(root, c->width);
    float *from = lat_alloc((size_t) entry.numel * sizeof *from);
    float *to = lat_alloc((size_t) n_own * sizeof *to);
    lattn_status st = from && to ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = lattn_safetensors_read(
            file, i, LATTN_DTYPE_F32, from, (size_t) entry.numel * sizeof *from);
    if (!st) {
        memcpy(to, from, (size_t) width * sizeof *to);
        lat_vit_resize_positions(from + width, n, to + width, h, w, width);
        st = lattn_tensor_write_f32(positions, to, n_own);
    }
    lat_free(from);
    lat_free(to);
    return st;
}
