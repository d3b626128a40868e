// SPDX-License-Identifier: MIT
//
// Parameters chosen by their names: rates of their own, freezing. Both are marks on the parameters, which
// an optimiser made afterwards obeys.

#include <math.h>
#include <string.h>
#include "base/str.h"
#include "nn/module.h"
#include "tensor/tensor.h"

// ---- patterns -------------------------------------------------------------------------------------

// Glob matching that goes back to the last * only: it alone may have taken too little.
static bool fits(const char *text, size_t n, const char *pattern)
{
    const char *star = NULL;
    size_t i = 0, again = 0;
    while (i < n) {
        if (*pattern == '*') {
            star = pattern++;
            again = i;
        } else if (*pattern && (*pattern == '?' || *pattern == text[i])) {
            pattern++;
            i++;
        } else if (star) {
            pattern = star + 1;
            i = ++again;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

bool lattn_name_fits(const char *name, const char *pattern)
{
    if (!name || !pattern)
        return false;
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
        if (fits(name, (size_t) (dot - name), pattern))
            return true;
    return fits(name, strlen(name), pattern);
}

// ---- the walk -------------------------------------------------------------------------------------

struct selection {
    const char *pattern;
    struct lat_str path;
    int n;  // parameters that fitted
    lattn_status (*each)(struct lat_param *param, float factor);
    float factor;
};

// Adds a name to the path; returns the length to cut it back to.
static size_t enter(struct lat_str *path, const char *name)
{
    size_t n = path->n;
    lat_str_addf(path, "%s%s", n ? "." : "", name);
    return n;
}

static void leave(struct lat_str *path, size_t n)
{
    if (path->status)
        return;
    path->n = n;
    path->items[n] = 0;
}

static lattn_status visit(struct selection *s, lattn_module *m)
{
    for (size_t i = 0; i < m->params.n; i++) {
        size_t n = enter(&s->path, m->params.items[i].name);
        LAT_TRY(s->path.status);
        if (lattn_name_fits(s->path.items, s->pattern)) {
            LAT_TRY(s->each(&m->params.items[i], s->factor));
            s->n++;
        }
        leave(&s->path, n);
    }
    for (size_t i = 0; i < m->children.n; i++) {
        size_t n = enter(&s->path, m->children.items[i]->name);
        LAT_TRY(s->path.status);
        LAT_TRY(visit(s, m->children.items[i]));
        leave(&s->path, n);
    }
    return LATTN_OK;
}

static lattn_status select_all(struct selection *s, lattn_module *m, const char *what)
{
    if (!m || !s->pattern)
        return lat_err(LATTN_ERR_ARG, "%s: the %s is NULL", what, m ? "pattern" : "module");
    lattn_status st = visit(s, m);
    lat_str_free(&s->path);
    char quoted[96];
    if (!st && !s->n)
        return lat_err(LATTN_ERR_ARG, "%s: no parameter fits \"%s\"", what,
            lat_quoted(s->pattern, quoted, sizeof quoted));
    return st;
}

// ---- rates ----------------------------------------------------------------------------------------

static lattn_status scale(struct lat_param *param, float factor)
{
    param->lr_factor *= factor;
    return LATTN_OK;
}

lattn_status lattn_module_scale_lr(lattn_module *m, const char *pattern, float factor)
{
    LAT_CHECK_ARG(m);
    LAT_CHECK_ARG(pattern);
    struct selection s = { .pattern = pattern, .each = scale, .factor = factor };
    if (!(factor >= 0) || !isfinite(factor))
        return lat_err(LATTN_ERR_ARG, "lattn_module_scale_lr: the factor %g must be 0 or more",
            (double) factor);
    return select_all(&s, m, "lattn_module_scale_lr");
}

// ---- freezing -------------------------------------------------------------------------------------

static lattn_status freeze(struct lat_param *param, float factor)
{
    (void) factor;
    return lattn_tensor_set_requires_grad(param->tensor, false);
}

// A batch norm whose weights stay must not follow the new pictures with its statistics.
static lattn_status hold_norms(lattn_module *m)
{
    bool trains = !m->params.n || !m->buffers.n;
    for (size_t i = 0; i < m->params.n; i++)
        trains = trains || m->params.items[i].tensor->requires_grad;
    if (!trains && strcmp(m->kind, "batch_norm") == 0)
        LAT_TRY(lattn_batch_norm_set_frozen(m, true));
    for (size_t i = 0; i < m->children.n; i++)
        LAT_TRY(hold_norms(m->children.items[i]));
    return LATTN_OK;
}

lattn_status lattn_module_freeze(lattn_module *m, const char *pattern)
{
    LAT_CHECK_ARG(m);
    LAT_CHECK_ARG(pattern);
    struct selection s = { .pattern = pattern, .each = freeze };
    LAT_TRY(select_all(&s, m, "lattn_module_freeze"));
    return hold_norms(m);
}
