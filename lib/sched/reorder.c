// SPDX-License-Identifier: MIT
//
// Brings commands of a captured step that do not depend on each other side by side, so that they share the
// stretch between two barriers: gradients of a weight beside those of its input, parts of the optimiser
// beside each other.
//
// Every command gets a level: one more than the highest level among the earlier commands it conflicts with
// (the same range, one of them writing). Commands of one level need no barrier between them, and the list is
// sorted by level, those of one level in the order in which they were recorded. A command that conflicts with
// nothing near would rise to the top, and what it writes would live until it is needed; so none rises above the
// level that was reached WINDOW commands before it.

#include <stdlib.h>
#include "base/array.h"
#include "sched/list.h"

// Wider windows save no more barriers of BERT's step.
enum { WINDOW = 8 };

struct order {
    uint32_t level, index;
};

static bool overlap(const struct lat_use *a, const struct lat_use *b)
{
    return a->slot == b->slot && (a->write || b->write) && a->offset < b->offset + b->bytes &&
           b->offset < a->offset + a->bytes;
}

static bool conflict(
    const struct lat_list *list, const struct lat_command *a, const struct lat_command *b)
{
    const struct lat_use *uses = list->uses.items;
    for (uint32_t i = 0; i < a->n_uses; i++)
        for (uint32_t j = 0; j < b->n_uses; j++)
            if (overlap(&uses[a->first_use + i], &uses[b->first_use + j]))
                return true;
    return false;
}

// Levels of all commands. Those below floor cannot matter any more: from is where the others begin.
static void find_levels(const struct lat_list *list, struct order *order)
{
    const struct lat_command *commands = list->commands.items;
    uint32_t n = (uint32_t) list->commands.n, floor = 0, from = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i >= WINDOW)
            floor = LAT_MAX(floor, order[i - WINDOW].level);
        while (from < i && order[from].level < floor)
            from++;
        uint32_t level = floor;
        for (uint32_t j = from; j < i; j++)
            if (order[j].level >= level && conflict(list, &commands[j], &commands[i]))
                level = order[j].level + 1;
        order[i] = (struct order){ .level = level, .index = i };
    }
}

static int by_level(const void *va, const void *vb)
{
    const struct order *a = va, *b = vb;
    if (a->level != b->level)
        return a->level < b->level ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

// Commands of first and last use, in the new order.
static void find_uses(struct lat_list *list)
{
    for (size_t b = 0; b < list->blocks.n; b++)
        list->blocks.items[b].first = UINT32_MAX;
    for (uint32_t i = 0; i < list->commands.n; i++) {
        const struct lat_command *c = &list->commands.items[i];
        for (uint32_t u = 0; u < c->n_uses; u++) {
            struct lat_list_block *b = &list->blocks.items[list->uses.items[c->first_use + u].slot];
            b->first = LAT_MIN(b->first, i);
            b->last = i;
        }
    }
}

lattn_status lat_reorder(struct lat_list *list)
{
    size_t n = list->commands.n;
    if (n < 3)
        return LATTN_OK;
    struct order *order = lat_calloc(n, sizeof *order);
    struct lat_command *sorted = lat_calloc(n, sizeof *sorted);
    if (order && sorted) {
        find_levels(list, order);
        qsort(order, n, sizeof *order, by_level);
        for (size_t i = 0; i < n; i++)
            sorted[i] = list->commands.items[order[i].index];
        lat_free(list->commands.items);
        list->commands.items = sorted;
        list->commands.capacity = n;
        find_uses(list);
    }
    lattn_status st = order && sorted ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (st)
        lat_free(sorted);
    lat_free(order);
    return st;
}
