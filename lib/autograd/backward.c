// SPDX-License-Identifier: MIT
//
// The reverse walk. Nodes that can be reached are collected and visited in descending serial order,
// so a node has all its gradients when its turn comes, and there is no recursion.
//
// Gradients are moved as little as possible:
//   - a leaf without a gradient yet: the op writes straight into the leaf's gradient memory
//   - a second gradient for the same place: the op adds it itself where it can (can_accumulate),
//     else it is written aside and added
//   - the derivative of a GELU in front of the op that makes the only gradient: multiplied there
//   - a gradient that is the incoming one seen differently (pass_grad) is handed on, not copied;
//     storage->grad_users counts who waits for it, and only a sole user may add to it in place

#include "autograd/tape.h"
#include <stdlib.h>
#include <string.h>

// ---- slots: where gradients wait --------------------------------------------------------------

static void slot_set(lattn_tensor **slot, lattn_tensor *t)
{
    t->storage->grad_users++;
    *slot = t;
}

static lattn_tensor *slot_take(lattn_tensor **slot)
{
    lattn_tensor *t = *slot;
    *slot = NULL;
    if (t)
        t->storage->grad_users--;
    return t;
}

// Whether the gradient in a slot may be changed where it is.
static bool is_own(const lattn_tensor *t)
{
    return t->storage->grad_users == 1 && lat_is_contiguous(t);
}

// Adds t to what waits in the slot. fresh: nobody else knows t.
static lattn_status slot_add(lattn_tensor **slot, lattn_tensor *t, bool fresh)
{
    if (!*slot) {
        slot_set(slot, t);
        return LATTN_OK;
    }
    lattn_ctx *ctx = t->ctx;
    lattn_tensor *have = lat_prim_contiguous(*slot), *more = lat_prim_contiguous(t);
    if (!have || !more)
        return ctx->error;
    if (have == *slot && is_own(have))
        return lat_prim_accumulate(have, more);
    lattn_tensor *sum = fresh ? more : lat_tensor_new(ctx, t->dtype, t->rank, t->dim);
    if (!sum)
        return ctx->error;
    LAT_TRY(lat_prim_add(sum, have, more));
    slot_take(slot);
    slot_set(slot, sum);
    return LATTN_OK;
}

// ---- the walk's state -------------------------------------------------------------------------

struct walk {
    const struct lat_walk *w;
    lattn_ctx *ctx;
    struct lat_autograd *a;
};

static lattn_tensor **target_slot(const struct walk *k, const lattn_tensor *leaf)
{
    for (int i = 0; i < k->w->n_targets; i++)
        if (k->w->targets[i] == leaf)
            return &k->w->target_grads[i];
    return NULL;
}

static bool edge_wanted(const struct walk *k, const struct lat_edge *e)
{
    if (e->node)
        return e->node->needed;
    return e->leaf && (!k->w->targets || target_slot(k, e->leaf));
}

// ---- finding the nodes ------------------------------------------------------------------------

static lattn_status visit(struct walk *k, struct lat_node *node)
{
    if (!node || node->pass == k->a->next_pass)
        return LATTN_OK;
    node->pass = k->a->next_pass;
    node->needed = !k->w->targets;
    for (int i = 0; i < node->n_outputs; i++) {
        node->out[i].uses = 0;
        node->out[i].gelu_grad_done = false;
    }
    LAT_TRY(LAT_PUSH(&k->a->nodes, node));
    return LAT_PUSH(&k->a->stack, node);
}

static int newest_first(const void *a, const void *b)
{
    const struct lat_node *x = *(struct lat_node *const *) a, *y = *(struct lat_node *const *) b;
    return x->serial < y->serial ? 1 : -1;
}

// With targets: only nodes on a way to one of them are needed.
static void mark_needed(struct walk *k)
{
    const struct lat_walk *w = k->w;
    for (int i = 0; i < w->n_targets; i++)
        if (w->targets[i] && w->targets[i]->node)
            w->targets[i]->node->needed = true;
    for (size_t i = k->a->nodes.n; i-- > 0;) {
        struct lat_node *node = k->a->nodes.items[i];
        for (int j = 0; j < node->n_inputs && !node->needed; j++)
            node->needed = edge_wanted(k, &node->in[j]);
    }
}

// node's result number i takes part in the walk, once more.
static lattn_status visit_use(struct walk *k, struct lat_node *node, int i)
{
    LAT_TRY(visit(k, node));
    if (node)
        node->out[i].uses++;
    return LATTN_OK;
}

