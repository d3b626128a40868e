// SPDX-License-Identifier: MIT
//
// lattn-cnn from pictures to predictions, and what a run leaves behind: the same bits from the same
// seed, whatever the number of workers, also after being interrupted and resumed.

#include <signal.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/json.h"
#include "e2e/command.h"
#include "e2e/pictures.h"
#include "models/torchvision.h"

// The number behind "name": in the one JSON object that c printed.
static double number_of(const struct lt_command *c, const char *name)
{
    json_t *j = NULL;
    EXPECT_OK(lat_json_parse("stdout", c->out, strlen(c->out), &j));
    const json_t *v = json_object_get(j, name);
    if (!json_is_number(v))
        lt_fail(__FILE__, __LINE__, "no number \"%s\" in %s", name, c->out);
    double number = json_number_value(v);
    json_decref(j);
    return number;
}

static struct lt_command run(const char *line)
{
    struct lt_command c = lt_command_run(NULL, line);
    if (c.code != 0)
        lt_fail(__FILE__, __LINE__, "%s: exit code %d: %s", line, c.code, c.err);
    return c;
}

// Trains into dir/name. data is a folder in dir.
static struct lt_command train(
    const char *dir, const char *data, const char *name, const char *extra)
{
    return run(lt_cnn_line(dir, data, name, extra));
}

static void train_only(const char *dir, const char *data, const char *name, const char *extra)
{
    struct lt_command c = train(dir, data, name, extra);
    lt_command_free(&c);
}

// A command line, with @ for the folder of the test; lent until the next call.
static const char *line_in(const char *dir, const char *text)
{
    static char line[8192];
    size_t n = 0;
    for (const char *p = text; *p && n + 1 < sizeof line; p++) {
        if (*p == '@')
            n += (size_t) snprintf(line + n, sizeof line - n, "%s", dir);
        else
            line[n++] = *p;
    }
    line[n] = 0;
    return line;
}

// A tensor of a saved model, f32 or the bits of i32; the number of its elements, 0 when it is not there.
static int64_t tensor_of(const char *path, const char *name, float *out, size_t bytes)
{
    lattn_safetensors *file = NULL;
    lattn_safetensors_entry entry = { 0 };
    EXPECT_OK(lattn_safetensors_open(path, NULL, &file));
    int64_t at = file ? lattn_safetensors_find(file, name) : -1;
    if (at >= 0) {
        EXPECT_OK(lattn_safetensors_get(file, (size_t) at, &entry));
        lattn_dtype dtype = strcmp(entry.dtype, "I32") == 0 ? LATTN_DTYPE_I32 : LATTN_DTYPE_F32;
        EXPECT_OK(lattn_safetensors_read(file, (size_t) at, dtype, out, bytes));
    }
    lattn_safetensors_close(&file);
    return entry.numel;
}

static void expect_train(
    const char *dir, const char *data, const char *extra, int code, const char *part)
{
    struct lt_command c = lt_command_run(NULL, lt_cnn_line(dir, data, "out", extra));
    lt_expect_sentence(&c, "lattn-cnn train", code, part);
    // Without progress the sentence is alone.
    if (strchr(c.err, '\n') != c.err + strlen(c.err) - 1)
        lt_fail(__FILE__, __LINE__, "more than one line: %s", c.err);
    lt_command_free(&c);
}

// ---- training -------------------------------------------------------------------------------------

GPU_TEST(cnn, a_tiny_network_learns_and_eval_agrees_with_train)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    struct lt_command c = train(dir, "idx", "out", "--epochs 6 --json");
    double accuracy = number_of(&c, "test_accuracy"), loss = number_of(&c, "test_loss");
    EXPECT(accuracy >= 0.95);
    EXPECT_EQ(number_of(&c, "steps"), 24);
    lt_command_free(&c);
    const char *const files[] = { "config.json", "model.safetensors", "metrics.jsonl", "curves.svg",
        "checkpoint-24/trainer_state.json", "checkpoint-24/optimizer.safetensors" };
    for (size_t i = 0; i < LAT_COUNT(files); i++) {
        if (!lt_has_file(lt_path(dir, "out"), files[i]))
            lt_fail(__FILE__, __LINE__, "%s was not written", files[i]);
    }

    c = run(line_in(dir, "lattn-cnn eval -m @/out --data_path @/idx --json"));
    EXPECT_EQ(number_of(&c, "n"), LT_TEST_PICTURES);
    EXPECT_NEAR(number_of(&c, "accuracy"), accuracy, 1e-6);
    EXPECT_NEAR(number_of(&c, "loss"), loss, 1e-6 * (1 + loss));
    lt_command_free(&c);
    c = run(line_in(dir, "lattn-cnn eval -m @/out --data_path @/idx"));
    char words[64];
    snprintf(words, sizeof words, "accuracy %.2f %%", 100 * accuracy);
    EXPECT_CONTAINS(c.out, words);
    lt_command_free(&c);
}

