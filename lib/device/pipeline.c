// SPDX-License-Identifier: MIT
//
// The table of pipelines. The key is everything a pipeline depends on, with the SPIR-V
// replaced by its hash, so two copies of one shader share a pipeline and a freed and reused
// address cannot be mistaken for an old one.
//
// Creation takes milliseconds to seconds, so workers begin while a step is still being recorded, and several
// pipelines are made at once. An entry is waiting, building or ready. Whoever needs a waiting one builds it
// himself instead of queueing up behind the workers; only a building one is waited for. What a worker could
// not build is built again by whoever needs it, to get the error in his own thread.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/array.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/queue.h"
#include "base/thread.h"
#include "device/pipeline.h"
#include "device/pipeline_build.h"
#include "device/cache_file.h"
#include "device/pipeline_cache.h"
#include "device/shader_object.h"
#include "device/twin.h"

enum { MAX_WORKERS = 4, QUEUE_SLOTS = 1024, SPIRV_MAGIC = 0x07230203 };

enum state { WAITING, BUILDING, READY };

// What the table is keyed by. All bytes count, so it is cleared before it is filled.
struct table_key {
    uint64_t spirv_hash, spirv_words;
    uint32_t n_bindings, push_bytes, subgroup_size, full_subgroups;
    uint32_t n_spec, spec[LAT_MAX_SPEC];
};

struct entry {
    struct lat_pipeline pipeline;  // first: who has it has the entry
    struct table_key key;
    enum state state;
    bool counted;  // in stats, which the owner of the device alone writes
    bool cached;
    uint64_t build_ns;
};

struct layout {
    uint32_t n_bindings, push_bytes;
    VkPipelineLayout handle;
};

struct lat_pipelines {
    struct lat_mutex *lock;
    struct lat_cond *built;
    struct lat_map map;  // table_key -> index of entries
    struct {
        struct entry **items;
        size_t n, capacity;
    } entries;
    struct {
        struct layout *items;
        size_t n, capacity;
    } layouts;
    VkDescriptorSetLayout set_layouts[LAT_MAX_BINDINGS + 1];
    struct lat_pipeline_cache cache;
    char *cache_dir;          // NULL = nothing is kept
    char *object_dir;         // of binaries of shader objects in it
    struct lat_queue *queue;  // entries for the workers; NULL until the first request
    size_t n_queued;
    struct lat_thread *workers[MAX_WORKERS];
    int n_workers;
};

// ---- layouts --------------------------------------------------------------------------------

static lattn_status get_set_layout(
    struct lat_device *dev, uint32_t n_bindings, VkDescriptorSetLayout *out)
{
    VkDescriptorSetLayout *slot = &dev->pipelines->set_layouts[n_bindings];
    VkDescriptorSetLayoutBinding bindings[LAT_MAX_BINDINGS];
    for (uint32_t i = 0; i < n_bindings; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){
            .binding = i,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .descriptorCount = 1,
            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
        };
    VkDescriptorSetLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .flags = dev->caps.push_descriptors
                     ? VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT_KHR
                     : 0,
        .bindingCount = n_bindings,
        .pBindings = bindings,
    };
    if (!*slot)
        LAT_TRY(LAT_VK(dev, dev->vk.CreateDescriptorSetLayout(dev->handle, &info, NULL, slot),
            "vkCreateDescriptorSetLayout"));
    *out = *slot;
    return LATTN_OK;
}

