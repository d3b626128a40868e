// SPDX-License-Identifier: MIT
//
// Devices as text for people and as JSON for programs.

#include <inttypes.h>
#include <string.h>
#include "common/json.h"
#include "info/info.h"

static const char *type_name(lattn_device_type type)
{
    static const char *const names[] = {
        [LATTN_DEVICE_TYPE_OTHER] = "other",
        [LATTN_DEVICE_TYPE_INTEGRATED] = "integrated GPU",
        [LATTN_DEVICE_TYPE_DISCRETE] = "discrete GPU",
        [LATTN_DEVICE_TYPE_VIRTUAL] = "virtual GPU",
        [LATTN_DEVICE_TYPE_CPU] = "CPU",
    };
    return names[type];
}

// "23.5 GiB"; in one of several buffers, so that a line may use a few.
static const char *size_text(uint64_t bytes)
{
    static char texts[4][32];
    static unsigned next;
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    char *text = texts[next++ % 4];
    double v = (double) bytes;
    int u = 0;
    for (; v >= 1024 && u < 4; u++)
        v /= 1024;
    snprintf(text, sizeof texts[0], "%.4g %s", v, units[u]);
    return text;
}

static bool skipped(const struct info_report *r, int i)
{
    return r->only_chosen && r->devices[i].index != r->chosen;
}

static void print_features(const lattn_device_info *d, FILE *to)
{
    const struct {
        bool has;
        const char *name;
    } rows[] = {
        { d->subgroup_arithmetic, "subgroup arithmetic" },
        { d->arithmetic_f16, "f16 arithmetic" },
        { d->storage_u8, "8-bit storage" },
        { d->buffer_address, "buffer addresses" },
        { d->push_descriptors, "push descriptors" },
        { d->coopmat, "cooperative matrices" },
        { d->coopmat2, "cooperative matrices 2 (NV)" },
        { d->timestamps, "timestamps" },
    };
    enum { WIDTH = 80, INDENT = 15 };
    size_t at = INDENT;
    bool any = false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].has)
            continue;
        size_t n = strlen(rows[i].name) + 2;
        if (any && at + n > WIDTH) {
            fprintf(to, ",\n%*s", INDENT, "");
            at = INDENT;
        } else if (any) {
            fprintf(to, ", ");
        }
        fprintf(to, "%s", rows[i].name);
        at += n;
        any = true;
    }
    fprintf(to, "%s\n", any ? "" : "none beyond Vulkan 1.2");
}

static void print_device(const lattn_device_info *d, bool chosen, FILE *to)
{
    fprintf(to, "Device %d: %s%s\n", d->index, d->name, chosen ? "  (would be used)" : "");
    if (*d->refused)
        fprintf(to, "  refused      %s\n", d->refused);
    fprintf(to, "  driver       %s\n", d->driver);
    fprintf(to, "  UUID         %s\n", d->uuid);
    fprintf(to, "  type         %s, vendor 0x%04x, device 0x%04x\n", type_name(d->type),
        d->vendor_id, d->device_id);
    fprintf(to, "  Vulkan       %u.%u.%u\n", d->api_version >> 22 & 0x7f,
        d->api_version >> 12 & 0x3ff, d->api_version & 0xfff);
    fprintf(to, "  memory       %s, at most %s in one allocation, %s in one binding\n",
        size_text(d->memory_bytes), size_text(d->max_allocation_bytes),
        size_text(d->max_binding_bytes));
    fprintf(to, "  workgroup    %u invocations, %s shared memory\n", d->max_invocations,
        size_text(d->shared_memory_bytes));
    if (d->compute_units)
        fprintf(to, "  units        %u\n", d->compute_units);
    fprintf(to, "  subgroup     %u (from %u to %u)\n", d->subgroup_size, d->min_subgroup_size,
        d->max_subgroup_size);
    fprintf(to, "  dtypes       f32 i32%s%s\n", d->storage_f16 ? " f16 bf16" : "",
        d->storage_u8 ? " u8" : "");
    if (d->coopmat_m)
        fprintf(to, "  matrix units f16%s %ux%ux%u, summed in f32\n",
            d->coopmat_bf16 ? " and bf16" : "", d->coopmat_m, d->coopmat_n, d->coopmat_k);
    fprintf(to, "  features     ");
    print_features(d, to);
}

