// SPDX-License-Identifier: MIT
//
// libFuzzer target for the small files of a model or checkpoint folder. The first byte chooses
// which one the rest becomes; the others are sound. The folder is in TMPDIR (or /dev/shm, which
// is faster than a disk). Whatever the content, the answer is OK or one error, and memory is
// given back.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "lattn/data.h"
#include "lattn/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char folder[200];

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

static void make_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/lattn-fuzz-XXXXXX", tmp ? tmp : "/dev/shm");
    check(mkdtemp(folder) != NULL);
    static const char shard[] = "\2\0\0\0\0\0\0\0{}";
    put("s.safetensors", shard, sizeof shard - 1);
}

static void load_tokenizer(void)
{
    lattn_tokenizer *t;
    lattn_status st = lattn_tokenizer_load(folder, &t);
    check(st == LATTN_OK ? t != NULL : t == NULL && *lattn_error(NULL));
    lattn_tokenizer_destroy(&t);
}

static void fuzz_tokenizer(const char *name, const uint8_t *data, size_t n)
{
    static const char vocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
    put("vocab.txt", vocab, sizeof vocab - 1);
    if (!strcmp(name, "tokenizer.json"))
        drop("vocab.txt");
    put(name, data, n);
    load_tokenizer();
    drop(name);
}

static void fuzz_index(const uint8_t *data, size_t n)
{
    lattn_safetensors *f;
    put("m.index.json", data, n);
    char path[300];
    snprintf(path, sizeof path, "%s/m.index.json", folder);
    lattn_status st = lattn_safetensors_open(path, NULL, &f);
    check(st == LATTN_OK ? f != NULL : f == NULL && *lattn_error(NULL));
    lattn_safetensors_close(&f);
}

static void fuzz_manifest(const uint8_t *data, size_t n)
{
    put("manifest.json", data, n);
    lattn_status st = lattn_checkpoint_verify(folder);
    check(st == LATTN_OK || *lattn_error(NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    if (!*folder)
        make_folder();
    int64_t live = lat_alloc_live();
    static const char *const names[] = { "vocab.txt", "tokenizer_config.json", "tokenizer.json" };
    int which = data[0] % 5;
    if (which < 3)
        fuzz_tokenizer(names[which], data + 1, n - 1);
    else if (which == 3)
        fuzz_index(data + 1, n - 1);
    else
        fuzz_manifest(data + 1, n - 1);
    check(lat_alloc_live() == live);
    return 0;
}
