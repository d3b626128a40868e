// SPDX-License-Identifier: MIT
//
// The index of a model in several files:
//
//     { "metadata": { "total_size": ... }, "weight_map": { "tensor name": "file name" } }
//
// An index must not reach outside its folder, so a file name is one path component.
// Index and shards must agree: what the index names is in that shard, and no shard has
// a tensor that the index puts into another.

#include <string.h>
#include "base/hash.h"
#include "base/log.h"
#include "io/safetensors.h"

#define QUOTED(name) lat_quoted(name, (char[100]){ 0 }, 100)

static lattn_status check_shard_name(const char *path, const char *name)
{
    if (*name && strcmp(name, ".") && strcmp(name, "..") && !strpbrk(name, "/\\"))
        return LATTN_OK;
    return lat_err(LATTN_ERR_FORMAT,
        "%s: shard \"%s\" is no plain file name; shards lie beside their index", path,
        QUOTED(name));
}

static lattn_status add_shard(struct lattn_safetensors *s, const char *index, const char *name)
{
    const char *slash = strrchr(index, '/');
    struct lat_str path = { 0 };
    lat_str_addn(&path, index, slash ? (size_t) (slash + 1 - index) : 0);
    lat_str_add(&path, name);
    lattn_status st = path.status ? path.status : lat_st_add_file(s, path.items);
    if (st)
        lat_err_prefix("%s: ", index);
    lat_str_free(&path);
    return st;
}

// Opens every shard once; shards maps their names to file numbers.
static lattn_status add_shards(
    struct lattn_safetensors *s, const char *path, json_t *weight_map, struct lat_map *shards)
{
    const char *tensor;
    json_t *value;
    json_object_foreach(weight_map, tensor, value)
    {
        const char *name = json_string_value(value);
        if (!name)
            return lat_err(
                LATTN_ERR_FORMAT, "%s: the file of tensor \"%s\" is no text", path, QUOTED(tensor));
        LAT_TRY(check_shard_name(path, name));
        if (lat_map_get(shards, name, strlen(name), NULL))
            continue;
        LAT_TRY(lat_map_put(shards, name, strlen(name), (int64_t) s->files.n));
        LAT_TRY(add_shard(s, path, name));
    }
    return LATTN_OK;
}

static lattn_status check_against_index(struct lattn_safetensors *s, const char *path,
    const json_t *weight_map, const struct lat_map *shards)
{
    size_t n_listed = 0;
    for (size_t i = 0; i < s->entries.n; i++) {
        const struct lat_st_entry *e = &s->entries.items[i];
        const char *file = lat_file_path(s->files.items[e->file].file);
        const char *listed = json_string_value(json_object_get(weight_map, e->name));
        int64_t where = -1;
        if (!listed) {
            lat_log(LATTN_LOG_WARN, "%s does not list tensor \"%s\" of %s", path, QUOTED(e->name),
                file);
            continue;
        }
        lat_map_get(shards, listed, strlen(listed), &where);
        if (where != (int64_t) e->file)
            return lat_err(LATTN_ERR_FORMAT, "%s puts tensor \"%s\" into %s, but it is in %s", path,
                QUOTED(e->name), QUOTED(listed), file);
        n_listed++;
    }
    if (n_listed == json_object_size(weight_map))
        return LATTN_OK;

    // Something is listed and not there: find it, for the sentence.
    struct lat_map present = { 0 };
    lattn_status st = LATTN_OK;
    for (size_t i = 0; i < s->entries.n && !st; i++)
        st = lat_map_put(&present, s->entries.items[i].name, strlen(s->entries.items[i].name), 0);
    const char *tensor;
    json_t *value;
    json_object_foreach((json_t *) weight_map, tensor, value)
    {
        if (!st && !lat_map_get(&present, tensor, strlen(tensor), NULL))
            st = lat_err(LATTN_ERR_FORMAT, "%s puts tensor \"%s\" into %s, but it is not there",
                path, QUOTED(tensor), QUOTED(json_string_value(value)));
    }
    lat_map_free(&present);
    return st;
}

lattn_status lat_st_add_index(struct lattn_safetensors *s, const char *path)
{
    json_t *root = NULL;
    struct lat_map shards = { 0 };
    lattn_status st;
    LAT_GO(lat_json_load(path, LAT_ST_MAX_HEADER_BYTES, &root));
    json_t *weight_map = json_object_get(root, "weight_map");
    if (!json_is_object(weight_map)) {
        st = lat_err(LATTN_ERR_FORMAT, "%s: \"weight_map\" is missing or no object", path);
        goto done;
    }
    LAT_GO(add_shards(s, path, weight_map, &shards));
    LAT_GO(check_against_index(s, path, weight_map, &shards));
done:
    lat_map_free(&shards);
    json_decref(root);
    return st;
}
