// SPDX-License-Identifier: MIT
//
// Captured steps. The list is kept, planned once and recorded twice; a run submits one of the
// two copies in turn, so the host can prepare the next run while the device works on this one.
//
//     copy 0   input 0 | input 1 | ... | segment | segment + outputs
//     copy 1   the same with staging and readback slots of its own
//
// Each input has a command buffer that copies its staging slot to its block. It is part of a
// run only if the host wrote that input since the last one: otherwise the block keeps its
// content, whoever wrote it. The outputs are copied to readback memory at the end of the last
// segment.
//
// A run is vkQueueSubmit and nothing else, with two exceptions that record the copy again. During
// the first few runs the cuts between segments may move: they were made from estimates, and the
// measured times may ask for others (not those of the very first run: drivers compile during it).
// And when a later, larger capture made the planned memory grow, the graph moves into the new
// arena, so that graphs of many shapes need no more memory than the largest.

#include "base/log.h"
#include "sched/replay.h"
#include <string.h>

enum { MAX_RECUTS = 3 };

// ---- outputs and inputs ---------------------------------------------------------------------

static uint64_t slot_end(uint64_t end, uint64_t bytes)
{
    return (end + bytes + LAT_BLOCK_ALIGNMENT - 1) / LAT_BLOCK_ALIGNMENT * LAT_BLOCK_ALIGNMENT;
}

static struct lat_slice slot_of(const struct lat_slice *whole, const struct lat_replay_slot *slot)
{
    struct lat_slice part = *whole;
    part.offset += slot->offset;
    part.mapped = (char *) part.mapped + slot->offset;
    part.bytes = slot->range.bytes;
    return part;
}

// Copies the ranges; the blocks are retained, so that they outlive the graph.
static lattn_status take_slots(
    const struct lat_range *ranges, uint32_t n, struct lat_replay_slot **slots, uint64_t *total)
{
    *slots = lat_calloc(n, sizeof **slots);
    if (!*slots)
        return LATTN_ERR_HOST_MEMORY;
    *total = 0;
    for (uint32_t i = 0; i < n; i++) {
        (*slots)[i] = (struct lat_replay_slot){ .range = ranges[i], .offset = *total };
        lat_block_retain(ranges[i].block);
        *total = slot_end(*total, ranges[i].bytes);
    }
    return LATTN_OK;
}

static void drop_slots(struct lat_replay_slot *slots, uint32_t n)
{
    for (uint32_t i = 0; slots && i < n; i++)
        lat_block_release(slots[i].range.block);
    lat_free(slots);
}

static lattn_status record_input(struct lat_replay *r, struct lat_replay_copy *copy, uint32_t i)
{
    struct lat_sched *s = r->sched;
    const struct lat_vk *vk = &s->dev->vk;
    const struct lat_replay_slot *in = &r->inputs[i];
    VkCommandBufferBeginInfo info = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
    LAT_TRY(
        LAT_VK(s->dev, vk->BeginCommandBuffer(copy->input_cmds[i], &info), "vkBeginCommandBuffer"));
    lat_emit_full_barrier(s, copy->input_cmds[i]);
    struct lat_slice src = slot_of(&copy->staging, in);
    const struct lat_slice *dst = &in->range.block->slice;
    VkBufferCopy region = { src.offset, dst->offset + in->range.offset, in->range.bytes };
    vk->CmdCopyBuffer(copy->input_cmds[i], src.buffer, dst->buffer, 1, &region);
    s->dev->stats.commands_recorded++;
    return LAT_VK(s->dev, vk->EndCommandBuffer(copy->input_cmds[i]), "vkEndCommandBuffer");
}