static lattn_status get_layout(struct lat_device *dev, struct lat_pipeline *p)
{
    struct lat_pipelines *t = dev->pipelines;
    const struct lat_pipeline_key *key = &p->key;
    LAT_TRY(get_set_layout(dev, key->n_bindings, &p->set_layout));
    for (size_t i = 0; i < t->layouts.n; i++) {
        const struct layout *l = &t->layouts.items[i];
        if (l->n_bindings == key->n_bindings && l->push_bytes == key->push_bytes) {
            p->layout = l->handle;
            return LATTN_OK;
        }
    }
    VkPushConstantRange push = {
        .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
        .size = key->push_bytes,
    };
    VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &p->set_layout,
        .pushConstantRangeCount = key->push_bytes > 0,
        .pPushConstantRanges = &push,
    };
    LAT_TRY(LAT_RESERVE(&t->layouts, t->layouts.n + 1));
    LAT_TRY(LAT_VK(dev, dev->vk.CreatePipelineLayout(dev->handle, &info, NULL, &p->layout),
        "vkCreatePipelineLayout"));
    t->layouts.items[t->layouts.n++] =
        (struct layout){ key->n_bindings, key->push_bytes, p->layout };
    return LATTN_OK;
}

// ---- building -------------------------------------------------------------------------------

static lattn_status check_key(struct lat_device *dev, const struct lat_pipeline_key *key)
{
    const struct lat_spirv *s = key->spirv;
    const struct lat_caps *caps = &dev->caps;
    LAT_ASSERT(key->n_bindings <= LAT_MAX_BINDINGS && key->n_spec <= LAT_MAX_SPEC);
    if (s->n_words < 5 || s->words[0] != SPIRV_MAGIC)
        return lat_err(LATTN_ERR_FORMAT, "shader %s: %zu words that are no SPIR-V module",
            key->name, s->n_words);
    if (key->push_bytes > caps->max_push_bytes || key->push_bytes % 4)
        return lat_err(LATTN_ERR_UNSUPPORTED, "shader %s: %u bytes of push constants, %s has %u",
            key->name, key->push_bytes, caps->info.name, caps->max_push_bytes);
    if (key->subgroup_size &&
        (!caps->subgroup_size_control || key->subgroup_size < caps->min_subgroup_size ||
            key->subgroup_size > caps->max_subgroup_size))
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "shader %s: a subgroup size of %u cannot be required of %s (subgroupSizeControl)",
            key->name, key->subgroup_size, caps->info.name);
    if (key->full_subgroups && !caps->full_subgroups)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "shader %s: full subgroups cannot be required of %s (computeFullSubgroups)", key->name,
            caps->info.name);
    return LATTN_OK;
}

static void name_object(struct lat_device *dev, const struct lat_pipeline *p)
{
    VkDebugUtilsObjectNameInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
        .objectType = p->object ? VK_OBJECT_TYPE_SHADER_EXT : VK_OBJECT_TYPE_PIPELINE,
        .objectHandle = p->object ? (uint64_t) p->object : (uint64_t) p->handle,
        .pObjectName = p->key.name,
    };
    if (dev->vk.SetDebugUtilsObjectNameEXT)
        (void) dev->vk.SetDebugUtilsObjectNameEXT(dev->handle, &info);
}

// What a worker has for itself.
struct tools {
    bool wants_twin;  // none that could not be made
    struct lat_twin *twin;
};

// Machine code for a pipeline that is new to this machine. That it cannot be made ahead is no failure.
static void compile_ahead(
    struct lat_device *dev, const struct lat_pipeline_key *key, struct tools *tools)
{
    struct lat_pipelines *t = dev->pipelines;
    lattn_status st = LATTN_OK;
    if (!tools->wants_twin || !t->object_dir)
        return;
    if (!tools->twin)
        st = lat_twin_create(dev, t->cache_dir, &tools->twin);
    if (!st)
        st = lat_twin_compile(tools->twin, key);
    if (st) {
        lat_log(LATTN_LOG_DEBUG, "pipeline %s is compiled late: %s", key->name, lat_err_text());
        lat_twin_destroy(&tools->twin);
        tools->wants_twin = false;
    }
}

