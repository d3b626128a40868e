// SPDX-License-Identifier: MIT
//
// IDX, the files of MNIST and its family: a magic number that tells type and rank, the sizes, the
// elements, everything big-endian.
//
//     0 0 type rank | size ... | elements ...
//
// The product of the sizes has to be exactly what the file holds.

#include <string.h>
#include "data/dataset.h"
#include "image/image.h"
#include "data/text_rows.h"

enum { UNSIGNED_BYTE = 8, MAX_RANK = 3 };

struct idx {
    const char *path;
    int rank;
    struct lat_bytes file;
    size_t size[MAX_RANK];
    size_t header_bytes;  // elements begin behind them
};

static const char *type_name(int type)
{
    switch (type) {
    case 0x09:
        return "signed bytes";
    case 0x0B:
        return "16-bit integers";
    case 0x0C:
        return "32-bit integers";
    case 0x0D:
        return "32-bit floats";
    case 0x0E:
        return "64-bit floats";
    default:
        return NULL;
    }
}

static lattn_status check_magic(const struct idx *x)
{
    const uint8_t *p = (const uint8_t *) x->file.items;
    if (x->file.n < 4 || p[0] || p[1])
        return lat_err(
            LATTN_ERR_FORMAT, "%s: no IDX file: it does not begin with two zero bytes", x->path);
    if (p[2] != UNSIGNED_BYTE && type_name(p[2]))
        return lat_err(LATTN_ERR_UNSUPPORTED, "%s: IDX of %s is not supported, only unsigned bytes",
            x->path, type_name(p[2]));
    if (p[2] != UNSIGNED_BYTE)
        return lat_err(LATTN_ERR_FORMAT, "%s: no IDX file: type 0x%02X", x->path, p[2]);
    if (p[3] != x->rank)
        return lat_err(LATTN_ERR_FORMAT, "%s: IDX with %d dimensions, expected %d for %s", x->path,
            p[3], x->rank, x->rank == 1 ? "labels" : "pictures");
    return LATTN_OK;
}

static lattn_status check_sizes(struct idx *x)
{
    x->header_bytes = 4 + 4 * (size_t) x->rank;
    if (x->file.n < x->header_bytes)
        return lat_err(LATTN_ERR_FORMAT, "%s: IDX header of %zu bytes in a file of %zu", x->path,
            x->header_bytes, x->file.n);
    size_t bytes = x->file.n - x->header_bytes, expected = 1;
    for (int d = 0; d < x->rank; d++) {
        uint32_t size = lat_be32((const uint8_t *) x->file.items + 4 + 4 * d);
        if (size == 0)
            return lat_err(LATTN_ERR_FORMAT, "%s: size %d of the IDX file is 0", x->path, d + 1);
        // Never multiplied beyond what the file holds, so without overflow.
        if (size > bytes / expected || size > INT32_MAX)
            return lat_err(LATTN_ERR_FORMAT,
                "%s: size %d of the IDX file is %u, too much for its %zu bytes of elements",
                x->path, d + 1, size, bytes);
        x->size[d] = size;
        expected *= size;
    }
    if (expected != bytes)
        return lat_err(LATTN_ERR_FORMAT, "%s: IDX file with %zu bytes of elements, expected %zu",
            x->path, bytes, expected);
    return LATTN_OK;
}

static lattn_status read_idx(struct idx *x)
{
    LAT_TRY(lat_bytes_read_any(x->path, &x->file));
    LAT_TRY(check_magic(x));
    return check_sizes(x);
}

static lattn_status take_pictures(struct idx *x, lattn_dataset **out)
{
    LAT_TRY(lat_dataset_create(LAT_DATA_BYTES, x->size[0], out));
    lattn_dataset *d = *out;
    d->C = 1;
    d->H = (int32_t) x->size[1];
    d->W = (int32_t) x->size[2];
    d->stats.hash = x->file.hash;
    d->stats.file_bytes = x->file.file_bytes;
    // The file's own memory becomes the dataset's.
    memmove(x->file.items, x->file.items + x->header_bytes, x->file.n - x->header_bytes);
    d->bytes = (uint8_t *) x->file.items;
    x->file.items = NULL;
    return LATTN_OK;
}

static lattn_status take_labels(
    const struct idx *x, const lattn_idx_params *params, lattn_dataset *d)
{
    const uint8_t *labels = (const uint8_t *) x->file.items + x->header_bytes;
    if (x->size[0] != d->rows.n)
        return lat_err(
            LATTN_ERR_FORMAT, "%s has %zu labels for %zu pictures", x->path, x->size[0], d->rows.n);
    int32_t n_labels = params->n_labels;
    for (size_t i = 0; i < d->rows.n; i++) {
        int32_t label = d->rows.items[i].label = labels[i];
        if (params->n_labels == 0)
            n_labels = LAT_MAX(n_labels, label + 1);
        else if (label >= n_labels)
            return lat_err(LATTN_ERR_FORMAT, "%s: label %d of picture %zu, expected 0 to %d",
                x->path, label, i, n_labels - 1);
    }
    if (params->n_labels)
        LAT_TRY(lat_labels_given(&d->labels, params->labels, n_labels));
    else
        LAT_TRY(lat_labels_numbered(&d->labels, n_labels));
    d->has_labels = true;
    d->stats.hash ^= x->file.hash;
    d->stats.file_bytes += x->file.file_bytes;
    lat_dataset_warn_one_class(x->path, d);
    return LATTN_OK;
}

lattn_status lattn_idx_open(
    const char *images, const char *labels, const lattn_idx_params *params, lattn_dataset **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(images);
    const lattn_idx_params p = params ? *params : (lattn_idx_params){ 0 };
    if (p.n_labels < 0 || (p.n_labels > 0 && !p.labels))
        return lat_err(LATTN_ERR_ARG, "%d labels without names", p.n_labels);
    struct idx x = { .path = images, .rank = 3 }, y = { .path = labels, .rank = 1 };
    lattn_status st = read_idx(&x);
    if (!st)
        st = take_pictures(&x, out);
    if (!st && labels)
        st = read_idx(&y);
    if (!st && labels)
        st = take_labels(&y, &p, *out);
    lat_free(x.file.items);
    lat_free(y.file.items);
    if (st)
        lattn_dataset_close(out);
    return st;
}