void info_print_text(const struct info_report *r, FILE *to)
{
    fprintf(to, "liblattn %s\n", lattn_version());
    for (int i = 0; i < r->n_devices; i++) {
        if (skipped(r, i))
            continue;
        fprintf(to, "\n");
        print_device(&r->devices[i], r->devices[i].index == r->chosen, to);
    }
    if (r->ctx)
        info_ops_text(r->ctx, to);
}

void info_print_list(const struct info_report *r, FILE *to)
{
    for (int i = 0; i < r->n_devices; i++) {
        const lattn_device_info *d = &r->devices[i];
        if (skipped(r, i))
            continue;
        fprintf(to, "%c %d  %s  %s  %s", d->index == r->chosen ? '*' : ' ', d->index, d->uuid,
            type_name(d->type), d->name);
        fprintf(to, *d->refused ? "  refused: %s\n" : "%s\n", d->refused);
    }
}

// ---- JSON -----------------------------------------------------------------------------------

static void text_field(FILE *to, const char *key, const char *value)
{
    fprintf(to, "\"%s\": ", key);
    json_print_string(to, value, strlen(value));
    fprintf(to, ", ");
}

static void number_field(FILE *to, const char *key, uint64_t value)
{
    fprintf(to, "\"%s\": %" PRIu64 ", ", key, value);
}

static void bool_field(FILE *to, const char *key, bool value)
{
    fprintf(to, "\"%s\": %s, ", key, value ? "true" : "false");
}

static void json_device(const lattn_device_info *d, FILE *to)
{
    fprintf(to, "{");
    number_field(to, "index", (uint64_t) d->index);
    text_field(to, "name", d->name);
    text_field(to, "driver", d->driver);
    text_field(to, "uuid", d->uuid);
    text_field(to, "type", type_name(d->type));
    number_field(to, "api_version", d->api_version);
    number_field(to, "vendor_id", d->vendor_id);
    number_field(to, "device_id", d->device_id);
    number_field(to, "memory_bytes", d->memory_bytes);
    number_field(to, "max_allocation_bytes", d->max_allocation_bytes);
    number_field(to, "max_binding_bytes", d->max_binding_bytes);
    number_field(to, "shared_memory_bytes", d->shared_memory_bytes);
    number_field(to, "max_invocations", d->max_invocations);
    number_field(to, "compute_units", d->compute_units);
    number_field(to, "subgroup_size", d->subgroup_size);
    number_field(to, "min_subgroup_size", d->min_subgroup_size);
    number_field(to, "max_subgroup_size", d->max_subgroup_size);
    bool_field(to, "subgroup_arithmetic", d->subgroup_arithmetic);
    bool_field(to, "storage_f16", d->storage_f16);
    bool_field(to, "storage_u8", d->storage_u8);
    bool_field(to, "arithmetic_f16", d->arithmetic_f16);
    bool_field(to, "buffer_address", d->buffer_address);
    bool_field(to, "push_descriptors", d->push_descriptors);
    bool_field(to, "coopmat", d->coopmat);
    bool_field(to, "coopmat2", d->coopmat2);
    fprintf(to, "\"coopmat_shape\": [%u, %u, %u], ", d->coopmat_m, d->coopmat_n, d->coopmat_k);
    bool_field(to, "coopmat_bf16", d->coopmat_bf16);
    bool_field(to, "timestamps", d->timestamps);
    text_field(to, "refused", d->refused);
    fprintf(to, "\"usable\": %s}", *d->refused ? "false" : "true");
}

void info_print_json(const struct info_report *r, FILE *to)
{
    const char *separator = "";
    fprintf(to, "{");
    text_field(to, "version", lattn_version());
    fprintf(to, "\"devices\": [");
    for (int i = 0; i < r->n_devices; i++) {
        if (skipped(r, i))
            continue;
        fprintf(to, "%s", separator);
        json_device(&r->devices[i], to);
        separator = ", ";
    }
    fprintf(to, "], ");
    if (r->ctx) {
        fprintf(to, "\"ops\": [");
        info_ops_json(r->ctx, to);
        fprintf(to, "], ");
    }
    text_field(to, "reason", r->reason);
    fprintf(to, "\"chosen\": %d}\n", r->chosen);
}
