// SPDX-License-Identifier: MIT
//
// Turns commands of a placed list into Vulkan commands: barrier where hazard.c wants one,
// descriptors with exact ranges, push constants with addresses filled in, the command itself.
//
// Barriers are global memory barriers over compute and transfer: on today's drivers they cost
// no more than buffer barriers, and they let hazard.c forget everything it knew.
//
// The checker, when there is one, is told what was really emitted, from the same places that
// call Vulkan, so it sees a barrier that hazard.c asked for but that never came.

#include "sched/state.h"
#include <string.h>

static const VkPipelineStageFlags STAGES =
    VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;

static void memory_barrier(struct lat_sched *s, VkCommandBuffer cmd)
{
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                         VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
    };
    s->dev->vk.CmdPipelineBarrier(cmd, STAGES, STAGES, 0, 1, &barrier, 0, NULL, 0, NULL);
}

static void emit_barrier(struct lat_sched *s, VkCommandBuffer cmd, enum lat_barrier kind)
{
    if (kind == LAT_BARRIER_NONE)
        return;
    if (s->seams.drop_barrier >= 0 && s->seams.drop_barrier-- == 0)
        return;
    if (kind == LAT_BARRIER_MEMORY)
        memory_barrier(s, cmd);
    else
        s->dev->vk.CmdPipelineBarrier(cmd, STAGES, STAGES, 0, 0, NULL, 0, NULL, 0, NULL);
    s->dev->stats.barriers++;
    if (s->checker)
        lat_check_barrier(s->checker, kind == LAT_BARRIER_MEMORY);
}

void lat_emit_full_barrier(struct lat_sched *s, VkCommandBuffer cmd)
{
    memory_barrier(s, cmd);
    s->dev->stats.barriers++;
    lat_hazards_reset(&s->hazards);
    if (s->checker)
        lat_check_barrier(s->checker, true);
}

void lat_emit_poison(struct lat_sched *s, const struct lat_plan_arena *arena, VkCommandBuffer cmd)
{
    // Halves 0x7fa5 and 0xa5a5: the word is a NaN as f32, its upper half one as f16 and bf16.
    static const uint32_t POISON = 0x7fa5a5a5;
    if (!arena || !(s->check & LAT_CHECK_POISON))
        return;
    for (uint32_t i = 0; i < arena->n_chunks; i++) {
        const struct lat_slice *chunk = &arena->chunks[i];
        s->dev->vk.CmdFillBuffer(cmd, chunk->buffer, chunk->offset, chunk->bytes / 4 * 4, POISON);
    }
    lat_emit_full_barrier(s, cmd);
}

// ---- one command ----------------------------------------------------------------------------

static struct lat_buffer_range range_of(const struct lat_list *list, const struct lat_use *u)
{
    const struct lat_place *place = &list->blocks.items[u->slot].place;
    return (struct lat_buffer_range){ place->buffer, place->offset + u->offset, u->bytes };
}

// Push constants with the addresses of this placement filled in.
static void patched_push(
    const struct lat_list *list, const struct lat_command *c, uint8_t push[LAT_MAX_PUSH_BYTES])
{
    memcpy(push, list->data.items + c->data, c->data_bytes);
    for (uint32_t i = 0; i < c->n_patches; i++) {
        const struct lat_address_patch *patch = &list->patches.items[c->first_patch + i];
        const struct lat_use *u = &list->uses.items[c->first_use + patch->binding];
        const struct lat_place *place = &list->blocks.items[u->slot].place;
        LAT_ASSERT(place->address && patch->push_offset + 8u <= c->data_bytes);
        uint64_t address = place->address + u->offset + patch->byte_offset;
        uint32_t words[2] = { (uint32_t) address, (uint32_t) (address >> 32) };
        memcpy(push + patch->push_offset, words, sizeof words);
    }
}

static lattn_status emit_dispatch(struct lat_sched *s, const struct lat_list *list,
    const struct lat_command *c, struct lat_segment *seg)
{
    const struct lat_vk *vk = &s->dev->vk;
    struct lat_pipeline *p = c->pipeline;
    struct lat_buffer_range ranges[LAT_MAX_BINDINGS];
    LAT_TRY(lat_pipeline_wait(s->dev, p));
    for (uint32_t i = 0; i < c->n_uses; i++)
        ranges[i] = range_of(list, &list->uses.items[c->first_use + i]);

    lat_pipeline_bind(s->dev, seg->cmd, p);
    if (c->n_uses)
        LAT_TRY(lat_binding_cmd(s->dev, seg->bindings, seg->cmd, p, ranges, c->n_uses));
    if (c->data_bytes) {
        uint8_t push[LAT_MAX_PUSH_BYTES];
        patched_push(list, c, push);
        vk->CmdPushConstants(
            seg->cmd, p->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, c->data_bytes, push);
    }
    vk->CmdDispatch(seg->cmd, c->groups[0], c->groups[1], c->groups[2]);
    seg->n_dispatches++;
    return LATTN_OK;
}