// Builds an entry that is WAITING; t->lock is held on entry and on return, not in between. tools NULL: of a thread
// that cannot wait for machine code.
static VkResult build_entry(struct lat_device *dev, struct entry *e, struct tools *tools)
{
    struct lat_pipelines *t = dev->pipelines;
    VkPipeline handle = VK_NULL_HANDLE;
    VkShaderEXT object = VK_NULL_HANDLE;
    e->state = BUILDING;
    lat_mutex_unlock(t->lock);
    bool cached = false;
    VkResult r;
    uint64_t begin = lat_now_ns();
    if (lat_shader_object_suits(dev, &e->pipeline.key)) {
        const struct lat_binary_place place = { t->object_dir, &e->key, sizeof e->key };
        r = lat_shader_object_build(dev, &e->pipeline, &place, &object, &cached);
        if (r == VK_SUCCESS && !cached && tools)
            compile_ahead(dev, &e->pipeline.key, tools);
    } else {
        r = lat_pipeline_build(dev, &e->pipeline, t->cache.handle, 0, &handle, &cached);
    }
    uint64_t end = lat_now_ns();
    lat_mutex_lock(t->lock);
    e->cached = cached;
    e->build_ns = end - begin;
    e->pipeline.handle = handle;
    e->pipeline.object = object;
    e->state = r == VK_SUCCESS ? READY : WAITING;
    if (r == VK_SUCCESS) {
        t->cache.changed |= handle != VK_NULL_HANDLE;
        name_object(dev, &e->pipeline);
    }
    lat_cond_broadcast(t->built);
    return r;
}

// ---- the table ------------------------------------------------------------------------------

static struct table_key table_key_of(const struct lat_pipeline_key *key)
{
    struct table_key k;
    memset(&k, 0, sizeof k);
    k.spirv_hash = lat_hash(key->spirv->words, key->spirv->n_words * sizeof(uint32_t));
    k.spirv_words = key->spirv->n_words;
    k.n_bindings = key->n_bindings;
    k.push_bytes = key->push_bytes;
    k.subgroup_size = key->subgroup_size;
    k.full_subgroups = key->full_subgroups;
    k.n_spec = key->n_spec;
    memcpy(k.spec, key->spec, key->n_spec * sizeof k.spec[0]);
    return k;
}

static lattn_status add_entry(struct lat_device *dev, const struct lat_pipeline_key *key,
    const struct table_key *k, struct entry **out)
{
    struct lat_pipelines *t = dev->pipelines;
    lattn_status st = LATTN_OK;
    *out = NULL;
    LAT_TRY(check_key(dev, key));
    LAT_TRY(LAT_RESERVE(&t->entries, t->entries.n + 1));
    struct entry *e = LAT_NEW(struct entry);
    if (!e)
        return LATTN_ERR_HOST_MEMORY;
    e->key = *k;
    e->pipeline.key = *key;
    e->pipeline.n_bindings = key->n_bindings;
    e->pipeline.key.name = lat_strdup(key->name);
    if (!e->pipeline.key.name)
        st = LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = get_layout(dev, &e->pipeline);
    if (!st)
        st = lat_map_put(&t->map, (const char *) k, sizeof *k, (int64_t) t->entries.n);
    if (st) {
        lat_free((void *) e->pipeline.key.name);
        lat_free(e);
        return st;
    }
    t->entries.items[t->entries.n++] = e;
    *out = e;
    return LATTN_OK;
}

// t->lock is held.
static lattn_status find_or_add(
    struct lat_device *dev, const struct lat_pipeline_key *key, struct entry **out)
{
    struct lat_pipelines *t = dev->pipelines;
    struct table_key k = table_key_of(key);
    int64_t index;
    if (lat_map_get(&t->map, (const char *) &k, sizeof k, &index)) {
        *out = t->entries.items[index];
        return LATTN_OK;
    }
    return add_entry(dev, key, &k, out);
}

