// SPDX-License-Identifier: MIT
//
// lattn-cnn features: what the layers of a network make of one picture, a PNG per layer with a map per
// channel, also of a transformer's tokens. Each map has its own scale, from its smallest value, black, to
// its largest, white.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cnn/cnn.h"

static const char name[] = "lattn-cnn features";

enum { MAX_TILES = 256, LEAST_SIDE = 48 };

struct job {
    const char *model, *output, *device;
    struct cli_strs layers;
    struct cnn_model m;
    lattn_dataset *pictures;
    lattn_loader *loader;
    lattn_status status;  // of what the observer did
    int64_t H, W;         // of the last map: how the tokens of a transformer lie
    int n_written;
};

// ---- a layer --------------------------------------------------------------------------------------

static bool is_wanted(const struct job *j, const char *path)
{
    if (!j->layers.n)
        return *path && !strchr(path, '.');
    for (int i = 0; i < j->layers.n; i++)
        if (*path && lattn_name_fits(path, j->layers.items[i]))
            return true;
    return false;
}

static lattn_status make_map(const float *x, int32_t H, int32_t W, lattn_image *out)
{
    float lo = INFINITY, hi = -INFINITY;
    for (int64_t i = 0; i < (int64_t) H * W; i++) {
        lo = fminf(lo, x[i]);
        hi = fmaxf(hi, x[i]);
    }
    return lattn_image_from_f32(x, 1, H, W, lo, hi, out);
}

static lattn_status draw(const float *values, int32_t n, int32_t H, int32_t W, const char *path)
{
    lattn_image *maps = calloc((size_t) n, sizeof *maps), grid = { 0 };
    int32_t side = H > W ? H : W, zoom = side < LEAST_SIDE ? (LEAST_SIDE + side - 1) / side : 1;
    lattn_grid_params params = { .tile = side * zoom, .gap = 2, .background = 255 };
    lattn_status st;
    if (!maps)
        return LATTN_ERR_HOST_MEMORY;
    for (int32_t i = 0; i < n; i++)
        TRY(make_map(values + (int64_t) i * H * W, H, W, &maps[i]));
    TRY(lattn_image_grid(maps, n, &params, &grid));
    TRY(lattn_image_save_png(path, &grid));

done:
    for (int32_t i = 0; i < n; i++)
        lattn_image_free(&maps[i]);
    lattn_image_free(&grid);
    free(maps);
    return st;
}

// Tokens [1 + H W, C], the class token first, as maps [C, H, W].
static lattn_status maps_of_tokens(const float *tokens, int64_t C, int64_t n, float **out)
{
    float *maps = malloc((size_t) (C * n) * sizeof *maps);
    if (!maps)
        return LATTN_ERR_HOST_MEMORY;
    for (int64_t c = 0; c < C; c++)
        for (int64_t i = 0; i < n; i++)
            maps[c * n + i] = tokens[(1 + i) * C + c];
    *out = maps;
    return LATTN_OK;
}

static lattn_status write_layer(struct job *j, const char *path, lattn_tensor *out)
{
    bool is_map = lattn_tensor_rank(out) == 4;
    int64_t C = lattn_tensor_dim(out, is_map ? 1 : 2), n = lattn_tensor_numel(out);
    char file[4096];
    float *values = malloc((size_t) n * sizeof *values), *maps = NULL;
    lattn_status st;
    if (!values)
        return LATTN_ERR_HOST_MEMORY;
    snprintf(file, sizeof file, "%s/%s.png", j->output, path);
    TRY(lattn_tensor_read_f32(out, values, n));
    if (!is_map)
        TRY(maps_of_tokens(values, C, j->H * j->W, &maps));
    TRY(draw(maps ? maps : values, (int32_t) (C < MAX_TILES ? C : MAX_TILES), (int32_t) j->H,
        (int32_t) j->W, file));
    j->n_written++;
    printf(
        "%s: %lld maps of %lld x %lld\n", file, (long long) C, (long long) j->W, (long long) j->H);

done:
    free(maps);
    free(values);
    return st;
}

