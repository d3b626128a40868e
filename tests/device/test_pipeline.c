// SPDX-License-Identifier: MIT
//
// The pipeline table, worker threads, and the cache file.

#include "base/file.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/thread.h"
#include "device/fixture.h"

TEST(pipeline, same_key_gives_the_same_pipeline)
{
    struct lat_device *dev = dt_open(NULL);
    if (!dev)
        return;
    struct lat_pipeline *a, *b, *c, *d;
    struct lat_pipeline_key key = dt_add_key(64);
    EXPECT_OK(lat_pipeline_get(dev, &key, &a));

    // A copy of the words elsewhere and garbage behind the last constant make no difference.
    uint32_t *copy = malloc(dt_add_spirv.n_words * sizeof *copy);
    memcpy(copy, dt_add_spirv.words, dt_add_spirv.n_words * sizeof *copy);
    struct lat_spirv other = { -1, -1, copy, dt_add_spirv.n_words };
    key.spirv = &other;
    key.spec[5] = 99;
    EXPECT_OK(lat_pipeline_get(dev, &key, &b));
    EXPECT(a == b);
    free(copy);

    key = dt_add_key(128);
    EXPECT_OK(lat_pipeline_get(dev, &key, &c));
    EXPECT(c != a);
    EXPECT(c->layout == a->layout && c->set_layout == a->set_layout);
    key.push_bytes = 16;
    EXPECT_OK(lat_pipeline_get(dev, &key, &d));
    EXPECT(d->layout != a->layout && d->set_layout == a->set_layout);
    EXPECT_EQ(dev->stats.pipelines_created, 3);
    dt_close(&dev);
}

TEST(pipeline, workers_build_ahead)
{
    struct lat_device *dev = dt_open(NULL);
    if (!dev)
        return;
    for (uint32_t size = 1; size <= 48; size++) {
        struct lat_pipeline_key key = dt_add_key(size);
        struct lat_pipeline *p = NULL, *again = NULL;
        EXPECT_OK(lat_pipeline_request(dev, &key, &p));
        EXPECT_OK(lat_pipeline_request(dev, &key, &again));
        EXPECT(p && p == again && p->layout && p->set_layout);
    }
    for (uint32_t size = 48; size >= 1; size--) {
        struct lat_pipeline_key key = dt_add_key(size);
        struct lat_pipeline *p = NULL;
        EXPECT_OK(lat_pipeline_request(dev, &key, &p));
        EXPECT_OK(lat_pipeline_wait(dev, p));
        EXPECT(p && (p->handle || p->object));
    }
    EXPECT_EQ(dev->stats.pipelines_created, 48);
    EXPECT(dev->stats.pipeline_ns > 0 && dev->stats.pipelines_cached <= 48);
    dt_close(&dev);
}

// Where the driver keeps nothing itself, workers make machine code ahead, each on a twin of the device.
TEST(pipeline, workers_build_ahead_and_keep_what_they_made)
{
    lattn_ctx_params params = { .cache_dir = lt_temp_dir() };
    for (int run = 0; run < 2; run++) {
        struct lat_device *dev = dt_open(&params);
        struct lat_pipeline *p[12];
        if (!dev)
            return;
        for (uint32_t i = 0; i < LAT_COUNT(p); i++) {
            struct lat_pipeline_key key = dt_add_key(i + 1);
            EXPECT_OK(lat_pipeline_request(dev, &key, &p[i]));
        }
        for (uint32_t i = 0; i < LAT_COUNT(p); i++)
            EXPECT_OK(lat_pipeline_wait(dev, p[i]));
        EXPECT_EQ(dev->stats.pipelines_created, 12);
        if (dev->caps.shader_object)
            EXPECT_EQ(dev->stats.pipelines_cached, run ? 12 : 0);
        dt_close(&dev);
    }
}

