// SPDX-License-Identifier: MIT
//
// What is printed of a kernel's figures. Which drivers give which is seen in the job amd.

#include "base/json.h"
#include "device/pipeline.h"
#include "harness/harness.h"
#include "lat_shaders.h"
#include "ops/kernels.h"
#include <string.h>

TEST(kernels, a_kernel_is_an_object_of_what_the_driver_said)
{
    const struct lat_pipeline_key key = { .spirv = &lat_shader_softmax_fwd.variants[0],
        .subgroup_size = 32,
        .n_spec = 2,
        .spec = { 7, 9 } };
    const struct ot_kernel kernel = { .shader = &lat_shader_softmax_fwd,
        .key = &key,
        .registers = 24,
        .spills = 0,
        .shared_bytes = -1,
        .occupancy = 16,
        .instructions = -1,
        .any = true,
        .text = "" };
    char text[400] = "", name[100];
    json_t *j = NULL;
    FILE *to = tmpfile();
    EXPECT(to != NULL);
    if (!to)
        return;
    ot_kernel_print_json(&kernel, to);
    rewind(to);
    text[fread(text, 1, sizeof text - 1, to)] = '\0';
    EXPECT(fclose(to) == 0);
    EXPECT_OK(lat_json_parse("kernel", text, strlen(text), &j));
    EXPECT_CONTAINS(ot_kernel_name(&kernel, name, sizeof name), "softmax_fwd f32");
    EXPECT_CONTAINS(name, " wave32 (7 9)");
    EXPECT_STR(json_string_value(json_object_get(j, "name")), name);
    EXPECT_EQ(json_integer_value(json_object_get(j, "registers")), 24);
    EXPECT_EQ(json_integer_value(json_object_get(j, "occupancy")), 16);
    EXPECT(
        json_object_get(j, "shared_bytes") == NULL && json_object_get(j, "instructions") == NULL);
    json_decref(j);
}