static lattn_status record_inputs(struct lat_replay *r, struct lat_replay_copy *copy)
{
    struct lat_sched *s = r->sched;
    const struct lat_vk *vk = &s->dev->vk;
    if (r->n_inputs == 0)
        return LATTN_OK;
    VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .queueFamilyIndex = s->dev->queue_family,
    };
    LAT_TRY(LAT_VK(s->dev, vk->CreateCommandPool(s->dev->handle, &pool, NULL, &copy->pool),
        "vkCreateCommandPool"));
    VkCommandBufferAllocateInfo buffers = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = copy->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = r->n_inputs,
    };
    LAT_TRY(LAT_VK(s->dev, vk->AllocateCommandBuffers(s->dev->handle, &buffers, copy->input_cmds),
        "vkAllocateCommandBuffers"));
    for (uint32_t i = 0; i < r->n_inputs; i++)
        LAT_TRY(record_input(r, copy, i));
    return LATTN_OK;
}

// At the end of the last segment, behind a barrier of its own.
static void record_outputs(
    struct lat_replay *r, struct lat_replay_copy *copy, struct lat_segment *seg)
{
    struct lat_sched *s = r->sched;
    if (r->n_outputs == 0)
        return;
    lat_emit_full_barrier(s, seg->cmd);
    for (uint32_t i = 0; i < r->n_outputs; i++) {
        const struct lat_replay_slot *out = &r->outputs[i];
        const struct lat_slice *src = &out->range.block->slice;
        struct lat_slice dst = slot_of(&copy->readback, out);
        VkBufferCopy region = { src->offset + out->range.offset, dst.offset, out->range.bytes };
        s->dev->vk.CmdCopyBuffer(seg->cmd, src->buffer, dst.buffer, 1, &region);
    }
    s->dev->stats.commands_recorded += r->n_outputs;
}

// ---- cuts -----------------------------------------------------------------------------------

static lattn_status make_cuts(struct lat_replay *r, const double *cost)
{
    uint32_t n = (uint32_t) r->list.commands.n;
    LAT_TRY(LAT_RESERVE(&r->ends, n + 1));  // first, so that the old cuts survive a failure
    r->ends.n = 0;
    uint32_t first = 0;
    do {
        first = first < n ? lat_cut(r->sched, &r->list, first, cost) : n;
        r->ends.items[r->ends.n++] = first;
    } while (first < n);
    r->cut++;
    return LATTN_OK;
}

// The measured time of each segment, spread over its commands as estimated.
static lattn_status measured_costs(
    const struct lat_replay *r, const struct lat_replay_copy *copy, double **out)
{
    double *cost = lat_calloc(r->list.commands.n, sizeof *cost);
    *out = cost;
    if (!cost)
        return LATTN_ERR_HOST_MEMORY;
    uint32_t i = 0;
    for (uint32_t k = 0; k < copy->n_segments; k++) {
        const struct lat_segment *seg = copy->segments[k];
        double factor = seg->estimate_ns > 0 ? seg->measured_ns / seg->estimate_ns : 1;
        for (uint32_t end = i + seg->n_commands; i < end; i++)
            cost[i] = factor * lat_rate_estimate(&r->sched->rate, &r->list.commands.items[i]);
    }
    return LATTN_OK;
}

// Whether the last run of copy shows that other cuts would be clearly better.
static bool cuts_are_off(const struct lat_replay *r, const struct lat_replay_copy *copy)
{
    double budget = r->sched->budget_ns, total = 0;
    bool too_long = false;
    for (uint32_t k = 0; k < copy->n_segments; k++) {
        const struct lat_segment *seg = copy->segments[k];
        if (seg->measured_ns <= 0)
            return false;
        total += seg->measured_ns;
        too_long |= seg->measured_ns > 1.5 * budget && seg->n_commands > 1;
    }
    bool too_many = copy->n_segments > 1 && total < 0.8 * budget * (copy->n_segments - 1);
    return too_long || too_many;
}

