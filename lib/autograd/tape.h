// SPDX-License-Identifier: MIT
//
// The tape: one node per recorded call, held by the tensors that the call made and by the nodes
// that took those tensors as inputs. There is no list to clear: a history that no tensor leads to
// any more is gone.
//
// A node keeps the inputs that backward needs as references to the tensors, and the outputs as
// handles of its own on the same storage, because a reference to the output itself would be a
// cycle. Serial numbers grow along the tape, so descending serial order is a topological order.
#ifndef LAT_TAPE_H
#define LAT_TAPE_H
#include "autograd/op.h"

// An input of a recorded call.
struct lat_edge {
    struct lat_node *node;  // that made it, one reference; NULL for leaves and constants
    int output;             // of node
    lattn_tensor *leaf;     // a leaf that wants its gradient, one reference
    lattn_tensor *kept;     // for backward, one reference; NULL = not kept
    uint64_t version;       // of kept's storage at the time of the call
    lattn_tensor shape;     // shape and dtype; ctx is NULL for an absent input
};

struct lat_result {
    lattn_tensor handle;  // storage only where kept for backward
    uint64_t version;
    lattn_tensor *grad;   // during a backward: sum of the gradients that have arrived
    int uses;             // in that backward: how many gradients may arrive or be asked for
    bool gelu_grad_done;  // what arrived is multiplied by GELU's derivative
};

struct lat_node {
    lattn_ctx *ctx;
    const struct lat_op *op;
    void *attr;
    const char *name;  // of the op, for sentences
    const char *path;  // module path at the time of the call
    uint64_t serial;
    int refs;
    int n_inputs, n_outputs;
    struct lat_edge *in;
    struct lat_result *out;
    bool freed;  // what it kept was given up by a backward

    uint64_t pass;  // the last backward that visited it
    bool needed;    // in that backward

    struct lat_node *next, *prev;  // live nodes; next also among the free ones
    struct lat_node *doomed;       // the next one without references
    size_t bytes;
};

struct lat_nodes {
    struct lat_node **items;
    size_t n, capacity;
};

struct lat_autograd {
    struct lat_ext ext;
    uint64_t next_serial, next_pass;
    struct lat_node *live;
    struct lat_node *doomed;  // without references, to be taken apart
    bool draining, walking;
    bool has_targets;  // of the walk that is going on: gradients go to tensors, not to leaves

    // Node memory by size, of so many units (tape.c).
    struct lat_arena memory;
    struct lat_node *free_nodes[32];

    struct lat_nodes nodes, stack;  // backward.c: work space, kept from one backward to the next

    // Leaves whose gradient was first written inside the step being captured: if it is aborted,
    // they have none.
    struct {
        lattn_tensor **items;
        size_t n, capacity;
    } captured;
};

// NULL with the error kept.
struct lat_autograd *lat_autograd_of(lattn_ctx *ctx);

// Puts a call on the tape: inputs are the tensors as the caller gave them, c->in those that forward
// used (contiguous copies). Outputs get their node.
lattn_status lat_tape_record(
    struct lat_call *c, const struct lat_op *op, lattn_tensor *const inputs[]);
// Gives up what was kept for backward.
void lat_node_drop_kept(struct lat_node *node);
void lat_node_unref(struct lat_node *node);

// Whether the gradient with respect to t is asked for.
bool lat_wants_grad(const lattn_tensor *t);

// One backward: from outputs (with their gradients, contiguous) to leaves, or to targets.
struct lat_walk {
    lattn_ctx *ctx;
    lattn_tensor *const *outputs;
    lattn_tensor *const *grad_outputs;
    int n_outputs;
    lattn_tensor *const *targets;  // NULL = leaves, into their grad
    lattn_tensor **target_grads;   // zeroed by the caller
    int n_targets;
    bool retain_graph;
    bool nested;  // inside the backward of a node
};
lattn_status lat_walk_run(const struct lat_walk *w);

#endif
