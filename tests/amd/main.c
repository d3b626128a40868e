// SPDX-License-Identifier: MIT
//
// lattn-amd [TABLE [OLD TABLE]]: compiles every kernel but the cpu ones with the driver it finds, and prints
// registers and spills. Fails when one does not compile or spills; or needs a tenth more registers or shared
// memory than the old table says, which is one that an earlier run with the same driver wrote to TABLE.
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
#include "amd/table.h"
#include "device/device.h"
#include "device/pipeline.h"
#include "lat_shaders.h"
#include "ops/kernels.h"
#include "tensor/kernel.h"
#include "spirv/module.h"

struct totals {
    int n_compiled, n_left_out, n_bad;
    struct amd_table table;
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
        for (int v = 0; v < lat_shaders[i]->n_variants && !ot_kernel_is_for_cpu(lat_shaders[i]);
             v++) {
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

// ---- what became of it ------------------------------------------------------------------------------

static void failed(void *user, const struct ot_op *op, const struct ot_case *c, const char *text)
{
    struct totals *all = user;
    printf("%s/%s: FAILED: %s\n", op->name, c->name, text);
    all->n_bad++;
}

static void look_at(void *user, const struct ot_kernel *kernel)
{
    struct totals *all = user;
    if (ot_kernel_is_for_cpu(kernel->shader))
        return;
    ot_kernel_print(kernel, stdout);
    printf("%s%s\n",
        kernel->spills > 0 ? " SPILLS"
        : kernel->any      ? ""
                           : " NO STATISTICS ",
        kernel->text);
    all->n_compiled++;
    all->n_bad += kernel->spills > 0 || !kernel->any;
    amd_table_add(&all->table, kernel);
}

static void compare(struct totals *all, const char *path)
{
    struct amd_table *old = calloc(1, sizeof *old);
    if (!old || !amd_table_read(old, path)) {
        all->n_bad++;
    } else if (strcmp(old->driver, all->table.driver) != 0) {
        // Another compiler's figures say nothing about this one's.
        printf("%s is of %s and not compared: renew it\n", path, old->driver);
        all->n_bad += getenv("CI") != NULL;
    } else {
        all->n_bad += amd_table_compare(old, &all->table);
    }
    free(old);
}

static void compile_all(lattn_ctx *ctx, struct totals *all)
{
    const struct ot_record_options options = {
        .dtype = -1,
        .strategy = -1,
        .all_types = getenv("LATTN_TEST_ALL_TYPES") != NULL,
        .failed = failed,
        .user = all,
    };
    compile_defaults(ctx->dev, all);
    ot_kernel_print_heading(stdout);
    for (int i = 0; ot_ops[i]; i++)
        ot_record_op(ctx, ot_ops[i], &options);
    ot_kernels_each(ctx, look_at, all);
}

int main(int argc, char **argv)
{
    static struct totals all;
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
    snprintf(
        all.table.driver, sizeof all.table.driver, "%s, %s", caps->info.name, caps->info.driver);
    printf("%s\n", all.table.driver);
    if (!caps->pipeline_statistics) {
        fprintf(stderr, "lattn-amd: the driver gives no statistics of pipelines\n");
        all.n_bad++;
    }
    compile_all(ctx, &all);
    if (argc > 1 && !amd_table_write(&all.table, argv[1]))
        all.n_bad++;
    if (argc > 2)
        compare(&all, argv[2]);
    printf("amd: %s: %d pipelines, %d left out, %d bad\n", caps->info.name, all.n_compiled,
        all.n_left_out, all.n_bad);
    lattn_ctx_destroy(&ctx);
    return all.n_bad || !all.n_compiled;
}