static lattn_status adjust_cuts(struct lat_replay *r, const struct lat_replay_copy *copy)
{
    // Run 1 belongs to copy 0: its times include what the driver does once.
    bool believable = copy->run > 1 && copy->cut == r->cut;
    if (!believable || r->n_recuts >= MAX_RECUTS || (r->sched->check & LAT_CHECK_SERIAL) ||
        !cuts_are_off(r, copy))
        return LATTN_OK;
    double *cost;
    LAT_TRY(measured_costs(r, copy, &cost));
    size_t before = r->ends.n;
    lattn_status st = make_cuts(r, cost);
    lat_free(cost);
    LAT_TRY(st);
    r->n_recuts++;
    lat_log(LATTN_LOG_DEBUG, "graph: cut into %zu submissions, was %zu", r->ends.n, before);
    return LATTN_OK;
}

// ---- recording ------------------------------------------------------------------------------

static lattn_status segments_reserve(struct lat_replay *r, struct lat_replay_copy *copy, uint32_t n)
{
    if (n <= copy->capacity)
        return LATTN_OK;
    struct lat_segment **more = lat_realloc(copy->segments, n * sizeof(struct lat_segment *));
    if (!more)
        return LATTN_ERR_HOST_MEMORY;
    copy->segments = more;
    for (; copy->capacity < n; copy->capacity++)
        LAT_TRY(lat_segment_create(r->sched, &more[copy->capacity]));
    return LATTN_OK;
}

static lattn_status record_copy(struct lat_replay *r, struct lat_replay_copy *copy)
{
    struct lat_sched *s = r->sched;
    uint32_t n = (uint32_t) r->ends.n, first = 0;
    LAT_TRY(segments_reserve(r, copy, n));
    copy->n_segments = 0;
    for (uint32_t k = 0; k < n; k++) {
        struct lat_segment *seg = copy->segments[k];
        uint32_t end = r->ends.items[k];
        LAT_TRY(lat_segment_begin(s, seg, end - first));
        if (k == 0)
            lat_emit_poison(s, r->arena, seg->cmd);
        LAT_TRY(lat_emit(s, &r->list, first, end, seg));
        if (k == n - 1)
            record_outputs(r, copy, seg);
        LAT_TRY(lat_segment_end(s, seg));
        first = end;
    }
    copy->n_segments = n;
    copy->cut = r->cut;
    return LATTN_OK;
}

static lattn_status copy_create(struct lat_replay *r, struct lat_replay_copy *copy)
{
    struct lat_sched *s = r->sched;
    copy->input_cmds = lat_calloc(r->n_inputs, sizeof *copy->input_cmds);
    copy->written = lat_calloc(r->n_inputs, sizeof *copy->written);
    copy->buffers = lat_calloc((size_t) r->n_inputs + 1, sizeof *copy->buffers);
    if (!copy->input_cmds || !copy->written || !copy->buffers)
        return LATTN_ERR_HOST_MEMORY;
    if (r->staging_bytes)
        LAT_TRY(lat_sched_memory(s, LAT_MEMORY_UPLOAD, r->staging_bytes, &copy->staging));
    if (r->readback_bytes)
        LAT_TRY(lat_sched_memory(s, LAT_MEMORY_READBACK, r->readback_bytes, &copy->readback));
    LAT_TRY(record_inputs(r, copy));
    return record_copy(r, copy);
}

static void copy_destroy(struct lat_replay *r, struct lat_replay_copy *copy)
{
    struct lat_sched *s = r->sched;
    for (uint32_t k = 0; k < copy->capacity; k++)
        lat_segment_destroy(s, &copy->segments[k]);
    lat_free(copy->segments);
    if (!s->dev->wedged)
        s->dev->vk.DestroyCommandPool(s->dev->handle, copy->pool, NULL);
    lat_memory_free(s->dev, &copy->staging);
    lat_memory_free(s->dev, &copy->readback);
    lat_free(copy->input_cmds);
    lat_free(copy->written);
    lat_free(copy->buffers);
}

// ---- capture --------------------------------------------------------------------------------

