// SPDX-License-Identifier: MIT
//
// Recording: commands are appended to a list, nothing is sent to the device.
//
// Room for everything a command needs is reserved first, so that running out of host memory
// leaves the list as it was. A block is retained once per list however often it is used; its
// slot in the list is kept in the block itself, with the list's serial number to tell whether
// that slot is meant for this list.

#include "sched/state.h"
#include <string.h>

static lattn_status reserve(
    struct lat_list *list, uint32_t n_uses, uint32_t n_patches, size_t data_bytes)
{
    LAT_TRY(LAT_RESERVE(&list->commands, list->commands.n + 1));
    LAT_TRY(LAT_RESERVE(&list->uses, list->uses.n + n_uses));
    LAT_TRY(LAT_RESERVE(&list->blocks, list->blocks.n + n_uses));
    LAT_TRY(LAT_RESERVE(&list->patches, list->patches.n + n_patches));
    return LAT_RESERVE(&list->data, list->data.n + data_bytes);
}

static uint32_t slot_of(struct lat_list *list, struct lat_block *b)
{
    uint32_t command = (uint32_t) list->commands.n;
    if (b->list_serial != list->serial) {
        b->list_serial = list->serial;
        b->slot = (uint32_t) list->blocks.n;
        lat_block_retain(b);
        list->blocks.items[list->blocks.n++] =
            (struct lat_list_block){ .block = b, .first = command };
    }
    list->blocks.items[b->slot].last = command;
    return b->slot;
}

static void add_use(struct lat_list *list, const struct lat_range *r, bool write)
{
    LAT_ASSERT(r->block && r->bytes > 0 && r->offset + r->bytes <= (r->block->bytes + 3) / 4 * 4);
    list->uses.items[list->uses.n++] = (struct lat_use){
        .slot = slot_of(list, r->block),
        .write = write,
        .offset = r->offset,
        .bytes = r->bytes,
    };
}

static uint32_t add_data(struct lat_list *list, const void *data, size_t bytes)
{
    uint32_t at = (uint32_t) list->data.n;
    if (bytes)
        memcpy(list->data.items + at, data, bytes);
    list->data.n += bytes;
    return at;
}

static struct lat_command command_at_end(
    const struct lat_sched *s, enum lat_command_kind kind, const char *label)
{
    return (struct lat_command){
        .kind = kind,
        .first_use = (uint32_t) s->list.uses.n,
        .first_patch = (uint32_t) s->list.patches.n,
        .label = label,
        .op = s->op,
        .backward = s->op_backward,
        .path = s->path,
    };
}

static double bytes_of_bindings(const struct lat_dispatch *d)
{
    double bytes = 0;
    for (uint32_t i = 0; i < d->n_bindings; i++)
        bytes += (double) d->bindings[i].bytes;
    return bytes;
}

lattn_status lat_sched_dispatch(struct lat_sched *s, const struct lat_dispatch *d)
{
    LAT_ASSERT(d->n_bindings <= LAT_MAX_BINDINGS && d->n_bindings == d->pipeline->n_bindings);
    LAT_ASSERT(d->push_bytes <= LAT_MAX_PUSH_BYTES && d->push_bytes % 4 == 0);
    LAT_TRY(lat_device_alive(s->dev));
    if (d->groups[0] == 0 || d->groups[1] == 0 || d->groups[2] == 0)
        return LATTN_OK;

    struct lat_list *list = &s->list;
    LAT_TRY(reserve(list, d->n_bindings, d->n_patches, d->push_bytes));
    struct lat_command c = command_at_end(s, LAT_COMMAND_DISPATCH, d->label);
    for (uint32_t i = 0; i < d->n_bindings; i++)
        add_use(list, &d->bindings[i], d->writes >> i & 1);
    for (uint32_t i = 0; i < d->n_patches; i++)
        list->patches.items[list->patches.n++] = d->patches[i];
    c.n_uses = d->n_bindings;
    c.n_patches = d->n_patches;
    c.data = add_data(list, d->push, d->push_bytes);
    c.data_bytes = d->push_bytes;
    memcpy(c.groups, d->groups, sizeof c.groups);
    c.pipeline = d->pipeline;
    c.bytes = d->bytes > 0 ? d->bytes : bytes_of_bindings(d);
    c.flops = d->flops;
    list->commands.items[list->commands.n++] = c;
    return LATTN_OK;
}

