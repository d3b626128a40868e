// SPDX-License-Identifier: MIT
//
// Nodes: made, released, taken apart.
//
// Releasing is a loop, not a recursion: a node whose last reference goes is put on a list, and
// whoever started empties it. Otherwise a history of 10,000 ops would need as many stack frames.
// Node memory is recycled by size, so a steady loop of eager steps takes none from the system.

#include "autograd/tape.h"
#include <string.h>

enum { UNIT = 512 };

// ---- memory -----------------------------------------------------------------------------------

static size_t round_up(size_t bytes)
{
    return (bytes + 15) / 16 * 16;
}

static struct lat_node *take_memory(struct lat_autograd *a, size_t bytes)
{
    size_t units = (bytes + UNIT - 1) / UNIT;
    if (units >= LAT_COUNT(a->free_nodes))
        return lat_calloc(1, bytes);
    struct lat_node *node = a->free_nodes[units];
    if (!node)
        return lat_arena_alloc(&a->memory, units * UNIT);
    a->free_nodes[units] = node->next;
    memset(node, 0, bytes);
    return node;
}

static void give_memory(struct lat_autograd *a, struct lat_node *node)
{
    size_t units = (node->bytes + UNIT - 1) / UNIT;
    if (units >= LAT_COUNT(a->free_nodes)) {
        lat_free(node);
        return;
    }
    node->next = a->free_nodes[units];
    a->free_nodes[units] = node;
}

// Header, inputs, outputs and attributes in one piece.
static struct lat_node *new_node(
    struct lat_autograd *a, int n_inputs, const struct lat_op *op, const void *attr)
{
    size_t in_at = round_up(sizeof(struct lat_node));
    size_t out_at = round_up(in_at + (size_t) n_inputs * sizeof(struct lat_edge));
    size_t attr_at = round_up(out_at + (size_t) op->n_outputs * sizeof(struct lat_result));
    size_t bytes = attr_at + op->attr_bytes;
    struct lat_node *node = take_memory(a, bytes);
    if (!node)
        return NULL;
    node->bytes = bytes;
    node->op = op;
    node->n_inputs = n_inputs;
    node->n_outputs = op->n_outputs;
    node->in = (struct lat_edge *) ((char *) node + in_at);
    node->out = (struct lat_result *) ((char *) node + out_at);
    if (op->attr_bytes) {
        node->attr = (char *) node + attr_at;
        memcpy(node->attr, attr, op->attr_bytes);
    }
    node->next = a->live;
    if (a->live)
        a->live->prev = node;
    a->live = node;
    return node;
}

// ---- release ----------------------------------------------------------------------------------

void lat_node_drop_kept(struct lat_node *node)
{
    for (int i = 0; i < node->n_inputs; i++) {
        lat_tensor_unref(node->in[i].kept);
        node->in[i].kept = NULL;
    }
    for (int i = 0; i < node->n_outputs; i++) {
        lat_storage_unref(node->ctx, node->out[i].handle.storage);
        node->out[i].handle.storage = NULL;
    }
    node->freed = true;
}

// May find further nodes without references; they join the doomed ones.
static void take_apart(struct lat_autograd *a, struct lat_node *node)
{
    lat_node_drop_kept(node);
    for (int i = 0; i < node->n_inputs; i++) {
        lat_tensor_unref(node->in[i].leaf);
        if (node->in[i].node)
            lat_node_unref(node->in[i].node);
    }
    if (node->op->free_attr && node->attr)
        node->op->free_attr(node->attr);
    if (node->prev)
        node->prev->next = node->next;
    else
        a->live = node->next;
    if (node->next)
        node->next->prev = node->prev;
    give_memory(a, node);
}

void lat_node_unref(struct lat_node *node)
{
    LAT_ASSERT(node->refs > 0);
    if (--node->refs > 0)
        return;
    struct lat_autograd *a = (struct lat_autograd *) node->ctx->ext[LAT_EXT_AUTOGRAD];
    node->doomed = a->doomed;
    a->doomed = node;
    if (a->draining)
        return;
    a->draining = true;
    while (a->doomed) {
        struct lat_node *first = a->doomed;
        a->doomed = first->doomed;
        take_apart(a, first);
    }
    a->draining = false;
}

