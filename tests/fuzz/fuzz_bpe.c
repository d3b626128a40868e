// SPDX-License-Identifier: MIT
//
// libFuzzer target for the files of byte-level BPE. The first byte chooses which of them the rest
// becomes, or the text; the others are sound. The folder is in TMPDIR (or /dev/shm). Whatever
// the content, the answer is OK or one error and memory is given back; what was loaded encodes,
// decodes, and is the same after saving; with the sound files every text comes back as it was.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "lattn/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char folder[200];
static char vocab[8000];
static const char merges[] = "#version: 0.2\na b\nab a\nb a\n";

static void check(bool promised)
{
    if (!promised)
        abort();
}

static void put(const char *name, const void *data, size_t n)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    check(f && fwrite(data, 1, n, f) == n && fclose(f) == 0);
}

static void drop(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

static void put_sound(void)
{
    put("vocab.json", vocab, strlen(vocab));
    put("merges.txt", merges, sizeof merges - 1);
}

// All the letters that stand for bytes, then what the merges make.
static void make_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/lattn-fuzz-XXXXXX", tmp ? tmp : "/dev/shm");
    check(mkdtemp(folder) != NULL);
    size_t at = (size_t) snprintf(vocab, sizeof vocab, "{");
    int id = 0;
    for (int c = 0x21; c < 0x144; c++)
        if (c < 0x7F || (c > 0xA0 && c != 0xAD))
            at += (size_t) snprintf(vocab + at, sizeof vocab - at, "\"\\u%04x\":%d,", c, id++);
    check(id == 256);
    snprintf(
        vocab + at, sizeof vocab - at, "\"ab\":256,\"aba\":257,\"ba\":258,\"<|endoftext|>\":259}");
}

static void check_text(const lattn_tokenizer *t, const void *text, size_t n, bool same)
{
    lattn_encoding e = { 0 };
    lattn_decoded d = { 0 };
    check(!lattn_tokenizer_encode(t, text, n, NULL, 0, 0, &e));
    for (int32_t i = 0; i < e.n; i++)
        check(e.ids[i] >= 0 && e.ids[i] < lattn_tokenizer_size(t));
    check(!lattn_tokenizer_decode(t, e.ids, e.n, false, &d));
    check(!same || (d.bytes == n && !memcmp(d.text, text, n) && e.n_unknown == 0));
    lattn_encoding_free(&e);
    lattn_decoded_free(&d);
}

static void check_saved(const lattn_tokenizer *t)
{
    lattn_tokenizer *back;
    check(!lattn_tokenizer_save(t, folder));
    check(!lattn_tokenizer_load(folder, &back));
    check(lattn_tokenizer_size(back) == lattn_tokenizer_size(t));
    lattn_tokenizer_destroy(&back);
    drop("tokenizer_config.json");
    drop("special_tokens_map.json");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const names[] = { "merges.txt", "vocab.json", "tokenizer_config.json",
        "tokenizer.json" };
    static const char usual[] = "abab the a<|endoftext|>b \xC3\xA9\xFF  x";
    if (n == 0)
        return 0;
    if (!*folder)
        make_folder();
    int64_t live = lat_alloc_live();
    int which = data[0] % 5;
    put_sound();
    if (which == 3) {
        drop("vocab.json");
        drop("merges.txt");
    }
    if (which < 4)
        put(names[which], data + 1, n - 1);
    lattn_tokenizer *t;
    lattn_status st = lattn_tokenizer_load(folder, &t);
    check(st == LATTN_OK ? t != NULL : t == NULL && *lattn_error(NULL));
    if (which < 4)
        drop(names[which]);
    if (t && lattn_tokenizer_kind(t) == LATTN_TOKEN_KIND_BPE) {
        check_text(t, usual, sizeof usual - 1, false);
        if (which == 4)
            check_text(t, data + 1, n - 1, true);
        check_saved(t);
    }
    lattn_tokenizer_destroy(&t);
    check(lat_alloc_live() == live);
    return 0;
}
