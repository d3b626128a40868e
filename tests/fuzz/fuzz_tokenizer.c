// SPDX-License-Identifier: MIT
//
// libFuzzer target for encoding. The first byte chooses the settings, the second the limit, the
// rest is the text; half of it may be a second text. What comes out must have the form
// [CLS] ... [SEP] (... [SEP]), ids of the vocabulary, and keep to the limit. Encoding in two
// buffers, one used before, must give the same.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "lattn/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool promised)
{
    if (!promised)
        abort();
}

static lattn_tokenizer *tokenizer(unsigned settings)
{
    static lattn_tokenizer *made[16];
    static const char *const tokens[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b",
        "##a", "##b", "ab", "##ab", "\xC3\xA9", "##\xC3\xA9", "e", "##e", "\xE4\xB8\xAD", ".", "[",
        "]", "m" };
    lattn_tokenizer_params params = {
        .keep_case = settings & 1,
        .keep_accents = settings & 2,
        .strip_accents = settings & 4,
        .no_chinese_chars = settings & 8,
    };
    if (!made[settings])
        check(lattn_tokenizer_create(
                  tokens, sizeof tokens / sizeof *tokens, &params, &made[settings]) == 0);
    return made[settings];
}

static void check_form(const lattn_encoding *e, bool pair, int32_t max, int32_t size)
{
    int32_t n_special = pair ? 3 : 2, type = 0;
    check(e->n >= n_special && (max == 0 || e->n <= max));
    check(e->ids[0] == 2 && e->ids[e->n - 1] == 3);
    for (int32_t i = 0; i < e->n; i++) {
        check(e->ids[i] >= 0 && e->ids[i] < size);
        check(e->type_ids[i] == type || (e->type_ids[i] == 1 && type == 0 && e->ids[i - 1] == 3));
        type = e->type_ids[i];
    }
    check(type == (pair ? 1 : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2)
        return 0;
    static lattn_encoding used;
    lattn_encoding fresh = { 0 };
    const lattn_tokenizer *t = tokenizer(data[0] & 15);
    bool pair = data[0] & 16;
    int32_t max = data[1] < 3 ? 0 : data[1];
    const char *text = (const char *) data + 2;
    size_t n_text = n - 2, half = pair ? n_text / 2 : n_text;
    const char *second = pair ? text + half : NULL;
    check(!lattn_tokenizer_encode(t, text, half, second, n_text - half, max, &used));
    check(!lattn_tokenizer_encode(t, text, half, second, n_text - half, max, &fresh));
    check_form(&used, pair, max, lattn_tokenizer_size(t));
    check(used.n == fresh.n && !memcmp(used.ids, fresh.ids, (size_t) used.n * sizeof *used.ids));
    lattn_encoding_free(&fresh);
    return 0;
}
