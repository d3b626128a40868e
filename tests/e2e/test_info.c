// SPDX-License-Identifier: MIT
//
// lattn-info from outside: what it prints and how it ends.

#include "base/json.h"
#include "e2e/command.h"

static bool one_line(const char *text)
{
    const char *newline = strchr(text, '\n');
    return newline && newline[1] == '\0';
}

TEST(info, shows_devices_and_kernels)
{
    if (!lt_has_device())
        return;
    struct lt_command c = lt_command_run(NULL, "lattn-info");
    EXPECT_EQ(c.code, 0);
    EXPECT_CONTAINS(c.out, "Device 0: ");
    EXPECT_CONTAINS(c.out, "(would be used)");
    EXPECT_CONTAINS(c.out, "softmax");
    EXPECT_STR(c.err, "");
    lt_command_free(&c);

    c = lt_command_run(NULL, "lattn-info --list-devices");
    EXPECT_EQ(c.code, 0);
    EXPECT(c.out[0] == '*' || strstr(c.out, "\n*"));
    lt_command_free(&c);
}

TEST(info, json_is_valid_and_has_every_op)
{
    if (!lt_has_device())
        return;
    struct lt_command c = lt_command_run(NULL, "lattn-info --json --device 0");
    json_t *j = NULL;
    EXPECT_EQ(c.code, 0);
    EXPECT_OK(lat_json_parse("lattn-info", c.out, strlen(c.out), &j));
    if (j) {
        const json_t *device = json_array_get(json_object_get(j, "devices"), 0);
        EXPECT_STR(json_string_value(json_object_get(j, "version")), lattn_version());
        EXPECT_EQ(json_array_size(json_object_get(j, "devices")), 1);
        EXPECT_EQ(json_integer_value(json_object_get(j, "chosen")), 0);
        EXPECT(json_integer_value(json_object_get(device, "max_binding_bytes")) > 0);
        EXPECT(json_is_true(json_object_get(device, "usable")));
        const json_t *ops = json_object_get(j, "ops");
        EXPECT(json_array_size(ops) > 20);
        const json_t *strategy = json_object_get(json_array_get(ops, 0), "strategy");
        EXPECT_STR(json_string_value(json_object_get(strategy, "f32")), "base");
    }
    json_decref(j);
    lt_command_free(&c);
}

TEST(info, no_driver_ends_with_code_4_and_one_sentence)
{
    struct lt_command c = lt_command_run(
        "VK_DRIVER_FILES=/nonexistent.json VK_ICD_FILENAMES=/nonexistent.json", "lattn-info");
    EXPECT_EQ(c.code, 4);
    EXPECT_STR(c.out, "");
    EXPECT_CONTAINS(c.err, "lattn-info: ");
    EXPECT(one_line(c.err));
    lt_command_free(&c);
}

TEST(info, refused_devices_are_listed_with_their_reason)
{
    if (!lt_has_device())
        return;
    struct lt_command c = lt_command_run("LATTN_LIMITS=max_invocations=64", "lattn-info");
    EXPECT_EQ(c.code, 4);
    EXPECT_CONTAINS(c.out, "refused      64 invocations per workgroup are below 256");
    EXPECT_CONTAINS(c.err, "no usable Vulkan device");
    lt_command_free(&c);
}

TEST(info, mistakes_end_with_code_2_and_one_sentence)
{
    static const char *const lines[] = {
        "lattn-info --nonsense",
        "lattn-info extra",
        "lattn-info --device",
        "lattn-info --device 999",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (i == 3 && !lt_has_device())
            return;
        struct lt_command c = lt_command_run(NULL, lines[i]);
        EXPECT_EQ(c.code, 2);
        EXPECT_STR(c.out, "");
        EXPECT(one_line(c.err));
        lt_command_free(&c);
    }
}

TEST(info, help_and_version_go_to_stdout)
{
    struct lt_command c = lt_command_run(NULL, "lattn-info --help");
    EXPECT_EQ(c.code, 0);
    EXPECT_CONTAINS(c.out, "--list_devices");
    EXPECT_STR(c.err, "");
    lt_command_free(&c);
    c = lt_command_run(NULL, "lattn-info --version");
    EXPECT_EQ(c.code, 0);
    EXPECT_CONTAINS(c.out, "lattn-info 0.1.0");
    lt_command_free(&c);
}
