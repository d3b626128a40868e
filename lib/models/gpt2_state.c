// SPDX-License-Identifier: MIT
//
// GPT-2's weights in files. Published folders keep the weights of linear layers as [in, out], those of
// query, key and value side by side in one; here each is a tensor [out, in].
//
//   h.0.attn.c_attn.weight [C, 3 C]  <->  h.layers.0.self_attn.q_proj, k_proj, v_proj.weight [C, C]
//   h.0.mlp.c_fc.weight    [C, I]    <->  h.layers.0.linear1.weight [I, C]

#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/file.h"
#include "models/gpt2.h"
#include "tensor/tensor.h"

// Parts of a layer, and where the file has them.
static const struct rule {
    const char *ours, *theirs;
    int part, n_parts;  // of theirs, along its last dimension
} rules[] = {
    { "self_attn.q_proj", "attn.c_attn", 0, 3 },
    { "self_attn.k_proj", "attn.c_attn", 1, 3 },
    { "self_attn.v_proj", "attn.c_attn", 2, 3 },
    { "self_attn.out_proj", "attn.c_proj", 0, 1 },
    { "linear1", "mlp.c_fc", 0, 1 },
    { "linear2", "mlp.c_proj", 0, 1 },
    { "norm1", "ln_1", 0, 1 },
    { "norm2", "ln_2", 0, 1 },
};

// A parameter and its place in a file.
struct place {
    char name[160];
    int part, n_parts;
    bool transposed;
};

static bool place_of(const char *ours, struct place *p)
{
    int layer = 0, used = 0;
    *p = (struct place){ .n_parts = 1 };
    if (strncmp(ours, "h.norm.", 7) == 0) {
        snprintf(p->name, sizeof p->name, "ln_f.%s", ours + 7);
        return true;
    }
    if (sscanf(ours, "h.layers.%d.%n", &layer, &used) != 1 || !used) {
        snprintf(p->name, sizeof p->name, "%s", ours);
        return true;
    }
    for (size_t i = 0; i < LAT_COUNT(rules); i++) {
        const struct rule *r = &rules[i];
        size_t n = strlen(r->ours);
        if (strncmp(ours + used, r->ours, n) != 0 || ours[used + (int) n] != '.')
            continue;
        snprintf(p->name, sizeof p->name, "h.%d.%s%s", layer, r->theirs, ours + used + n);
        p->part = r->part;
        p->n_parts = r->n_parts;
        p->transposed = strncmp(r->ours, "norm", 4) != 0 && strstr(ours, ".weight") != NULL;
        return true;
    }
    return false;
}

// ---- reading ------------------------------------------------------------------------------------

static int64_t find(const lattn_safetensors *file, const char *name)
{
    char longer[200];
    int64_t i = lattn_safetensors_find(file, name);
    snprintf(longer, sizeof longer, "transformer.%s", name);
    return i >= 0 ? i : lattn_safetensors_find(file, longer);
}

static lattn_status check_shape(
    const lattn_safetensors_entry *e, const lattn_tensor *t, const struct place *p)
{
    int64_t want[2] = { t->dim[0], t->rank == 2 ? t->dim[1] : 1 };
    if (p->transposed) {
        want[0] = t->dim[1];
        want[1] = t->dim[0];
    }
    want[t->rank - 1] *= p->n_parts;
    bool same =
        e->rank == t->rank && e->dim[0] == want[0] && (t->rank == 1 || e->dim[1] == want[1]);
    if (same)
        return LATTN_OK;
    char is[LAT_SHAPE_TEXT], needed[LAT_SHAPE_TEXT];
    return lat_err(LATTN_ERR_SHAPE, "%s: tensor \"%s\" is %s, the model needs %s", e->path, e->name,
        lat_shape_text(is, e->rank, e->dim), lat_shape_text(needed, t->rank, want));
}

// Copies one part between the file's [in, n_parts * out] (or [n_parts * out]) and our [out, in] ([out]).
static void move_part(
    float *theirs, float *ours, const lattn_tensor *t, const struct place *p, bool load)
{
    int64_t out = t->dim[0], in = p->transposed ? t->dim[1] : 1;
    for (int64_t o = 0; o < out; o++) {
        for (int64_t i = 0; i < in; i++) {
            float *a = &theirs[i * out * p->n_parts + p->part * out + o], *b = &ours[o * in + i];
            *(load ? b : a) = *(load ? a : b);
        }
    }
}

static lattn_status load_one(
    lattn_safetensors *file, int64_t index, lattn_tensor *t, const struct place *p)
{
    lattn_tensor *values = lat_tensor_master(t);
    if (!p->transposed && p->n_parts == 1) {
        LAT_TRY(lattn_safetensors_read_tensor(file, (size_t) index, values));
        return lat_tensor_round(t);
    }
    size_t n = (size_t) lat_numel(t);
    float *theirs = lat_alloc(n * (size_t) p->n_parts * sizeof *theirs);
    float *ours = lat_alloc(n * sizeof *ours);
    lattn_status st = theirs && ours ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = lattn_safetensors_read(file, (size_t) index, LATTN_DTYPE_F32, theirs,
            n * (size_t) p->n_parts * sizeof *theirs);
    if (!st) {
        move_part(theirs, ours, t, p, true);
        st = lattn_tensor_write_f32(values, ours, (int64_t) n);
    }
    if (!st)
        st = lat_tensor_round(t);
    lat_free(theirs);
    lat_free(ours);
    return st;
}