lattn_status lat_capture_begin(struct lat_sched *s)
{
    LAT_TRY(lat_sched_not_capturing(s, "capturing another step"));
    LAT_TRY(lat_sched_flush(s));
    s->capturing = true;
    return LATTN_OK;
}

bool lat_capturing(const struct lat_sched *s)
{
    return s->capturing;
}

void lat_capture_abort(struct lat_sched *s)
{
    s->capturing = false;
    lat_list_clear(&s->list);
    s->list.serial = ++s->next_serial;
}

// The blocks that nobody else knows have done their duty once places are assigned.
static void forget_planned_blocks(struct lat_list *list)
{
    for (size_t i = 0; i < list->blocks.n; i++) {
        struct lat_list_block *lb = &list->blocks.items[i];
        if (lb->block->slice.buffer)
            continue;
        lat_block_release(lb->block);
        lb->block = NULL;
    }
}

static lattn_status fill_replay(struct lat_replay *r, const struct lat_replay_params *params)
{
    struct lat_sched *s = r->sched;
    LAT_TRY(take_slots(params->inputs, params->n_inputs, &r->inputs, &r->staging_bytes));
    r->n_inputs = params->n_inputs;
    LAT_TRY(take_slots(params->outputs, params->n_outputs, &r->outputs, &r->readback_bytes));
    r->n_outputs = params->n_outputs;
    LAT_TRY(lat_reorder(&r->list));
    LAT_TRY(lat_place_list(s, &r->list, &r->arena));
    for (uint32_t i = 0; i < r->n_inputs; i++)
        if (!r->inputs[i].range.block->slice.buffer)
            return lat_err(LATTN_ERR_STATE, "graph: input %u has no memory of its own", i);
    for (uint32_t i = 0; i < r->n_outputs; i++)
        if (!r->outputs[i].range.block->slice.buffer)
            return lat_err(LATTN_ERR_STATE, "graph: output %u was never computed", i);
    forget_planned_blocks(&r->list);
    LAT_TRY(make_cuts(r, NULL));
    for (uint32_t c = 0; c < LAT_COUNT(r->copies); c++)
        LAT_TRY(copy_create(r, &r->copies[c]));
    return LATTN_OK;
}

lattn_status lat_capture_end(
    struct lat_sched *s, const struct lat_replay_params *params, struct lat_replay **out)
{
    *out = NULL;
    LAT_ASSERT(s->capturing);
    struct lat_replay *r = LAT_NEW(struct lat_replay);
    if (!r) {
        lat_capture_abort(s);
        return LATTN_ERR_HOST_MEMORY;
    }
    s->capturing = false;
    r->sched = s;
    r->list = s->list;
    s->list = (struct lat_list){ .serial = ++s->next_serial };
    lattn_status st = lat_device_alive(s->dev);
    if (!st)
        st = fill_replay(r, params);
    if (st)
        lat_replay_destroy(&r);
    *out = r;
    return st;
}

void lat_replay_destroy(struct lat_replay **replay)
{
    struct lat_replay *r = *replay;
    *replay = NULL;
    if (!r)
        return;
    struct lat_sched *s = r->sched;
    for (uint32_t c = 0; c < LAT_COUNT(r->copies); c++)
        lat_sched_settle(s, r->copies[c].ticket, "a graph that is being destroyed");
    for (uint32_t c = 0; c < LAT_COUNT(r->copies); c++)
        copy_destroy(r, &r->copies[c]);
    lat_list_free(&r->list);
    lat_plan_arena_release(s, &r->arena);
    drop_slots(r->inputs, r->n_inputs);
    drop_slots(r->outputs, r->n_outputs);
    lat_free(r->ends.items);
    lat_free(r);
}

// ---- running --------------------------------------------------------------------------------

static struct lat_replay_copy *next_copy(struct lat_replay *r)
{
    return &r->copies[r->n_runs % LAT_COUNT(r->copies)];
}

