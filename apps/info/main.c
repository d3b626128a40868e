// SPDX-License-Identifier: MIT
//
// lattn-info: which Vulkan devices there are, what each offers, why one is refused, which
// one would be used, and which kernels would run on it.
//
//   lattn-info                    every device in full, and the kernels that would run
//   lattn-info --list_devices     one line each
//   lattn-info --device amd       only that one
//
// Exit code 4 when no device can be used: the reasons are printed all the same.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/cli.h"
#include "info/info.h"

static const char name[] = "lattn-info";

struct options {
    bool json, list_devices;
    const char *device;
};

static lattn_status list(lattn_device_info **infos, int *n)
{
    lattn_status st = lattn_device_list(NULL, 0, n);
    *infos = NULL;
    if (st)
        return st;
    *infos = calloc((size_t) *n, sizeof **infos);
    if (!*infos)
        return LATTN_ERR_HOST_MEMORY;
    int capacity = *n;
    st = lattn_device_list(*infos, capacity, n);
    *n = *n < capacity ? *n : capacity;
    return st;
}

static void print(const struct options *o, const struct info_report *r)
{
    if (o->json)
        info_print_json(r, stdout);
    else if (o->list_devices)
        info_print_list(r, stdout);
    else
        info_print_text(r, stdout);
}

static int report(const struct options *o, const lattn_device_info *infos, int n)
{
    struct info_report r = {
        .devices = infos,
        .n_devices = n,
        .chosen = -1,
        .only_chosen = o->device != NULL,
        .reason = "",
    };
    // The library decides which one it is, by opening it.
    lattn_ctx_params params = { .device = o->device };
    lattn_status st = lattn_ctx_create(&params, &r.ctx);
    if (st && o->device)
        return cli_fail(name, st, NULL);
    if (st)
        r.reason = lattn_error(NULL);
    else
        r.chosen = lattn_ctx_device(r.ctx)->index;
    print(o, &r);
    int code = st ? cli_fail(name, st, NULL) : CLI_EXIT_OK;
    lattn_ctx_destroy(&r.ctx);
    return code;
}

static int info(int argc, char **argv)
{
    struct options o = { 0 };
    const struct cli_opt opts[] = {
        CLI_STR("device", 'd', &o.device, "DEVICE",
            "show only this one: index, UUID or part of the name"),
        CLI_FLAG("list_devices", 'l', &o.list_devices, "one line for each device"),
        CLI_FLAG("json", 0, &o.json, "one JSON object instead of text"),
        CLI_END,
    };
    const struct cli_command cmd = {
        .name = name,
        .summary = "Shows the Vulkan devices of this machine, what each offers, which one "
                   "liblattn would use, and with which kernels.",
        .opts = opts,
        .notes = "Without --device the variable LATTN_DEVICE chooses, else the best device: "
                 "discrete before integrated before virtual before CPU.",
    };
    int code;
    if (!cli_parse(&cmd, argc, argv, NULL, &code))
        return code;

    lattn_device_info *infos = NULL;
    int n = 0;
    lattn_status st = list(&infos, &n);
    code = st ? cli_fail(name, st, NULL) : report(&o, infos, n);
    free(infos);
    return code;
}

int main(int argc, char **argv)
{
    cli_begin();
    return cli_end(name, info(argc, argv));
}
