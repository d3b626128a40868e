// SPDX-License-Identifier: MIT
//
// The steps of a transform against plain definitions in double, and resizing against Pillow.

#include "base/compiler.h"
#include "image/pictures.h"
#include "image/transform.h"
#include "harness/harness.h"

enum { C = 3, H = 13, W = 17, PLANE = H * W };

static struct lat_sample golden_sample(struct lt_bytes *raw)
{
    *raw = lt_golden("rgb.png.raw");
    return (struct lat_sample){ .bytes = raw->items, .C = C, .H = H, .W = W, .name = "x" };
}

// ---- resizing ---------------------------------------------------------------------------------

TEST(resize, agrees_with_pillow)
{
    static const int sizes[][2] = { { 7, 5 }, { 29, 40 }, { 13, 4 }, { 1, 1 }, { 26, 17 } };
    struct lt_bytes raw;
    struct lat_sample from = golden_sample(&raw);
    struct lat_scratch scratch = { 0 };
    for (size_t i = 0; i < LAT_COUNT(sizes); i++) {
        int h = sizes[i][0], w = sizes[i][1];
        char name[40];
        snprintf(name, sizeof name, "resize_%d_%d.f32", h, w);
        struct lt_bytes file = lt_golden(name);
        REQUIRE(file.n == (size_t) (h * w) * sizeof(float));
        const float *expected = (const float *) file.items;
        float *got = malloc(C * file.n);
        EXPECT_OK(lat_resize(&scratch, &from, (struct lat_box){ 0, 0, H, W }, got, h, w));
        for (int k = 0; k < h * w; k++)
            EXPECT_NEAR((double) got[k] * 255, (double) expected[k], 1e-4);
        free(got);
        free(file.items);
    }
    lat_scratch_free(&scratch);
    free(raw.items);
}

static double weight(double i, double centre, double width)
{
    return fmax(0, 1 - fabs(i + 0.5 - centre) / width);
}

// The definition, without separating rows from columns.
static double resized(const float *p, struct lat_box box, int whole_W, int h, int w, int y, int x)
{
    double sy = (double) box.H / h, sx = (double) box.W / w, sum = 0, weights = 0;
    for (int i = 0; i < box.H; i++) {
        for (int k = 0; k < box.W; k++) {
            double v =
                weight(i, (y + 0.5) * sy, fmax(sy, 1)) * weight(k, (x + 0.5) * sx, fmax(sx, 1));
            sum += v * (double) p[(box.y + i) * whole_W + box.x + k];
            weights += v;
        }
    }
    return sum / weights;
}

TEST(resize, is_its_definition_on_any_box)
{
    static const struct lat_box boxes[] = { { 0, 0, 11, 9 }, { 3, 2, 5, 7 }, { 10, 8, 1, 1 },
        { 0, 4, 11, 1 } };
    static const int sizes[][2] = { { 1, 1 }, { 3, 4 }, { 11, 9 }, { 23, 2 }, { 6, 31 } };
    float in[2 * 99], out[2 * 32 * 32];
    for (int i = 0; i < 2 * 99; i++)
        in[i] = sinf((float) i) * 3;
    struct lat_sample from = { .numbers = in, .C = 2, .H = 11, .W = 9, .name = "x" };
    struct lat_scratch scratch = { 0 };
    for (size_t b = 0; b < LAT_COUNT(boxes); b++) {
        for (size_t s = 0; s < LAT_COUNT(sizes); s++) {
            int h = sizes[s][0], w = sizes[s][1];
            EXPECT_OK(lat_resize(&scratch, &from, boxes[b], out, h, w));
            for (int i = 0; i < 2 * h * w; i++)
                EXPECT_NEAR((double) out[i],
                    resized(in + i / (h * w) * 99, boxes[b], 9, h, w, i % (h * w) / w, i % w),
                    3e-6);
        }
    }
    lat_scratch_free(&scratch);
}

