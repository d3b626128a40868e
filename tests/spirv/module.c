// SPDX-License-Identifier: MIT
//
// A reader for the few instructions that describe a module's interface. Not SPIRV-Cross: that one
// stops at the first extension it does not know, and the cooperative-matrix and bfloat16 modules use
// extensions newer than any distribution's.
//
// One pass collects names, decorations, types and variables by result id; the rest is looking up.
// Source: Khronos, "SPIR-V Specification", sections 2.3 (physical layout), 3.

#include <stdlib.h>
#include <string.h>
#include "spirv/module.h"

enum {
    OP_NAME = 5,
    OP_MEMBER_NAME = 6,
    OP_CAPABILITY = 17,
    OP_TYPE_INT = 21,
    OP_TYPE_FLOAT = 22,
    OP_TYPE_ARRAY = 28,
    OP_TYPE_STRUCT = 30,
    OP_TYPE_POINTER = 32,
    OP_CONSTANT = 43,
    OP_FUNCTION = 54,
    OP_VARIABLE = 59,
    OP_DECORATE = 71,
    OP_MEMBER_DECORATE = 72,

    DECORATION_BINDING = 33,
    DECORATION_SET = 34,
    DECORATION_OFFSET = 35,

    STORAGE_UNIFORM_CONSTANT = 0,
    STORAGE_UNIFORM = 2,
    STORAGE_PUSH_CONSTANT = 9,
    STORAGE_BUFFER = 12,

    HEADER_WORDS = 5,
    MAX_ID = 4194304,  // section 2.17; an optimiser may leave more ids than words
    MAGIC = 0x07230203,
};

// What is known of a result id.
struct id {
    const uint32_t *definition;  // the instruction that makes it
    const uint32_t *name;        // OpName
    uint32_t binding, set;
};

struct reader {
    const uint32_t *words;
    size_t n;
    struct id *ids;
    uint32_t n_ids;
    struct sv_module *out;
};

static uint32_t op_of(const uint32_t *at)
{
    return at[0] & 0xffff;
}

static uint32_t length_of(const uint32_t *at)
{
    return at[0] >> 16;
}

static struct id *id_of(struct reader *r, uint32_t id)
{
    return &r->ids[id < r->n_ids ? id : 0];
}

// Where the result id of an instruction stands; 0 = it has none that matters here.
static uint32_t result_word(uint32_t op)
{
    switch (op) {
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT:
    case OP_TYPE_ARRAY:
    case OP_TYPE_STRUCT:
    case OP_TYPE_POINTER:
        return 1;
    case OP_CONSTANT:
    case OP_VARIABLE:
        return 2;
    default:
        return 0;
    }
}

static bool collect(struct reader *r)
{
    const uint32_t *end = r->words + r->n;
    for (const uint32_t *at = r->words + HEADER_WORDS; at < end; at += length_of(at)) {
        uint32_t op = op_of(at), length = length_of(at);
        if (length == 0 || at + length > end)
            return false;
        if (op == OP_FUNCTION)
            return true;
        if (op == OP_CAPABILITY && r->out->n_capabilities < SV_MAX_CAPABILITIES)
            r->out->capabilities[r->out->n_capabilities++] = at[1];
        else if (op == OP_NAME)
            id_of(r, at[1])->name = at;
        else if (op == OP_DECORATE && at[2] == DECORATION_BINDING)
            id_of(r, at[1])->binding = at[3];
        else if (op == OP_DECORATE && at[2] == DECORATION_SET)
            id_of(r, at[1])->set = at[3];
        else if (result_word(op) && length > result_word(op))
            id_of(r, at[result_word(op)])->definition = at;
    }
    return true;
}

static void copy_name(char *to, const uint32_t *from, const uint32_t *instruction)
{
    size_t bytes = (length_of(instruction) - (size_t) (from - instruction)) * sizeof *from;
    if (bytes > SV_NAME)
        bytes = SV_NAME;
    memcpy(to, from, bytes);
    to[SV_NAME - 1] = 0;
}