// Of the evaluations after one epoch and after six.
GPU_TEST(cnn, training_lowers_the_loss)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    train_only(dir, "idx", "out", "--epochs 6 --lr 0.02");
    char *log = lt_read_file(lt_path(dir, "out/metrics.jsonl"), NULL);
    const char *first = strstr(log, "\"eval_loss\":"), *last = first;
    for (const char *p = first; p; p = strstr(p + 1, "\"eval_loss\":"))
        last = p;
    REQUIRE(first && last > first);
    EXPECT(atof(last + 12) < 0.5 * atof(first + 12));
    lat_free(log);
}

GPU_TEST(cnn, a_set_smaller_than_a_batch_is_one_batch)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    struct lt_command c = train(dir, "idx", "out", "--epochs 2 --batch_size 500 --json");
    EXPECT_EQ(number_of(&c, "steps"), 2);
    lt_command_free(&c);
}

GPU_TEST(cnn, the_same_seed_gives_the_same_bits_with_one_and_two_workers)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    const char augmented[] = "--epochs 3 --pad 1 --hflip 0.5 --seed 5";
    lt_idx_files(dir, "idx", 8, 8, 3);
    train_only(dir, "idx", "one", augmented);
    train_only(dir, "idx", "again", augmented);
    train_only(dir, "idx", "two", "--epochs 3 --pad 1 --hflip 0.5 --seed 5 --workers 2");
    train_only(dir, "idx", "other", "--epochs 3 --pad 1 --hflip 0.5 --seed 6");
    const char *file = "checkpoint-12/model.safetensors";
    char one[4096];
    snprintf(one, sizeof one, "%s/one/%s", dir, file);
    EXPECT(lt_same_file(one, lt_path(dir, "again/checkpoint-12/model.safetensors")));
    EXPECT(lt_same_file(one, lt_path(dir, "two/checkpoint-12/model.safetensors")));
    EXPECT(!lt_same_file(one, lt_path(dir, "other/checkpoint-12/model.safetensors")));
    EXPECT(
        lt_same_file(lt_path(dir, "one/model.safetensors"), lt_path(dir, "two/model.safetensors")));
}

GPU_TEST(cnn, interrupted_and_resumed_gives_the_same_bits)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    const char settings[] = "--epochs 30 --save_steps 5 --pad 1 --hflip 0.5";
    lt_idx_files(dir, "idx", 8, 8, 3);
    train_only(dir, "idx", "whole", settings);
    pid_t pid = lt_command_start(dir, lt_cnn_line(dir, "idx", "cut", settings));
    lt_wait_for(dir, "cut/checkpoint-5/manifest.json");
    kill(pid, SIGINT);
    int code = lt_command_wait(pid);
    if (code != 0) {  // 0: a device so fast that the run was over before the signal came
        char *said = lt_read_file(lt_path(dir, "stderr"), NULL);
        EXPECT_EQ(code, 130);
        EXPECT_CONTAINS(
            said, "of 120; the checkpoint is complete; call the same command with --resume");
        EXPECT(!lt_has_file(dir, "cut/checkpoint-120/model.safetensors"));
        lat_free(said);
    }

    train_only(dir, "idx", "cut", "--epochs 30 --save_steps 5 --pad 1 --hflip 0.5 --resume");
    const char *const files[] = { "checkpoint-120/model.safetensors",
        "checkpoint-120/optimizer.safetensors", "model.safetensors", "config.json" };
    for (size_t i = 0; i < LAT_COUNT(files); i++) {
        if (!lt_same_file(
                lt_path(lt_path(dir, "whole"), files[i]), lt_path(lt_path(dir, "cut"), files[i])))
            lt_fail(__FILE__, __LINE__, "%s differs", files[i]);
    }
    // The running statistics are among what was compared.
    float mean[4] = { 0 };
    EXPECT_EQ(tensor_of(lt_path(dir, "cut/checkpoint-120/model.safetensors"), "1.running_mean",
                  mean, sizeof mean),
        4);
    EXPECT(mean[0] != 0);
}

// ---- rates ----------------------------------------------------------------------------------------

// Rates of the log, one for every update.
static int rates_of(const char *dir, const char *name, double *rates, int capacity)
{
    char *log = lt_read_file(lt_path(lt_path(dir, name), "metrics.jsonl"), NULL);
    int n = 0;
    for (const char *p = strstr(log, "\"learning_rate\":"); p && n < capacity;
         p = strstr(p + 1, "\"learning_rate\":"))
        rates[n++] = atof(p + strlen("\"learning_rate\":"));
    lat_free(log);
    return n;
}

