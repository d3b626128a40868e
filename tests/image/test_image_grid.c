// SPDX-License-Identifier: MIT
//
// Pictures for people: numbers as a picture, grids, sheets with captions.

#include "base/alloc.h"
#include "base/file.h"
#include "harness/harness.h"

// Bytes first, first + 1, ...
static lattn_image picture(int32_t C, int32_t H, int32_t W, int first)
{
    lattn_image m = { .C = C, .H = H, .W = W, .data = lat_alloc((size_t) C * (size_t) (H * W)) };
    for (int i = 0; m.data && i < C * H * W; i++)
        m.data[i] = (uint8_t) (first + i);
    return m;
}

static void expect_bytes(const lattn_image *m, int32_t C, int32_t H, int32_t W, const int *want)
{
    EXPECT_EQ(m->C, C);
    EXPECT_EQ(m->H, H);
    EXPECT_EQ(m->W, W);
    REQUIRE(m->C == C && m->H == H && m->W == W && m->data);
    for (int i = 0; i < C * H * W; i++)
        if (m->data[i] != want[i])
            lt_fail(__FILE__, __LINE__, "byte %d is %d, expected %d", i, m->data[i], want[i]);
}

TEST(image_grid, numbers_become_grey_levels)
{
    const float x[] = { -1, 0, 1, 3, NAN, INFINITY };
    lattn_image m;
    EXPECT_OK(lattn_image_from_f32(x, 1, 2, 3, -1, 1, &m));
    expect_bytes(&m, 1, 2, 3, (int[]){ 0, 128, 255, 255, 0, 255 });
    lattn_image_free(&m);
    EXPECT_OK(lattn_image_from_f32(x, 3, 1, 2, 5, 5, &m));
    expect_bytes(&m, 3, 1, 2, (int[]){ 128, 128, 128, 128, 128, 128 });
    lattn_image_free(&m);
    EXPECT_STATUS(lattn_image_from_f32(x, 5, 1, 1, 0, 1, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "5 channels");
    EXPECT_STATUS(lattn_image_from_f32(x, 1, 0, 1, 0, 1, &m), LATTN_ERR_ARG);
    EXPECT(m.data == NULL);
}

// 1x1 and 1x2 into squares of 2, three in two columns: gaps of 1, background 9.
TEST(image_grid, pictures_are_enlarged_by_whole_factors_and_centred)
{
    lattn_image in[] = { picture(1, 1, 1, 50), picture(1, 1, 2, 60), picture(1, 2, 2, 70) };
    lattn_grid_params params = { .columns = 2, .gap = 1, .background = 9 };
    lattn_image m;
    EXPECT_OK(lattn_image_grid(in, 3, &params, &m));
    // clang-format off
    expect_bytes(&m, 1, 7, 7, (int[]){
        9, 9,  9,  9, 9,  9,  9,
        9, 50, 50, 9, 60, 61, 9,
        9, 50, 50, 9, 9,  9,  9,
        9, 9,  9,  9, 9,  9,  9,
        9, 70, 71, 9, 9,  9,  9,
        9, 72, 73, 9, 9,  9,  9,
        9, 9,  9,  9, 9,  9,  9 });
    // clang-format on
    lattn_image_free(&m);
    for (int i = 0; i < 3; i++)
        lattn_image_free(&in[i]);
}

TEST(image_grid, one_picture_in_colour_makes_all_of_them_so)
{
    lattn_image in[] = { picture(1, 1, 1, 50), picture(3, 1, 1, 1), picture(2, 1, 1, 7),
        picture(4, 1, 1, 20) };
    lattn_image m;
    EXPECT_OK(lattn_image_grid(in, 4, NULL, &m));
    expect_bytes(&m, 3, 2, 2, (int[]){ 50, 1, 7, 20, 50, 2, 7, 21, 50, 3, 7, 22 });
    lattn_image_free(&m);
    for (int i = 0; i < 4; i++)
        lattn_image_free(&in[i]);
}

TEST(image_grid, large_pictures_shrink_with_their_ratio)
{
    lattn_image in = picture(1, 2, 4, 0), m;
    memset(in.data, 40, 8);
    lattn_grid_params params = { .tile = 2, .background = 255 };
    EXPECT_OK(lattn_image_grid(&in, 1, &params, &m));
    expect_bytes(&m, 1, 2, 2, (int[]){ 40, 40, 255, 255 });
    lattn_image_free(&m);
    lattn_image_free(&in);
    in = picture(1, 1, 300, 0);  // a line one pixel high stays one pixel high
    EXPECT_OK(lattn_image_grid(&in, 1, &params, &m));
    EXPECT_EQ(m.W, 2);
    lattn_image_free(&m);
    lattn_image_free(&in);
}

TEST(image_grid, what_cannot_be_is_refused)
{
    lattn_image in = picture(1, 1, 1, 0), none = { .C = 1, .H = 1, .W = 1 }, m;
    EXPECT_STATUS(lattn_image_grid(&in, 0, NULL, &m), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_image_grid(&none, 1, NULL, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "1 channels, 1 x 1 pixels, without pixels");
    EXPECT_STATUS(lattn_image_fit(&none, 1, &m), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_image_fit(&in, 0, &m), LATTN_ERR_ARG);
    EXPECT_STATUS(lattn_image_grid(&in, 1, &(lattn_grid_params){ .gap = -1 }, &m), LATTN_ERR_ARG);
    EXPECT_STATUS(
        lattn_image_grid(&in, 1, &(lattn_grid_params){ .tile = 1 << 20 }, &m), LATTN_ERR_ARG);
    EXPECT(m.data == NULL);
    lattn_image_free(&in);
}

TEST(image_grid, a_sheet_holds_pictures_and_captions)
{
    lattn_image in[] = { picture(1, 2, 2, 0), picture(3, 300, 200, 0) };
    const lattn_caption captions[] = { { "a < b", "90 % \"c\"", NULL },
        { "a name that is much longer than its picture is wide", NULL, "pictures/1.png" } };
    char path[4096];
    char *text = NULL;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/sheet.svg", lt_temp_dir());
    lattn_grid_params params = { .tile = 96, .gap = 8 };
    REQUIRE(lattn_image_save_sheet(path, in, captions, 2, &params) == LATTN_OK);
    REQUIRE(lat_file_read_all(path, 1 << 20, &text, &n) == LATTN_OK);
    EXPECT_CONTAINS(text, "width=\"216\" height=\"148\"");
    EXPECT_CONTAINS(text, ">a &#60; b</text>");
    EXPECT_CONTAINS(text, ">90 % &#34;c&#34;</text>");
    EXPECT_CONTAINS(text, ">a name that is m...</text>");
    EXPECT_CONTAINS(text, "<title>pictures/1.png</title>");
    // The signature and header of a PNG file: 2 x 2, grey.
    EXPECT_CONTAINS(text, "width=\"96\" height=\"96\" "
                          "href=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAA");
    EXPECT_CONTAINS(text, "x=\"128\" y=\"8\" width=\"64\" height=\"96\"");
    lat_free(text);
    lattn_image_free(&in[0]);
    lattn_image_free(&in[1]);
    EXPECT_STATUS(
        lattn_image_save_sheet("/proc/nowhere/a.svg", in, captions, 0, &params), LATTN_ERR_ARG);
}