static lattn_status collect(struct walk *k)
{
    struct lat_autograd *a = k->a;
    const struct lat_walk *w = k->w;
    a->nodes.n = a->stack.n = 0;
    a->next_pass++;
    for (int i = 0; i < w->n_outputs; i++)
        LAT_TRY(visit_use(k, w->outputs[i]->node, w->outputs[i]->node_output));
    while (a->stack.n) {
        struct lat_node *node = a->stack.items[--a->stack.n];
        for (int i = 0; i < node->n_inputs; i++)
            LAT_TRY(visit_use(k, node->in[i].node, node->in[i].output));
    }
    for (int i = 0; i < w->n_targets; i++)
        if (w->targets[i] && w->targets[i]->node)
            w->targets[i]->node->out[w->targets[i]->node_output].uses++;
    qsort(a->nodes.items, a->nodes.n, sizeof *a->nodes.items, newest_first);
    if (k->w->targets)
        mark_needed(k);
    return LATTN_OK;
}

// ---- checks -----------------------------------------------------------------------------------

static lattn_status changed(
    const struct lat_node *node, const char *what, int i, const lattn_tensor *t, uint64_t version)
{
    return lat_err(LATTN_ERR_STATE,
        "backward of %s: its %s %d of shape %s was changed in place after the forward pass "
        "(version %llu, now %llu)",
        node->name, what, i, LAT_SHAPE(t), (unsigned long long) version,
        (unsigned long long) t->storage->version);
}

static lattn_status check_kept(const struct lat_node *node)
{
    if (node->freed)
        return lat_err(LATTN_ERR_STATE,
            "backward of %s: what it needs was freed by an earlier backward; that one must have "
            "retain_graph set",
            node->name);
    for (int i = 0; i < node->n_inputs; i++) {
        const struct lat_edge *e = &node->in[i];
        if (e->kept && e->kept->storage->version != e->version)
            return changed(node, "input", i, e->kept, e->version);
    }
    for (int i = 0; i < node->n_outputs; i++) {
        const struct lat_result *r = &node->out[i];
        if (r->handle.storage && r->handle.storage->version != r->version)
            return changed(node, "output", i, &r->handle, r->version);
    }
    return LATTN_OK;
}

// ---- where gradients go -----------------------------------------------------------------------

static lattn_status leaf_memory(struct walk *k, lattn_tensor *leaf)
{
    if (leaf->grad)
        return LATTN_OK;
    return lat_tensor_kept(k->ctx, leaf->dtype, leaf->rank, leaf->dim, &leaf->grad);
}

static lattn_status leaf_ready(struct walk *k, lattn_tensor *leaf)
{
    if (k->ctx->capturing && !leaf->grad_ready) {
        LAT_TRY(LAT_PUSH(&k->a->captured, leaf));
        lat_tensor_ref(leaf);
    }
    leaf->grad_ready = true;
    lat_tensor_touch(leaf->grad);
    return LATTN_OK;
}

// The slot of an edge; NULL for a leaf's own gradient.
static lattn_tensor **slot_of(const struct walk *k, const struct lat_edge *e)
{
    if (e->node)
        return &e->node->out[e->output].grad;
    return k->w->targets ? target_slot(k, e->leaf) : NULL;
}

// Memory that already holds a gradient for this edge and may be added to, or NULL.
static lattn_tensor *standing(const struct walk *k, const struct lat_edge *e)
{
    lattn_tensor **slot = slot_of(k, e);
    if (!slot)
        return e->leaf->grad_ready ? e->leaf->grad : NULL;
    return *slot && is_own(*slot) ? *slot : NULL;
}

static bool has_gradient(const struct walk *k, const struct lat_edge *e)
{
    lattn_tensor **slot = slot_of(k, e);
    return slot ? *slot != NULL : e->leaf->grad_ready;
}

static bool claimed(const struct lat_call *c, int before, const lattn_tensor *t)
{
    for (int i = 0; i < before; i++)
        if (c->grad_in[i] == t)
            return true;
    return false;
}

// Decides where backward writes the gradient of input i.
static lattn_status choose_memory(
    struct walk *k, const struct lat_op *op, struct lat_call *c, int i, const struct lat_edge *e)
{
    if (!slot_of(k, e))
        LAT_TRY(leaf_memory(k, e->leaf));
    lattn_tensor *there = standing(k, e);
    if (there && (op->can_accumulate >> i & 1) && !claimed(c, i, there)) {
        c->grad_in[i] = there;
        c->accumulate |= 1u << i;
        return LATTN_OK;
    }
    bool first = !has_gradient(k, e);
    if (!slot_of(k, e) && first && !claimed(c, i, e->leaf->grad)) {
        c->grad_in[i] = e->leaf->grad;
        return LATTN_OK;
    }
    c->grad_in[i] = lat_tensor_new(k->ctx, e->shape.dtype, e->shape.rank, e->shape.dim);
    return c->grad_in[i] ? LATTN_OK : k->ctx->error;
}