// ---- the context's part -----------------------------------------------------------------------

static void release_node(lattn_ctx *ctx, struct lat_node *node)
{
    (void) ctx;
    lat_node_unref(node);
}

static void capture_done(lattn_ctx *ctx, struct lat_ext *ext, bool aborted)
{
    (void) ctx;
    struct lat_autograd *a = (struct lat_autograd *) ext;
    for (size_t i = 0; i < a->captured.n; i++) {
        if (aborted)
            a->captured.items[i]->grad_ready = false;
        lat_tensor_unref(a->captured.items[i]);
    }
    a->captured.n = 0;
}

// Tensors that were never released may still have a history; what its nodes own goes here.
static void destroy(lattn_ctx *ctx, struct lat_ext *ext)
{
    struct lat_autograd *a = (struct lat_autograd *) ext;
    a->draining = true;
    while (a->live)
        take_apart(a, a->live);
    lat_free(a->nodes.items);
    lat_free(a->stack.items);
    lat_free(a->captured.items);
    lat_arena_destroy(&a->memory);
    ctx->ext[LAT_EXT_AUTOGRAD] = NULL;
    lat_free(a);
}

struct lat_autograd *lat_autograd_of(lattn_ctx *ctx)
{
    struct lat_autograd *a = (struct lat_autograd *) ctx->ext[LAT_EXT_AUTOGRAD];
    if (a)
        return a;
    a = LAT_NEW(struct lat_autograd);
    if (!a)
        return lat_fail_status(ctx, LATTN_ERR_HOST_MEMORY);
    a->ext = (struct lat_ext){ destroy, release_node, capture_done };
    ctx->ext[LAT_EXT_AUTOGRAD] = &a->ext;
    return a;
}

// ---- recording --------------------------------------------------------------------------------

bool lat_wants_grad(const lattn_tensor *t)
{
    return t && t->requires_grad;
}

static lattn_tensor shape_of(const lattn_tensor *t)
{
    lattn_tensor shape = {
        .ctx = t->ctx,
        .dtype = t->dtype,
        .rank = t->rank,
        .refs = 1,
    };
    memcpy(shape.dim, t->dim, sizeof shape.dim);
    lat_contiguous_strides(t->rank, t->dim, shape.stride);
    return shape;
}

static void record_input(
    struct lat_edge *e, lattn_tensor *input, lattn_tensor *used, bool keep, bool no_grad)
{
    e->shape = shape_of(input);
    if (keep) {
        e->kept = lat_tensor_ref(used);
        e->version = used->storage->version;
    }
    if (no_grad || !lat_wants_grad(input))
        return;
    if (input->node) {
        e->node = input->node;
        e->node->refs++;
        e->output = input->node_output;
    } else {
        e->leaf = lat_tensor_ref(input);
    }
}

static void record_output(struct lat_node *node, int i, lattn_tensor *out, bool keep)
{
    struct lat_result *r = &node->out[i];
    r->handle = shape_of(out);
    if (keep) {
        memcpy(r->handle.stride, out->stride, sizeof r->handle.stride);
        r->handle.offset = out->offset;
        r->handle.storage = lat_storage_ref(out->storage);
        r->version = out->storage->version;
    }
    out->requires_grad = true;
    out->node = node;
    out->node_output = i;
    node->refs++;
}

lattn_status lat_tape_record(
    struct lat_call *c, const struct lat_op *op, lattn_tensor *const inputs[])
{
    struct lat_autograd *a = lat_autograd_of(c->ctx);
    struct lat_node *node = a ? new_node(a, c->n_inputs, op, c->attr) : NULL;
    if (!node)
        return LATTN_ERR_HOST_MEMORY;
    node->ctx = c->ctx;
    node->serial = a->next_serial++;
    node->name = c->op_name;
    node->path = lat_path_text(c->ctx);
    for (int i = 0; i < c->n_inputs; i++)
        if (inputs[i])
            record_input(
                &node->in[i], inputs[i], c->in[i], op->keep_in >> i & 1, op->no_grad_in >> i & 1);
    for (int i = 0; i < op->n_outputs; i++)
        if (c->out[i])
            record_output(node, i, c->out[i], op->keep_out >> i & 1);
    return LATTN_OK;
}