TEST(resize, what_would_be_absurdly_large_is_refused)
{
    static const uint8_t line[70000];
    struct lat_sample from = { .bytes = line, .C = 1, .H = 70000, .W = 1, .name = "long.png" };
    struct lat_scratch scratch = { 0 };
    lattn_transform t = { .resize = 65535, .height = 8, .width = 8 };
    float out[64];
    EXPECT_STATUS(lat_transform(&scratch, &t, &from, out), LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(lattn_error(NULL), "long.png: a picture of 1 x 70000 pixels is too long");
    t = (lattn_transform){ .stretch = true, .height = 8, .width = 8 };
    EXPECT_OK(lat_transform(&scratch, &t, &from, out));
    lat_scratch_free(&scratch);
}

// ---- cropping ---------------------------------------------------------------------------------

static float pixel(const uint8_t *p, int c, int y, int x)
{
    bool inside = y >= 0 && y < H && x >= 0 && x < W;
    return inside ? (float) p[(c * H + y) * W + x] / 255 : 0;
}

// Where a crop of [C, h, w] was taken; false when nowhere.
static bool find(const uint8_t *p, const float *out, int h, int w, int pad, int *top, int *left)
{
    for (*top = -pad; *top + h <= H + pad; ++*top) {
        for (*left = -pad; *left + w <= W + pad; ++*left) {
            bool same = true;
            for (int i = 0; i < C * h * w && same; i++)
                same = fabsf(out[i] -
                             pixel(p, i / (h * w), *top + i % (h * w) / w, *left + i % w)) < 1e-6f;
            if (same)
                return true;
        }
    }
    return false;
}

TEST(transform, the_crop_is_of_the_centre_or_of_anywhere)
{
    struct lt_bytes raw;
    struct lat_sample from = golden_sample(&raw);
    struct lat_scratch scratch = { 0 };
    float out[C * 30 * 30];
    int top, left;
    lattn_transform t = { .height = 5, .width = 10 };
    EXPECT_OK(lat_transform(&scratch, &t, &from, out));
    EXPECT(find(raw.items, out, 5, 10, 0, &top, &left) && top == 4 && left == 3);
    t = (lattn_transform){ .pad = 3, .height = 19, .width = 19 };
    EXPECT_OK(lat_transform(&scratch, &t, &from, out));
    EXPECT(find(raw.items, out, 19, 19, 3, &top, &left) && top == -3 && left == -1);

    t = (lattn_transform){ .pad = 2, .random_crop = true };  // as large as it was
    bool tops[5] = { 0 }, lefts[5] = { 0 };
    for (from.row = 0; from.row < 100; from.row++) {
        EXPECT_OK(lat_transform(&scratch, &t, &from, out));
        REQUIRE(find(raw.items, out, H, W, 2, &top, &left));
        tops[top + 2] = lefts[left + 2] = true;
    }
    for (int i = 0; i < 5; i++)
        EXPECT(tops[i] && lefts[i]);
    lat_scratch_free(&scratch);
    free(raw.items);
}

TEST(transform, i3_a_picture_smaller_than_the_crop_is_an_error_with_its_name)
{
    struct lt_bytes raw;
    struct lat_sample from = golden_sample(&raw);
    struct lat_scratch scratch = { 0 };
    float out[C * 20 * 20];
    lattn_transform t = { .height = 14, .width = 17 };
    EXPECT_STATUS(lat_transform(&scratch, &t, &from, out), LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(
        lattn_error(NULL), "x: a picture of 17 x 13 pixels is smaller than the crop of 17 x 14");
    t.pad = 1;
    EXPECT_OK(lat_transform(&scratch, &t, &from, out));
    t.resize = 14;
    t.pad = 0;
    EXPECT_OK(lat_transform(&scratch, &t, &from, out));
    lat_scratch_free(&scratch);
    free(raw.items);
}

TEST(transform, resize_keeps_the_ratio_and_stretch_does_not)
{
    lattn_transform t = { .resize = 26 };
    int32_t h, w;
    lat_transform_size(&t, 13, 17, &h, &w);
    EXPECT(h == 26 && w == 34);
    lat_transform_size(&t, 17, 13, &h, &w);
    EXPECT(h == 34 && w == 26);
    t = (lattn_transform){ .resize = 26, .height = 5, .width = 6 };
    lat_transform_size(&t, 17, 13, &h, &w);
    EXPECT(h == 5 && w == 6);

    struct lt_bytes raw;
    struct lat_sample from = golden_sample(&raw);
    struct lat_scratch scratch = { 0 };
    float a[C * 10 * 10], b[C * 10 * 10];
    t = (lattn_transform){ .stretch = true, .height = 10, .width = 10 };
    EXPECT_OK(lat_transform(&scratch, &t, &from, a));
    EXPECT_OK(lat_resize(&scratch, &from, (struct lat_box){ 0, 0, H, W }, b, 10, 10));
    EXPECT(!memcmp(a, b, sizeof a));
    // 10 x 13 first, then the 10 in the middle.
    float c[C * 10 * 13];
    t = (lattn_transform){ .resize = 10, .height = 10, .width = 10 };
    EXPECT_OK(lat_transform(&scratch, &t, &from, a));
    EXPECT_OK(lat_resize(&scratch, &from, (struct lat_box){ 0, 0, H, W }, c, 10, 13));
    for (int i = 0; i < C * 100; i++)
        EXPECT_EQ(a[i] == c[i / 10 * 13 + 1 + i % 10], 1);
    lat_scratch_free(&scratch);
    free(raw.items);
}

// On a ramp the mean of the result tells where the box was, its slope how large.
TEST(transform, min_area_takes_parts_of_the_promised_size_and_shape)
{
    enum { SIDE = 60 };
    static float in[2 * SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) {
        in[i] = (float) (i % SIDE);
        in[SIDE * SIDE + i] = (float) (i / SIDE);
    }
    struct lat_sample from = { .numbers = in, .C = 2, .H = SIDE, .W = SIDE, .name = "x" };
    struct lat_scratch scratch = { 0 };
    lattn_transform t = { .min_area = 0.25f, .height = 8, .width = 8 };
    double smallest = 1, largest = 0;
    for (from.row = 0; from.row < 300; from.row++) {
        float out[2 * 64];
        EXPECT_OK(lat_transform(&scratch, &t, &from, out));
        double w = (double) (out[6] - out[1]) / 5 * 8,
               h = (double) (out[64 + 48] - out[64 + 8]) / 5 * 8;
        double share = w * h / (SIDE * SIDE);
        EXPECT(share > 0.23 && share < 1.01);
        EXPECT(w / h > 0.72 && w / h < 1.39);
        smallest = fmin(smallest, share);
        largest = fmax(largest, share);
    }
    EXPECT(smallest < 0.3 && largest > 0.85);

    // No box of 3:4 fits into a strip; the largest in the middle is taken.
    static float strip[4 * 400];
    for (int i = 0; i < 4 * 400; i++)
        strip[i] = (float) (i % 400);
    from = (struct lat_sample){ .numbers = strip, .C = 1, .H = 4, .W = 400, .name = "x" };
    t = (lattn_transform){ .min_area = 0.9f, .height = 5, .width = 5 };
    float out[25];
    EXPECT_OK(lat_transform(&scratch, &t, &from, out));
    EXPECT_NEAR((double) out[12], 199, 0.6);
    lat_scratch_free(&scratch);
}

// ---- flips, rotation, colours -----------------------------------------------------------------

TEST(augment, flips_mirror)
{
    float p[2 * 3 * 5], q[2 * 3 * 5];
    for (int i = 0; i < 30; i++)
        p[i] = q[i] = (float) i;
    lat_flip_horizontal(p, 2, 3, 5);
    for (int i = 0; i < 30; i++)
        EXPECT_EQ((int) p[i], i / 5 * 5 + 4 - i % 5);
    lat_flip_vertical(q, 2, 3, 5);
    for (int i = 0; i < 30; i++)
        EXPECT_EQ((int) q[i], i / 15 * 15 + (2 - i % 15 / 5) * 5 + i % 5);
}

TEST(augment, rotation_by_right_angles_moves_pixels)
{
    float p[2 * 25], q[2 * 25];
    for (int i = 0; i < 50; i++)
        p[i] = (float) i;
    lat_rotate(p, q, 2, 5, 5, 90);
    for (int i = 0; i < 50; i++)  // counter-clockwise: what was on the right comes to the top
        EXPECT_NEAR((double) q[i], i / 25 * 25 + i % 5 * 5 + (4 - i % 25 / 5), 1e-4);
    lat_rotate(p, q, 2, 5, 5, 180);
    for (int i = 0; i < 50; i++)
        EXPECT_NEAR((double) q[i], i / 25 * 25 + 24 - i % 25, 1e-4);
    lat_rotate(p, q, 2, 5, 5, 0);
    EXPECT(!memcmp(p, q, sizeof p));
}

TEST(augment, rotation_interpolates_and_leaves_corners_black)
{
    enum { N = 21 };
    static float p[N * N], q[N * N];
    for (int i = 0; i < N * N; i++)  // a plane is turned into a plane
        p[i] = 100 + 2.0f * (float) (i % N - 10) - 3.0f * (float) (i / N - 10);
    lat_rotate(p, q, 1, N, N, 30);
    double s = sin(3.14159265358979 / 6), k = cos(3.14159265358979 / 6);
    for (int y = 5; y < 16; y++)
        for (int x = 5; x < 16; x++)
            EXPECT_NEAR((double) q[y * N + x],
                100 + 2 * (k * (x - 10) - s * (y - 10)) - 3 * (s * (x - 10) + k * (y - 10)), 1e-4);
    EXPECT(q[0] == 0 && q[N - 1] == 0 && q[N * N - 1] == 0);
}

static double clamped(double v)
{
    return fmin(fmax(v, 0), 1);
}

TEST(augment, colours_are_blends)
{
    enum { N = 35 };
    float in[4 * N], p[4 * N];
    for (int channels = 1; channels <= 4; channels++) {
        int colours = channels < 3 ? 1 : 3;
        double mean = 0, grey[N];
        for (int i = 0; i < channels * N; i++)
            in[i] = (float) (i * 37 % 101) / 100;
        for (int i = 0; i < N; i++) {
            grey[i] = colours == 1 ? (double) in[i]
                                   : 0.299 * (double) in[i] + 0.587 * (double) in[N + i] +
                                         0.114 * (double) in[2 * N + i];
            mean += grey[i] / N;
        }
        for (double f = 0; f < 2.1; f += 0.35) {
            memcpy(p, in, sizeof p);
            lat_brightness(p, channels, N, (float) f);
            for (int i = 0; i < channels * N; i++)
                EXPECT_NEAR((double) p[i],
                    i < colours * N ? clamped(f * (double) in[i]) : (double) in[i], 1e-6);
            memcpy(p, in, sizeof p);
            lat_contrast(p, channels, N, (float) f);
            for (int i = 0; i < channels * N; i++)
                EXPECT_NEAR((double) p[i],
                    i < colours * N ? clamped(f * (double) in[i] + (1 - f) * mean) : (double) in[i],
                    1e-6);
            memcpy(p, in, sizeof p);
            lat_saturation(p, channels, N, (float) f);
            for (int i = 0; i < channels * N; i++)
                EXPECT_NEAR((double) p[i],
                    channels >= 3 && i < 3 * N ? clamped(f * (double) in[i] + (1 - f) * grey[i % N])
                                               : (double) in[i],
                    1e-6);
        }
    }
}

TEST(augment, cutout_is_cut_at_the_borders)
{
    static const struct {
        int y, x, side, zeros;
    } cases[] = { { 3, 4, 4, 16 }, { 3, 4, 1, 1 }, { 0, 0, 4, 4 }, { 6, 8, 4, 9 },
        { 3, 4, 100, 63 }, { 0, 4, 3, 6 } };
    for (size_t i = 0; i < LAT_COUNT(cases); i++) {
        float p[2 * 63];
        for (int k = 0; k < 2 * 63; k++)
            p[k] = 1;
        lat_cutout(p, 2, 7, 9, cases[i].y, cases[i].x, cases[i].side);
        int zeros = 0;
        for (int k = 0; k < 2 * 63; k++)
            zeros += p[k] == 0;
        EXPECT_EQ(zeros, 2 * cases[i].zeros);
    }
}

TEST(augment, shares_of_mixup_have_the_moments_of_beta)
{
    static const double alphas[] = { 0.001, 0.2, 1, 8 };
    for (size_t i = 0; i < LAT_COUNT(alphas); i++) {
        enum { N = 20000 };
        struct lat_rng rng = { .seed = 5 };
        double sum = 0, squares = 0, variance = 1 / (4 * (2 * alphas[i] + 1));
        for (int k = 0; k < N; k++) {
            double v = lat_beta(&rng, alphas[i]);
            EXPECT(v >= 0 && v <= 1);
            sum += v;
            squares += (v - 0.5) * (v - 0.5);
        }
        EXPECT_NEAR(sum / N, 0.5, 4 * sqrt(variance / N));
        EXPECT_NEAR(squares / N, variance, 0.03 * variance + 1e-3);
    }
}

// ---- the whole --------------------------------------------------------------------------------

TEST(transform, numbers_are_normalised_last_and_cut_to_zero)
{
    struct lt_bytes raw;
    struct lat_sample from = golden_sample(&raw);
    struct lat_scratch scratch = { 0 };
    const float mean[] = { 0.5f, 0.25f, 0.125f }, std[] = { 0.5f, 2, 3 };
    lattn_transform t = { .mean = mean, .std = std };
    float out[C * PLANE];
    EXPECT_OK(lat_transform(&scratch, &t, &from, out));
    for (int i = 0; i < C * PLANE; i++)
        EXPECT_NEAR((double) out[i],
            ((double) raw.items[i] / 255 - (double) mean[i / PLANE]) / (double) std[i / PLANE],
            1e-6);
    t.cutout = 100;
    EXPECT_OK(lat_transform(&scratch, &t, &from, out));
    bool zero = false;
    for (int i = 0; i < C * PLANE; i++)
        zero |= out[i] == 0;
    EXPECT(zero);
    lat_scratch_free(&scratch);
    free(raw.items);
}

static const lattn_transform everything = { .pad = 2,
    .random_crop = true,
    .height = 12,
    .width = 14,
    .flip_horizontal = 0.5f,
    .flip_vertical = 0.5f,
    .rotate = 20,
    .brightness = 0.3f,
    .contrast = 0.3f,
    .saturation = 0.3f,
    .cutout = 4 };

TEST(transform, depends_on_seed_epoch_and_row_alone)
{
    struct lt_bytes raw;
    struct lat_sample from = golden_sample(&raw);
    struct lat_scratch scratch = { 0 };
    enum { N = C * 12 * 14 };
    static float outs[8][N];
    for (int i = 0; i < 8; i++) {
        from.seed = (uint64_t) i & 1;
        from.epoch = (uint64_t) i >> 1 & 1;
        from.row = (uint64_t) i >> 2 & 1;
        EXPECT_OK(lat_transform(&scratch, &everything, &from, outs[i]));
    }
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < i; k++)
            EXPECT(memcmp(outs[i], outs[k], sizeof outs[i]) != 0);
    float again[N];
    from.seed = from.epoch = from.row = 0;
    EXPECT_OK(lat_transform(&scratch, &everything, &from, again));
    EXPECT(!memcmp(again, outs[0], sizeof again));
    lat_scratch_free(&scratch);
    free(raw.items);
}

TEST(transform, one_step_more_leaves_the_draws_of_the_others)
{
    struct lt_bytes raw;
    struct lat_sample from = golden_sample(&raw);
    struct lat_scratch scratch = { 0 };
    lattn_transform t = { .pad = 2, .random_crop = true };
    float out[C * PLANE];
    int top, left, other_top, other_left, n_flipped = 0;
    for (from.row = 0; from.row < 40; from.row++) {
        t.flip_vertical = 0;
        EXPECT_OK(lat_transform(&scratch, &t, &from, out));
        REQUIRE(find(raw.items, out, H, W, 2, &top, &left));
        t.flip_vertical = 0.5f;
        EXPECT_OK(lat_transform(&scratch, &t, &from, out));
        if (!find(raw.items, out, H, W, 2, &other_top, &other_left)) {
            n_flipped++;
            lat_flip_vertical(out, C, H, W);
            REQUIRE(find(raw.items, out, H, W, 2, &other_top, &other_left));
        }
        EXPECT(top == other_top && left == other_left);
    }
    EXPECT(n_flipped > 8 && n_flipped < 32);
    lat_scratch_free(&scratch);
    free(raw.items);
}