// Four updates an epoch; a rate is logged every ten and at the end.
GPU_TEST(cnn, steps_of_the_rate_are_in_epochs_and_resume_exactly)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    const char settings[] = "--lr 0.08 --lr_scheduler multisteplr --lr_steps 2,4.5 --lr_gamma 0.5 "
                            "--epochs 10";
    double rates[8];
    char extra[512];
    lt_idx_files(dir, "idx", 8, 8, 3);
    train_only(dir, "idx", "whole", settings);
    EXPECT_EQ(rates_of(dir, "whole", rates, 8), 4);
    EXPECT_NEAR(rates[0], 0.04, 1e-7);  // of update 9, the tenth
    EXPECT_NEAR(rates[1], 0.02, 1e-7);
    EXPECT_NEAR(rates[3], 0.02, 1e-7);

    snprintf(extra, sizeof extra, "cp -r '%s/whole' '%s/cut' && rm -r '%s/cut/checkpoint-40'", dir,
        dir, dir);
    EXPECT_EQ(system(extra), 0);
    snprintf(extra, sizeof extra, "%s --resume", settings);
    train_only(dir, "idx", "cut", extra);
    EXPECT(lt_same_file(lt_path(dir, "whole/checkpoint-40/model.safetensors"),
        lt_path(dir, "cut/checkpoint-40/model.safetensors")));
    snprintf(
        extra, sizeof extra, "%s --lr_steps 2,5 --resume %s/whole/checkpoint-36", settings, dir);
    expect_train(dir, "idx", extra, 3, "other settings");

    train_only(dir, "idx", "steps",
        "--lr 0.08 --lr_scheduler steplr --lr_step_size 2 --lr_gamma 0.5 --epochs 5");
    EXPECT_EQ(rates_of(dir, "steps", rates, 8), 2);
    EXPECT_NEAR(rates[0], 0.04, 1e-7);
    EXPECT_NEAR(rates[1], 0.02, 1e-7);
}

GPU_TEST(cnn, forms_of_momentum_differ_where_they_should)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    static const char *const forms[] = { "rate_outside", "rate_inside", "average" };
    lt_idx_files(dir, "idx", 8, 8, 3);
    for (int i = 0; i < 3; i++) {
        char extra[256];
        snprintf(extra, sizeof extra, "--lr_scheduler cosine --momentum_form %s", forms[i]);
        train_only(dir, "idx", forms[i], extra);
    }
    float w[3][36];
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(tensor_of(lt_path(lt_path(dir, forms[i]), "model.safetensors"), "0.weight", w[i],
                      sizeof w[i]),
            36);
    EXPECT(memcmp(w[0], w[1], sizeof w[0]) != 0);
    EXPECT(memcmp(w[0], w[2], sizeof w[0]) != 0);
}

// From a checkpoint elsewhere, with a best model that stays elsewhere: this folder gets its own.
GPU_TEST(cnn, a_run_resumed_into_another_folder_leaves_a_model_there)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    train_only(dir, "idx", "whole", "--epochs 10 --lr 0.1");
    char extra[4096];
    snprintf(extra, sizeof extra, "--epochs 10 --lr 0.1 --resume %s/whole/checkpoint-36", dir);
    train_only(dir, "idx", "rest", extra);
    EXPECT(lt_has_file(lt_path(dir, "rest"), "model.safetensors"));
    EXPECT(lt_same_file(lt_path(dir, "whole/checkpoint-40/model.safetensors"),
        lt_path(dir, "rest/checkpoint-40/model.safetensors")));
}

// ---- pictures -------------------------------------------------------------------------------------

static void expect_prediction(const char *text, const char *file, const char *label)
{
    json_t *j = NULL;
    EXPECT_OK(lat_json_parse("stdout", text, strcspn(text, "\n"), &j));
    REQUIRE(j != NULL);
    EXPECT_STR(json_string_value(json_object_get(j, "file")), file);
    EXPECT_STR(json_string_value(json_object_get(j, "label")), label);
    const json_t *shares = json_object_get(j, "probabilities");
    double sum = 0;
    const char *name;
    json_t *share;
    json_object_foreach((json_t *) shares, name, share) sum += json_number_value(share);
    EXPECT_EQ(json_object_size(shares), 2);
    EXPECT_NEAR(sum, 1, 3e-6);
    EXPECT_NEAR(json_number_value(json_object_get(shares, label)),
        json_number_value(json_object_get(j, "score")), 0);
    json_decref(j);
}

// Pictures of one's own are of any size.
GPU_TEST(cnn, predict_prints_an_object_for_each_picture)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_picture_folder(dir, "pics", 8, 8);
    train_only(dir, "pics", "out", "--image_size 8 --epochs 6");
    lt_picture(lt_path(dir, "large.png"), 1, 20, 16, 1);
    struct lt_command c = run(line_in(
        dir, "lattn-cnn predict -m @/out @/pics/rows/0.png @/pics/columns/1.png @/large.png"));
    const char *second = strchr(c.out, '\n'), *third = second ? strchr(second + 1, '\n') : NULL;
    REQUIRE(third != NULL);
    expect_prediction(c.out, lt_path(dir, "pics/rows/0.png"), "rows");
    expect_prediction(second + 1, lt_path(dir, "pics/columns/1.png"), "columns");
    expect_prediction(third + 1, lt_path(dir, "large.png"), "columns");
    EXPECT_STR(strchr(third + 1, '\n'), "\n");
    lt_command_free(&c);
}

