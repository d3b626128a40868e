// SPDX-License-Identifier: MIT
//
// Shapes by name: "m=1024 n=1024 k=64" becomes a case of an op, to be timed. What the names are and which
// sizes they stand for is in the op's own table, next to its cases.

#include "ops/engine.h"
#include "ops/reference.h"
#include "base/str.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// References keep doubles: 2 GiB of them.
static const double MAX_ELEMENTS = 1 << 28;

struct parse {
    const struct ot_op *op;
    int64_t v[OT_MAX_KEYS];
    char *error;
    size_t error_bytes;
};

static bool complain(const struct parse *p, const char *fmt, ...) LATTN_PRINTF(2, 3);
static bool complain(const struct parse *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->error, p->error_bytes, fmt, args);
    va_end(args);
    return false;
}

// "m, n, k, [batch], [ta], [tb]": in brackets what may be left out.
static const char *keys_of(const struct ot_op *op, char *text, size_t bytes)
{
    size_t n = 0;
    text[0] = '\0';
    for (const struct ot_key *k = op->keys; k->name && n < bytes; k++)
        n += (size_t) snprintf(text + n, bytes - n, "%s%s%s%s", k == op->keys ? "" : ", ",
            k->value == OT_MUST ? "" : "[", k->name, k->value == OT_MUST ? "" : "]");
    return text;
}

static bool take(struct parse *p, const char *item)
{
    const char *equals = strchr(item, '=');
    size_t n = (size_t) (equals - item);
    char keys[160];
    for (int i = 0; p->op->keys[i].name; i++) {
        const struct ot_key *k = &p->op->keys[i];
        if (strlen(k->name) != n || strncmp(k->name, item, n) != 0)
            continue;
        if (!lat_parse_i64(equals + 1, &p->v[i]) || p->v[i] < k->low || p->v[i] > k->high)
            return complain(p, "%s: %s is a whole number from %lld to %lld, not '%s'", p->op->name,
                k->name, (long long) k->low, (long long) k->high, equals + 1);
        return true;
    }
    return complain(p, "%s has no size '%.*s'; it has %s", p->op->name, (int) n, item,
        keys_of(p->op, keys, sizeof keys));
}

static bool is_complete(const struct parse *p)
{
    char keys[160];
    for (int i = 0; p->op->keys[i].name; i++)
        if (p->v[i] == OT_MUST)
            return complain(p, "%s: %s is missing; it has %s", p->op->name, p->op->keys[i].name,
                keys_of(p->op, keys, sizeof keys));
    return true;
}

// Sizes that must be given, and others that are not the usual ones.
static void name_shape(const struct parse *p, struct ot_shape *shape)
{
    size_t n = 0;
    for (int i = 0; p->op->keys[i].name; i++) {
        const struct ot_key *k = &p->op->keys[i];
        if (p->v[i] != k->value && n < sizeof shape->name)
            n += (size_t) snprintf(shape->name + n, sizeof shape->name - n, "%s%s=%lld",
                n ? "," : "", k->name, (long long) p->v[i]);
    }
    shape->c.name = shape->name;
}

static const struct ot_case *first_timed(const struct ot_op *op)
{
    for (int k = 0; k < op->n_cases; k++)
        if (op->cases[k].flags & OT_BENCH)
            return &op->cases[k];
    return &op->cases[0];
}

bool ot_shape_parse(const struct ot_op *op, char *const *items, int n, struct ot_shape *shape,
    char *error, size_t error_bytes)
{
    struct parse p = { .op = op, .error = error, .error_bytes = error_bytes };
    if (!op->keys)
        return complain(
            &p, "%s takes no sizes; lattn-bench list %s shows its cases", op->name, op->name);
    for (int i = 0; op->keys[i].name; i++)
        p.v[i] = op->keys[i].value;
    for (int i = 0; i < n; i++)
        if (!take(&p, items[i]))
            return false;
    if (!is_complete(&p))
        return false;
    shape->c = *first_timed(op);
    shape->c.flags = (shape->c.flags & OT_ONLY_F32) | OT_TIME_ALONE;
    const char *wrong = op->shape(p.v, &shape->c);
    if (wrong)
        return complain(&p, "%s: %s", op->name, wrong);
    name_shape(&p, shape);
    for (int i = 0; i < op->n_inputs; i++)
        if (!shape->c.in[i].absent && ot_numel(&shape->c.in[i]) > MAX_ELEMENTS)
            return complain(&p, "%s: an input of %.0f elements, at most %.0f are timed", op->name,
                ot_numel(&shape->c.in[i]), MAX_ELEMENTS);
    return true;
}