TEST(pipeline, closing_while_workers_build_is_fine)
{
    for (int i = 0; i < 5; i++) {
        struct lat_device *dev = dt_open(NULL);
        if (!dev)
            return;
        for (uint32_t size = 1; size <= 20; size++) {
            struct lat_pipeline_key key = dt_add_key(size);
            struct lat_pipeline *p = NULL;
            EXPECT_OK(lat_pipeline_request(dev, &key, &p));
        }
        dt_close(&dev);
    }
}

TEST(pipeline, impossible_keys_are_refused)
{
    struct lat_device *dev = dt_open(NULL);
    if (!dev)
        return;
    struct lat_pipeline *p;
    static const uint32_t junk[8] = { 1, 2, 3 };
    struct lat_spirv broken = { -1, -1, junk, 8 };
    struct lat_pipeline_key key = dt_add_key(64);
    key.spirv = &broken;
    EXPECT_STATUS(lat_pipeline_get(dev, &key, &p), LATTN_ERR_FORMAT);
    EXPECT_CONTAINS(lat_err_text(), "shader add");
    EXPECT(!p);
    key = dt_add_key(64);
    key.subgroup_size = 1024;
    EXPECT_STATUS(lat_pipeline_get(dev, &key, &p), LATTN_ERR_UNSUPPORTED);
    EXPECT_CONTAINS(lat_err_text(), "subgroup size of 1024");
    key = dt_add_key(64);
    key.push_bytes = 4096;
    EXPECT_STATUS(lat_pipeline_get(dev, &key, &p), LATTN_ERR_UNSUPPORTED);
    dt_close(&dev);

    dt_env("LATTN_LIMITS", "full_subgroups=0");
    dev = dt_open(NULL);
    dt_env_restore();
    key = dt_add_key(64);
    key.full_subgroups = true;
    EXPECT_STATUS(lat_pipeline_get(dev, &key, &p), LATTN_ERR_UNSUPPORTED);
    EXPECT_CONTAINS(lat_err_text(), "computeFullSubgroups");
    dt_close(&dev);
}

TEST(pipeline, subgroup_size_can_be_required_where_there_is_a_choice)
{
    struct lat_device *dev = dt_open(NULL);
    if (!dev)
        return;
    if (!dev->caps.subgroup_size_control || !dev->caps.full_subgroups) {
        lt_skip("no subgroup size control");
    } else {
        struct lat_pipeline *p = NULL;
        struct lat_pipeline_key key = dt_add_key(128);
        key.subgroup_size = dev->caps.max_subgroup_size;
        key.full_subgroups = true;
        EXPECT_OK(lat_pipeline_get(dev, &key, &p));
    }
    dt_close(&dev);
}

TEST(pipeline, statistics_come_or_are_refused_by_name)
{
    struct lat_device *dev = dt_open(NULL);
    if (!dev)
        return;
    struct lat_pipeline *p;
    struct lat_pipeline_key key = dt_add_key(64);
    struct lat_pipeline_stat stats[32];
    int n = 0;
    EXPECT_OK(lat_pipeline_get(dev, &key, &p));
    if (dev->caps.pipeline_statistics) {
        EXPECT_OK(lat_pipeline_stats(dev, p, stats, 32, &n));
    } else {
        EXPECT_STATUS(lat_pipeline_stats(dev, p, stats, 32, &n), LATTN_ERR_UNSUPPORTED);
        EXPECT_CONTAINS(lat_err_text(), "VK_KHR_pipeline_executable_properties");
    }
    dt_close(&dev);
}

// ---- the cache file -------------------------------------------------------------------------

static char found[512];

static lattn_status keep_name(void *user, const char *name)
{
    snprintf(found, sizeof found, "%s/%s", (const char *) user, name);
    return LATTN_OK;
}

// The one file in dir; NULL = none.
static const char *cache_file(const char *dir)
{
    found[0] = '\0';
    if (lat_path_exists(dir))
        EXPECT_OK(lat_dir_each(dir, keep_name, (void *) dir));
    return *found ? found : NULL;
}

