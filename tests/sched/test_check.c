// SPDX-License-Identifier: MIT
//
// The hazard checker: what it must report and what not.

#include "base/status.h"
#include "harness/harness.h"
#include "sched/check.h"

static struct lat_check *fresh(void)
{
    struct lat_check *c = NULL;
    EXPECT_OK(lat_check_create(&c));
    return c;
}

static lattn_status use(struct lat_check *c, const char *name, uint64_t offset, bool write)
{
    lat_check_next_command(c);
    return lat_check_access(c, name, 1, offset, 16, write);
}

TEST(check, reports_each_kind_by_both_names)
{
    static const struct {
        bool first, second;
        const char *kind;
    } cases[] = {
        { true, false, "read after write" },
        { true, true, "write after write" },
        { false, true, "write after read" },
    };
    for (int i = 0; i < 3; i++) {
        struct lat_check *c = fresh();
        EXPECT_OK(use(c, "matmul", 0, cases[i].first));
        EXPECT_STATUS(use(c, "softmax", 8, cases[i].second), LATTN_ERR_INTERNAL);
        EXPECT_CONTAINS(lat_err_text(), cases[i].kind);
        EXPECT_CONTAINS(lat_err_text(), "'matmul'");
        EXPECT_CONTAINS(lat_err_text(), "'softmax'");
        EXPECT_EQ(lat_check_found(c), 1);
        lat_check_destroy(&c);
    }
}

TEST(check, accepts_two_reads_and_disjoint_writes)
{
    struct lat_check *c = fresh();
    EXPECT_OK(use(c, "a", 0, false));
    EXPECT_OK(use(c, "b", 8, false));
    EXPECT_OK(use(c, "c", 32, true));
    EXPECT_OK(use(c, "d", 48, true));
    EXPECT_EQ(lat_check_found(c), 0);
    lat_check_destroy(&c);
}

TEST(check, accesses_of_one_command_do_not_conflict)
{
    struct lat_check *c = fresh();
    lat_check_next_command(c);
    EXPECT_OK(lat_check_access(c, "add", 1, 0, 16, false));
    EXPECT_OK(lat_check_access(c, "add", 1, 0, 16, true));
    lat_check_destroy(&c);
}

TEST(check, memory_barrier_forgives_everything)
{
    struct lat_check *c = fresh();
    EXPECT_OK(use(c, "a", 0, true));
    lat_check_barrier(c, true);
    EXPECT_OK(use(c, "b", 0, false));
    lat_check_destroy(&c);
}

TEST(check, execution_barrier_forgives_write_after_read_only)
{
    struct lat_check *c = fresh();
    EXPECT_OK(use(c, "a", 0, false));
    EXPECT_OK(use(c, "b", 32, true));
    lat_check_barrier(c, false);
    EXPECT_OK(use(c, "c", 0, true));
    EXPECT_STATUS(use(c, "d", 32, false), LATTN_ERR_INTERNAL);
    lat_check_destroy(&c);
}
