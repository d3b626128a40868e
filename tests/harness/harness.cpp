// SPDX-License-Identifier: MIT
//
// The one C++ file of the tests: hands every C test to GoogleTest, so that filters, sharding, XML
// and reports come free, and puts the checks around it that no single test should have to repeat:
// an own step scope, a fresh random stream, no error left behind, no validation message.
//
// Beyond GoogleTest's own flags:
//     --kind=unit|gpu|ops|golden|e2e    only these: unit needs no device; ops and e2e are the tests in the
//                            folders of that name; gpu is the rest
//     LATTN_TEST_COUNTS=file        a line "kind passed failed skipped" is appended at the end
//     LATTN_TEST_NEED_DEVICE=1      no usable device fails instead of skipping (CI)
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>
#include <gtest/gtest.h>
#undef TEST  // harness.h has its own, for C
#undef EXPECT_EQ
#undef EXPECT_NEAR
#include "harness/harness.h"
#include "harness/device.h"

namespace
{

struct lt_test *first_test;
struct lt_test **next_test = &first_test;
std::string temp_dir;                // of the running test; "" = not asked for yet
std::vector<std::string> temp_dirs;  // of all tests, removed at the end

class CTest : public testing::Test
{
  public:
    explicit CTest(const struct lt_test *test) : test_(test)
    {
    }

    void TestBody() override
    {
        temp_dir.clear();
        lt_messages_begin();
        if (test_->plain)
            test_->plain();
        else
            run_on_device();
        lt_messages_end();
    }

  private:
    void run_on_device()
    {
        const char *why = "";
        lattn_ctx *ctx = lt_device_begin(&why);
        if (ctx) {
            test_->gpu(ctx);
            lt_device_end();
        } else if (getenv("LATTN_TEST_NEED_DEVICE")) {
            lt_fail(test_->file, test_->line, "no device: %s", why);
        } else {
            lt_skip("no device: %s", why);
        }
    }

    const struct lt_test *test_;
};

std::string text_of(const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(nullptr, 0, fmt, again);
    va_end(again);
    std::string text(n > 0 ? (size_t) n : 0, '\0');
    if (n > 0)
        vsnprintf(&text[0], (size_t) n + 1, fmt, args);
    return text;
}

const char *kind_of(const struct lt_test *test)
{
    if (strstr(test->file, "/tests/e2e/"))
        return "e2e";
    // Whole networks: tens of seconds where kernels compile slowly.
    if (strstr(test->file, "_golden.c") && strstr(test->file, "/tests/models/"))
        return "golden";
    // Tests of the op table are defined where it is, in lib/ops/ops.def.
    if (test->gpu && strstr(test->file, "/ops/"))
        return "ops";
    return test->gpu ? "gpu" : "unit";
}

void append_counts(const char *kind)
{
    const char *path = getenv("LATTN_TEST_COUNTS");
    FILE *file = path && *path ? fopen(path, "a") : nullptr;
    if (!file)
        return;
    const testing::UnitTest &unit = *testing::UnitTest::GetInstance();
    fprintf(file, "%s %d %d %d\n", *kind ? kind : "all", unit.successful_test_count(),
        unit.failed_test_count(), unit.skipped_test_count());
    fclose(file);
}

}  // namespace

extern "C" void lt_register(struct lt_test *test)
{
    *next_test = test;
    next_test = &test->next;
}

extern "C" void lt_fail(const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    ADD_FAILURE_AT(file, line) << text_of(fmt, args);
    va_end(args);
}

extern "C" void lt_skip(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    std::string text = text_of(fmt, args);
    va_end(args);
    GTEST_SKIP() << text;
}

extern "C" bool lt_failed(void)
{
    return testing::Test::HasFailure();
}

extern "C" const char *lt_temp_dir(void)
{
    if (temp_dir.empty()) {
        const char *base = getenv("TMPDIR");
        std::string path = std::string(base && *base ? base : "/tmp") + "/lattn-test-XXXXXX";
        if (!mkdtemp(&path[0])) {
            lt_fail(__FILE__, __LINE__, "cannot make a folder %s", path.c_str());
            return "/nonexistent";
        }
        temp_dir = path;
        temp_dirs.push_back(path);
    }
    return temp_dir.c_str();
}

extern "C" const char *lt_source_path(const char *relative)
{
    static std::string path;
    path = std::string(LT_SOURCE_DIR) + "/" + relative;
    return path.c_str();
}

int main(int argc, char **argv)
{
    testing::InitGoogleTest(&argc, argv);
    const char *kind = "";
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--kind=", 7) != 0) {
            fprintf(stderr, "lattn-tests: unknown argument %s\n", argv[i]);
            return 2;
        }
        kind = argv[i] + 7;
    }

    bool any = false;
    for (const struct lt_test *test = first_test; test; test = test->next) {
        if (*kind && strcmp(kind, kind_of(test)) != 0)
            continue;
        any = true;
        testing::RegisterTest(test->suite, test->name, nullptr, nullptr, test->file, test->line,
            [test]() -> CTest * { return new CTest(test); });
    }

    if (!any) {
        fprintf(stderr, "lattn-tests: no test of kind %s\n", kind);
        return 1;
    }
    int failed = RUN_ALL_TESTS();
    lt_device_close();
    for (const std::string &dir : temp_dirs) {
        std::error_code ignored;
        std::filesystem::remove_all(dir, ignored);
    }
    append_counts(kind);
    return failed;
}
