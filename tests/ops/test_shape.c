// SPDX-License-Identifier: MIT
//
// Sizes by name: every op that has them makes a case of them.

#include "harness/harness.h"
#include "ops/optest.h"
#include <stdio.h>
#include <string.h>

TEST(sizes, sizes_of_every_op_make_a_case)
{
    int n_ops = 0;
    for (int i = 0; ot_ops[i]; i++) {
        const struct ot_op *op = ot_ops[i];
        char texts[OT_MAX_KEYS][40], *items[OT_MAX_KEYS], error[400] = "";
        struct ot_shape shape;
        int n = 0;
        for (const struct ot_key *k = op->keys; k && k->name && n < OT_MAX_KEYS; k++, n++) {
            int value = k->high < 2 ? (int) k->low : 2;  // flags exclude each other in some ops
            snprintf(texts[n], sizeof texts[n], "%s=%d", k->name, value);
            items[n] = texts[n];
        }
        if (n == 0)
            continue;
        n_ops++;
        if (!ot_shape_parse(op, items, n, &shape, error, sizeof error))
            lt_fail(__FILE__, __LINE__, "%s", error);
        EXPECT(op->bytes(&shape.c, 4) > 0);
        EXPECT_CONTAINS(shape.c.name, texts[0]);
        EXPECT((shape.c.flags & OT_TIME_ALONE) != 0);
    }
    EXPECT(n_ops > 40);
}

TEST(sizes, layouts_of_a_product_do_the_same_work)
{
    const struct ot_op *op = NULL;
    for (int i = 0; ot_ops[i]; i++)
        if (strcmp(ot_ops[i]->name, "matmul") == 0)
            op = ot_ops[i];
    char *plain[] = { "m=3", "n=5", "k=7" }, *both[] = { "m=3", "n=5", "k=7", "ta=1", "tb=1" };
    char error[400] = "";
    struct ot_shape a, b;
    EXPECT(ot_shape_parse(op, plain, 3, &a, error, sizeof error));
    EXPECT(ot_shape_parse(op, both, 5, &b, error, sizeof error));
    EXPECT_EQ((int) op->flops(&a.c), 2 * 3 * 5 * 7);
    EXPECT_EQ((int) op->flops(&b.c), 2 * 3 * 5 * 7);
    EXPECT_EQ((int) op->bytes(&b.c, 4), 4 * (3 * 7 + 7 * 5 + 3 * 5));
    EXPECT_STR(b.c.name, "m=3,n=5,k=7,ta=1,tb=1");
}

TEST(sizes, too_large_a_tensor_is_refused)
{
    const struct ot_op *op = ot_ops[0];
    for (int i = 0; ot_ops[i]; i++)
        if (strcmp(ot_ops[i]->name, "add") == 0)
            op = ot_ops[i];
    char *items[] = { "rows=65536", "columns=65536" }, error[400] = "";
    struct ot_shape shape;
    EXPECT(!ot_shape_parse(op, items, 2, &shape, error, sizeof error));
    EXPECT_STR(error, "add: an input of 4294967296 elements, at most 268435456 are timed");
}
