// SPDX-License-Identifier: MIT
//
// Which device: by index, UUID or part of the name, else the best one (discrete, then
// integrated, virtual, CPU; the first of equals, which is the driver's own preference).
//
// Whoever asks for a device that is refused, or finds none usable, is told the reason for
// each one in the same sentence.

#include <stdio.h>
#include <string.h>
#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "device/choose.h"
#include "device/env.h"
#include "device/instance.h"

enum { NO_FAMILY = UINT32_MAX, MAX_FAMILIES = 32 };

// A family without graphics first: its work does not queue behind a desktop's, and its
// time limit is longer on some drivers (amdgpu). Families with timestamps before others.
static uint32_t choose_family(
    struct lat_device *dev, VkPhysicalDevice physical, uint32_t fixed, uint32_t *timestamp_bits)
{
    VkQueueFamilyProperties2 families[MAX_FAMILIES] = { 0 };
    uint32_t n = MAX_FAMILIES;
    for (uint32_t i = 0; i < n; i++)
        families[i].sType = VK_STRUCTURE_TYPE_QUEUE_FAMILY_PROPERTIES_2;
    dev->vk.GetPhysicalDeviceQueueFamilyProperties2(physical, &n, families);

    uint32_t best = NO_FAMILY;
    int best_score = -1;
    for (uint32_t i = 0; i < n; i++) {
        const VkQueueFamilyProperties *f = &families[i].queueFamilyProperties;
        if (!(f->queueFlags & VK_QUEUE_COMPUTE_BIT) || f->queueCount == 0)
            continue;
        int score = (f->timestampValidBits > 0) * 2 + !(f->queueFlags & VK_QUEUE_GRAPHICS_BIT);
        if (fixed == i || (fixed == NO_FAMILY && score > best_score)) {
            best = i;
            best_score = score;
            *timestamp_bits = f->timestampValidBits;
        }
    }
    return best;
}

lattn_status lat_candidate_read(struct lat_device *dev, VkPhysicalDevice physical,
    const lattn_vulkan_handles *adopted, struct lat_candidate *out)
{
    struct lat_caps *caps = &out->caps;
    out->physical = physical;
    LAT_TRY(lat_caps_query(&dev->vk, physical, dev->instance_version, adopted, caps));
    out->queue_family = choose_family(
        dev, physical, adopted ? adopted->queue_family : NO_FAMILY, &caps->timestamp_bits);
    LAT_TRY(lat_caps_clamp(caps));
    lat_caps_refusal(caps, caps->info.refused, sizeof caps->info.refused);
    if (!*caps->info.refused && out->queue_family == NO_FAMILY)
        snprintf(caps->info.refused, sizeof caps->info.refused, "%s",
            adopted ? "the queue family given cannot compute" : "no queue family can compute");
    return LATTN_OK;
}

static lattn_status read_all(struct lat_device *dev, struct lat_candidate **out, uint32_t *n)
{
    VkPhysicalDevice *devices = NULL;
    lattn_status st = lat_instance_devices(dev, &devices, n);
    *out = NULL;
    if (st)
        return st;
    *out = lat_calloc(*n, sizeof **out);
    if (!*out)
        st = LATTN_ERR_HOST_MEMORY;
    for (uint32_t i = 0; !st && i < *n; i++) {
        st = lat_candidate_read(dev, devices[i], NULL, &(*out)[i]);
        (*out)[i].caps.info.index = (int) i;
    }
    lat_free(devices);
    if (st) {
        lat_free(*out);
        *out = NULL;
    }
    return st;
}