lattn_status lat_replay_write(
    struct lat_replay *r, uint32_t input, const void *data, uint64_t bytes)
{
    if (input >= r->n_inputs)
        return lat_err(
            LATTN_ERR_ARG, "graph: input %u, but there are %u inputs", input, r->n_inputs);
    const struct lat_replay_slot *in = &r->inputs[input];
    if (bytes != in->range.bytes)
        return lat_err(LATTN_ERR_ARG, "graph: input %u has %llu bytes, got %llu", input,
            (unsigned long long) in->range.bytes, (unsigned long long) bytes);
    LAT_TRY(lat_device_alive(r->sched->dev));
    struct lat_replay_copy *copy = next_copy(r);
    LAT_TRY(lat_sched_wait_ticket(r->sched, copy->ticket, "the run before the last"));
    struct lat_slice slot = slot_of(&copy->staging, in);
    memcpy(slot.mapped, data, (size_t) bytes);
    copy->written[input] = true;
    return lat_memory_flush(r->sched->dev, &slot);
}

static lattn_status submit_copy(struct lat_replay *r, struct lat_replay_copy *copy)
{
    uint32_t n_before = 0;
    for (uint32_t i = 0; i < r->n_inputs; i++)
        if (copy->written[i])
            copy->buffers[n_before++] = copy->input_cmds[i];
    for (uint32_t k = 0; k < copy->n_segments; k++) {
        struct lat_segment *seg = copy->segments[k];
        LAT_TRY(lat_segment_submit(r->sched, seg, copy->buffers, k == 0 ? n_before : 0));
        copy->ticket = seg->ticket;
    }
    if (r->n_inputs)
        memset(copy->written, 0, r->n_inputs * sizeof *copy->written);
    return LATTN_OK;
}

lattn_status lat_replay_run(struct lat_replay *r)
{
    struct lat_sched *s = r->sched;
    LAT_TRY(lat_sched_flush(s));  // keeps the order in which things were asked for
    struct lat_replay_copy *copy = next_copy(r);
    LAT_TRY(lat_sched_wait_ticket(s, copy->ticket, "the run before the last"));
    if (lat_place_again(s, &r->list, &r->arena))
        r->cut++;
    LAT_TRY(adjust_cuts(r, copy));
    if (copy->cut != r->cut)
        LAT_TRY(record_copy(r, copy));
    LAT_TRY(submit_copy(r, copy));
    copy->run = ++r->n_runs;
    s->dev->stats.graph_runs++;
    return LATTN_OK;
}

lattn_status lat_replay_read(
    struct lat_replay *r, uint32_t output, int age, void *data, uint64_t bytes)
{
    if (output >= r->n_outputs)
        return lat_err(
            LATTN_ERR_ARG, "graph: output %u, but there are %u outputs", output, r->n_outputs);
    const struct lat_replay_slot *out = &r->outputs[output];
    if (bytes != out->range.bytes)
        return lat_err(LATTN_ERR_ARG, "graph: output %u has %llu bytes, asked for %llu", output,
            (unsigned long long) out->range.bytes, (unsigned long long) bytes);
    if (age < 0 || age > 1)
        return lat_err(LATTN_ERR_ARG, "graph: age %d, only 0 and 1 are kept", age);
    if (r->n_runs < (uint64_t) age + 1)
        return lat_err(LATTN_ERR_STATE, "graph: there was no run of age %d yet", age);
    LAT_TRY(lat_device_alive(r->sched->dev));
    struct lat_replay_copy *copy = &r->copies[(r->n_runs - 1 - (uint64_t) age) % 2];
    LAT_TRY(lat_sched_wait_ticket(r->sched, copy->ticket, "the outputs of a graph"));
    struct lat_slice slot = slot_of(&copy->readback, out);
    LAT_TRY(lat_memory_invalidate(r->sched->dev, &slot));
    memcpy(data, slot.mapped, (size_t) bytes);
    return LATTN_OK;
}