GPU_TEST(cnn, folders_train_val_and_test_are_told_apart)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    EXPECT_OK(lat_dir_create(lt_path(dir, "parts")));
    lt_picture_folder(dir, "parts/train", 8, 8);
    lt_picture_folder(dir, "parts/val", 8, 8);
    lt_picture_folder(dir, "parts/test", 8, 8);
    struct lt_command c =
        lt_command_run(NULL, lt_cnn_loud_line(dir, "parts", "out", "--image_size 8 --epochs 6"));
    EXPECT_EQ(c.code, 0);
    EXPECT_CONTAINS(c.err, "data: 24 training, 24 validation and 24 test pictures, 2 classes");
    EXPECT_CONTAINS(c.out, "test accuracy 100.00 %");
    lt_command_free(&c);
}

// What is not of the network's size is stretched: the test in train and eval see the same numbers.
GPU_TEST(cnn, eval_resizes_as_train_does)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 12, 3);
    struct lt_command c = train(dir, "idx", "out", "--image_size 6 --epochs 3 --json");
    double loss = number_of(&c, "test_loss");
    lt_command_free(&c);
    c = run(line_in(dir, "lattn-cnn eval -m @/out --data_path @/idx --json"));
    EXPECT_NEAR(number_of(&c, "loss"), loss, 1e-6 * (1 + loss));
    lt_command_free(&c);
}

GPU_TEST(cnn, transforms_go_with_pictures_of_any_size)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    lt_picture_folder(dir, "pics", 9, 13);
    const char all[] = "--pad 2 --hflip 0.5 --mixup_alpha 0.2 --cutout 2";
    train_only(dir, "idx", "same_size", all);
    char resized[256];
    snprintf(resized, sizeof resized, "--image_size 8 %s", all);
    train_only(dir, "pics", "resized", resized);
    train_only(dir, "pics", "parts",
        "--image_size 8 --min_area 0.5 --vflip 0.5 --rotate 10 --brightness 0.2 --contrast 0.2 "
        "--saturation 0.2");
    EXPECT(lt_has_file(lt_path(dir, "same_size"), "model.safetensors"));
    EXPECT(lt_has_file(lt_path(dir, "resized"), "model.safetensors"));
    EXPECT(lt_has_file(lt_path(dir, "parts"), "model.safetensors"));
}

// ---- pictures of a network ------------------------------------------------------------------------

static void expect_png(const char *path, int32_t C, int32_t H, int32_t W)
{
    lattn_image m;
    REQUIRE(lattn_image_load(path, NULL, &m) == LATTN_OK);
    if (m.C != C || m.H != H || m.W != W)
        lt_fail(__FILE__, __LINE__, "%s is [%d, %d, %d], expected [%d, %d, %d]", path, m.C, m.H,
            m.W, C, H, W);
    lattn_image_free(&m);
}

// All rows, and those on the diagonal, of a confusion.csv.
static void sums_of(const char *path, int n_classes, int64_t *all, int64_t *right)
{
    char *csv = lt_read_file(path, NULL);
    const char *line = strchr(csv, '\n');
    *all = *right = 0;
    for (int i = 0; i < n_classes && line; i++) {
        const char *at = line + 1;
        for (int k = 0; k < n_classes; k++) {
            at = strchr(at, ',');
            REQUIRE(at != NULL);
            int64_t n = atoll(++at);
            *all += n;
            *right += i == k ? n : 0;
        }
        line = strchr(at, '\n');
    }
    lat_free(csv);
}

// One update at a rate of 0: half of the test pictures or more are wrong.
GPU_TEST(cnn, train_and_eval_write_what_the_network_does)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    int64_t all, right;
    lt_idx_files(dir, "idx", 8, 8, 3);
    struct lt_command c = train(dir, "idx", "out", "--epochs 1 --lr 0 --json");
    double accuracy = number_of(&c, "test_accuracy");
    lt_command_free(&c);
    sums_of(lt_path(dir, "out/confusion.csv"), 3, &all, &right);
    EXPECT_EQ(all, LT_TEST_PICTURES);
    EXPECT_NEAR((double) right / (double) all, accuracy, 1e-6);
    expect_png(lt_path(dir, "out/confusion.png"), 3, 399, 399);
    expect_png(lt_path(dir, "out/filters.png"), 1, 2 * 24 + 6, 2 * 24 + 6);  // 4 of 3x3
    EXPECT(lt_has_file(lt_path(dir, "out"), "confusion.svg"));
    char *svg = lt_read_file(lt_path(dir, "out/worst.svg"), NULL);
    int64_t mistakes = 0;
    for (const char *p = strstr(svg, "<image "); p; p = strstr(p + 1, "<image "))
        mistakes++;
    EXPECT_EQ(mistakes, all - right);
    EXPECT_CONTAINS(svg, "loss ");
    lat_free(svg);
    EXPECT(lt_has_file(lt_path(dir, "out"), "worst.png"));

    c = run(line_in(dir, "lattn-cnn eval -m @/out --data_path @/idx --output_dir @/seen"));
    lt_command_free(&c);
    static const char *const files[] = { "confusion.csv", "worst.png", "worst.svg" };
    for (size_t i = 0; i < LAT_COUNT(files); i++)
        EXPECT(lt_same_file(
            lt_path(lt_path(dir, "out"), files[i]), lt_path(lt_path(dir, "seen"), files[i])));
}

