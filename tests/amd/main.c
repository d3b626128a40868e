// SPDX-License-Identifier: MIT
//
// lattn-amd: compiles every kernel but the cpu ones with the driver it finds, and prints registers and
// spills. Fails when one does not compile or spills.
//
// Meant for RADV's null device (third_party/radv_null.sh): AMD's compiler, no AMD card. Nothing runs.
// First every kernel with the defaults of its specialisation constants, at each subgroup size that the
// driver can be asked for. Then the cases of the op table, forward and backward, with every dtype and
// strategy (cases of geometry in f32 alone, without LATTN_TEST_ALL_TYPES=1): the library chooses tiles and
// forms as it would on that card, and what it has compiled in the end is looked at.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "amd/null_driver.h"
#include "device/device.h"
#include "device/pipeline.h"
#include "lat_shaders.h"
#include "ops/engine.h"
#include "spirv/module.h"

enum { MAX_STATS = 64 };

struct totals {
    int n_compiled, n_left_out, n_bad;
    double most_registers;
    const char *most_registers_in;
};

// SPIR-V capabilities that a device may lack, and the member of its caps that says so.
static bool has_features(
    const struct lat_caps *caps, const struct sv_module *m, const char **lacking)
{
    const struct {
        uint32_t capability;
        bool has;
        const char *name;
    } optional[] = {
        { 9, caps->shader_f16, "Float16" },
        { 11, caps->shader_i64, "Int64" },
        { 22, caps->shader_i16, "Int16" },
        { 39, caps->shader_i8, "Int8" },
        { 61, caps->subgroup_basic, "GroupNonUniform" },
        { 62, caps->subgroup_vote, "GroupNonUniformVote" },
        { 63, caps->subgroup_arithmetic, "GroupNonUniformArithmetic" },
        { 64, caps->subgroup_ballot, "GroupNonUniformBallot" },
        { 65, caps->subgroup_shuffle, "GroupNonUniformShuffle" },
        { 67, caps->subgroup_clustered, "GroupNonUniformClustered" },
        { 4433, caps->storage_16, "StorageBuffer16BitAccess" },
        { 4448, caps->storage_8, "StorageBuffer8BitAccess" },
        { 5116, caps->shader_bf16, "BFloat16TypeKHR" },
        { 5118, caps->coopmat_bf16, "BFloat16CooperativeMatrixKHR" },
        { 5345, caps->memory_model, "VulkanMemoryModel" },
        { 5347, caps->buffer_address, "PhysicalStorageBufferAddresses" },
        { 5430, caps->coopmat2_reductions, "CooperativeMatrixReductionsNV" },
        { 5431, caps->coopmat2_conversions, "CooperativeMatrixConversionsNV" },
        { 5432, caps->coopmat2_per_element, "CooperativeMatrixPerElementOperationsNV" },
        { 5433, caps->coopmat2_tensor_addressing, "CooperativeMatrixTensorAddressingNV" },
        { 5434, caps->coopmat2_block_loads, "CooperativeMatrixBlockLoadsNV" },
        { 6022, caps->coopmat, "CooperativeMatrixKHR" },
    };
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++)
        if (!optional[i].has && sv_has_capability(m, optional[i].capability)) {
            *lacking = optional[i].name;
            return false;
        }
    return true;
}

