// SPDX-License-Identifier: MIT
//
// Kernels as a driver's compiler sees them (kernels.h).

#include "ops/kernels.h"
#include "base/str.h"
#include "device/pipeline.h"
#include "ops/engine.h"
#include <stdio.h>
#include <string.h>

enum { MAX_STATS = 64 };

// ---- recording ------------------------------------------------------------------------------------

// Inputs of a case, with gradients where the case has any.
static bool make_inputs(struct ot_session *s, lattn_tensor **in)
{
    bool made = ot_make_tensors(s, false, in);
    for (int i = 0; i < s->op->n_inputs && made && s->mode == OT_GRAD; i++)
        made = !in[i] || !ot_wants_grad(s, i) || !lattn_tensor_set_requires_grad(in[i], true);
    return made;
}

static void record_case(struct ot_session *s, const struct ot_record_options *o)
{
    lattn_tensor *in[OT_MAX_INPUTS] = { 0 };
    ot_make_arrays(s);
    lattn_status st = lattn_step_begin(s->ctx);
    if (!st && make_inputs(s, in)) {
        lattn_tensor *out = s->op->build(s->ctx, in, s->c);
        if (out && s->mode == OT_GRAD && lattn_tensor_requires_grad(out))
            st = lattn_backward(
                s->ctx, out, &(lattn_backward_args){ .grad_output = lattn_detach(s->ctx, out) });
    }
    lattn_status kept = lattn_ctx_status(s->ctx), ended = lattn_step_end(s->ctx);
    st = st ? st : kept ? kept : ended;
    if (st && st != LATTN_ERR_UNSUPPORTED)
        o->failed(o->user, s->op, s->c, lattn_error(s->ctx));
    ot_free_arrays(s);
}

static bool wanted(const struct ot_case *c, const struct ot_record_options *o)
{
    if (o->case_name)
        return strcmp(o->case_name, c->name) == 0;
    return o->timed ? (c->flags & OT_BENCH) != 0 : !(c->flags & OT_FULL);
}

void ot_record_op(lattn_ctx *ctx, const struct ot_op *op, const struct ot_record_options *o)
{
    static const lattn_dtype dtypes[] = { LATTN_DTYPE_F32, LATTN_DTYPE_F16, LATTN_DTYPE_BF16 };
    struct ot_session s = { .ctx = ctx, .op = op };
    for (int k = 0; k < op->n_cases && op->build; k++)
        for (int d = 0; d < 3 && wanted(&op->cases[k], o); d++) {
            s.c = &op->cases[k];
            s.dtype = dtypes[d];
            s.mode = (s.c->flags & OT_NO_GRAD) || op->no_grad || op->exact ? OT_CHECK : OT_GRAD;
            bool only_f32 = op->only_f32 || (s.c->flags & OT_ONLY_F32) ||
                            ((s.c->flags & OT_GEOMETRY) && !o->all_types) ||
                            !lattn_ctx_device(ctx)->storage_f16;
            if ((d > 0 && only_f32) || (o->dtype >= 0 && (int) s.dtype != o->dtype))
                continue;
            for (int kind = 0; kind < LAT_STRATEGY_KINDS; kind++) {
                if (o->strategy >= 0 && kind != o->strategy)
                    continue;
                lat_strategy_force(ctx, kind);
                record_case(&s, o);
                if (lat_strategy_taken(ctx) == 0)
                    break;  // an op with one kernel
            }
        }
    lat_strategy_force(ctx, -1);
}

// ---- figures --------------------------------------------------------------------------------------

enum figure { REGISTERS, SPILLS, SHARED, OCCUPANCY, INSTRUCTIONS, N_FIGURES };

// What drivers call them.
static const struct {
    const char *name;
    enum figure figure;
} names[] = {
    // RADV (Mesa)
    { "VGPRs", REGISTERS },
    { "Spilled VGPRs", SPILLS },
    { "Spilled SGPRs", SPILLS },
    { "Scratch size", SPILLS },
    { "LDS size", SHARED },
    { "Subgroups per SIMD", OCCUPANCY },
    { "Instructions", INSTRUCTIONS },
    // ANV (Mesa, Intel)
    { "Max live registers", REGISTERS },
    { "Spill Count", SPILLS },
    { "Scratch Memory Size", SPILLS },
    { "Workgroup Memory Size", SHARED },
    { "Instruction Count", INSTRUCTIONS },
    // NVIDIA
    { "Register Count", REGISTERS },
    { "Local Memory Size", SPILLS },
    { "Shared Memory Size", SHARED },
};

static void read_figures(const struct lat_pipeline_stat *stats, int n, double v[N_FIGURES])
{
    for (int f = 0; f < N_FIGURES; f++)
        v[f] = -1;
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < LAT_COUNT(names); k++)
            if (strcmp(stats[i].name, names[k].name) == 0) {
                double *to = &v[names[k].figure];
                *to = LAT_MAX(*to, stats[i].value);
            }
}

