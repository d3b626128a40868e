// SPDX-License-Identifier: MIT
//
// Building a vocabulary: the same as counting every pair anew at every step, whatever the order
// of the texts.

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/rng.h"
#include "harness/harness.h"

static lattn_tokenizer *build(const char *const *texts, int n, const lattn_vocab_params *params)
{
    lattn_vocab *v;
    lattn_tokenizer *t = NULL;
    EXPECT_OK(lattn_vocab_create(params, &v));
    for (int i = 0; i < n; i++)
        EXPECT_OK(lattn_vocab_add(v, texts[i], strlen(texts[i])));
    EXPECT_OK(lattn_vocab_build(v, &t));
    lattn_vocab_destroy(&v);
    return t;
}

static void expect_tokens(const lattn_tokenizer *t, const char *const *tokens, int n)
{
    EXPECT_EQ(lattn_tokenizer_size(t), n);
    for (int i = 0; i < n && i < lattn_tokenizer_size(t); i++)
        EXPECT_STR(lattn_tokenizer_token(t, i), tokens[i]);
}

TEST(vocab, special_tokens_then_characters_then_merges)
{
    // ab x3, abc x2, b x1: a|##b 5 times, then ab|##c twice
    static const char *const texts[] = { "ab AB abc", "ab, abc b" };
    static const char *const expected[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ",", "a",
        "b", "##b", "##c", "ab", "abc" };
    lattn_tokenizer *t = build(texts, 2, NULL);
    expect_tokens(t, expected, LAT_COUNT(expected));
    lattn_tokenizer_destroy(&t);

    lattn_vocab_params params = { .size = 11 };
    t = build(texts, 2, &params);
    expect_tokens(t, expected, 11);
    lattn_tokenizer_destroy(&t);

    params = (lattn_vocab_params){ .min_frequency = 3 };
    t = build(texts, 2, &params);
    expect_tokens(t, expected, 11);
    lattn_tokenizer_destroy(&t);
}

TEST(vocab, repeated_letters_are_merged_from_the_left)
{
    // aaaa: a ##a ##a ##a; ##a|##a is twice in a word, a|##a once
    static const char *const texts[] = { "aaaa aaaa" };
    static const char *const expected[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a",
        "##a", "##aa" };
    lattn_tokenizer *t = build(texts, 1, &(lattn_vocab_params){ .size = 8 });
    expect_tokens(t, expected, 8);
    lattn_tokenizer_destroy(&t);
    t = build(texts, 1, NULL);
    EXPECT(lattn_tokenizer_id(t, "aaaa") >= 0);
    lattn_tokenizer_destroy(&t);
}

TEST(vocab, the_alphabet_is_limited_to_the_most_frequent)
{
    static const char *const texts[] = { "ab ab ab ab xa xa" };
    lattn_tokenizer *t = build(texts, 1, &(lattn_vocab_params){ .max_alphabet = 2 });
    EXPECT(lattn_tokenizer_id(t, "ab") >= 0);
    EXPECT_EQ(lattn_tokenizer_id(t, "x"), -1);
    EXPECT_EQ(lattn_tokenizer_id(t, "xa"), -1);  // a word that would be [UNK] is not merged
    lattn_tokenizer_destroy(&t);
}

TEST(vocab, arguments_are_checked)
{
    lattn_vocab *v;
    lattn_tokenizer *t;
    EXPECT_STATUS(lattn_vocab_create(&(lattn_vocab_params){ .size = -1 }, &v), LATTN_ERR_ARG);
    REQUIRE(!lattn_vocab_create(&(lattn_vocab_params){ .size = 7 }, &v));
    EXPECT_STATUS(lattn_vocab_build(v, &t), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "no words");
    EXPECT_OK(lattn_vocab_add(v, "abc", 3));
    EXPECT_STATUS(lattn_vocab_build(v, &t), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "does not hold the 8 special tokens and characters");
    EXPECT(t == NULL);
    lattn_vocab_destroy(&v);
    lattn_vocab_destroy(&v);
}

// ---- the definition, counted anew at every step ---------------------------------------------------

enum { WORDS = 60, LETTERS = 4, LENGTH = 7, MOST = 400 };

struct slow {
    int word[WORDS][LENGTH], n[WORDS], count[WORDS];
    char token[MOST][32];
    int n_tokens;
};

static int slow_token(struct slow *s, const char *text)
{
    for (int i = 0; i < s->n_tokens; i++)
        if (!strcmp(s->token[i], text))
            return i;
    memcpy(s->token[s->n_tokens], text, LAT_MIN(strlen(text) + 1, sizeof s->token[0]));
    return s->n_tokens++;
}

