// SPDX-License-Identifier: MIT
//
// Safetensors to and from device tensors; everything else of the reader and writer works
// on host memory.

#include "base/alloc.h"
#include "io/safetensors.h"
#include "io/st_write.h"
#include "tensor/tensor.h"

lattn_status lattn_safetensors_read_tensor(lattn_safetensors *file, size_t i, lattn_tensor *t)
{
    LAT_CHECK_ARG(file);
    LAT_CHECK_ARG(t);
    lattn_safetensors_entry e;
    LAT_TRY(lattn_safetensors_get(file, i, &e));
    bool same = e.rank == lattn_tensor_rank(t);
    for (int d = 0; same && d < e.rank; d++)
        same = e.dim[d] == lattn_tensor_dim(t, d);
    if (!same)
        return lat_err(LATTN_ERR_SHAPE, "%s: tensor \"%s\" is %s, expected %s", e.path,
            lat_quoted(e.name, (char[100]){ 0 }, 100),
            lat_shape_text((char[LAT_SHAPE_TEXT]){ 0 }, e.rank, e.dim), LAT_SHAPE(t));

    size_t bytes = (size_t) e.numel * lattn_dtype_bytes(lattn_tensor_dtype(t));
    void *data = lat_alloc(bytes);
    if (!data)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = lattn_safetensors_read(file, i, lattn_tensor_dtype(t), data, bytes);
    if (!st)
        st = lattn_tensor_write(t, data, bytes);
    lat_free(data);
    return st;
}

static lattn_status read_tensor(
    const struct lat_st_source *source, void *buffer, size_t bytes, const void **data)
{
    *data = buffer;
    return lattn_tensor_read(((const lattn_named_tensor *) source->item)->tensor, buffer, bytes);
}

lattn_status lattn_safetensors_save(const char *path, const lattn_named_tensor *items, size_t n)
{
    LAT_CHECK_ARG(path);
    LAT_CHECK_ARRAY(items, n);
    struct lat_st_source *sources = lat_calloc(n, sizeof *sources);
    if (!sources)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = LATTN_OK;
    for (size_t i = 0; i < n && !st; i++) {
        lattn_tensor *t = items[i].tensor;
        if (!t)
            st = lat_err(LATTN_ERR_ARG, "%s: no tensor for the name \"%s\"", path,
                items[i].name ? lat_quoted(items[i].name, (char[100]){ 0 }, 100) : "");
        else
            sources[i] = (struct lat_st_source){ items[i].name, lattn_tensor_dtype(t),
                lattn_tensor_rank(t), t->dim, &items[i] };
    }
    if (!st)
        st = lat_st_write(path, sources, n, read_tensor, true);
    lat_free(sources);
    return st;
}
