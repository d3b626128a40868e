// SPDX-License-Identifier: MIT

#include "harness/harness.h"
#include "base/file.h"
#include "tensor/tune.h"

// A file in a fresh folder of this test.
static const char *file(char path[512])
{
    snprintf(path, 512, "%s/tuning.json", lt_temp_dir());
    return path;
}

#define DIMS(...) ((int64_t[]){ __VA_ARGS__ })

// ---- a table of its own -----------------------------------------------------------------------------

// Adds a number to out that depends on the row: 1, but 3 in the last one, which is wrong.
struct work {
    lattn_ctx *ctx;
    lattn_tensor *out;
    int runs[3];
    bool fails;  // the second row
};

static double dear(const struct lat_problem *p)
{
    (void) p;
    return 5;
}

static const struct lat_strategy rows[] = {
    { .kind = LAT_STRATEGY_BASE, .detail = "good", .cost = dear },
    { .kind = LAT_STRATEGY_SUBGROUP, .detail = "other" },
    { .kind = LAT_STRATEGY_CPU, .detail = "wrong" },
};

static struct lat_problem problem_of(lattn_ctx *ctx, int64_t size)
{
    return (struct lat_problem){ .caps = lat_caps(ctx), .size = { size } };
}

static lattn_status run(const void *user)
{
    struct work *w = (struct work *) user;
    struct lat_problem p = problem_of(w->ctx, 7);
    int row = lat_strategy_select(w->ctx, "tune_test", rows, 3, &p);
    w->runs[row]++;
    if (row == 1 && w->fails)
        return lat_err(LATTN_ERR_GPU_MEMORY, "no room");
    lattn_tensor *one = lat_tensor_new(w->ctx, LATTN_DTYPE_F32, 1, w->out->dim);
    LAT_TRY(one ? lat_prim_fill(one, row == 2 ? 3 : 1) : w->ctx->error);
    return lat_prim_accumulate(w->out, one);
}

static lattn_status tune(struct work *w)
{
    struct lat_problem p = problem_of(w->ctx, 7);
    const struct lat_tunable t = { "tune_test", rows, 3, &p, run, w, { w->out } };
    return lat_tune(w->ctx, &t);
}

GPU_TEST(tune, a_row_with_other_numbers_is_left_out)
{
    lattn_ctx *own;
    const lattn_ctx_params params = { .device = lattn_ctx_device(ctx)->uuid };
    REQUIRE(lattn_ctx_create(&params, &own) == LATTN_OK);
    struct work w = { .ctx = own };
    w.out = lattn_full(own, LATTN_DTYPE_F32, 1, DIMS(4), 0.5);
    lattn_rng_state before = lattn_rng_get(own);

    EXPECT_OK(tune(&w));  // not on: nothing happens
    EXPECT_EQ(w.runs[0] + w.runs[1] + w.runs[2], 0);
    lattn_set_tuning(own, true);
    EXPECT(lattn_is_tuning(own));
    EXPECT_OK(tune(&w));
    EXPECT(w.runs[0] > 2);
    EXPECT(w.runs[1] > 2);
    EXPECT_EQ(w.runs[2], 1);

    REQUIRE(lattn_tuning_count(own) == 1);
    lattn_tuned choice, none;
    EXPECT_OK(lattn_tuning_get(own, 0, &choice));
    EXPECT_STR(choice.op, "tune_test");
    EXPECT_EQ(choice.size[0], 7);
    EXPECT_EQ(choice.n_tried, 3);
    EXPECT_EQ(choice.n_wrong, 1);
    EXPECT(strcmp(choice.form, "wrong") != 0);
    EXPECT(choice.seconds > 0);
    EXPECT_STATUS(lattn_tuning_get(own, 1, &none), LATTN_ERR_ARG);

    // It is chosen from then on, and what the trials added is gone.
    struct lat_problem p = problem_of(own, 7);
    EXPECT_STR(rows[lat_strategy_select(own, "tune_test", rows, 3, &p)].detail, choice.form);
    lt_expect_near(own, w.out, ((float[]){ 0.5f, 0.5f, 0.5f, 0.5f }), 4, 0);
    EXPECT_EQ(lattn_rng_get(own).step, before.step);
    int runs = w.runs[0];
    EXPECT_OK(tune(&w));
    EXPECT_EQ(w.runs[0], runs);
    lattn_ctx_destroy(&own);
}

GPU_TEST(tune, a_row_that_fails_is_left_out)
{
    lattn_ctx *own;
    const lattn_ctx_params params = { .device = lattn_ctx_device(ctx)->uuid };
    REQUIRE(lattn_ctx_create(&params, &own) == LATTN_OK);
    struct work w = { .ctx = own, .fails = true };
    w.out = lattn_full(own, LATTN_DTYPE_F32, 1, DIMS(4), 0);
    lattn_set_tuning(own, true);
    EXPECT_OK(tune(&w));
    EXPECT_OK(lattn_ctx_status(own));
    lattn_tuned choice = { 0 };
    EXPECT_OK(lattn_tuning_get(own, 0, &choice));
    EXPECT_STR(choice.form, "good");
    EXPECT_EQ(choice.n_wrong, 2);
    lattn_ctx_destroy(&own);
}

// ---- products -----------------------------------------------------------------------------------------

static lattn_tensor *product(lattn_ctx *ctx)
{
    float values[48 * 40];
    uint64_t seed = lt_name_seed("tune");
    for (int i = 0; i < 48 * 40; i++)
        values[i] = (float) lt_name_uniform(seed, i);
    lattn_tensor *a = lt_tensor(ctx, 2, DIMS(48, 40), values);
    lattn_tensor *b = lt_tensor(ctx, 2, DIMS(40, 48), values);
    return lattn_matmul(ctx, a, b);
}

