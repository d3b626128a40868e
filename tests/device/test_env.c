// SPDX-License-Identifier: MIT
//
// Environment variables: a value that means nothing is refused, by name and with what is accepted.

#include "base/status.h"
#include "device/fixture.h"

static lattn_status create(void)
{
    lattn_ctx *ctx = NULL;
    lattn_status st = lattn_ctx_create(&(lattn_ctx_params){ .cache_dir = "" }, &ctx);
    lattn_ctx_destroy(&ctx);
    return st;
}

static void expect_refused(const char *name, const char *value, const char *sentence)
{
    int n;
    dt_env(name, value);
    EXPECT_STATUS(create(), LATTN_ERR_ARG);
    EXPECT_STR(lattn_error(NULL), sentence);
    EXPECT_STATUS(lattn_device_list(NULL, 0, &n), LATTN_ERR_ARG);
    EXPECT_STR(lattn_error(NULL), sentence);
    dt_env_restore();
}

TEST(env, a_number_out_of_range_is_refused)
{
    const char *const bad[] = { "abc", "0", "-1", "1.5", "86401", "5 ", "99999999999999999999" };
    char sentence[200];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(sentence, sizeof sentence,
            "LATTN_TIMEOUT is \"%s\", expected a whole number from 1 to 86400", bad[i]);
        expect_refused("LATTN_TIMEOUT", bad[i], sentence);
    }
    expect_refused("LATTN_SUBMIT_MS", "abc",
        "LATTN_SUBMIT_MS is \"abc\", expected a whole number from 1 to 60000");
}

TEST(env, an_unknown_word_is_refused)
{
    expect_refused("LATTN_CHECK", "poison,foo",
        "LATTN_CHECK: \"foo\" is none of poison, robust, validation, hazard, barriers, serial, "
        "guard");
    expect_refused("LATTN_DISABLE", "foo",
        "LATTN_DISABLE: \"foo\" is none of cpu, subgroup, winograd, coopmat, coopmat2, f16, "
        "bda, push_descriptors");
    expect_refused("LATTN_STRATEGY", "zip",
        "LATTN_STRATEGY: \"zip\" is none of base, cpu, subgroup, winograd, coopmat, "
        "coopmat2");
    expect_refused("LATTN_STRATEGY", "base,cpu",
        "LATTN_STRATEGY: \"base,cpu\" is none of base, cpu, subgroup, winograd, coopmat, "
        "coopmat2");
    expect_refused("LATTN_LOG", "loud", "LATTN_LOG: \"loud\" is none of error, warn, info, debug");
}

// A value that is known gets as far as the drivers.
static void expect_accepted(const char *name, const char *value)
{
    dt_env(name, value);
    lattn_status st = create();
    if (st == LATTN_ERR_ARG)
        lt_fail(__FILE__, __LINE__, "%s=%s: %s", name, value, lattn_error(NULL));
    dt_env_restore();
}

TEST(env, known_values_are_accepted)
{
    static const char *const known[][2] = {
        { "LATTN_TIMEOUT", "1" },
        { "LATTN_TIMEOUT", "86400" },
        { "LATTN_SUBMIT_MS", "60000" },
        { "LATTN_CHECK", "poison,robust,hazard,barriers,serial,guard" },
        { "LATTN_CHECK", ",poison," },
        { "LATTN_DISABLE", "cpu,subgroup,winograd,coopmat,coopmat2,f16,bda,push_descriptors" },
        { "LATTN_STRATEGY", "subgroup" },
        { "LATTN_LOG", "error" },
        { "LATTN_ALLOW_REDUCED_PRECISION", "1" },
        { "LATTN_LIMITS", "floor" },
        { "LATTN_TIMEOUT", "" },
        { "LATTN_DISABLE", "" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        expect_accepted(known[i][0], known[i][1]);
}