// Without a test part the rows that were set aside are looked at; a perfect network has no worst picture,
// and those of an earlier run go.
GPU_TEST(cnn, pictures_of_a_run_without_test_data)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    int64_t all, right;
    lt_picture_folder(dir, "pics", 8, 8);
    EXPECT_OK(lat_dir_create(lt_path(dir, "out")));
    lt_write_file(lt_path(dir, "out/worst.png"), "old");
    train_only(
        dir, "pics", "out", "--image_size 8 --epochs 6 --val_split 0.25 --overwrite_output_dir");
    sums_of(lt_path(dir, "out/confusion.csv"), 2, &all, &right);
    EXPECT_EQ(all, 6);
    EXPECT_EQ(right, 6);
    EXPECT(!lt_has_file(lt_path(dir, "out"), "worst.png"));
    expect_png(lt_path(dir, "out/filters.png"), 3, 54, 54);
}

// The rows of a linear classifier are templates as large as a picture; a text that begins with a narrow
// layer has no filters.
GPU_TEST(cnn, filters_of_a_linear_classifier_are_templates)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 10, 3);
    train_only(dir, "idx", "out", "--layers flatten --epochs 1");
    expect_png(lt_path(dir, "out/filters.png"), 1, 2 * 30 + 6, 2 * 30 + 6);
    train_only(dir, "idx", "none", "--layers 'maxpool 2, fc 4, relu' --epochs 1");
    EXPECT(!lt_has_file(lt_path(dir, "none"), "filters.png"));
}

GPU_TEST(cnn, features_are_a_png_per_layer)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    train_only(dir, "idx", "out", "--epochs 1");
    lt_picture(lt_path(dir, "a.png"), 1, 20, 16, 1);
    struct lt_command c = run(line_in(dir, "lattn-cnn features -m @/out -o @/maps @/a.png"));
    EXPECT_CONTAINS(c.out, "maps/0.png: 4 maps of 8 x 8");
    EXPECT_CONTAINS(c.out, "maps/3.png: 4 maps of 4 x 4");
    EXPECT(!strstr(c.out, "maps/5.png"));  // the head has no maps
    lt_command_free(&c);
    expect_png(lt_path(dir, "maps/0.png"), 1, 2 * 48 + 6, 2 * 48 + 6);

    c = run(line_in(dir, "lattn-cnn features -m @/out -o @/one --layer '3' @/a.png"));
    EXPECT(!strstr(c.out, "one/0.png") && strstr(c.out, "one/3.png"));
    EXPECT(lt_same_file(lt_path(dir, "maps/3.png"), lt_path(dir, "one/3.png")));
    lt_command_free(&c);
    lt_expect_refusal(NULL, line_in(dir, "lattn-cnn features -m @/out -o @/x --layer 7 @/a.png"), 2,
        "no layer with maps fits");
    lt_expect_refusal(
        NULL, line_in(dir, "lattn-cnn features -m @/out @/a.png"), 2, "--output_dir is missing");
    lt_expect_refusal(NULL, line_in(dir, "lattn-cnn features -m @/out -o /proc/nowhere @/a.png"), 7,
        "/proc/nowhere");
}

GPU_TEST(cnn, a_sheet_of_predictions_has_every_picture)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_picture_folder(dir, "pics", 8, 8);
    train_only(dir, "pics", "out", "--image_size 8 --epochs 6");
    char line[16384];
    size_t n = (size_t) snprintf(line, sizeof line,
        "lattn-cnn predict -m %s/out --batch_size 7 --sheet %s/sheet.svg", dir, dir);
    for (int i = 0; i < 40; i++)
        n += (size_t) snprintf(line + n, sizeof line - n, " %s/pics/%s/%d.png", dir,
            i % 2 ? "rows" : "columns", i % 12);
    struct lt_command c = run(line);
    lt_command_free(&c);
    char *svg = lt_read_file(lt_path(dir, "sheet.svg"), NULL);
    int pictures = 0, columns = 0;
    for (const char *p = strstr(svg, "<image "); p; p = strstr(p + 1, "<image "))
        pictures++;
    for (const char *p = strstr(svg, ">columns</text>"); p; p = strstr(p + 1, ">columns</text>"))
        columns++;
    EXPECT_EQ(pictures, 40);
    EXPECT_EQ(columns, 20);
    EXPECT_CONTAINS(svg, "pics/rows/1.png: ");
    lat_free(svg);
}

// ---- starting from a folder -----------------------------------------------------------------------

GPU_TEST(cnn, another_number_of_classes_makes_a_new_head_and_says_so)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "three", 8, 8, 3);
    lt_idx_files(dir, "two", 8, 8, 2);
    train_only(dir, "three", "first", "--epochs 2");
    char extra[4096];
    snprintf(extra, sizeof extra, "--model_name_or_path %s/first --epochs 2", dir);
    struct lt_command c = train(dir, "two", "second", extra);
    EXPECT_CONTAINS(c.err, "newly initialised: 5.weight, 5.bias");
    EXPECT_CONTAINS(c.err, "not used: 5.bias, 5.weight");
    lt_command_free(&c);
    float bias[3];
    EXPECT_EQ(
        tensor_of(lt_path(dir, "second/model.safetensors"), "5.bias", bias, sizeof(float[2])), 2);

    c = train(dir, "three", "third", extra);
    EXPECT(!strstr(c.err, "newly initialised"));
    lt_command_free(&c);
}