lattn_status lat_sched_copy(struct lat_sched *s, struct lat_range dst, struct lat_range src)
{
    LAT_ASSERT(dst.bytes == src.bytes);
    LAT_ASSERT(dst.block != src.block || dst.offset + dst.bytes <= src.offset ||
               src.offset + src.bytes <= dst.offset);
    LAT_TRY(lat_device_alive(s->dev));
    if (dst.bytes == 0)
        return LATTN_OK;
    LAT_TRY(reserve(&s->list, 2, 0, 0));
    struct lat_command c = command_at_end(s, LAT_COMMAND_COPY, "copy");
    add_use(&s->list, &src, false);
    add_use(&s->list, &dst, true);
    c.n_uses = 2;
    c.bytes = 2 * (double) dst.bytes;
    s->list.commands.items[s->list.commands.n++] = c;
    return LATTN_OK;
}

lattn_status lat_sched_fill(struct lat_sched *s, struct lat_range dst, uint32_t word)
{
    LAT_ASSERT(dst.offset % 4 == 0 && dst.bytes % 4 == 0);
    LAT_TRY(lat_device_alive(s->dev));
    if (dst.bytes == 0)
        return LATTN_OK;
    LAT_TRY(reserve(&s->list, 1, 0, 0));
    struct lat_command c = command_at_end(s, LAT_COMMAND_FILL, "fill");
    add_use(&s->list, &dst, true);
    c.n_uses = 1;
    c.word = word;
    c.bytes = (double) dst.bytes;
    s->list.commands.items[s->list.commands.n++] = c;
    return LATTN_OK;
}

lattn_status lat_sched_update(struct lat_sched *s, struct lat_range dst, const void *data)
{
    LAT_ASSERT(dst.offset % 4 == 0 && dst.bytes % 4 == 0 && dst.bytes <= 65536);
    LAT_TRY(lat_device_alive(s->dev));
    if (dst.bytes == 0)
        return LATTN_OK;
    LAT_TRY(reserve(&s->list, 1, 0, (size_t) dst.bytes));
    struct lat_command c = command_at_end(s, LAT_COMMAND_UPDATE, "update");
    add_use(&s->list, &dst, true);
    c.n_uses = 1;
    c.data = add_data(&s->list, data, (size_t) dst.bytes);
    c.data_bytes = (uint32_t) dst.bytes;
    c.bytes = (double) dst.bytes;
    s->list.commands.items[s->list.commands.n++] = c;
    return LATTN_OK;
}

uint64_t lat_sched_pending(const struct lat_sched *s)
{
    return s->list.commands.n;
}

void lat_list_clear(struct lat_list *list)
{
    for (size_t i = 0; i < list->blocks.n; i++)
        lat_block_release(list->blocks.items[i].block);
    list->commands.n = list->uses.n = list->patches.n = list->data.n = list->blocks.n = 0;
}

void lat_list_free(struct lat_list *list)
{
    lat_list_clear(list);
    lat_free(list->commands.items);
    lat_free(list->uses.items);
    lat_free(list->patches.items);
    lat_free(list->data.items);
    lat_free(list->blocks.items);
    *list = (struct lat_list){ 0 };
}

const char *lat_command_name(const struct lat_command *c)
{
    if (c->label)
        return c->label;
    return c->pipeline && c->pipeline->key.name ? c->pipeline->key.name : "dispatch";
}

void lat_sched_op(struct lat_sched *s, const char *name, bool backward)
{
    s->op = name;
    s->op_backward = backward;
}

// Module paths come from a small set of strings, so each is copied once and then shared by all
// commands, also those of captured lists.
void lat_sched_label(struct lat_sched *s, const char *text)
{
    s->path = NULL;
    if (!text || !*text)
        return;
    int64_t index;
    size_t len = strlen(text);
    if (lat_map_get(&s->path_index, text, len, &index)) {
        s->path = s->paths.items[index];
        return;
    }
    char *copy = lat_arena_strdup(&s->path_memory, text);
    // A trace without a path is no reason to fail a step.
    if (!copy || LAT_PUSH(&s->paths, copy))
        return;
    if (lat_map_put(&s->path_index, text, len, (int64_t) s->paths.n - 1)) {
        s->paths.n--;
        return;
    }
    s->path = copy;
}