static int rank_of(const struct lat_candidate *c)
{
    static const int ranks[] = {
        [LATTN_DEVICE_TYPE_DISCRETE] = 4,
        [LATTN_DEVICE_TYPE_INTEGRATED] = 3,
        [LATTN_DEVICE_TYPE_VIRTUAL] = 2,
        [LATTN_DEVICE_TYPE_CPU] = 1,
        [LATTN_DEVICE_TYPE_OTHER] = 0,
    };
    return ranks[c->caps.info.type];
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static bool starts_with(const char *text, const char *part)
{
    while (*part && lower(*text) == lower(*part))
        text++, part++;
    return !*part;
}

static bool name_has(const char *name, const char *part)
{
    for (; *name; name++)
        if (starts_with(name, part))
            return true;
    return false;
}

// UUIDs match with and without their dashes.
static bool uuid_is(const char *uuid, const char *text)
{
    for (; *uuid; uuid++) {
        if (*uuid == '-' && *text != '-')
            continue;
        if (lower(*text) != *uuid)
            return false;
        text++;
    }
    return !*text;
}

static bool matches(const struct lat_candidate *c, const char *text)
{
    return uuid_is(c->caps.info.uuid, text) || name_has(c->caps.info.name, text);
}

static lattn_status refuse_all(const struct lat_candidate *all, uint32_t n)
{
    struct lat_str s = { 0 };
    for (uint32_t i = 0; i < n; i++)
        lat_str_addf(
            &s, "%s%u '%s': %s", i ? "; " : "", i, all[i].caps.info.name, all[i].caps.info.refused);
    lattn_status st =
        lat_err(LATTN_ERR_NO_DEVICE, "no usable Vulkan device: %s", s.n ? s.items : "");
    lat_str_free(&s);
    return st;
}

static lattn_status unknown(
    const struct lat_candidate *all, uint32_t n, const char *text, const char *source)
{
    struct lat_str s = { 0 };
    for (uint32_t i = 0; i < n; i++)
        lat_str_addf(
            &s, "%s%u '%s' %s", i ? ", " : "", i, all[i].caps.info.name, all[i].caps.info.uuid);
    lattn_status st =
        lat_err(LATTN_ERR_ARG, "%s: no device has the index, UUID or name '%.64s'%s; there are: %s",
            source, text, strlen(text) > 64 ? "..." : "", s.n ? s.items : "");
    lat_str_free(&s);
    return st;
}

// The index as such; digits that are no index may still be part of a name ("4090").
const struct lat_candidate *lat_candidate_pick(
    const struct lat_candidate *all, uint32_t n, const char *text)
{
    int64_t index;
    if (text && lat_parse_i64(text, &index) && index >= 0 && index < (int64_t) n)
        return &all[index];

    const struct lat_candidate *best = NULL;
    for (uint32_t i = 0; i < n; i++) {
        const struct lat_candidate *c = &all[i];
        if (text ? !matches(c, text) : *c->caps.info.refused != '\0')
            continue;
        bool usable = !*c->caps.info.refused, best_usable = best && !*best->caps.info.refused;
        if (!best || (usable && !best_usable) ||
            (usable == best_usable && rank_of(c) > rank_of(best)))
            best = c;
    }
    return best;
}

lattn_status lat_candidate_choose(
    struct lat_device *dev, const char *text, const char *source, struct lat_candidate *out)
{
    struct lat_candidate *all = NULL;
    uint32_t n = 0;
    LAT_TRY(read_all(dev, &all, &n));

    lattn_status st = LATTN_OK;
    const struct lat_candidate *c = lat_candidate_pick(all, n, text);
    if (!c)
        st = text ? unknown(all, n, text, source) : refuse_all(all, n);
    else if (*c->caps.info.refused)
        st = lat_err(LATTN_ERR_NO_DEVICE, "%s: device %d '%s' cannot be used: %s", source,
            c->caps.info.index, c->caps.info.name, c->caps.info.refused);
    else
        *out = *c;
    lat_free(all);
    return st;
}

lattn_status lattn_device_list(lattn_device_info *infos, int capacity, int *count)
{
    if (!count || capacity < 0 || (capacity > 0 && !infos))
        return lat_err(LATTN_ERR_ARG, "lattn_device_list: count or infos is NULL");
    *count = 0;
    struct lat_device *dev = LAT_NEW(struct lat_device);
    if (!dev)
        return LATTN_ERR_HOST_MEMORY;
    struct lat_candidate *all = NULL;
    uint32_t n = 0;
    lattn_status st;
    LAT_GO(lat_env_check());
    LAT_GO(lat_instance_open(dev, NULL));
    LAT_GO(read_all(dev, &all, &n));
    for (uint32_t i = 0; i < n && i < (uint32_t) capacity; i++)
        infos[i] = all[i].caps.info;
    *count = (int) n;

done:
    lat_free(all);
    lat_instance_close(dev);
    lat_free(dev);
    return st;
}
