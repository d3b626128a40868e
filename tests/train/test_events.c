// SPDX-License-Identifier: MIT
//
// Event files are taken apart here the way TensorBoard does it: lengths, checksums, fields.

#include "base/file.h"
#include "harness/harness.h"
#include "train/events.h"

TEST(events, crc32c_of_the_standard_texts)
{
    unsigned char zeros[32] = { 0 };
    EXPECT_EQ(lat_crc32c("123456789", 9), 0xe3069283u);
    EXPECT_EQ(lat_crc32c(zeros, sizeof zeros), 0x8a9136aau);
    EXPECT_EQ(lat_crc32c("", 0), 0);
}

static uint32_t u32_at(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint32_t unmask(uint32_t masked)
{
    uint32_t rot = masked - 0xa282ead8u;
    return (rot >> 17) | (rot << 15);
}

// Length of the record at p after checking both checksums; 0 when they are wrong.
static size_t record_at(const char *p, size_t left)
{
    uint64_t length;
    if (left < 16)
        return 0;
    memcpy(&length, p, sizeof length);
    if (length > left - 16 || unmask(u32_at(p + 8)) != lat_crc32c(p, 8))
        return 0;
    return unmask(u32_at(p + 12 + length)) == lat_crc32c(p + 12, length) ? (size_t) length : 0;
}

static lattn_status note_name(void *user, const char *name)
{
    snprintf(user, 256, "%s", name);
    return LATTN_OK;
}

TEST(events, records_have_valid_lengths_and_checksums)
{
    struct lat_events *e = NULL;
    char name[256] = "";
    char *dir = lat_path_join(lt_temp_dir(), "events");
    EXPECT_OK(lat_dir_create(dir));
    EXPECT_OK(lat_events_open(dir, &e));
    EXPECT_OK(lat_events_scalar(e, "train/loss", 7, 1.5f));
    EXPECT_OK(lat_events_scalar(e, "train/loss", 300, 0.25f));
    EXPECT_OK(lat_events_close(&e));
    EXPECT_OK(lat_dir_each(dir, note_name, name));
    EXPECT_CONTAINS(name, "tfevents");

    char *path = lat_path_join(dir, name), *data = NULL;
    size_t bytes = 0, at = 0;
    int n = 0;
    EXPECT_OK(lat_file_read_all(path, 1 << 20, &data, &bytes));
    for (size_t length; at < bytes && (length = record_at(data + at, bytes - at)) != 0; n++)
        at += length + 16;
    EXPECT_EQ(n, 3);
    EXPECT_EQ(at, bytes);
    lat_free(data);
    lat_free(path);
    lat_free(dir);
}