// Every tensor of the tiny network, and whether it was changed by a run with extra that started from
// another one: a letter each, - for those that stayed.
static void expect_changes(
    const char *dir, const char *name, const char *extra, const char *letters)
{
    static const struct {
        const char *name;
        int64_t n;
    } tensors[] = { { "0.weight", 36 }, { "0.bias", 4 }, { "1.weight", 4 }, { "1.bias", 4 },
        { "1.running_mean", 4 }, { "1.running_var", 4 }, { "1.num_batches_tracked", 1 },
        { "5.weight", 192 }, { "5.bias", 3 } };
    char all[4096];
    snprintf(all, sizeof all, "--model_name_or_path %s/first %s --epochs 2", dir, extra);
    train_only(dir, "idx", name, all);
    for (size_t i = 0; i < LAT_COUNT(tensors); i++) {
        float a[192], b[192];
        size_t bytes = (size_t) tensors[i].n * sizeof *a;
        const char *tensor = tensors[i].name;
        EXPECT_EQ(
            tensor_of(lt_path(dir, "first/model.safetensors"), tensor, a, bytes), tensors[i].n);
        EXPECT_EQ(tensor_of(lt_path(lt_path(dir, name), "model.safetensors"), tensor, b, bytes),
            tensors[i].n);
        bool changed = memcmp(a, b, bytes) != 0;
        if (changed != (letters[i] != '-'))
            lt_fail(
                __FILE__, __LINE__, "%s: %s %s", extra, tensor, changed ? "has changed" : "stayed");
    }
}

// Batch norm's running statistics stay, too.
GPU_TEST(cnn, freezing_and_rates_by_pattern_reach_the_layers_they_name)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    train_only(dir, "idx", "first", "--epochs 2");
    expect_changes(dir, "head", "--freeze", "-------wb");
    expect_changes(dir, "conv", "--freeze_layers 0", "--wbmvnwb");
    expect_changes(dir, "both", "--freeze_layers 0 --freeze_layers '1*'", "-------wb");
    expect_changes(dir, "slow", "--lr_factor '*.bias=0'", "w-w-mvnw-");
    expect_changes(dir, "backbone", "--backbone_lr_factor 0", "----mvnwb");
}

GPU_TEST(cnn, layer_decay_slows_the_first_layer)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    float start[36], fast[36], slow[36];
    double far = 0, near = 0;
    lt_idx_files(dir, "idx", 8, 8, 3);
    train_only(dir, "idx", "first", "--epochs 1");
    char extra[4096];
    snprintf(extra, sizeof extra, "--model_name_or_path %s/first --epochs 1", dir);
    train_only(dir, "idx", "fast", extra);
    snprintf(
        extra, sizeof extra, "--model_name_or_path %s/first --epochs 1 --layer_decay 0.01", dir);
    train_only(dir, "idx", "slow", extra);
    EXPECT_EQ(
        tensor_of(lt_path(dir, "first/model.safetensors"), "0.weight", start, sizeof start), 36);
    EXPECT_EQ(tensor_of(lt_path(dir, "fast/model.safetensors"), "0.weight", fast, sizeof fast), 36);
    EXPECT_EQ(tensor_of(lt_path(dir, "slow/model.safetensors"), "0.weight", slow, sizeof slow), 36);
    for (int i = 0; i < 36; i++) {
        far += fabs((double) fast[i] - (double) start[i]);
        near += fabs((double) slow[i] - (double) start[i]);
    }
    EXPECT(near > 0 && near < 0.1 * far);
}

// The tiny vit learns; its folder predicts.
GPU_TEST(cnn, a_vision_transformer_trains_and_predicts)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_picture_folder(dir, "pics", 8, 8);
    char line[8192];
    snprintf(line, sizeof line,
        "lattn-cnn train --data_path %s/pics --output_dir %s/out --seed 7 --batch_size 11 "
        "--model vit_ti_4 --image_size 8 --opt adamw --lr 5e-4 --epochs 8 --save_steps 8 "
        "--eval_steps 8 --quiet "
        "--json",
        dir, dir);
    struct lt_command c = run(line);
    EXPECT(number_of(&c, "eval_accuracy") >= 0.99);
    lt_command_free(&c);
    expect_png(lt_path(dir, "out/filters.png"), 3, 14 * 26 + 2, 14 * 26 + 2);  // 192 of 4x4
    lt_picture(lt_path(dir, "a.png"), 1, 20, 16, 1);
    c = run(line_in(dir, "lattn-cnn predict -m @/out @/a.png"));
    EXPECT_CONTAINS(c.out, "\"label\": \"columns\"");
    lt_command_free(&c);
    c = run(line_in(dir, "lattn-cnn features -m @/out -o @/maps @/a.png"));
    EXPECT_CONTAINS(c.out, "maps/conv_proj.png: 192 maps of 2 x 2");
    EXPECT_CONTAINS(c.out, "maps/encoder.png: 192 maps of 2 x 2");
    EXPECT(!strstr(c.out, "heads"));
    lt_command_free(&c);
}

