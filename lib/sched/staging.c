// SPDX-License-Identifier: MIT
//
// Uploads and downloads.
//
// An upload copies the caller's bytes into a ring of host-visible memory at once and records a
// device copy out of it, so the caller's memory is free when it returns. A piece of the ring is
// used again when the submission that reads it has completed. Positions in the ring only grow;
// what lies between pending_from and head was written since the last flush and has no ticket.
//
// A download goes through a readback block in two halves: while the host copies out of one, the
// device fills the other.

#include "sched/state.h"
#include <string.h>

static const uint64_t UPLOAD_BYTES = 16u << 20;
static const uint64_t READBACK_BYTES = 8u << 20;
enum { STAGING_ALIGNMENT = 256 };

static struct lat_slice part_of(const struct lat_slice *whole, uint64_t offset, uint64_t bytes)
{
    struct lat_slice part = *whole;
    part.offset += offset;
    part.mapped = (char *) part.mapped + offset;
    part.bytes = bytes;
    return part;
}

// A staging block of bytes, or of what the device allows in one piece, if that is less.
static lattn_status staging_block(
    struct lat_sched *s, enum lat_memory_kind kind, uint64_t bytes, struct lat_block **out)
{
    uint64_t most = LAT_MIN(bytes, s->dev->caps.max_allocation_bytes);
    return lat_block_create_host(s, kind, most / 4096 * 4096, out);
}

// ---- upload ---------------------------------------------------------------------------------

static lattn_status ring_create(struct lat_sched *s)
{
    if (s->upload.block)
        return LATTN_OK;
    LAT_TRY(staging_block(s, LAT_MEMORY_UPLOAD, UPLOAD_BYTES, &s->upload.block));
    s->upload.bytes = lat_block_bytes(s->upload.block);
    return LATTN_OK;
}

static lattn_status reclaim(struct lat_sched *s, bool wait)
{
    struct lat_upload_ring *ring = &s->upload;
    if (wait && ring->marks.n == 0)
        LAT_TRY(lat_sched_flush(s));  // the whole ring belongs to what is not submitted yet
    if (wait)
        LAT_TRY(lat_sched_wait_ticket(s, ring->marks.items[0].ticket, "room in the upload ring"));
    else
        LAT_TRY(lat_sched_poll(s));
    uint64_t done = lat_device_completed(s->dev);
    size_t n = 0;
    while (n < ring->marks.n && ring->marks.items[n].ticket <= done)
        ring->tail = ring->marks.items[n++].end;
    ring->marks.n -= n;
    memmove(ring->marks.items, ring->marks.items + n, ring->marks.n * sizeof *ring->marks.items);
    return LATTN_OK;
}

// Position of a free stretch that does not wrap around.
static lattn_status ring_take(struct lat_sched *s, uint64_t bytes, uint64_t *position)
{
    struct lat_upload_ring *ring = &s->upload;
    LAT_TRY(LAT_RESERVE(&ring->marks, ring->marks.n + 1));
    uint64_t rounded = (bytes + STAGING_ALIGNMENT - 1) / STAGING_ALIGNMENT * STAGING_ALIGNMENT;
    uint64_t left = ring->bytes - ring->head % ring->bytes;
    uint64_t start = rounded <= left ? ring->head : ring->head + left;
    for (bool wait = false; start + rounded - ring->tail > ring->bytes; wait = true)
        LAT_TRY(reclaim(s, wait));
    ring->head = start + rounded;
    *position = start % ring->bytes;
    return LATTN_OK;
}

void lat_staging_flushed(struct lat_sched *s, uint64_t ticket)
{
    struct lat_upload_ring *ring = &s->upload;
    if (ring->pending_from == ring->head)
        return;
    ring->pending_from = ring->head;
    // Room was reserved when the first piece behind the last mark was taken.
    ring->marks.items[ring->marks.n++] = (struct lat_upload_mark){ ring->head, ticket };
}

