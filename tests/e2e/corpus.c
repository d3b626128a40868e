// SPDX-License-Identifier: MIT

#include "e2e/command.h"
#include "e2e/corpus.h"

static const char *const labels[] = { "animal", "plant", "tool" };
static const char *const words[3][8] = {
    { "horse", "dog", "cat", "mouse", "eagle", "shark", "snake", "frog" },
    { "oak", "rose", "fern", "moss", "tulip", "birch", "grass", "ivy" },
    { "hammer", "saw", "drill", "chisel", "wrench", "pliers", "file", "axe" },
};
static const char *const forms[] = { "the %s is here", "a small %s was seen", "we found an old %s",
    "this %s belongs to us", "%s of the north" };

static void write_rows(const char *path, int first_form, int last_form)
{
    FILE *f = fopen(path, "w");
    REQUIRE(f != NULL);
    fputs("label\ttext\n", f);
    for (int form = first_form; form <= last_form; form++) {
        for (int i = 0; i < 24; i++) {
            fprintf(f, "%s\t", labels[i % 3]);
            fprintf(f, forms[form], words[i % 3][i / 3]);
            fputc('\n', f);
        }
    }
    fclose(f);
}

const char *lt_corpus(const char *dir)
{
    write_rows(lt_path(dir, "train.tsv"), 0, 3);
    write_rows(lt_path(dir, "dev.tsv"), 4, 4);
    return dir;
}

const char *lt_finetune_line(const char *dir, const char *output, const char *extra)
{
    static char line[4096];
    snprintf(line, sizeof line,
        "lattn-bert finetune --train_file %s/train.tsv --validation_file %s/dev.tsv "
        "--output_dir %s --hidden_size 16 --num_hidden_layers 1 --num_attention_heads 2 "
        "--vocab_size 200 --max_seq_length 16 --per_device_train_batch_size 16 "
        "--learning_rate 1e-2 --num_train_epochs 4 --seed 7 %s",
        dir, dir, output, extra);
    return line;
}