GPU_TEST(cnn, weights_of_torchvision_with_a_new_head)
{
    const char *dir = lt_temp_dir();
    lattn_cnn_config config = {
        .architecture = "mobilenet_v2", .height = 32, .width = 32, .num_classes = 20
    };
    lattn_cnn *cnn = NULL;
    if (lattn_ctx_device(ctx)->max_binding_bytes < 1 << 24)
        return;
    REQUIRE(lattn_cnn_create(ctx, &config, &cnn) == LATTN_OK);
    lt_save_as_torchvision(cnn, lt_path(dir, "mobilenet_v2.safetensors"));
    lattn_cnn_destroy(&cnn);
    lt_picture_folder(dir, "pics", 8, 8);
    char line[8192];
    snprintf(line, sizeof line,
        "lattn-cnn train --data_path %s/pics --output_dir %s/out --batch_size 11 --quiet "
        "--model mobilenet_v2 --weights %s/mobilenet_v2.safetensors --freeze --image_size 32 "
        "--epochs 1",
        dir, dir, dir);
    struct lt_command c = run(line);
    EXPECT_CONTAINS(c.err, "newly initialised: classifier.1.weight, classifier.1.bias");
    EXPECT_CONTAINS(c.err, "not used: classifier.1.bias, classifier.1.weight");
    lt_command_free(&c);
    float a[864], b[864];
    EXPECT_EQ(
        tensor_of(lt_path(dir, "mobilenet_v2.safetensors"), "features.0.0.weight", a, sizeof a),
        864);
    EXPECT_EQ(
        tensor_of(lt_path(dir, "out/model.safetensors"), "features.0.0.weight", b, sizeof b), 864);
    EXPECT(memcmp(a, b, sizeof a) == 0);
}

// ---- summary --------------------------------------------------------------------------------------

// Parameters by hand: 3 * 4 * 9 + 4, 2 * 4, 4 * 4 * 4 * 10 + 10; LeNet-5's are known to be 61,706.
GPU_TEST(cnn, summary_of_text_and_of_an_architecture)
{
    (void) ctx;
    struct lt_command c = run("lattn-cnn summary --layers 'conv 4 3x3, bn, relu, maxpool 2' "
                              "--image_size 8 --num_classes 10");
    EXPECT_CONTAINS(c.out, "conv2d");
    EXPECT_CONTAINS(c.out, "[4, 8, 8]");
    EXPECT_CONTAINS(c.out, "layers, 3 x 8 x 8: 770 parameters");
    lt_command_free(&c);
    c = run("lattn-cnn summary --model lenet --image_size 28 --channels 1 --num_classes 10");
    EXPECT_CONTAINS(c.out, "[16, 10, 10]");
    EXPECT_CONTAINS(c.out, "lenet, 1 x 28 x 28: 61706 parameters");
    lt_command_free(&c);
}

// ---- bad input ------------------------------------------------------------------------------------

TEST(cnn_bad_input, options)
{
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    lt_expect_refusal(NULL, "lattn-cnn train --output_dir out", 2, "--data_path is missing");
    lt_expect_refusal(NULL, "lattn-cnn train --data_path in", 2, "--output_dir is missing");
    lt_expect_refusal(NULL, "lattn-cnn eval --data_path in", 2, "--model_name_or_path is missing");
    lt_expect_refusal(NULL, "lattn-cnn predict a.png", 2, "--model_name_or_path is missing");
    lt_expect_refusal(NULL, "lattn-cnn predict -m out", 2, "PICTURE... expected");
    expect_train(dir, "idx", "--lr fast", 2, "lr");
    expect_train(dir, "idx", "--opt lion", 2, "lion");
    expect_train(dir, "idx", "--lr_factor layer1", 2, "--lr_factor is \"layer1\"");
    expect_train(dir, "idx", "--lr_factor 0=-1", 2, "--lr_factor is \"0=-1\"");
    expect_train(dir, "idx", "--lr_steps 1,x", 2, "--lr_steps is \"1,x\"");
    expect_train(dir, "idx", "--mixup_alpha 0.2 --label_smoothing 0.1", 2, "exclude each other");
}