// t is the gradient of the edge's input: written by backward (fresh) or handed on.
static lattn_status deliver(struct walk *k, const struct lat_edge *e, lattn_tensor *t, bool fresh)
{
    lattn_tensor **slot = slot_of(k, e);
    if (slot)
        return slot_add(slot, t, fresh);
    lattn_tensor *leaf = e->leaf;
    LAT_TRY(leaf_memory(k, leaf));
    if (t != leaf->grad) {
        if (!leaf->grad_ready) {
            LAT_TRY(lat_prim_copy(leaf->grad, t));
        } else {
            t = lat_prim_contiguous(t);
            LAT_TRY(t ? lat_prim_accumulate(leaf->grad, t) : k->ctx->error);
        }
    }
    return leaf_ready(k, leaf);
}

// Where the input comes out of a GELU and goes nowhere else: what that GELU was given. From then on the gradient
// is expected to be multiplied by GELU's derivative there.
static lattn_tensor *take_gelu(const struct lat_op *op, int i, const struct lat_edge *e)
{
    struct lat_node *from = e->node;
    if (!from || !(op->can_gelu_grad >> i & 1) || from->op->gelu_pre == 0 || e->output != 0)
        return NULL;
    struct lat_result *pre = &from->out[from->op->gelu_pre];
    if (from->freed || from->out[0].uses != 1 || !pre->handle.storage)
        return NULL;
    from->out[0].gelu_grad_done = true;
    return &pre->handle;
}

// ---- one node ---------------------------------------------------------------------------------

static void fill_call(const struct walk *k, struct lat_node *node, struct lat_call *c)
{
    *c = (struct lat_call){
        .ctx = k->ctx,
        .op_name = node->name,
        .attr = node->attr,
        .n_inputs = node->n_inputs,
        .gelu_grad_done = node->out[0].gelu_grad_done,
    };
    for (int i = 0; i < node->n_inputs; i++) {
        struct lat_edge *e = &node->in[i];
        c->in[i] = e->kept ? e->kept : e->shape.ctx ? &e->shape : NULL;
    }
    for (int i = 0; i < node->n_outputs; i++) {
        c->out[i] = node->out[i].handle.ctx ? &node->out[i].handle : NULL;
        c->grad_out[i] = node->out[i].grad;
    }
}

// Only a workspace output may have got a gradient; output 0 then counts as zero.
static lattn_status complete_grad_out(struct lat_call *c, const struct lat_node *node)
{
    if (!c->grad_out[0]) {
        const lattn_tensor *like = &node->out[0].handle;
        c->grad_out[0] = lattn_zeros(c->ctx, like->dtype, like->rank, like->dim);
        return c->grad_out[0] ? LATTN_OK : c->ctx->error;
    }
    return LATTN_OK;
}

// What can be handed on without computing. Returns the inputs that are left for backward.
static lattn_status pass_on(
    struct walk *k, struct lat_node *node, struct lat_call *c, uint32_t *left)
{
    *left = 0;
    for (int i = 0; i < node->n_inputs; i++) {
        const struct lat_edge *e = &node->in[i];
        if (!edge_wanted(k, e))
            continue;
        lattn_tensor *t = node->op->pass_grad ? node->op->pass_grad(c, i) : NULL;
        if (k->ctx->error)
            return k->ctx->error;
        if (t)
            LAT_TRY(deliver(k, e, t, false));
        else
            *left |= 1u << i;
    }
    return LATTN_OK;
}

static lattn_status compute(
    struct walk *k, struct lat_node *node, struct lat_call *c, uint32_t left)
{
    for (int i = 0; i < node->n_outputs; i++) {
        lattn_tensor *g = c->grad_out[i];
        if (node->op->strided_grad_out >> i & 1)
            continue;
        c->grad_out[i] = lat_prim_contiguous(g);
        if (g && !c->grad_out[i])
            return k->ctx->error;
    }
    for (int i = 0; i < node->n_inputs; i++)
        if (left >> i & 1) {
            LAT_TRY(choose_memory(k, node->op, c, i, &node->in[i]));
            c->gelu_of[i] = take_gelu(node->op, i, &node->in[i]);
        }
    lat_sched_op(k->ctx->sched, node->op->name, true);
    lattn_status st = node->op->backward(c);
    lat_sched_op(k->ctx->sched, NULL, false);
    LAT_TRY(st);
    if (k->ctx->error)
        return k->ctx->error;
    for (int i = 0; i < node->n_inputs; i++)
        if ((left >> i & 1) && !(c->accumulate >> i & 1))
            LAT_TRY(deliver(k, &node->in[i], c->grad_in[i], true));
    return LATTN_OK;
}