static void see(void *user, const lattn_module *m, lattn_tensor *out)
{
    struct job *j = user;
    char path[256];
    int rank = lattn_tensor_rank(out);
    lattn_module_path(m, path, sizeof path);
    if (rank == 4) {
        j->H = lattn_tensor_dim(out, 2);
        j->W = lattn_tensor_dim(out, 3);
    }
    bool has_maps = rank == 4 || (rank == 3 && lattn_tensor_dim(out, 1) == 1 + j->H * j->W);
    if (!j->status && has_maps && j->H * j->W > 1 && is_wanted(j, path))
        j->status = write_layer(j, path, out);
}

// ---- the command ----------------------------------------------------------------------------------

static lattn_status look(struct job *j)
{
    lattn_ctx *ctx = j->m.ctx;
    const lattn_batch *b;
    lattn_status st;
    TRY(lattn_loader_next(j->loader, &b));
    TRY(lattn_step_begin(ctx));
    lattn_set_training(ctx, false);
    lattn_no_grad_begin(ctx);
    lattn_module_observe(lattn_cnn_module(j->m.cnn), see, j);
    const int64_t dims[] = { 1, b->C, b->H, b->W };
    lattn_cnn_forward(ctx, j->m.cnn, lattn_from_f32(ctx, LATTN_DTYPE_F32, 4, dims, b->x));
    lattn_module_observe(lattn_cnn_module(j->m.cnn), NULL, NULL);
    lattn_no_grad_end(ctx);
    st = lattn_step_end(ctx);
    st = st ? st : j->status;

done:
    return st;
}

static lattn_status run(struct job *j, const char *picture)
{
    lattn_status st;
    TRY(cnn_model_open(j->model, j->device, &j->m));
    const lattn_cnn_config *c = lattn_cnn_get_config(j->m.cnn);
    lattn_image_params image = { .channels = (int32_t) c->channels };
    TRY(lattn_pictures_open(&picture, 1, &image, &j->pictures));
    lattn_image_loader_params params = {
        .dataset = j->pictures, .transform = cnn_transform(c, NULL), .batch_size = 1
    };
    TRY(lattn_image_loader_create(&params, &j->loader));
    mkdir(j->output, 0777);  // where it cannot be, writing into it says why
    TRY(look(j));

done:
    return st;
}

int cnn_features(int argc, char **argv)
{
    struct job j = { 0 };
    const struct cli_opt opts[] = {
        CLI_STR("model_name_or_path", 'm', &j.model, "DIR", "trained folder"),
        CLI_STR(
            "output_dir", 'o', &j.output, "DIR", "folder for the PNG files, named by the layers"),
        CLI_STRS("layer", 'l', &j.layers, "PATTERN",
            "paths of layers, and what is in them: 'layer1', '*.conv1'; may be given again; none = "
            "the outermost ones"),
        CLI_STR("device", 'd', &j.device, "WHICH", "index, UUID or part of the name"),
        CLI_END,
    };
    const struct cli_command command = { .name = name,
        .summary = "what the layers of a network make of one picture, as PNG",
        .operands = "PICTURE",
        .opts = opts,
        .min_operands = 1,
        .max_operands = 1 };
    struct cli_operands files;
    int code;
    if (!cli_parse(&command, argc, argv, &files, &code))
        return code;
    if (!j.model || !j.output)
        return cli_usage_error(
            name, "--%s is missing", j.model ? "output_dir" : "model_name_or_path");
    lattn_status st = run(&j, files.items[0]);
    if (!st && !j.n_written)
        code = cli_usage_error(name, "no layer with maps fits; lattn-cnn summary lists the layers");
    else
        code = st ? cli_fail(name, st, j.m.ctx) : CLI_EXIT_OK;
    lattn_loader_destroy(&j.loader);
    lattn_dataset_close(&j.pictures);
    cnn_model_close(&j.m);
    return code;
}