// t->lock is held.
static lattn_status make_ready(struct lat_device *dev, struct entry *e)
{
    struct lat_pipelines *t = dev->pipelines;
    while (e->state == BUILDING)
        lat_cond_wait(t->built, t->lock);
    if (e->state == WAITING) {
        char what[160];
        VkResult r = build_entry(dev, e, NULL);
        snprintf(what, sizeof what, "compute pipeline of shader %.80s", e->pipeline.key.name);
        LAT_TRY(LAT_VK(dev, r, what));
    }
    if (!e->counted) {
        dev->stats.pipelines_created++;
        dev->stats.pipelines_cached += e->cached;
        dev->stats.pipeline_ns += e->build_ns;
        if (!dev->is_twin)
            lat_log(LATTN_LOG_DEBUG, "pipeline %s: %.1f ms%s", e->pipeline.key.name,
                1e-6 * (double) e->build_ns, e->cached ? ", from the cache" : "");
    }
    e->counted = true;
    return LATTN_OK;
}

lattn_status lat_pipeline_get(
    struct lat_device *dev, const struct lat_pipeline_key *key, struct lat_pipeline **out)
{
    struct lat_pipelines *t = dev->pipelines;
    struct entry *e = NULL;
    *out = NULL;
    LAT_TRY(lat_device_alive(dev));
    lat_mutex_lock(t->lock);
    lattn_status st = find_or_add(dev, key, &e);
    if (!st && e->state == WAITING)
        e->pipeline.key.spirv = key->spirv;  // an earlier caller's may be gone
    if (!st)
        st = make_ready(dev, e);
    if (st && e)
        e->pipeline.key.spirv = NULL;
    lat_mutex_unlock(t->lock);
    if (!st)
        *out = &e->pipeline;
    return st;
}

lattn_status lat_pipeline_wait(struct lat_device *dev, struct lat_pipeline *p)
{
    struct lat_pipelines *t = dev->pipelines;
    struct entry *e = (struct entry *) p;
    if (e->counted)
        return LATTN_OK;
    LAT_TRY(lat_device_alive(dev));
    lat_mutex_lock(t->lock);
    lattn_status st = make_ready(dev, e);
    lat_mutex_unlock(t->lock);
    return st;
}

void lat_pipeline_bind(
    const struct lat_device *dev, VkCommandBuffer cmd, const struct lat_pipeline *p)
{
    const VkShaderStageFlagBits stage = VK_SHADER_STAGE_COMPUTE_BIT;
    if (p->object)
        dev->vk.CmdBindShadersEXT(cmd, 1, &stage, &p->object);
    else
        dev->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, p->handle);
}

// ---- workers --------------------------------------------------------------------------------

static void worker(void *arg)
{
    struct lat_device *dev = arg;
    struct lat_pipelines *t = dev->pipelines;
    struct tools tools = { .wants_twin = lat_twin_pays(dev) };
    void *item;
    while (lat_queue_pop(t->queue, &item)) {
        struct entry *e = item;
        lat_mutex_lock(t->lock);
        t->n_queued--;
        if (e->state == WAITING && e->pipeline.key.spirv)
            (void) build_entry(dev, e, &tools);
        bool idle = t->n_queued == 0;
        lat_mutex_unlock(t->lock);
        if (idle)
            lat_twin_destroy(&tools.twin);
    }
    lat_twin_destroy(&tools.twin);
}

static lattn_status start_workers(struct lat_device *dev)
{
    struct lat_pipelines *t = dev->pipelines;
    if (t->n_workers > 0)
        return LATTN_OK;
    if (!t->queue)
        LAT_TRY(lat_queue_create(QUEUE_SLOTS, &t->queue));
    int n = LAT_MIN(lat_cpu_count(), MAX_WORKERS);
    while (t->n_workers < n) {
        LAT_TRY(lat_thread_start(worker, dev, &t->workers[t->n_workers]));
        t->n_workers++;
    }
    return LATTN_OK;
}

lattn_status lat_pipeline_request(
    struct lat_device *dev, const struct lat_pipeline_key *key, struct lat_pipeline **out)
{
    struct lat_pipelines *t = dev->pipelines;
    struct entry *e = NULL;
    *out = NULL;
    LAT_TRY(lat_device_alive(dev));
    lat_mutex_lock(t->lock);
    size_t before = t->entries.n;
    lattn_status st = find_or_add(dev, key, &e);
    bool queued = !st && t->entries.n > before && !start_workers(dev);
    t->n_queued += queued;
    lat_mutex_unlock(t->lock);
    // Without workers whoever needs it builds it.
    if (queued)
        (void) lat_queue_push(t->queue, e);
    if (!st)
        *out = &e->pipeline;
    return st;
}

