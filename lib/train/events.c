// SPDX-License-Identifier: MIT
//
// TensorBoard event files, written by hand: three small protobuf messages are no reason for a
// protobuf library. A record is
//
//   u64 length | u32 masked crc of the length | payload | u32 masked crc of the payload
//
// with crc = CRC-32C and masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8. The payload is an Event
// { 1: double wall_time, 2: int64 step, 3: string file_version, 5: Summary { 1: repeated Value
// { 1: string tag, 2: float simple_value } } }.

#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/thread.h"
#include "train/events.h"

struct lat_events {
    struct lat_file *file;
};

uint32_t lat_crc32c(const void *data, size_t bytes)
{
    const unsigned char *p = data;
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
    }
    return ~crc;
}

// A message being built. Tags are short; 512 bytes hold any event we write.
struct message {
    unsigned char data[512];
    size_t n;
};

static void put(struct message *m, const void *data, size_t bytes)
{
    if (m->n + bytes <= sizeof m->data) {
        memcpy(m->data + m->n, data, bytes);
        m->n += bytes;
    }
}

static void put_varint(struct message *m, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        put(m, &(unsigned char){ (unsigned char) (v | 0x80) }, 1);
    put(m, &(unsigned char){ (unsigned char) v }, 1);
}

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static void put_key(struct message *m, unsigned field, unsigned wire)
{
    put_varint(m, field << 3 | wire);
}

static void put_bytes(struct message *m, unsigned field, const void *data, size_t bytes)
{
    put_key(m, field, WIRE_BYTES);
    put_varint(m, bytes);
    put(m, data, bytes);
}

// Protobuf is little-endian whatever the host is.
static void put_le(struct message *m, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        put(m, &(unsigned char){ (unsigned char) (v >> 8 * i) }, 1);
}

static void put_f64(struct message *m, unsigned field, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_key(m, field, WIRE_64);
    put_le(m, bits, 8);
}

static void put_f32(struct message *m, unsigned field, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_key(m, field, WIRE_32);
    put_le(m, bits, 4);
}

static uint32_t masked_crc(const void *data, size_t bytes)
{
    uint32_t crc = lat_crc32c(data, bytes);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static lattn_status write_record(struct lat_events *e, const struct message *event)
{
    struct message head = { .n = 0 }, tail = { .n = 0 };
    put_le(&head, event->n, 8);
    put_le(&head, masked_crc(head.data, 8), 4);
    put_le(&tail, masked_crc(event->data, event->n), 4);
    LAT_TRY(lat_file_write(e->file, head.data, head.n));
    LAT_TRY(lat_file_write(e->file, event->data, event->n));
    return lat_file_write(e->file, tail.data, tail.n);
}

lattn_status lat_events_open(const char *dir, struct lat_events **out)
{
    static const char version[] = "brain.Event:2";
    *out = NULL;
    struct lat_events *e = LAT_NEW(struct lat_events);
    if (!e)
        return LATTN_ERR_HOST_MEMORY;
    char name[64];
    double now = lat_wall_seconds();
    snprintf(name, sizeof name, "events.out.tfevents.%.0f.%llu.lattn", now,
        (unsigned long long) (lat_now_ns() % 1000000u));
    char *path = lat_path_join(dir, name);
    lattn_status st = path ? lat_file_create(path, &e->file) : LATTN_ERR_HOST_MEMORY;
    lat_free(path);
    if (!st) {
        struct message event = { .n = 0 };
        put_f64(&event, 1, now);
        put_bytes(&event, 3, version, sizeof version - 1);
        st = write_record(e, &event);
    }
    if (st) {
        (void) lat_events_close(&e);
        return st;
    }
    *out = e;
    return LATTN_OK;
}

lattn_status lat_events_scalar(struct lat_events *e, const char *tag, int64_t step, float value)
{
    struct message item = { .n = 0 }, summary = { .n = 0 }, event = { .n = 0 };
    put_bytes(&item, 1, tag, strlen(tag));
    put_f32(&item, 2, value);
    put_bytes(&summary, 1, item.data, item.n);
    put_f64(&event, 1, lat_wall_seconds());
    put_key(&event, 2, WIRE_VARINT);
    put_varint(&event, (uint64_t) step);
    put_bytes(&event, 5, summary.data, summary.n);
    return write_record(e, &event);
}

lattn_status lat_events_close(struct lat_events **e)
{
    if (!e || !*e)
        return LATTN_OK;
    lattn_status st = lat_file_close(&(*e)->file);
    lat_free(*e);
    *e = NULL;
    return st;
}
