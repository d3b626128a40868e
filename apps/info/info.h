// SPDX-License-Identifier: MIT
//
// What lattn-info prints.
#ifndef LATTN_APPS_INFO_H
#define LATTN_APPS_INFO_H
#include <stdbool.h>
#include <stdio.h>
#include "lattn/lattn.h"

struct info_report {
    const lattn_device_info *devices;
    int n_devices;
    int chosen;          // index of the device that would be used; -1 = none
    bool only_chosen;    // the user asked for that one
    const char *reason;  // why none; ""
    lattn_ctx *ctx;      // on the chosen device; NULL = none
};

void info_print_text(const struct info_report *r, FILE *to);
void info_print_list(const struct info_report *r, FILE *to);
void info_print_json(const struct info_report *r, FILE *to);

// Per op and dtype the kernel strategy that would run (ops.c).
void info_ops_text(lattn_ctx *ctx, FILE *to);
void info_ops_json(lattn_ctx *ctx, FILE *to);

#endif