static void stop_workers(struct lat_pipelines *t)
{
    if (t->queue)
        lat_queue_close(t->queue);
    // Closing lets the workers finish what is queued; nobody needs that any more.
    lat_mutex_lock(t->lock);
    for (size_t i = 0; i < t->entries.n; i++)
        if (t->entries.items[i]->state == WAITING)
            t->entries.items[i]->state = READY;
    lat_mutex_unlock(t->lock);
    for (int i = 0; i < t->n_workers; i++)
        lat_thread_join(&t->workers[i]);
    if (t->queue)
        lat_queue_destroy(&t->queue);
}

// ---- life -----------------------------------------------------------------------------------

lattn_status lat_pipelines_create(struct lat_device *dev, const char *cache_dir)
{
    struct lat_pipelines *t = LAT_NEW(struct lat_pipelines);
    if (!t)
        return LATTN_ERR_HOST_MEMORY;
    dev->pipelines = t;
    LAT_TRY(lat_mutex_create(&t->lock));
    LAT_TRY(lat_cond_create(&t->built));
    t->cache_dir = lat_cache_dir(cache_dir);
    if (t->cache_dir && dev->caps.shader_object)
        t->object_dir = lat_cache_path(dev, t->cache_dir, "shaders", "");
    return lat_pipeline_cache_open(dev, t->cache_dir, &t->cache);
}

char *lat_cache_file(const struct lat_device *dev, const char *name)
{
    const char *path = dev->pipelines->cache.path, *slash = path ? strrchr(path, '/') : NULL;
    char *dir = slash ? lat_strndup(path, (size_t) (slash - path)) : NULL;
    char *file = dir ? lat_path_join(dir, name) : NULL;
    lat_free(dir);
    return file;
}

void lat_pipelines_each(
    struct lat_device *dev, void (*fn)(void *user, const struct lat_pipeline *p), void *user)
{
    struct lat_pipelines *t = dev->pipelines;
    lat_mutex_lock(t->lock);
    for (size_t i = 0; i < t->entries.n; i++)
        if (t->entries.items[i]->pipeline.key.spirv && !make_ready(dev, t->entries.items[i]))
            fn(user, &t->entries.items[i]->pipeline);
    lat_mutex_unlock(t->lock);
}

void lat_pipelines_destroy(struct lat_device *dev)
{
    struct lat_pipelines *t = dev->pipelines;
    if (!t)
        return;
    if (t->lock && t->built)
        stop_workers(t);
    lat_pipeline_cache_close(dev, &t->cache);
    for (size_t i = 0; i < t->entries.n; i++) {
        struct entry *e = t->entries.items[i];
        if (e->pipeline.handle)
            dev->vk.DestroyPipeline(dev->handle, e->pipeline.handle, NULL);
        if (e->pipeline.object)
            dev->vk.DestroyShaderEXT(dev->handle, e->pipeline.object, NULL);
        lat_free((void *) e->pipeline.key.name);
        lat_free(e);
    }
    for (size_t i = 0; i < t->layouts.n; i++)
        dev->vk.DestroyPipelineLayout(dev->handle, t->layouts.items[i].handle, NULL);
    for (size_t i = 0; i < LAT_COUNT(t->set_layouts); i++)
        if (t->set_layouts[i])
            dev->vk.DestroyDescriptorSetLayout(dev->handle, t->set_layouts[i], NULL);
    lat_free(t->cache_dir);
    lat_free(t->object_dir);
    lat_free(t->entries.items);
    lat_free(t->layouts.items);
    lat_map_free(&t->map);
    lat_cond_destroy(&t->built);
    lat_mutex_destroy(&t->lock);
    lat_free(t);
    dev->pipelines = NULL;
}