enum outcome { NO_DEVICE, COMPILED, CACHED };

// Opens with the cache in dir, builds one pipeline or one shader object, closes.
static enum outcome build_once(const char *dir, uint32_t group_size, bool object)
{
    lattn_ctx_params p = { .cache_dir = dir };
    struct lat_device *dev = dt_open(&p);
    struct lat_pipeline *pipeline = NULL;
    struct lat_pipeline_key key = dt_add_key(group_size);
    if (!dev)
        return NO_DEVICE;
    if (object && !dev->caps.shader_object) {
        lt_skip("pipelines are better here than shader objects");
        dt_close(&dev);
        return NO_DEVICE;
    }
    dev->caps.shader_object = object;
    EXPECT_OK(lat_pipeline_get(dev, &key, &pipeline));
    EXPECT(pipeline && !pipeline->object == !object && !pipeline->handle == object);
    enum outcome outcome = dev->stats.pipelines_cached ? CACHED : COMPILED;
    dt_close(&dev);
    return outcome;
}

static bool use_cache(const char *dir, uint32_t group_size)
{
    return build_once(dir, group_size, false) != NO_DEVICE;
}

static char last_log[400];

static void keep_log(void *user, lattn_log_level level, const char *message)
{
    (void) user;
    (void) level;
    if (strstr(message, "pipeline cache"))
        snprintf(last_log, sizeof last_log, "%s", message);
}

// Uses the cache and gives the last line about it that was logged.
static const char *log_of(const char *dir)
{
    dt_env("LATTN_LOG", "debug");
    last_log[0] = '\0';
    lattn_log_set(keep_log, NULL);
    use_cache(dir, 64);
    dt_env_restore();
    lattn_log_set(NULL, NULL);
    return last_log;
}

TEST(pipeline, cache_is_written_and_read_back)
{
    char *dir = lat_path_join(lt_temp_dir(), "made/on/demand");
    if (use_cache(dir, 64)) {
        const char *path = cache_file(dir);
        EXPECT(path != NULL);
        EXPECT_CONTAINS(path, "pipelines-");
        EXPECT_CONTAINS(log_of(dir), "bytes from");
    }
    lat_free(dir);
}

TEST(pipeline, damaged_cache_is_ignored_and_written_anew)
{
    const char *dir = lt_temp_dir();
    char *data = NULL;
    size_t bytes = 0;
    if (!use_cache(dir, 64))
        return;
    const char *path = cache_file(dir);
    REQUIRE(path != NULL);
    EXPECT_OK(lat_file_read_all(path, 1 << 24, &data, &bytes));

    // Bytes of the header and of the data, turned over one by one. The header says whose the
    // file is from byte 8 to 71; the rest of it and the data are covered by the checksum.
    for (size_t at = 0; at < bytes && !lt_failed(); at += at < 88 ? 11 : bytes / 4 + 1) {
        bool whose = at >= 8 && at < 72;
        data[at] = (char) ~data[at];
        EXPECT_OK(lat_file_replace(path, data, bytes));
        EXPECT_CONTAINS(log_of(dir), whose ? "is of another device or driver" : "is damaged");
        data[at] = (char) ~data[at];
        EXPECT_CONTAINS(log_of(dir), "bytes from");  // good again
    }
    for (size_t cut = 0; cut < bytes && !lt_failed(); cut += bytes / 5 + 1) {
        EXPECT_OK(lat_file_replace(path, data, cut));
        EXPECT_CONTAINS(log_of(dir), "is ignored");
    }
    lat_free(data);
}