static void emit_transfer(struct lat_sched *s, const struct lat_list *list,
    const struct lat_command *c, VkCommandBuffer cmd)
{
    const struct lat_vk *vk = &s->dev->vk;
    const struct lat_use *uses = &list->uses.items[c->first_use];
    struct lat_buffer_range dst = range_of(list, &uses[c->n_uses - 1]);
    if (c->kind == LAT_COMMAND_FILL) {
        vk->CmdFillBuffer(cmd, dst.buffer, dst.offset, dst.bytes, c->word);
    } else if (c->kind == LAT_COMMAND_UPDATE) {
        vk->CmdUpdateBuffer(cmd, dst.buffer, dst.offset, dst.bytes, list->data.items + c->data);
    } else {
        struct lat_buffer_range src = range_of(list, &uses[0]);
        VkBufferCopy copy = { src.offset, dst.offset, dst.bytes };
        vk->CmdCopyBuffer(cmd, src.buffer, dst.buffer, 1, &copy);
    }
}

// ---- labels, checks, barriers ---------------------------------------------------------------

static void begin_label(struct lat_sched *s, const struct lat_command *c, VkCommandBuffer cmd)
{
    char text[160];
    size_t n = 0;
    // By hand, because snprintf for every command would show in the recording time.
    for (const char *p = c->path; p && *p && n + 1 < sizeof text - 1; p++)
        text[n++] = *p;
    if (n)
        text[n++] = '/';
    for (const char *p = lat_command_name(c); *p && n + 1 < sizeof text; p++)
        text[n++] = *p;
    text[n] = 0;
    VkDebugUtilsLabelEXT label = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_LABEL_EXT,
        .pLabelName = text,
    };
    s->dev->vk.CmdBeginDebugUtilsLabelEXT(cmd, &label);
}

static lattn_status needed_barrier(struct lat_sched *s, const struct lat_list *list,
    const struct lat_command *c, enum lat_barrier *barrier)
{
    struct lat_access accesses[LAT_MAX_BINDINGS];
    for (uint32_t i = 0; i < c->n_uses; i++) {
        const struct lat_use *u = &list->uses.items[c->first_use + i];
        struct lat_buffer_range r = range_of(list, u);
        accesses[i] = (struct lat_access){
            .buffer = (uint64_t) (uintptr_t) r.buffer,
            .offset = r.offset,
            .bytes = r.bytes,
            .write = u->write,
        };
    }
    LAT_TRY(lat_hazards_command(&s->hazards, accesses, c->n_uses, barrier));
    if (s->check & LAT_CHECK_BARRIERS)
        *barrier = LAT_BARRIER_MEMORY;
    return LATTN_OK;
}

static lattn_status tell_checker(
    struct lat_sched *s, const struct lat_list *list, const struct lat_command *c)
{
    if (!s->checker)
        return LATTN_OK;
    lat_check_next_command(s->checker);
    for (uint32_t i = 0; i < c->n_uses; i++) {
        const struct lat_use *u = &list->uses.items[c->first_use + i];
        struct lat_buffer_range r = range_of(list, u);
        LAT_TRY(lat_check_access(s->checker, lat_command_name(c), (uint64_t) (uintptr_t) r.buffer,
            r.offset, r.bytes, u->write));
    }
    return LATTN_OK;
}

static lattn_status emit_command(struct lat_sched *s, const struct lat_list *list,
    const struct lat_command *c, struct lat_segment *seg)
{
    enum lat_barrier barrier;
    LAT_TRY(needed_barrier(s, list, c, &barrier));
    emit_barrier(s, seg->cmd, barrier);
    LAT_TRY(tell_checker(s, list, c));

    bool labelled = s->dev->labels && s->dev->vk.CmdBeginDebugUtilsLabelEXT;
    if (labelled)
        begin_label(s, c, seg->cmd);
    if (c->kind == LAT_COMMAND_DISPATCH)
        LAT_TRY(emit_dispatch(s, list, c, seg));
    else
        emit_transfer(s, list, c, seg->cmd);
    if (labelled)
        s->dev->vk.CmdEndDebugUtilsLabelEXT(seg->cmd);
    struct lat_trace_event event = {
        .kernel = lat_command_name(c),
        .op = c->op,
        .path = c->path,
        .backward = c->backward,
        .bytes = c->bytes,
        .flops = c->flops,
    };
    return lat_segment_event(s, seg, &event);
}

lattn_status lat_emit(struct lat_sched *s, const struct lat_list *list, uint32_t first,
    uint32_t last, struct lat_segment *seg)
{
    for (uint32_t i = first; i < last; i++) {
        const struct lat_command *c = &list->commands.items[i];
        LAT_TRY(emit_command(s, list, c, seg));
        seg->estimate_ns += lat_rate_estimate(&s->rate, c);
    }
    seg->n_commands += last - first;
    s->dev->stats.commands_recorded += last - first;
    return LATTN_OK;
}
