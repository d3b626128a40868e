// SPDX-License-Identifier: MIT
//
// lattn-bert wordnet: WordNet's noun glosses as a text-classification data set. The label is the
// lexicographer file of the synset, 26 kinds of things from noun.act to noun.time.
//
// The split is a rule, so that it is the same everywhere: sort the synsets by the CRC-32 (zlib's)
// of their eight-digit offset, ties by offset; the first 5,000 are test.tsv, the next 5,000
// validation.tsv, the rest train.tsv.

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include "bert/bert.h"

static const char name[] = "lattn-bert wordnet";
static const char *const classes[] = { "Tops", "act", "animal", "artifact", "attribute", "body",
    "cognition", "communication", "event", "feeling", "food", "group", "location", "motive",
    "object", "person", "phenomenon", "plant", "possession", "process", "quantity", "relation",
    "shape", "state", "substance", "time" };
enum { FIRST_CLASS = 3, N_CLASSES = 26, HELD_OUT = 5000 };

struct synset {
    uint32_t crc;
    char offset[9];
    int class;
    char *gloss;
};

struct synsets {
    struct synset *items;
    size_t n, capacity;
};

static int by_crc(const void *a, const void *b)
{
    const struct synset *x = a, *y = b;
    return x->crc != y->crc ? (x->crc < y->crc ? -1 : 1) : strcmp(x->offset, y->offset);
}

// "00001740 03 n 01 entity 0 003 ~ ... | that which is perceived ...  "
static bool parse(char *line, struct synset *s)
{
    char *bar = strchr(line, '|');
    if (line[0] == ' ' || !bar || sscanf(line, "%8[0-9] %d", s->offset, &s->class) != 2)
        return false;
    s->class -= FIRST_CLASS;
    if (s->class < 0 || s->class >= N_CLASSES)
        return false;
    char *start = bar + 1 + strspn(bar + 1, " ");
    char *end = start + strlen(start);
    while (end > start && strchr(" \r\n", end[-1]))
        *--end = 0;
    for (char *c = start; *c; c++)
        *c = *c == '\t' ? ' ' : *c;
    s->crc = (uint32_t) crc32(0, (const unsigned char *) s->offset, 8);
    s->gloss = strdup(start);
    return s->gloss != NULL;
}

static bool add(struct synsets *all, const struct synset *s)
{
    if (all->n == all->capacity) {
        size_t capacity = all->capacity ? 2 * all->capacity : 4096;
        struct synset *items = realloc(all->items, capacity * sizeof *items);
        if (!items)
            return false;
        all->items = items;
        all->capacity = capacity;
    }
    all->items[all->n++] = *s;
    return true;
}

static bool read_all(const char *path, struct synsets *all)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0;
    bool good = f != NULL;
    while (good && getline(&line, &capacity, f) >= 0) {
        struct synset s = { 0 };
        if (parse(line, &s))
            good = add(all, &s);
    }
    free(line);
    if (f)
        fclose(f);
    return good;
}

static bool write_part(
    const char *dir, const char *file, const struct synset *items, size_t n, char path[4096])
{
    snprintf(path, 4096, "%s/%s", dir, file);
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    fputs("label\ttext\n", f);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "noun.%s\t%s\n", classes[items[i].class], items[i].gloss);
    bool good = !ferror(f);
    return fclose(f) == 0 && good;
}

static int write_all(const char *dir, const struct synsets *all)
{
    char path[4096];
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "%s: %s: %s\n", name, dir, strerror(errno));
        return CLI_EXIT_IO;
    }
    const struct synset *s = all->items;
    if (!write_part(dir, "test.tsv", s, HELD_OUT, path) ||
        !write_part(dir, "validation.tsv", s + HELD_OUT, HELD_OUT, path) ||
        !write_part(dir, "train.tsv", s + 2 * HELD_OUT, all->n - 2 * HELD_OUT, path)) {
        fprintf(stderr, "%s: %s: %s\n", name, path, strerror(errno));
        return CLI_EXIT_IO;
    }
    printf("%s: %zu training, %d validation, %d test glosses in %d classes\n", dir,
        all->n - 2 * HELD_OUT, HELD_OUT, HELD_OUT, N_CLASSES);
    return CLI_EXIT_OK;
}

int bert_wordnet(int argc, char **argv)
{
    const char *input = "/usr/share/wordnet/data.noun", *output = NULL;
    const struct cli_opt opts[] = {
        CLI_STR("input", 'i', &input, "FILE", "data.noun of WordNet 3.0"),
        CLI_STR("output_dir", 'o', &output, "DIR", "gets train.tsv, validation.tsv, test.tsv"),
        CLI_END,
    };
    const struct cli_command command = {
        .name = name,
        .summary = "makes the WordNet gloss data set",
        .opts = opts,
        .notes = "Split: synsets sorted by the CRC-32 of their offset; 5,000 test, 5,000\n"
                 "validation, the rest for training.",
    };
    int code;
    if (!cli_parse(&command, argc, argv, NULL, &code))
        return code;
    if (!output)
        return cli_usage_error(name, "--output_dir is missing");

    struct synsets all = { 0 };
    if (!read_all(input, &all)) {
        fprintf(stderr, "%s: %s: %s (Debian package wordnet-base)\n", name, input, strerror(errno));
        code = CLI_EXIT_IO;
    } else if (all.n < 3 * HELD_OUT) {
        fprintf(stderr, "%s: %s: %zu noun glosses, at least %d are needed\n", name, input, all.n,
            3 * HELD_OUT);
        code = CLI_EXIT_INPUT;
    } else {
        qsort(all.items, all.n, sizeof *all.items, by_crc);
        code = write_all(output, &all);
    }
    for (size_t i = 0; i < all.n; i++)
        free(all.items[i].gloss);
    free(all.items);
    return code;
}
