// SPDX-License-Identifier: MIT

#include "models/torchvision.h"
#include "base/file.h"
#include "base/str.h"

struct dict {
    struct lat_str header, data;
};

static void add(struct dict *d, const char *name, const char *dtype, const lattn_tensor *t,
    const void *values, size_t bytes)
{
    bool scalar = strcmp(dtype, "I64") == 0;
    const char *mlp = strstr(name, ".mlp."), *rest = mlp ? mlp + 6 : "";
    lat_str_addf(&d->header, "%s\"", d->header.n ? "," : "{");
    if (mlp)
        lat_str_addf(&d->header, "%.*s.mlp.linear_%d%s", (int) (mlp - name), name,
            mlp[5] == '0' ? 1 : 2, rest);
    else
        lat_str_add(&d->header, name);
    lat_str_addf(&d->header, "\":{\"dtype\":\"%s\",\"shape\":[", dtype);
    for (int i = 0; i < lattn_tensor_rank(t) && !scalar; i++)
        lat_str_addf(&d->header, "%s%lld", i ? "," : "", (long long) lattn_tensor_dim(t, i));
    lat_str_addf(&d->header, "],\"data_offsets\":[%zu,%zu]}", d->data.n, d->data.n + bytes);
    lat_str_addn(&d->data, values, bytes);
}

static void add_parameter(struct dict *d, const lattn_parameter *p)
{
    static const int64_t count = 5;
    const char *end = strrchr(p->name, '.');
    if (end && strcmp(end, ".num_batches_tracked") == 0) {
        add(d, p->name, "I64", p->tensor, &count, sizeof count);
        return;
    }
    int64_t n = lattn_tensor_numel(p->tensor);
    float *values = malloc((size_t) n * sizeof *values);
    EXPECT_OK(lattn_tensor_read_f32(p->tensor, values, n));
    add(d, p->name, "F32", p->tensor, values, (size_t) n * sizeof *values);
    free(values);
}

void lt_save_as_torchvision(lattn_cnn *cnn, const char *path)
{
    lattn_module *m = lattn_cnn_module(cnn);
    int n = lattn_module_n_parameters(m), n_buffers = lattn_module_n_buffers(m);
    lattn_parameter *list = calloc((size_t) (n + n_buffers + 1), sizeof *list);
    struct dict d = { 0 };
    struct lat_str file = { 0 };
    EXPECT_OK(lattn_module_parameters(m, list, n, &n));
    for (int i = 0; i < n; i++)
        add_parameter(&d, &list[i]);
    EXPECT_OK(lattn_module_buffers(m, list, n_buffers, &n_buffers));
    for (int i = 0; i < n_buffers; i++)
        add_parameter(&d, &list[i]);
    lat_str_add(&d.header, "}");
    while (d.header.n % 8)
        lat_str_add(&d.header, " ");
    uint64_t header_bytes = d.header.n;  // tests run on little-endian machines
    lat_str_addn(&file, (const char *) &header_bytes, 8);
    lat_str_addn(&file, d.header.items, d.header.n);
    lat_str_addn(&file, d.data.items, d.data.n);
    EXPECT_OK(file.status);
    EXPECT_OK(lat_file_replace(path, file.items, file.n));
    lat_str_free(&d.header);
    lat_str_free(&d.data);
    lat_str_free(&file);
    free(list);
}