TEST(pipeline, cache_of_another_driver_is_ignored)
{
    const char *dir = lt_temp_dir();
    char *data = NULL;
    size_t bytes = 0;
    if (!use_cache(dir, 64))
        return;
    const char *path = cache_file(dir);
    REQUIRE(path != NULL);
    EXPECT_OK(lat_file_read_all(path, 1 << 24, &data, &bytes));
    data[8 + 16]++;  // the driver's UUID; the checksum is over the data behind and still right
    EXPECT_OK(lat_file_replace(path, data, bytes));
    EXPECT_CONTAINS(log_of(dir), "is of another device or driver");
    lat_free(data);
}

TEST(pipeline, cache_folder_that_cannot_be_written_is_only_a_warning)
{
    char *file = lat_path_join(lt_temp_dir(), "a_file");
    EXPECT_OK(lat_file_replace(file, "x", 1));
    char *dir = lat_path_join(file, "below");
    EXPECT_CONTAINS(log_of(dir), *last_log ? "pipeline cache is not saved" : "");
    lat_free(dir);
    lat_free(file);
}

// ---- binaries of shader objects -------------------------------------------------------------

// The one binary in the one folder of dir.
static const char *binary_file(const char *dir)
{
    static char folder[512];
    const char *path = cache_file(dir);
    if (!path || !lat_path_is_dir(path))
        return NULL;
    snprintf(folder, sizeof folder, "%s", path);
    return cache_file(folder);
}

TEST(pipeline, binaries_of_shader_objects_are_kept)
{
    const char *dir = lt_temp_dir();
    if (build_once(dir, 64, true) == NO_DEVICE)
        return;
    EXPECT_CONTAINS(binary_file(dir), ".bin");
    EXPECT(build_once(dir, 64, true) == CACHED);
    EXPECT(build_once(dir, 32, true) == COMPILED);
    EXPECT(build_once(dir, 32, true) == CACHED);
    EXPECT(build_once("", 64, true) == COMPILED);
    // What is made of a binary computes what the SPIR-V does.
    lattn_ctx_params p = { .cache_dir = dir };
    EXPECT_OK(dt_life(&p));
    EXPECT_OK(dt_life(&p));
}

TEST(pipeline, bad_binaries_are_made_again)
{
    const char *dir = lt_temp_dir();
    char *data = NULL;
    size_t bytes = 0;
    if (build_once(dir, 64, true) == NO_DEVICE)
        return;
    char path[512];
    snprintf(path, sizeof path, "%s", binary_file(dir));
    EXPECT_OK(lat_file_read_all(path, 1 << 24, &data, &bytes));

    // Damaged, and cut short.
    for (size_t at = 0; at < bytes && !lt_failed(); at += bytes / 6 + 1) {
        data[at] = (char) ~data[at];
        EXPECT_OK(lat_file_replace(path, data, bytes));
        data[at] = (char) ~data[at];
        EXPECT(build_once(dir, 64, true) == COMPILED);
        EXPECT(build_once(dir, 64, true) == CACHED);
        EXPECT_OK(lat_file_replace(path, data, at));
        EXPECT(build_once(dir, 64, true) == COMPILED);
        EXPECT(build_once(dir, 64, true) == CACHED);
    }
    lat_free(data);
    // A good file of other constants, as if both had the same name.
    char *other = lat_path_join(lt_temp_dir(), "other");
    EXPECT(build_once(other, 32, true) == COMPILED);
    EXPECT_OK(lat_file_read_all(binary_file(other), 1 << 24, &data, &bytes));
    EXPECT_OK(lat_file_replace(path, data, bytes));
    EXPECT(build_once(dir, 64, true) == COMPILED);
    EXPECT(build_once(dir, 64, true) == CACHED);
    lat_free(data);
    lat_free(other);
}

TEST(pipeline, no_cache_folder_no_file)
{
    const char *dir = lt_temp_dir();
    dt_env("LATTN_CACHE_DIR", dir);
    use_cache("", 64);
    EXPECT(cache_file(dir) == NULL);
    if (use_cache(NULL, 64))
        EXPECT(cache_file(dir) != NULL);
    dt_env_restore();
}