// All are found and checked before the first is changed: apply is false, then true.
static lattn_status load_all(
    lattn_safetensors *file, const lattn_parameter *list, int n, bool apply)
{
    for (int i = 0; i < n; i++) {
        struct place p;
        lattn_safetensors_entry entry;
        int64_t index = place_of(list[i].name, &p) ? find(file, p.name) : -1;
        if (index < 0)
            return lat_err(LATTN_ERR_FORMAT, "the file has no tensor \"%s\"", p.name);
        LAT_TRY(lattn_safetensors_get(file, (size_t) index, &entry));
        LAT_TRY(apply ? load_one(file, index, list[i].tensor, &p)
                      : check_shape(&entry, list[i].tensor, &p));
    }
    return LATTN_OK;
}

struct listing {
    lattn_parameter *items;
    int n;
};

static lattn_status list_of(lattn_gpt2 *g, struct listing *l)
{
    l->n = lattn_module_n_parameters(g->root);
    l->items = lat_calloc((size_t) l->n + 1, sizeof *l->items);
    return l->items ? lattn_module_parameters(g->root, l->items, l->n, &l->n)
                    : LATTN_ERR_HOST_MEMORY;
}

static lattn_status load_weights(lattn_gpt2 *g, const char *dir)
{
    lattn_safetensors *file = NULL;
    struct listing l = { 0 };
    lattn_status st = lattn_safetensors_open(dir, NULL, &file);
    if (!st)
        st = list_of(g, &l);
    if (!st)
        st = load_all(file, l.items, l.n, false);
    if (!st)
        st = load_all(file, l.items, l.n, true);
    lat_free(l.items);
    lattn_safetensors_close(&file);
    return st;
}

lattn_status lattn_gpt2_load(lattn_ctx *ctx, const char *dir, lattn_gpt2 **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(dir);
    lattn_gpt2_config config;
    char *path = lat_path_join(dir, "config.json");
    lattn_status st = path ? lattn_gpt2_config_load(path, &config) : LATTN_ERR_HOST_MEMORY;
    lat_free(path);
    LAT_TRY(st);
    LAT_TRY(lattn_gpt2_create(ctx, &config, out));
    st = load_weights(*out, dir);
    if (st)
        lattn_gpt2_destroy(out);
    return st;
}

// ---- writing ------------------------------------------------------------------------------------

struct stored {
    char name[200];
    int64_t dims[2];
    float *data;
};

// Our parameter into the file's tensor it is a part of, which begins with the first part.
static lattn_status store(lattn_tensor *t, const struct place *p, struct stored *s)
{
    int64_t n = lat_numel(t);
    float *ours = lat_alloc((size_t) n * sizeof *ours);
    if (!s->data) {
        s->data = lat_alloc((size_t) (n * p->n_parts) * sizeof *s->data);
        snprintf(s->name, sizeof s->name, "transformer.%s", p->name);
        s->dims[0] = p->transposed ? t->dim[1] : t->dim[0];
        s->dims[1] = p->transposed ? t->dim[0] : t->rank == 2 ? t->dim[1] : 0;
        s->dims[t->rank - 1] *= p->n_parts;
    }
    lattn_status st = ours && s->data ? lattn_tensor_read_f32(lat_tensor_master(t), ours, n)
                                      : LATTN_ERR_HOST_MEMORY;
    if (!st && (p->transposed || p->n_parts > 1))
        move_part(s->data, ours, t, p, false);
    else if (!st)
        memcpy(s->data, ours, (size_t) n * sizeof *ours);
    lat_free(ours);
    return st;
}

// The tensor of that name among n, or the next free one.
static struct stored *slot_for(struct stored *all, size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(all[i].name + strlen("transformer."), name) == 0)
            return &all[i];
    return &all[(*n)++];
}

static lattn_status save_weights(const struct listing *l, const char *path)
{
    size_t n = 0;
    struct stored *all = lat_calloc((size_t) l->n + 1, sizeof *all);
    lattn_named_array *arrays = lat_calloc((size_t) l->n + 1, sizeof *arrays);
    lattn_status st = all && arrays ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    for (int i = 0; i < l->n && !st; i++) {
        struct place p;
        if (place_of(l->items[i].name, &p))
            st = store(l->items[i].tensor, &p, slot_for(all, &n, p.name));
    }
    for (size_t i = 0; i < n && !st; i++)
        arrays[i] = (lattn_named_array){
            .name = all[i].name,
            .dtype = LATTN_DTYPE_F32,
            .rank = all[i].dims[1] ? 2 : 1,
            .dims = all[i].dims,
            .data = all[i].data,
        };
    if (!st)
        st = lattn_safetensors_save_arrays(path, arrays, n);
    for (size_t i = 0; i < n; i++)
        lat_free(all[i].data);
    lat_free(all);
    lat_free(arrays);
    return st;
}

lattn_status lattn_gpt2_save(lattn_gpt2 *gpt2, const char *dir)
{
    LAT_CHECK_ARG(gpt2);
    LAT_CHECK_ARG(dir);
    struct listing l = { 0 };
    LAT_TRY(lat_dir_create(dir));
    char *config = lat_path_join(dir, "config.json");
    char *weights = lat_path_join(dir, "model.safetensors");
    lattn_status st = config && weights ? list_of(gpt2, &l) : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = save_weights(&l, weights);
    if (!st)
        st = lattn_gpt2_config_save(&gpt2->config, config);
    lat_free(l.items);
    lat_free(config);
    lat_free(weights);
    return st;
}