// Targets that this node made now have their whole gradient. It is counted as a user, so that
// nothing is added to it on the way further up.
static lattn_status answer_targets(struct walk *k, const struct lat_node *node)
{
    const struct lat_walk *w = k->w;
    for (int i = 0; i < w->n_targets; i++) {
        const lattn_tensor *t = w->targets[i];
        if (!t || t->node != node || !node->out[t->node_output].grad)
            continue;
        lattn_tensor *g = lat_prim_contiguous(node->out[t->node_output].grad);
        if (!g)
            return k->ctx->error;
        slot_set(&w->target_grads[i], g);
    }
    return LATTN_OK;
}

static lattn_status step_back(struct walk *k, struct lat_node *node)
{
    struct lat_call c;
    uint32_t left;
    LAT_TRY(answer_targets(k, node));
    LAT_TRY(check_kept(node));
    fill_call(k, node, &c);
    LAT_TRY(complete_grad_out(&c, node));
    LAT_TRY(pass_on(k, node, &c, &left));
    if ((left || node->op->has_leaves) && node->op->backward)
        LAT_TRY(compute(k, node, &c, left));
    if (!k->w->retain_graph)
        lat_node_drop_kept(node);
    return LATTN_OK;
}

static bool has_grads(const struct lat_node *node)
{
    for (int i = 0; i < node->n_outputs; i++)
        if (node->out[i].grad)
            return true;
    return false;
}

static void drop_grads(struct lat_node *node)
{
    for (int i = 0; i < node->n_outputs; i++)
        slot_take(&node->out[i].grad);
}

// ---- the walk ---------------------------------------------------------------------------------

static lattn_status seed(struct walk *k)
{
    const struct lat_walk *w = k->w;
    for (int i = 0; i < w->n_outputs; i++) {
        lattn_tensor *out = w->outputs[i];
        // An output that is a leaf itself has its gradient already.
        struct lat_edge edge = { .node = out->node, .output = out->node_output, .leaf = out };
        if (out->node || edge_wanted(k, &edge))
            LAT_TRY(deliver(k, &edge, w->grad_outputs[i], false));
    }
    return LATTN_OK;
}

static lattn_status walk_nodes(struct walk *k)
{
    LAT_TRY(seed(k));
    for (size_t i = 0; i < k->a->nodes.n; i++) {
        struct lat_node *node = k->a->nodes.items[i];
        if (!node->needed || !has_grads(node))
            continue;
        lat_path_set(k->ctx, node->path);
        LAT_TRY(step_back(k, node));
        drop_grads(node);
    }
    return LATTN_OK;
}

static void end_walk(struct walk *k, lattn_status st)
{
    const struct lat_walk *w = k->w;
    for (int i = 0; i < w->n_outputs; i++)
        w->grad_outputs[i]->storage->grad_users--;
    for (size_t i = 0; i < k->a->nodes.n; i++)
        drop_grads(k->a->nodes.items[i]);
    for (int i = 0; i < w->n_targets; i++) {
        lattn_tensor *g = slot_take(&w->target_grads[i]);
        w->target_grads[i] = st ? NULL : g;
    }
}

static lattn_status run(struct walk *k)
{
    const struct lat_walk *w = k->w;
    lattn_ctx *ctx = k->ctx;
    LAT_TRY(collect(k));
    char path[sizeof ctx->path];
    memcpy(path, ctx->path, sizeof path);
    ctx->no_grad_depth++;
    // Given gradients belong to the caller: one more user, so that nothing is added to them.
    for (int i = 0; i < w->n_outputs; i++)
        w->grad_outputs[i]->storage->grad_users++;
    lattn_status st = walk_nodes(k);
    if (st)
        lat_fail_status(ctx, st);  // while the path is still that of the op
    end_walk(k, st);
    ctx->no_grad_depth--;
    lat_path_set(ctx, path);
    return st;
}

// A nested walk has a work space of its own: the outer one is in the middle of its list.
lattn_status lat_walk_run(const struct lat_walk *w)
{
    struct lat_autograd *a = lat_autograd_of(w->ctx);
    struct walk k = { .w = w, .ctx = w->ctx, .a = a };
    if (!a)
        return w->ctx->error;
    if (a->walking && !w->nested)
        return lat_err(LATTN_ERR_STATE, "backward was called from inside a backward");
    struct lat_nodes nodes = a->nodes, stack = a->stack;
    bool walking = a->walking, has_targets = a->has_targets;
    if (walking)
        a->nodes = a->stack = (struct lat_nodes){ 0 };
    a->walking = true;
    a->has_targets = w->targets != NULL;
    lattn_status st = run(&k);
    if (walking) {
        lat_free(a->nodes.items);
        lat_free(a->stack.items);
        a->nodes = nodes;
        a->stack = stack;
    }
    a->walking = walking;
    a->has_targets = has_targets;
    return st;
}
