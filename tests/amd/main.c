// SPDX-License-Identifier: MIT
//
// lattn-amd [PIPELINES]: compiles every kernel but the cpu ones with the driver it finds, at each
// subgroup size the driver can be asked for, and prints registers and spills. Fails when one does not
// compile or spills.
//
// Meant for RADV's null device (third_party/radv_null.sh): AMD's compiler, no AMD card. Nothing runs.
// Each kernel is compiled with the defaults of its specialisation constants, and with every set of
// constants that PIPELINES lists: the tests write that file (LATTN_TEST_PIPELINES). Sets of
// cooperative-matrix kernels are not used: matrix shapes belong to the device that chose them.

#include <stdio.h>
#include <string.h>
#include "amd/null_device.h"
#include "device/device.h"
#include "device/pipeline.h"
#include "lat_shaders.h"
#include "spirv/module.h"

enum { MAX_STATS = 64, COOPERATIVE_MATRIX = 6022 };

// A set of specialisation constants; n = 0 means the defaults.
struct constants {
    uint32_t n, values[LAT_MAX_SPEC];
};

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

// A kernel and how to compile it.
struct work {
    const struct lat_shader *shader;
    const struct lat_spirv *spirv;
    struct constants constants;
};

static void print_statistics(
    const struct work *w, const struct lat_pipeline_stat *stats, int n, struct totals *all)
{
    bool spills = false;
    for (int i = 0; i < n; i++) {
        const char *name = stats[i].name;
        bool spill = strstr(name, "pilled") || strstr(name, "Scratch");
        bool registers = strcmp(name, "VGPRs") == 0;
        if (spill || registers || strcmp(name, "Occupancy") == 0 ||
            strcmp(name, "Instructions") == 0 || strncmp(name, "LDS", 3) == 0)
            printf(" %s %g,", name, stats[i].value);
        spills |= spill && stats[i].value > 0;
        if (registers && stats[i].value > all->most_registers) {
            all->most_registers = stats[i].value;
            all->most_registers_in = w->shader->name;
        }
    }
    printf("%s\n", spills ? " SPILLS" : n == 0 ? " NO STATISTICS" : "");
    all->n_bad += spills || n == 0;
}

static void compile(
    struct lat_device *dev, const struct work *w, uint32_t subgroup_size, struct totals *all)
{
    struct lat_pipeline_key key = {
        .spirv = w->spirv,
        .name = w->shader->name,
        .n_bindings = LAT_MAX_BINDINGS,
        .push_bytes = LAT_MAX_PUSH_BYTES,
        .n_spec = w->constants.n,
        .subgroup_size = subgroup_size,
        .full_subgroups = subgroup_size != 0,
    };
    memcpy(key.spec, w->constants.values, sizeof key.spec);
    struct lat_pipeline *pipeline = NULL;
    struct lat_pipeline_stat stats[MAX_STATS];
    int n = 0;
    printf("%-36s %2d %2d wave%-3u (", w->shader->name, w->spirv->t, w->spirv->u, subgroup_size);
    for (uint32_t i = 0; i < w->constants.n; i++)
        printf("%s%u", i ? " " : "", w->constants.values[i]);
    printf(")");
    if (lat_pipeline_get(dev, &key, &pipeline) ||
        lat_pipeline_stats(dev, pipeline, stats, MAX_STATS, &n)) {
        printf(" FAILED: %s\n", lat_err_text());
        all->n_bad++;
        return;
    }
    all->n_compiled++;
    print_statistics(w, stats, n, all);
}

// At every subgroup size; where the workgroup does not divide into full ones, as the driver likes.
static void compile_all_sizes(struct lat_device *dev, const struct work *w, struct totals *all)
{
    const struct lat_caps *caps = &dev->caps;
    if (!caps->subgroup_size_control)
        compile(dev, w, 0, all);
    for (uint32_t size = caps->min_subgroup_size;
         caps->subgroup_size_control && size && size <= caps->max_subgroup_size; size *= 2)
        if (w->constants.n == 0 || w->constants.values[0] % size == 0)
            compile(dev, w, size, all);
        else
            compile(dev, w, 0, all);
}

static bool is_for_cpu(const struct lat_shader *shader)
{
    size_t n = strlen(shader->name);
    return n > 4 && strcmp(shader->name + n - 4, "_cpu") == 0;
}

// The kernel's lines of the recorded pipelines.
static void compile_recorded(
    struct lat_device *dev, struct work *w, FILE *recorded, struct totals *all)
{
    char name[128];
    int t, u;
    rewind(recorded);
    while (fscanf(recorded, "%127s %d %d %u", name, &t, &u, &w->constants.n) == 4 &&
           w->constants.n <= LAT_MAX_SPEC) {
        for (uint32_t i = 0; i < w->constants.n; i++)
            if (fscanf(recorded, "%u", &w->constants.values[i]) != 1)
                return;
        if (w->constants.n && strcmp(name, w->shader->name) == 0 && t == w->spirv->t &&
            u == w->spirv->u)
            compile_all_sizes(dev, w, all);
    }
}

static void compile_kernel(struct lat_device *dev, const struct lat_shader *shader, int variant,
    FILE *recorded, struct totals *all)
{
    struct work w = { .shader = shader, .spirv = &shader->variants[variant] };
    struct sv_module module;
    const char *lacking = "";
    if (!sv_read(w.spirv->words, w.spirv->n_words, &module)) {
        printf("%s: no SPIR-V that can be read\n", shader->name);
        all->n_bad++;
        return;
    }
    if (!has_features(&dev->caps, &module, &lacking)) {
        printf("%s %d %d: left out, no %s\n", shader->name, w.spirv->t, w.spirv->u, lacking);
        all->n_left_out++;
        return;
    }
    compile_all_sizes(dev, &w, all);
    if (recorded && !sv_has_capability(&module, COOPERATIVE_MATRIX))
        compile_recorded(dev, &w, recorded, all);
}

int main(int argc, char **argv)
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
    FILE *recorded = argc > 1 ? fopen(argv[1], "r") : NULL;
    struct totals all = { .most_registers_in = "" };
    for (int i = 0; lat_shaders[i]; i++)
        for (int v = 0; v < lat_shaders[i]->n_variants && !is_for_cpu(lat_shaders[i]); v++)
            compile_kernel(dev, lat_shaders[i], v, recorded, &all);
    printf("amd: %s: %d pipelines, %d left out, %d bad; most registers %g in %s\n", caps->info.name,
        all.n_compiled, all.n_left_out, all.n_bad, all.most_registers, all.most_registers_in);
    if (recorded)
        fclose(recorded);
    lat_device_close(&dev);
    return all.n_bad || !all.n_compiled;
}
