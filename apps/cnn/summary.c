// SPDX-License-Identifier: MIT
//
// lattn-cnn summary: what a network consists of, without training it.

#include <stdio.h>
#include "cnn/cnn.h"

static const char name[] = "lattn-cnn summary";

struct options {
    const char *folder, *model, *layers, *device;
    int channels, image_size, num_classes;
};

static lattn_status run(const struct options *o, struct cnn_model *m)
{
    lattn_cnn_config config = {
        .architecture = o->layers ? NULL : o->model,
        .layers = o->layers,
        .channels = o->channels,
        .height = o->image_size,
        .width = o->image_size,
        .num_classes = o->num_classes,
    };
    lattn_ctx_params params = { .device = o->device };
    lattn_status st;
    if (o->folder) {
        TRY(cnn_model_open(o->folder, o->device, m));
    } else {
        TRY(lattn_ctx_create(&params, &m->ctx));
        TRY(lattn_cnn_create(m->ctx, &config, &m->cnn));
    }
    TRY(cnn_print_summary(m, stdout));

done:
    return st;
}

int cnn_summary(int argc, char **argv)
{
    struct options o = {
        .model = "resnet18", .channels = 3, .image_size = 224, .num_classes = 1000
    };
    const struct cli_opt opts[] = {
        CLI_STR("model_name_or_path", 0, &o.folder, "DIR", "trained folder"),
        CLI_STR("model", 'm', &o.model, "NAME", "architecture: small, lenet, resnet18, ..."),
        CLI_STR("layers", 0, &o.layers, "TEXT", "a network as text"),
        CLI_INT("channels", 0, &o.channels, 1, 4, "of the pictures"),
        CLI_INT("image_size", 0, &o.image_size, 1, 16384, "their height and width"),
        CLI_INT("num_classes", 0, &o.num_classes, 1, 65536, "classes"),
        CLI_STR("device", 'd', &o.device, "WHICH", "index, UUID or part of the name"),
        CLI_END,
    };
    const struct cli_command command = {
        .name = name, .summary = "layers, shapes, parameters and FLOPs of a network", .opts = opts
    };
    struct cnn_model m = { 0 };
    int code;
    if (!cli_parse(&command, argc, argv, NULL, &code))
        return code;
    lattn_status st = run(&o, &m);
    code = st ? cli_fail(name, st, m.ctx) : CLI_EXIT_OK;
    cnn_model_close(&m);
    return code;
}