GPU_TEST(tune, choices_are_kept_in_a_file)
{
    const char *path = file((char[512]){ 0 });
    lattn_ctx *first, *second;
    const lattn_ctx_params params = { .device = lattn_ctx_device(ctx)->uuid };
    REQUIRE(lattn_ctx_create(&params, &first) == LATTN_OK);
    EXPECT_OK(lattn_tuning_save(first, path));
    EXPECT(!lat_path_exists(path));  // nothing to say

    float plain[48 * 48], tuned[48 * 48];
    EXPECT_OK(lattn_tensor_read_f32(product(first), plain, 48 * 48));
    lattn_set_tuning(first, true);
    lattn_tensor *y = product(first);
    lattn_set_tuning(first, false);
    EXPECT_OK(lattn_tensor_read_f32(y, tuned, 48 * 48));
    for (int i = 0; i < 48 * 48; i++)
        EXPECT_NEAR(tuned[i], plain[i], 1e-4);
    REQUIRE(lattn_tuning_count(first) == 1);
    lattn_tuned choice, read;
    EXPECT_OK(lattn_tuning_get(first, 0, &choice));
    EXPECT_STR(choice.op, "matmul");
    EXPECT_EQ(choice.n_wrong, 0);
    EXPECT_EQ(choice.size[1], 48);

    // What the file has of other cards stays; this card's part is replaced.
    static const char other[] =
        "{\"format\": \"lattn tuning 1\", \"devices\": [{\"device\": \"another card\", "
        "\"driver\": \"1.0\", \"choices\": []}]}";
    REQUIRE(lat_file_replace(path, other, sizeof other - 1) == LATTN_OK);
    EXPECT_OK(lattn_tuning_save(first, path));
    EXPECT_OK(lattn_tuning_save(first, path));
    char *text = NULL;
    size_t bytes;
    REQUIRE(lat_file_read_all(path, 1 << 20, &text, &bytes) == LATTN_OK);
    EXPECT_CONTAINS(text, "another card");
    const char *mine = strstr(text, "\"matmul\"");
    EXPECT(mine && !strstr(mine + 1, "\"matmul\""));
    lat_free(text);

    int count = 0;
    REQUIRE(lattn_ctx_create(&params, &second) == LATTN_OK);
    EXPECT_OK(lattn_tuning_load(second, path, &count));
    EXPECT_EQ(count, 1);
    EXPECT_OK(lattn_tuning_get(second, 0, &read));
    EXPECT_STR(read.strategy, choice.strategy);
    EXPECT_STR(read.form, choice.form);
    EXPECT(memcmp(read.size, choice.size, sizeof read.size) == 0);
    EXPECT_OK(lattn_tensor_read_f32(product(second), plain, 48 * 48));
    EXPECT(memcmp(plain, tuned, sizeof plain) == 0);
    lattn_ctx_destroy(&second);

    setenv("LATTN_TUNING", path, 1);
    REQUIRE(lattn_ctx_create(&params, &second) == LATTN_OK);
    EXPECT_EQ(lattn_tuning_count(second), 1);
    unsetenv("LATTN_TUNING");
    lattn_ctx_destroy(&second);
    lattn_ctx_destroy(&first);
}

GPU_TEST(tune, bad_files_are_told)
{
    static const struct {
        const char *text, *part;
    } files[] = {
        { "{", "tuning.json" },
        { "{\"format\": \"lattn tuning 9\", \"devices\": []}", "format is \"lattn tuning 9\"" },
        { "{\"format\": \"lattn tuning 1\", \"devices\": 3}", "devices is no list" },
        { "%s, \"choices\": 1}]}", "choices is no list" },
        { "%s, \"choices\": [{\"op\": \"matmul\", \"dtype\": \"i7\"}]}]}", "dtype \"i7\"" },
        { "%s, \"choices\": [{\"op\": \"matmul\", \"dtype\": \"f32\", \"size\": [1]}]}]}",
            "size is no list of 6 numbers" },
        { "%s, \"choices\": [{\"dtype\": \"f32\"}]}]}", "op" },
    };
    const char *path = file((char[512]){ 0 });
    const lattn_device_info *device = lattn_ctx_device(ctx);
    char head[1024], text[2048];
    snprintf(head, sizeof head,
        "{\"format\": \"lattn tuning 1\", \"devices\": [{\"device\": \"%s\", \"driver\": \"%s\"",
        device->name, device->driver);
    for (size_t i = 0; i < LAT_COUNT(files); i++) {
        int n = snprintf(text, sizeof text, "%s%s", strncmp(files[i].text, "%s", 2) ? "" : head,
            files[i].text + (strncmp(files[i].text, "%s", 2) ? 0 : 2));
        REQUIRE(lat_file_replace(path, text, (size_t) n) == LATTN_OK);
        EXPECT_STATUS(lattn_tuning_load(ctx, path, NULL), LATTN_ERR_FORMAT);
        EXPECT_CONTAINS(lattn_error(NULL), files[i].part);
    }
    EXPECT_STATUS(lattn_tuning_load(ctx, "no/such/file", NULL), LATTN_ERR_IO);
    lattn_ctx *own = NULL;
    setenv("LATTN_TUNING", "no/such/file", 1);
    EXPECT_STATUS(lattn_ctx_create(NULL, &own), LATTN_ERR_IO);
    unsetenv("LATTN_TUNING");
}
