// SPDX-License-Identifier: MIT
//
// Status names and texts, the sentence of a thread, log levels and environment variables.

#include "base/log.h"
#include "base/status.h"
#include "base/thread.h"
#include "harness/harness.h"

TEST(status, every_code_has_a_name_and_a_text)
{
    EXPECT_STR(lattn_status_name(LATTN_OK), "OK");
    EXPECT_STR(lattn_status_name(LATTN_ERR_SHAPE), "ERR_SHAPE");
    EXPECT_STR(lattn_status_text(LATTN_ERR_SHAPE), "shapes do not fit together");
    EXPECT_STR(lattn_status_name((lattn_status) 99), "UNKNOWN");
    EXPECT_STR(lattn_status_text((lattn_status) -99), "unknown status");
}

TEST(status, version_is_the_headers)
{
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", LATTN_VERSION_MAJOR, LATTN_VERSION_MINOR,
        LATTN_VERSION_PATCH);
    EXPECT_STR(lattn_version(), text);
}

TEST(status, err_returns_its_status_and_keeps_the_sentence)
{
    EXPECT_STATUS(lat_err(LATTN_ERR_IO, "file %d", 7), LATTN_ERR_IO);
    EXPECT_STR(lat_err_text(), "file 7");
    lat_err_prefix("%s: ", "outer");
    EXPECT_STR(lat_err_text(), "outer: file 7");
}

TEST(status, a_sentence_may_quote_the_one_before)
{
    (void) lat_err(LATTN_ERR_IO, "inner");
    (void) lat_err(LATTN_ERR_FORMAT, "outer (%s)", lat_err_text());
    EXPECT_STR(lat_err_text(), "outer (inner)");
}

TEST(status, a_sentence_that_is_too_long_is_cut)
{
    (void) lat_err(LATTN_ERR_IO, "%5000d", 1);
    EXPECT(strlen(lat_err_text()) < 5000);
    lat_err_prefix("%5000d", 1);
    EXPECT(strlen(lat_err_text()) < 5000);
}

static void fail_elsewhere(void *seen)
{
    *(bool *) seen = lat_err_text()[0] == 0;  // a new thread has no sentence
    (void) lat_err(LATTN_ERR_IO, "other thread");
}

TEST(status, sentences_belong_to_their_thread)
{
    bool empty = false;
    struct lat_thread *t;
    (void) lat_err(LATTN_ERR_IO, "mine");
    REQUIRE(!lat_thread_start(fail_elsewhere, &empty, &t));
    lat_thread_join(&t);
    EXPECT(empty);
    EXPECT_STR(lat_err_text(), "mine");
}

struct heard {
    int n;
    lattn_log_level level;
    char text[256];
};

static void hear(void *user, lattn_log_level level, const char *message)
{
    struct heard *h = user;
    h->n++;
    h->level = level;
    snprintf(h->text, sizeof h->text, "%s", message);
}

TEST(log, a_callback_gets_messages_up_to_info)
{
    const char *before = getenv("LATTN_LOG");
    char *kept = before ? strdup(before) : NULL;
    unsetenv("LATTN_LOG");
    struct heard h = { 0 };
    lattn_log_set(hear, &h);
    lat_log(LATTN_LOG_WARN, "number %d", 5);
    EXPECT_EQ(h.n, 1);
    EXPECT_EQ(h.level, LATTN_LOG_WARN);
    EXPECT_STR(h.text, "number 5");
    lat_log(LATTN_LOG_DEBUG, "too fine");
    EXPECT_EQ(h.n, 1);

    setenv("LATTN_LOG", "debug", 1);
    lattn_log_set(hear, &h);
    lat_log(LATTN_LOG_DEBUG, "fine");
    EXPECT_EQ(h.n, 2);
    (void) lat_err(LATTN_ERR_IO, "told");  // errors are debug messages
    EXPECT_STR(h.text, "ERR_IO: told");

    setenv("LATTN_LOG", "loud", 1);
    h.n = 0;
    lattn_log_set(hear, &h);
    EXPECT_EQ(h.n, 1);
    EXPECT_CONTAINS(h.text, "LATTN_LOG is \"loud\"");

    if (kept)
        setenv("LATTN_LOG", kept, 1);
    else
        unsetenv("LATTN_LOG");
    free(kept);
    lattn_log_set(NULL, NULL);
}

static void expect_number(const char *text, lattn_status expected, long long value)
{
    long long number = 0;
    setenv("LATTN_TEST_NUMBER", text, 1);
    EXPECT_STATUS(lat_env_int("LATTN_TEST_NUMBER", 1, 9, 5, &number), expected);
    EXPECT_EQ(number, value);
    if (expected)
        EXPECT_CONTAINS(lat_err_text(), "LATTN_TEST_NUMBER is \"");
    unsetenv("LATTN_TEST_NUMBER");
}

TEST(log, environment_numbers_are_checked)
{
    long long number = 0;
    unsetenv("LATTN_TEST_NUMBER");
    EXPECT_OK(lat_env_int("LATTN_TEST_NUMBER", 1, 9, 5, &number));
    EXPECT_EQ(number, 5);
    EXPECT(lat_env("LATTN_TEST_NUMBER") == NULL);
    expect_number("", LATTN_OK, 5);
    expect_number("8", LATTN_OK, 8);
    static const char *const bad[] = { "0", "10", "8x", " ", "99999999999999999999", "-1" };
    for (size_t i = 0; i < LAT_COUNT(bad); i++)
        expect_number(bad[i], LATTN_ERR_ARG, 5);
}
