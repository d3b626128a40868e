// SPDX-License-Identifier: MIT
//
// lattn-amd: compiles every kernel but the cpu ones with the driver it finds, at each subgroup size the
// driver can be asked for, and prints registers and spills. Fails when one does not compile or spills.
//
// Meant for RADV's null device (third_party/radv_null.sh): AMD's compiler, no AMD card. Nothing runs.
// Kernels are compiled with the default specialisation constants, which are those of GPUs.

#include <stdio.h>
#include <string.h>
#include "amd/null_device.h"
#include "device/device.h"
#include "device/pipeline.h"
#include "lat_shaders.h"
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

// Compiles one kernel and looks at the driver's statistics.
static void compile(struct lat_device *dev, const struct lat_shader *shader,
    const struct lat_spirv *spirv, uint32_t subgroup_size, struct totals *all)
{
    struct sv_module module;
    const char *lacking = "";
    if (!sv_read(spirv->words, spirv->n_words, &module)) {
        printf("%s: no SPIR-V that can be read\n", shader->name);
        all->n_bad++;
        return;
    }
    if (!has_features(&dev->caps, &module, &lacking)) {
        printf("%s %d %d: left out, no %s\n", shader->name, spirv->t, spirv->u, lacking);
        all->n_left_out++;
        return;
    }
    struct lat_pipeline_key key = {
        .spirv = spirv,
        .name = shader->name,
        .n_bindings = LAT_MAX_BINDINGS,
        .push_bytes = LAT_MAX_PUSH_BYTES,
        .subgroup_size = subgroup_size,
        .full_subgroups = subgroup_size != 0,
    };
    struct lat_pipeline *pipeline = NULL;
    struct lat_pipeline_stat stats[MAX_STATS];
    int n = 0;
    if (lat_pipeline_get(dev, &key, &pipeline) ||
        lat_pipeline_stats(dev, pipeline, stats, MAX_STATS, &n)) {
        printf("%s %d %d: %s\n", shader->name, spirv->t, spirv->u, lat_err_text());
        all->n_bad++;
        return;
    }
    all->n_compiled++;
    printf("%-40s %2d %2d wave%-3u", shader->name, spirv->t, spirv->u, subgroup_size);
    for (int i = 0; i < n; i++) {
        bool spill = strstr(stats[i].name, "pilled") || strstr(stats[i].name, "Scratch");
        bool registers = strcmp(stats[i].name, "VGPRs") == 0;
        if (spill || registers || strcmp(stats[i].name, "Occupancy") == 0 ||
            strcmp(stats[i].name, "Instructions") == 0 || strncmp(stats[i].name, "LDS", 3) == 0)
            printf(" %s %g,", stats[i].name, stats[i].value);
        if (spill && stats[i].value > 0) {
            printf(" SPILLS");
            all->n_bad++;
        }
        if (registers && stats[i].value > all->most_registers) {
            all->most_registers = stats[i].value;
            all->most_registers_in = shader->name;
        }
    }
    printf("\n");
    if (n == 0)
        all->n_bad++;
}

static bool is_for_cpu(const struct lat_shader *shader)
{
    size_t n = strlen(shader->name);
    return n > 4 && strcmp(shader->name + n - 4, "_cpu") == 0;
}

int main(void)
{
    struct lat_device *dev = NULL;
    lattn_vulkan_handles loader = { 0 };
    PFN_vkGetInstanceProcAddr entry = amd_get_instance_proc_addr;
    memcpy(&loader.get_instance_proc_addr, &entry, sizeof entry);
    lattn_ctx_params params = { .cache_dir = "", .vulkan = &loader };
    if (!amd_open_loader())
        return 4;
    if (lat_device_open(&params, &dev)) {
        fprintf(stderr, "lattn-amd: %s\n", lat_err_text());
        return 4;
    }
    const struct lat_caps *caps = &dev->caps;
    printf("%s, %s\n", caps->info.name, caps->info.driver);
    if (!caps->pipeline_statistics) {
        fprintf(stderr, "lattn-amd: the driver gives no statistics of pipelines\n");
        lat_device_close(&dev);
        return 1;
    }
    struct totals all = { .most_registers_in = "" };
    for (int i = 0; lat_shaders[i]; i++) {
        if (is_for_cpu(lat_shaders[i]))
            continue;
        for (int v = 0; v < lat_shaders[i]->n_variants; v++) {
            const struct lat_spirv *spirv = &lat_shaders[i]->variants[v];
            if (!caps->subgroup_size_control)
                compile(dev, lat_shaders[i], spirv, 0, &all);
            for (uint32_t size = caps->min_subgroup_size;
                 caps->subgroup_size_control && size && size <= caps->max_subgroup_size; size *= 2)
                compile(dev, lat_shaders[i], spirv, size, &all);
        }
    }
    printf("amd: %s: %d pipelines, %d left out, %d bad; most registers %g in %s\n", caps->info.name,
        all.n_compiled, all.n_left_out, all.n_bad, all.most_registers, all.most_registers_in);
    lat_device_close(&dev);
    return all.n_bad || !all.n_compiled;
}