static int count_pair(const struct slow *s, int a, int b)
{
    int total = 0;
    for (int w = 0; w < WORDS; w++)
        for (int i = 0; i + 1 < s->n[w]; i++)
            if (s->word[w][i] == a && s->word[w][i + 1] == b)
                total += s->count[w];
    return total;
}

static bool slow_merge(struct slow *s)
{
    int best = 1, left = -1, right = -1;
    for (int a = 0; a < s->n_tokens; a++)
        for (int b = 0; b < s->n_tokens; b++) {
            int n = count_pair(s, a, b);
            if (n > best) {
                best = n;
                left = a;
                right = b;
            }
        }
    if (left < 0)
        return false;
    char text[64];
    snprintf(text, sizeof text, "%s%s", s->token[left], s->token[right] + 2);
    int id = slow_token(s, text);
    for (int w = 0; w < WORDS; w++) {
        int kept = 0;
        for (int i = 0; i < s->n[w]; i++) {
            bool hit = i + 1 < s->n[w] && s->word[w][i] == left && s->word[w][i + 1] == right;
            s->word[w][kept++] = hit ? id : s->word[w][i];
            i += hit;
        }
        s->n[w] = kept;
    }
    return true;
}

TEST(vocab, equals_the_definition_on_random_words)
{
    static struct slow s;
    static char text[WORDS * 4 * (LENGTH + 1) + 1];
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct lat_rng rng = { .seed = seed };
        char words[WORDS][LENGTH + 1];
        size_t at = 0;
        s = (struct slow){ .n_tokens = 0 };
        for (int w = 0; w < WORDS; w++) {
            s.n[w] = 2 + (int) lat_rng_below(&rng, LENGTH - 1);
            s.count[w] = 1 + (int) lat_rng_below(&rng, 4);
            for (int i = 0; i < s.n[w]; i++)
                words[w][i] = (char) ('a' + lat_rng_below(&rng, LETTERS));
            words[w][s.n[w]] = 0;
            for (int k = 0; k < s.count[w]; k++)
                at += (size_t) snprintf(text + at, sizeof text - at, "%s ", words[w]);
        }
        lattn_tokenizer *t = build((const char *const[]){ text }, 1, NULL);

        static const char *const special[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" };
        for (int i = 0; i < 5; i++)
            slow_token(&s, special[i]);
        for (int k = 0; k < 2; k++)
            for (char c = 'a'; c < 'a' + LETTERS; c++)
                slow_token(&s, k ? (char[]){ '#', '#', c, 0 } : (char[]){ c, 0 });
        for (int w = 0; w < WORDS; w++)
            for (int i = 0; i < s.n[w]; i++)
                s.word[w][i] = 5 + (i ? LETTERS : 0) + words[w][i] - 'a';
        while (slow_merge(&s))
            ;
        EXPECT_EQ(lattn_tokenizer_size(t), s.n_tokens);
        for (int i = 0; i < s.n_tokens && i < lattn_tokenizer_size(t); i++)
            EXPECT_STR(lattn_tokenizer_token(t, i), s.token[i]);
        lattn_tokenizer_destroy(&t);
    }
}

TEST(vocab, the_order_of_texts_does_not_matter)
{
    static const char *const forwards[] = { "the cat sat", "on the mat", "a catty matron",
        "satin \xC3\xA9toile", "mats on cats" };
    static const char *const backwards[] = { "mats on cats", "satin \xC3\xA9toile",
        "a catty matron", "on the mat", "the cat sat" };
    lattn_tokenizer *a = build(forwards, 5, NULL), *b = build(backwards, 5, NULL);
    EXPECT_EQ(lattn_tokenizer_size(a), lattn_tokenizer_size(b));
    for (int i = 0; i < lattn_tokenizer_size(a); i++)
        EXPECT_STR(lattn_tokenizer_token(a, i), lattn_tokenizer_token(b, i));
    lattn_tokenizer_destroy(&a);
    lattn_tokenizer_destroy(&b);
}

TEST(vocab, every_failed_allocation_is_one_clean_error)
{
    int64_t live = lat_alloc_live();
    for (int64_t at = 0;; at++) {
        lattn_vocab *v;
        lattn_tokenizer *t = NULL;
        static const char text[] = "the cat sat on the mat, the cat's \xC3\xA9toile";
        lat_alloc_fail_at(at);
        lattn_status st = lattn_vocab_create(NULL, &v);
        if (!st)
            st = lattn_vocab_add(v, text, sizeof text - 1);
        if (!st)
            st = lattn_vocab_build(v, &t);
        lat_alloc_fail_at(-1);
        lattn_vocab_destroy(&v);
        lattn_tokenizer_destroy(&t);
        EXPECT_EQ(lat_alloc_live(), live);
        if (!st)
            break;
        EXPECT_STATUS(st, LATTN_ERR_HOST_MEMORY);
    }
}
