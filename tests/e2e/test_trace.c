// SPDX-License-Identifier: MIT
//
// LATTN_TRACE of a training run: ops by name, forward and backward, with their kernels.

#include "base/alloc.h"
#include "base/json.h"
#include "e2e/command.h"
#include "e2e/corpus.h"

static bool is(const json_t *object, const char *member, const char *value)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text && strcmp(text, value) == 0;
}

static int count(const json_t *events, const char *op, const char *pass)
{
    int n = 0;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i);
        const json_t *args = json_object_get(e, "args");
        n += is(e, "name", op) && is(e, "cat", pass) && json_object_get(args, "kernel") &&
             json_number_value(json_object_get(args, "bytes")) > 0;
    }
    return n;
}

GPU_TEST(trace, names_the_ops_of_a_training_run)
{
    if (!lattn_ctx_device(ctx)->timestamps) {
        lt_skip("no timestamps");
        return;
    }
    const char *dir = lt_corpus(lt_temp_dir());
    char env[4096];
    snprintf(env, sizeof env, "LATTN_TRACE='%s/trace.json'", dir);
    struct lt_command c =
        lt_command_run(env, lt_finetune_line(dir, lt_path(dir, "out"), "--max_steps 2"));
    EXPECT_EQ(c.code, 0);
    lt_command_free(&c);
    json_t *events = NULL;
    EXPECT_OK(lat_json_load(lt_path(dir, "trace.json"), 1 << 26, &events));
    EXPECT(count(events, "attention", "forward") >= 2);
    EXPECT(count(events, "attention", "backward") >= 2);
    EXPECT(count(events, "cross_entropy", "backward") >= 2);
    json_decref(events);
}