static bool read_member_type(struct reader *r, uint32_t type, struct sv_member *m)
{
    const uint32_t *t = id_of(r, type)->definition;
    if (!t)
        return false;
    m->count = 1;
    if (op_of(t) == OP_TYPE_ARRAY) {
        const uint32_t *count = id_of(r, t[3])->definition;
        if (!count || op_of(count) != OP_CONSTANT)
            return false;
        m->count = count[3];
        t = id_of(r, t[2])->definition;
    }
    if (!t || (op_of(t) != OP_TYPE_INT && op_of(t) != OP_TYPE_FLOAT))
        return false;
    m->kind = op_of(t) == OP_TYPE_FLOAT ? 'f' : t[3] ? 'i' : 'u';
    m->width = t[2];
    return true;
}

// The struct that a push-constant variable points to.
static bool read_push(struct reader *r, const uint32_t *variable)
{
    struct sv_module *out = r->out;
    const uint32_t *pointer = id_of(r, variable[1])->definition;
    if (!pointer || op_of(pointer) != OP_TYPE_POINTER)
        return false;
    uint32_t struct_id = pointer[3];
    const uint32_t *block = id_of(r, struct_id)->definition;
    if (!block || op_of(block) != OP_TYPE_STRUCT)
        return false;
    out->has_push = true;
    out->n_members = length_of(block) - 2;
    if (out->n_members > SV_MAX_MEMBERS)
        return false;
    const uint32_t *name = id_of(r, struct_id)->name;
    if (name)
        copy_name(out->push_name, name + 2, name);
    for (uint32_t i = 0; i < out->n_members; i++)
        if (!read_member_type(r, block[2 + i], &out->members[i]))
            return false;

    const uint32_t *end = r->words + r->n;
    for (const uint32_t *at = r->words + HEADER_WORDS; at < end; at += length_of(at)) {
        if (op_of(at) == OP_FUNCTION)
            break;
        bool of_member = op_of(at) == OP_MEMBER_NAME || op_of(at) == OP_MEMBER_DECORATE;
        if (!of_member || at[1] != struct_id || at[2] >= out->n_members)
            continue;
        if (op_of(at) == OP_MEMBER_NAME)
            copy_name(out->members[at[2]].name, at + 3, at);
        else if (at[3] == DECORATION_OFFSET)
            out->members[at[2]].offset = at[4];
    }
    return true;
}

static bool read_variable(struct reader *r, uint32_t id, const uint32_t *variable)
{
    uint32_t storage = variable[3];
    if (storage == STORAGE_PUSH_CONSTANT)
        return !r->out->has_push && read_push(r, variable);
    if (storage == STORAGE_BUFFER && r->ids[id].set == 0 && r->ids[id].binding < 32)
        r->out->bindings |= 1u << r->ids[id].binding;
    else if (storage == STORAGE_BUFFER || storage == STORAGE_UNIFORM ||
             storage == STORAGE_UNIFORM_CONSTANT)
        r->out->foreign_resource = true;
    return true;
}

bool sv_read(const uint32_t *words, size_t n, struct sv_module *out)
{
    memset(out, 0, sizeof *out);
    if (n < HEADER_WORDS || words[0] != MAGIC || words[3] > MAX_ID)
        return false;
    struct reader r = { .words = words, .n = n, .n_ids = words[3], .out = out };
    r.ids = calloc(r.n_ids + 1, sizeof *r.ids);
    if (!r.ids)
        return false;
    bool good = collect(&r);
    for (uint32_t id = 1; good && id < r.n_ids; id++) {
        const uint32_t *definition = r.ids[id].definition;
        if (definition && op_of(definition) == OP_VARIABLE)
            good = read_variable(&r, id, definition);
    }
    free(r.ids);
    return good;
}

bool sv_has_capability(const struct sv_module *m, uint32_t capability)
{
    for (uint32_t i = 0; i < m->n_capabilities; i++)
        if (m->capabilities[i] == capability)
            return true;
    return false;
}

uint32_t sv_push_bytes(const struct sv_module *m)
{
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < m->n_members; i++) {
        uint32_t end = m->members[i].offset + m->members[i].count * m->members[i].width / 8;
        bytes = end > bytes ? end : bytes;
    }
    return bytes;
}