// The kernel that a pipeline was made from; NULL for SPIR-V from elsewhere.
static const struct lat_shader *shader_of(const struct lat_spirv *spirv)
{
    for (int i = 0; lat_shaders[i]; i++)
        if (spirv >= lat_shaders[i]->variants &&
            spirv < lat_shaders[i]->variants + lat_shaders[i]->n_variants)
            return lat_shaders[i];
    return NULL;
}

struct look {
    struct lat_device *dev;
    void (*fn)(void *user, const struct ot_kernel *kernel);
    void *user;
};

static void look_at(void *user, const struct lat_pipeline *p)
{
    const struct look *look = user;
    const struct lat_shader *shader = shader_of(p->key.spirv);
    if (!shader)
        return;
    struct lat_pipeline_stat stats[MAX_STATS];
    struct lat_pipeline copy = *p;
    double v[N_FIGURES];
    int n = 0;
    lattn_status st = lat_pipeline_stats(look->dev, &copy, stats, MAX_STATS, &n);
    read_figures(stats, n, v);
    struct ot_kernel kernel = {
        .shader = shader,
        .key = &p->key,
        .registers = v[REGISTERS],
        .spills = v[SPILLS],
        .shared_bytes = v[SHARED],
        .occupancy = v[OCCUPANCY],
        .instructions = v[INSTRUCTIONS],
        .any = n > 0,
        .text = st ? lat_err_text() : "",
    };
    look->fn(look->user, &kernel);
}

bool ot_kernels_known(lattn_ctx *ctx)
{
    return ctx->dev->caps.pipeline_statistics;
}

void ot_kernels_each(
    lattn_ctx *ctx, void (*fn)(void *user, const struct ot_kernel *kernel), void *user)
{
    struct look look = { ctx->dev, fn, user };
    lat_pipelines_each(ctx->dev, look_at, &look);
}

// ---- names ----------------------------------------------------------------------------------------

bool ot_kernel_is_for_cpu(const struct lat_shader *shader)
{
    size_t n = strlen(shader->name);
    return n > 4 && strcmp(shader->name + n - 4, "_cpu") == 0;
}

const char *ot_kernel_name(const struct ot_kernel *kernel, char *text, size_t bytes)
{
    const struct lat_pipeline_key *key = kernel->key;
    const int types[] = { key->spirv->t, key->spirv->u };
    struct lat_str s = { 0 };
    lat_str_addf(&s, "%s", kernel->shader->name);
    for (int i = 0; i < 2; i++)
        if (types[i] >= 0)
            lat_str_addf(&s, " %s", lattn_dtype_name((lattn_dtype) types[i]));
    if (key->subgroup_size)
        lat_str_addf(&s, " wave%u", key->subgroup_size);
    for (uint32_t i = 0; i < key->n_spec; i++)
        lat_str_addf(&s, "%s%u%s", i ? " " : " (", key->spec[i], i + 1 == key->n_spec ? ")" : "");
    snprintf(text, bytes, "%s", s.items ? s.items : "");
    lat_str_free(&s);
    return text;
}

// ---- printing -------------------------------------------------------------------------------------

static const struct {
    const char *name, *json;
    int width;
} columns[N_FIGURES] = {
    [REGISTERS] = { "registers", "registers", 10 },
    [SPILLS] = { "spills", "spills", 7 },
    [SHARED] = { "shared", "shared_bytes", 7 },
    [OCCUPANCY] = { "occupancy", "occupancy", 10 },
    [INSTRUCTIONS] = { "instructions", "instructions", 13 },
};

static double figure_of(const struct ot_kernel *k, int i)
{
    const double values[N_FIGURES] = { k->registers, k->spills, k->shared_bytes, k->occupancy,
        k->instructions };
    return values[i];
}

void ot_kernel_print_heading(FILE *to)
{
    fprintf(to, "%-64s", "kernel, types, subgroup size, constants");
    for (int i = 0; i < N_FIGURES; i++)
        fprintf(to, "%*s", columns[i].width, columns[i].name);
    fprintf(to, "\n");
}

void ot_kernel_print(const struct ot_kernel *kernel, FILE *to)
{
    char name[256];
    fprintf(to, "%-64s", ot_kernel_name(kernel, name, sizeof name));
    for (int i = 0; i < N_FIGURES; i++)
        if (figure_of(kernel, i) >= 0)
            fprintf(to, "%*.10g", columns[i].width, figure_of(kernel, i));
        else
            fprintf(to, "%*s", columns[i].width, "-");
}

void ot_kernel_print_json(const struct ot_kernel *kernel, FILE *to)
{
    char name[256];
    fprintf(to, "{ \"name\": \"%s\"", ot_kernel_name(kernel, name, sizeof name));
    for (int i = 0; i < N_FIGURES; i++)
        if (figure_of(kernel, i) >= 0)
            fprintf(to, ", \"%s\": %.10g", columns[i].json, figure_of(kernel, i));
    fprintf(to, " }");
}