static void print_statistics(
    const char *name, const struct lat_pipeline_stat *stats, int n, struct totals *all)
{
    bool spills = false;
    for (int i = 0; i < n; i++) {
        const char *what = stats[i].name;
        bool spill = strstr(what, "pilled") || strstr(what, "Scratch");
        bool registers = strcmp(what, "VGPRs") == 0;
        if (spill || registers || strcmp(what, "Instructions") == 0 || strncmp(what, "LDS", 3) == 0)
            printf(" %s %g,", what, stats[i].value);
        spills |= spill && stats[i].value > 0;
        if (registers && stats[i].value > all->most_registers) {
            all->most_registers = stats[i].value;
            all->most_registers_in = name;
        }
    }
    printf("%s\n", spills ? " SPILLS" : n == 0 ? " NO STATISTICS" : "");
    all->n_bad += spills || n == 0;
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

static bool is_for_cpu(const struct lat_shader *shader)
{
    size_t n = strlen(shader->name);
    return n > 4 && strcmp(shader->name + n - 4, "_cpu") == 0;
}

// ---- every kernel, default constants --------------------------------------------------------------

static void compile(struct lat_device *dev, const struct lat_shader *shader,
    const struct lat_spirv *spirv, uint32_t subgroup_size, struct totals *all)
{
    struct lat_pipeline_key key = {
        .spirv = spirv,
        .name = shader->name,
        .n_bindings = LAT_MAX_BINDINGS,
        .push_bytes = LAT_MAX_PUSH_BYTES,
        .subgroup_size = subgroup_size,
        .full_subgroups = subgroup_size != 0,
    };
    struct lat_pipeline *pipeline = NULL;
    if (lat_pipeline_get(dev, &key, &pipeline)) {
        printf("%s %d %d: FAILED: %s\n", shader->name, spirv->t, spirv->u, lat_err_text());
        all->n_bad++;
    }
}

static void compile_defaults(struct lat_device *dev, struct totals *all)
{
    const struct lat_caps *caps = &dev->caps;
    for (int i = 0; lat_shaders[i]; i++)
        for (int v = 0; v < lat_shaders[i]->n_variants && !is_for_cpu(lat_shaders[i]); v++) {
            const struct lat_spirv *spirv = &lat_shaders[i]->variants[v];
            struct sv_module module;
            const char *lacking = "";
            if (!sv_read(spirv->words, spirv->n_words, &module)) {
                printf("%s: no SPIR-V that can be read\n", lat_shaders[i]->name);
                all->n_bad++;
            } else if (!has_features(caps, &module, &lacking)) {
                printf("%s: left out, no %s\n", lat_shaders[i]->name, lacking);
                all->n_left_out++;
            } else if (!caps->subgroup_size_control) {
                compile(dev, lat_shaders[i], spirv, 0, all);
            } else {
                for (uint32_t size = caps->min_subgroup_size;
                     size && size <= caps->max_subgroup_size; size *= 2)
                    compile(dev, lat_shaders[i], spirv, size, all);
            }
        }
}

// ---- the op table, constants as the library chooses them -------------------------------------------

static void record_case(struct ot_session *s, struct totals *all)
{
    lattn_tensor *in[OT_MAX_INPUTS] = { 0 };
    ot_make_arrays(s);
    lattn_status st = lattn_step_begin(s->ctx);
    if (!st && ot_make_tensors(s, false, in)) {
        lattn_tensor *out = s->op->build(s->ctx, in, s->c);
        if (out && s->mode == OT_GRAD && lattn_tensor_requires_grad(out))
            st = lattn_backward(
                s->ctx, out, &(lattn_backward_args){ .grad_output = lattn_detach(s->ctx, out) });
    }
    lattn_status kept = lattn_ctx_status(s->ctx), ended = lattn_step_end(s->ctx);
    st = st ? st : kept ? kept : ended;
    if (st && st != LATTN_ERR_UNSUPPORTED) {
        printf("%s/%s: FAILED: %s: %s\n", s->op->name, s->c->name, lattn_status_name(st),
            lattn_error(s->ctx));
        all->n_bad++;
    }
    ot_free_arrays(s);
}

static void record_op(lattn_ctx *ctx, const struct ot_op *op, struct totals *all)
{
    static const lattn_dtype dtypes[] = { LATTN_DTYPE_F32, LATTN_DTYPE_F16, LATTN_DTYPE_BF16 };
    struct ot_session s = { .ctx = ctx, .op = op };
    for (int k = 0; k < op->n_cases && op->build; k++)
        for (int d = 0; d < 3 && !(op->cases[k].flags & OT_FULL); d++) {
            s.c = &op->cases[k];
            s.dtype = dtypes[d];
            s.mode = (s.c->flags & OT_NO_GRAD) || op->no_grad || op->exact ? OT_CHECK : OT_GRAD;
            bool only_f32 = op->only_f32 || (s.c->flags & OT_ONLY_F32) ||
                            ((s.c->flags & OT_GEOMETRY) && !getenv("LATTN_TEST_ALL_TYPES"));
            if (d > 0 && only_f32)
                continue;
            for (int kind = 0; kind < LAT_STRATEGY_KINDS; kind++) {
                lat_strategy_force(ctx, kind);
                record_case(&s, all);
                if (lat_strategy_taken(ctx) == 0)
                    break;  // an op with one kernel
            }
        }
    lat_strategy_force(ctx, -1);
}

// ---- what became of it ------------------------------------------------------------------------------

struct look {
    struct lat_device *dev;
    struct totals *all;
};

static void look_at(void *user, const struct lat_pipeline *p)
{
    const struct look *look = user;
    const struct lat_shader *shader = shader_of(p->key.spirv);
    if (!shader || is_for_cpu(shader))
        return;
    struct lat_pipeline_stat stats[MAX_STATS];
    struct lat_pipeline copy = *p;
    int n = 0;
    printf("%-36s %2d %2d wave%-3u (", shader->name, p->key.spirv->t, p->key.spirv->u,
        p->key.subgroup_size);
    for (uint32_t i = 0; i < p->key.n_spec; i++)
        printf("%s%u", i ? " " : "", p->key.spec[i]);
    printf(")");
    if (lat_pipeline_stats(look->dev, &copy, stats, MAX_STATS, &n))
        printf(" %s", lat_err_text());
    look->all->n_compiled++;
    print_statistics(shader->name, stats, n, look->all);
}

int main(void)
{
    lattn_vulkan_handles loader = { 0 };
    PFN_vkGetInstanceProcAddr entry = amd_get_instance_proc_addr;
    memcpy(&loader.get_instance_proc_addr, &entry, sizeof entry);
    lattn_ctx_params params = { .cache_dir = "", .vulkan = &loader };
    lattn_ctx *ctx = NULL;
    if (!amd_open_loader())
        return 4;
    if (lattn_ctx_create(&params, &ctx)) {
        fprintf(stderr, "lattn-amd: %s\n", lattn_error(NULL));
        return 4;
    }
    const struct lat_caps *caps = &ctx->dev->caps;
    printf("%s, %s\n", caps->info.name, caps->info.driver);
    struct totals all = { .most_registers_in = "" };
    if (!caps->pipeline_statistics) {
        fprintf(stderr, "lattn-amd: the driver gives no statistics of pipelines\n");
        all.n_bad++;
    }
    compile_defaults(ctx->dev, &all);
    for (int i = 0; ot_ops[i]; i++)
        record_op(ctx, ot_ops[i], &all);
    struct look look = { ctx->dev, &all };
    lat_pipelines_each(ctx->dev, look_at, &look);
    printf("amd: %s: %d pipelines, %d left out, %d bad; most registers %g in %s\n", caps->info.name,
        all.n_compiled, all.n_left_out, all.n_bad, all.most_registers, all.most_registers_in);
    lattn_ctx_destroy(&ctx);
    return all.n_bad || !all.n_compiled;
}