TEST(cnn_bad_input, folders)
{
    const char *dir = lt_temp_dir();
    expect_train(dir, "nowhere", "", 7, "nowhere");
    EXPECT_OK(lat_dir_create(lt_path(dir, "empty")));
    lt_write_file(lt_path(dir, "empty/readme.txt"), "no pictures\n");
    expect_train(dir, "empty", "", 3, "has no sub-folders; each class needs one");
    EXPECT_OK(lat_dir_create(lt_path(dir, "empty/class")));
    expect_train(dir, "empty", "", 3, "empty/class has no pictures");
    lt_picture_folder(dir, "pics", 8, 8);
    lt_write_file(lt_path(dir, "pics/rows/3.png"), "\x89PNG\r\n\x1a\nand then something else");
    expect_train(dir, "pics", "--image_size 8", 3, "pics/rows/3.png");
    // A format that is not read is bad input, not a matter of the device.
    lt_write_file(lt_path(dir, "pics/rows/3.png"), "P3\n1 1\n255\n1 2 3\n");
    expect_train(dir, "pics", "--image_size 8", 3, "only P5 and P6");
}

TEST(cnn_bad_input, idx_files)
{
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    lt_cut_file(lt_path(dir, "idx/train-images-idx3-ubyte"), 5);
    expect_train(dir, "idx", "", 3, "train-images-idx3-ubyte");
    lt_idx_files(dir, "idx", 8, 8, 3);
    lt_cut_file(lt_path(dir, "idx/train-labels-idx1-ubyte"), 3);
    expect_train(dir, "idx", "", 3, "train-labels-idx1-ubyte");
    lt_idx_files(dir, "idx", 8, 8, 3);
    char *labels = lt_read_file(lt_path(dir, "idx/t10k-labels-idx1-ubyte"), NULL);
    EXPECT_OK(lat_file_replace(
        lt_path(dir, "idx/train-labels-idx1-ubyte"), labels, 8 + LT_TEST_PICTURES));
    lat_free(labels);
    expect_train(dir, "idx", "", 3, "has 18 labels for 60 pictures");
    EXPECT_EQ(remove(lt_path(dir, "idx/train-labels-idx1-ubyte")), 0);
    expect_train(dir, "idx", "", 3, "has no training pictures");
}

GPU_TEST(cnn_bad_input, networks)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    expect_train(dir, "idx", "--layers ''", 3, "there is no layer \"\"");
    lt_expect_refusal(
        NULL, "lattn-cnn summary --model resnet19", 3, "no architecture \"resnet19\"");
    expect_train(dir, "idx", "--layers 'conv 4 9x9 pad=0'", 3, "(H1 - F + 2P)/S + 1");
    expect_train(dir, "idx", "--layers 'conf 4 3x3'", 3, "there is no layer \"conf\"");
    expect_train(dir, "idx", "--freeze_layers tail", 2, "no parameter fits \"tail\"");
    expect_train(dir, "idx", "--lr_scheduler multisteplr", 2, "0 milestones, 1 to 32");
    expect_train(
        dir, "idx", "--lr_scheduler multisteplr --lr_steps 3,2", 2, "milestone 2 must be above 3");
    expect_train(dir, "idx", "--lr_scheduler steplr --lr_step_size 0", 2, "a step of 0 epochs");
}

GPU_TEST(cnn_bad_input, pictures_and_models_of_predict)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    train_only(dir, "idx", "out", "--epochs 1");
    lt_write_file(lt_path(dir, "note.txt"), "no picture\n");
    lt_expect_refusal(NULL, line_in(dir, "lattn-cnn predict -m @/out @/note.txt"), 3,
        "note.txt: not a picture: neither JPEG, PNG, BMP nor PNM");
    lt_expect_refusal(NULL, line_in(dir, "lattn-cnn predict -m @/out @/none.png"), 7, "none.png");
    lt_expect_refusal(
        NULL, line_in(dir, "lattn-cnn predict -m @/none @/note.txt"), 7, "none/config.json");
    lt_cut_file(lt_path(dir, "out/model.safetensors"), 4);
    lt_expect_refusal(
        NULL, line_in(dir, "lattn-cnn predict -m @/out @/note.txt"), 3, "model.safetensors");
}

GPU_TEST(cnn_bad_input, output_folders)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    expect_train(dir, "idx", "--output_dir /proc/nowhere", 7, "/proc/nowhere");
    char extra[4096];
    snprintf(extra, sizeof extra, "--output_dir %s/idx/train-labels-idx1-ubyte", dir);
    expect_train(dir, "idx", extra, 7, "train-labels-idx1-ubyte");
}

GPU_TEST(cnn_bad_input, resuming_with_other_settings_or_pictures)
{
    (void) ctx;
    const char *dir = lt_temp_dir();
    lt_idx_files(dir, "idx", 8, 8, 3);
    lt_idx_files(dir, "others", 8, 8, 2);
    train_only(dir, "idx", "out", "--epochs 1");
    expect_train(dir, "idx", "--epochs 1 --resume --lr 0.3", 3, "other settings");
    expect_train(dir, "idx", "--epochs 1 --resume --cutout 2", 3, "other settings");
    expect_train(dir, "idx", "--epochs 1 --resume --freeze", 3, "other settings");
    expect_train(dir, "idx", "--epochs 1 --resume --lr_factor 0=0.5", 3, "other settings");
    expect_train(dir, "idx", "--epochs 1 --resume --layers 'conv 4 3x3, bn, silu, maxpool 2'", 3,
        "other settings");
    expect_train(dir, "others", "--epochs 1 --resume", 3, "training data");
}
