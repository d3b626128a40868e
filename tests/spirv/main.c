// SPDX-License-Identifier: MIT
//
// lattn-spirv dump FOLDER     writes every embedded module, and prints how each was compiled
// lattn-spirv check FOLDER    compares the push block of every module with the C struct
//
// The embedded modules carry no names, so check.sh compiles each once more without optimisation into
// FOLDER/named. That module says which struct the block is; sizes, offsets and types must agree in all
// three: the named module, the embedded one, and what the C compiler makes of the same header.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "device/caps.h"
#include "lattn/tensor.h"
#include "lat_shaders.h"
#include "spirv/abi.h"
#include "spirv/module.h"

static int n_bad, n_good;
static bool used[1024];  // by index of abi_blocks

static const char *define_of(int dtype)
{
    static const char *const names[] = {
#define XX(code, bytes, st, name) #code,
        LATTN_DTYPE_MAP(XX)
#undef XX
    };
    return dtype < 0 ? "-" : names[dtype];
}

// Relative to the folder, which is the working directory.
static void path_of(char path[256], const char *prefix, const struct lat_shader *s, int variant)
{
    const struct lat_spirv *v = &s->variants[variant];
    snprintf(path, 256, "%s%s.%s.%s.spv", prefix, s->name, define_of(v->t), define_of(v->u));
}

static bool dump(const struct lat_shader *s, int variant)
{
    char path[256];
    path_of(path, "", s, variant);
    const struct lat_spirv *v = &s->variants[variant];
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(v->words, 4, v->n_words, file) == v->n_words;
    if (file)
        good &= fclose(file) == 0;
    if (!good) {
        fprintf(stderr, "lattn-spirv: cannot write %s\n", path);
        return false;
    }
    printf("%s %s %s %s\n", s->name, s->source, define_of(v->t), define_of(v->u));
    return true;
}

static uint32_t *load(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    uint32_t *words = NULL;
    long bytes = 0;
    if (file && fseek(file, 0, SEEK_END) == 0)
        bytes = ftell(file);
    if (bytes > 0 && fseek(file, 0, SEEK_SET) == 0)
        words = malloc((size_t) bytes);
    *n = (size_t) bytes / 4;
    if (words && fread(words, 4, *n, file) != *n)
        *n = 0;
    if (file)
        fclose(file);
    return words;
}

static bool complain(const char *module, const char *what, const char *detail)
{
    printf("%s: %s%s\n", module, what, detail);
    return false;
}

static bool same_members(const struct sv_module *a, const struct sv_module *b)
{
    if (a->n_members != b->n_members)
        return false;
    for (uint32_t i = 0; i < a->n_members; i++) {
        const struct sv_member *x = &a->members[i], *y = &b->members[i];
        if (x->kind != y->kind || x->width != y->width || x->count != y->count ||
            x->offset != y->offset)
            return false;
    }
    return true;
}

static bool matches_c(const char *module, const struct sv_module *named)
{
    size_t i = 0;
    while (abi_blocks[i].name && strcmp(abi_blocks[i].name, named->push_name) != 0)
        i++;
    const struct abi_block *block = &abi_blocks[i];
    if (!block->name)
        return complain(module, "no C struct for the push block ", named->push_name);
    used[i % 1024] = true;
    if (block->n_members != named->n_members)
        return complain(module, "another number of members than C's ", block->name);
    if (block->bytes != sv_push_bytes(named) || block->bytes > LAT_MAX_PUSH_BYTES)
        return complain(module, "another size than C's, or too large: ", block->name);
    for (uint32_t m = 0; m < named->n_members; m++) {
        const struct sv_member *s = &named->members[m];
        const struct abi_member *c = &block->members[m];
        if (strcmp(s->name, c->name) != 0 || s->kind != c->kind || s->offset != c->offset ||
            (size_t) s->count * s->width / 8 != c->bytes)
            return complain(module, "differs from C in member ", c->name);
    }
    return true;
}

static bool check(const struct lat_shader *s, int variant)
{
    char path[256];
    path_of(path, "named/", s, variant);
    const struct lat_spirv *v = &s->variants[variant];
    struct sv_module embedded, named;
    size_t n;
    uint32_t *words = load(path, &n);
    bool read = words && sv_read(words, n, &named) && sv_read(v->words, v->n_words, &embedded);
    free(words);
    if (!read)
        return complain(path, "cannot be read", "");
    if (embedded.foreign_resource || embedded.bindings >> LAT_MAX_BINDINGS)
        return complain(path, "only storage buffers 0 to 11 of set 0 may be bound", "");
    if (embedded.has_push && !same_members(&embedded, &named))
        return complain(path, "optimisation changed the push block", "");
    return !named.has_push || matches_c(path, &named);
}

static void check_all_used(void)
{
    for (size_t i = 0; abi_blocks[i].name; i++)
        if (!used[i % 1024]) {
            printf("%s: no shader uses this push block\n", abi_blocks[i].name);
            n_bad++;
        }
}

int main(int argc, char **argv)
{
    bool dumping = argc == 3 && strcmp(argv[1], "dump") == 0;
    if (!dumping && (argc != 3 || strcmp(argv[1], "check") != 0)) {
        fprintf(stderr, "usage: lattn-spirv dump|check FOLDER\n");
        return 2;
    }
    if (chdir(argv[2]) != 0) {
        fprintf(stderr, "lattn-spirv: no folder %s\n", argv[2]);
        return 2;
    }
    for (int i = 0; lat_shaders[i]; i++)
        for (int v = 0; v < lat_shaders[i]->n_variants; v++)
            if (dumping ? dump(lat_shaders[i], v) : check(lat_shaders[i], v))
                n_good++;
            else
                n_bad++;
    if (!dumping) {
        check_all_used();
        printf("spirv: %d modules agree with C, %d do not\n", n_good, n_bad);
    }
    return n_bad || !n_good;
}