static lattn_status upload_piece(
    struct lat_sched *s, struct lat_range dst, const void *data, uint64_t data_bytes)
{
    uint64_t position;
    LAT_TRY(ring_take(s, dst.bytes, &position));
    struct lat_slice slot = part_of(&s->upload.block->slice, position, dst.bytes);
    memcpy(slot.mapped, data, (size_t) data_bytes);
    memset((char *) slot.mapped + data_bytes, 0, (size_t) (dst.bytes - data_bytes));
    LAT_TRY(lat_memory_flush(s->dev, &slot));
    struct lat_range src = { s->upload.block, position, dst.bytes };
    return lat_sched_copy(s, dst, src);
}

lattn_status lat_sched_upload(struct lat_sched *s, struct lat_range dst, const void *data)
{
    LAT_ASSERT(dst.offset % 4 == 0);
    LAT_TRY(lat_device_alive(s->dev));
    LAT_TRY(lat_sched_not_capturing(s, "writing a tensor from the host"));
    if (dst.bytes == 0)
        return LATTN_OK;
    LAT_TRY(ring_create(s));
    uint64_t piece = s->upload.bytes / 2;
    for (uint64_t done = 0; done < dst.bytes; done += piece) {
        uint64_t bytes = LAT_MIN(piece, dst.bytes - done);
        struct lat_range part = { dst.block, dst.offset + done, bytes };
        // Shaders load 8-bit and 16-bit data by words: the rest of the last word gets defined.
        if (part.offset + bytes == dst.block->bytes)
            part.bytes = (bytes + 3) / 4 * 4;
        LAT_TRY(upload_piece(s, part, (const char *) data + done, bytes));
    }
    return LATTN_OK;
}

// ---- download -------------------------------------------------------------------------------

struct piece {
    uint64_t offset, bytes, ticket;
};

static lattn_status request(
    struct lat_sched *s, struct lat_range src, uint64_t half, struct piece *p)
{
    struct lat_range from = { src.block, src.offset + p->offset, p->bytes };
    struct lat_range to = { s->readback, half, p->bytes };
    LAT_TRY(lat_sched_copy(s, to, from));
    LAT_TRY(lat_sched_flush(s));
    p->ticket = s->dev->last_ticket;
    return LATTN_OK;
}

static lattn_status receive(struct lat_sched *s, const struct piece *p, uint64_t half, char *data)
{
    LAT_TRY(lat_sched_wait_ticket(s, p->ticket, "a tensor to be read"));
    struct lat_slice slot = part_of(&s->readback->slice, half, p->bytes);
    LAT_TRY(lat_memory_invalidate(s->dev, &slot));
    memcpy(data + p->offset, slot.mapped, (size_t) p->bytes);
    return LATTN_OK;
}

lattn_status lat_sched_download(struct lat_sched *s, struct lat_range src, void *data)
{
    LAT_TRY(lat_device_alive(s->dev));
    LAT_TRY(lat_sched_not_capturing(s, "reading a tensor"));
    if (src.bytes == 0)
        return LATTN_OK;
    if (!s->readback)
        LAT_TRY(staging_block(s, LAT_MEMORY_READBACK, READBACK_BYTES, &s->readback));
    uint64_t half = lat_block_bytes(s->readback) / 2;
    uint64_t n = (src.bytes + half - 1) / half;
    struct piece pieces[2];
    for (uint64_t i = 0; i <= n; i++) {
        struct piece *p = &pieces[i % 2];
        if (i < n) {
            *p = (struct piece){ .offset = i * half, .bytes = LAT_MIN(half, src.bytes - i * half) };
            LAT_TRY(request(s, src, i % 2 * half, p));
        }
        if (i > 0)
            LAT_TRY(receive(s, &pieces[(i - 1) % 2], (i - 1) % 2 * half, data));
    }
    return LATTN_OK;
}

void lat_staging_free(struct lat_sched *s)
{
    lat_block_release(s->upload.block);
    lat_block_release(s->readback);
    lat_free(s->upload.marks.items);
}
