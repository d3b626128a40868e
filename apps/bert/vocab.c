// SPDX-License-Identifier: MIT
//
// lattn-bert vocab: a WordPiece vocabulary from text. lattn-bert tokenize: how text is cut.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bert/bert.h"

// ---- vocab ----------------------------------------------------------------------------------------

struct vocab_options {
    struct cli_strs files;
    const char *output, *text_column, *label_column;
    int64_t size;
    int min_frequency, alphabet;
    bool keep_case;
};

static lattn_status add_file(lattn_vocab *v, const char *path, const struct vocab_options *o)
{
    lattn_text_params params = {
        .text_column = o->text_column, .label_column = o->label_column, .no_labels = true
    };
    lattn_dataset *data = NULL;
    lattn_status st;
    TRY(lattn_text_open(path, &params, &data));
    for (int64_t i = 0; i < lattn_dataset_count(data); i++) {
        size_t bytes = 0;
        const char *text = lattn_dataset_text(data, i, &bytes);
        TRY(lattn_vocab_add(v, text, bytes));
        text = lattn_dataset_pair(data, i, &bytes);
        if (text)
            TRY(lattn_vocab_add(v, text, bytes));
    }

done:
    lattn_dataset_close(&data);
    return st;
}

static lattn_status build(const struct vocab_options *o, lattn_tokenizer **out)
{
    lattn_vocab_params params = {
        .size = (int32_t) o->size,
        .min_frequency = o->min_frequency,
        .max_alphabet = o->alphabet,
        .tokenizer = { .keep_case = o->keep_case },
    };
    lattn_vocab *v = NULL;
    lattn_status st;
    TRY(lattn_vocab_create(&params, &v));
    for (int i = 0; i < o->files.n; i++)
        TRY(add_file(v, o->files.items[i], o));
    TRY(lattn_vocab_build(v, out));
    TRY(lattn_tokenizer_save(*out, o->output));

done:
    lattn_vocab_destroy(&v);
    return st;
}

int bert_vocab(int argc, char **argv)
{
    static const char name[] = "lattn-bert vocab";
    struct vocab_options o = { .size = 30522, .min_frequency = 2, .alphabet = 1000 };
    const struct cli_opt opts[] = {
        CLI_STRS("train_file", 'f', &o.files, "FILE", ".tsv, .csv or .jsonl"),
        CLI_STR("output_dir", 'o', &o.output, "DIR", "gets vocab.txt, tokenizer_config.json"),
        CLI_STR("text_column", 0, &o.text_column, "NAME", "column of the text"),
        CLI_STR("label_column", 0, &o.label_column, "NAME", "column that is no text"),
        CLI_I64("vocab_size", 'v', &o.size, 64, 1000000, "most entries"),
        CLI_INT("min_frequency", 0, &o.min_frequency, 1, 1000000000, "rarer pairs stay apart"),
        CLI_INT("limit_alphabet", 0, &o.alphabet, 1, 1000000, "most single characters"),
        CLI_FLAG("cased", 0, &o.keep_case, "do not lower-case"),
        CLI_END,
    };
    const struct cli_command command = {
        .name = name, .summary = "builds a WordPiece vocabulary from text", .opts = opts
    };
    int code;
    if (!cli_parse(&command, argc, argv, NULL, &code))
        return code;
    if (!o.files.n || !o.output)
        return cli_usage_error(name, "--%s is missing", o.files.n ? "output_dir" : "train_file");
    lattn_tokenizer *tokenizer = NULL;
    lattn_status st = build(&o, &tokenizer);
    if (!st)
        printf("%d tokens in %s/vocab.txt\n", (int) lattn_tokenizer_size(tokenizer), o.output);
    lattn_tokenizer_destroy(&tokenizer);
    return st ? cli_fail(name, st, NULL) : CLI_EXIT_OK;
}

// ---- tokenize -------------------------------------------------------------------------------------

static lattn_status show(const lattn_tokenizer *t, const char *text, bool ids)
{
    lattn_encoding e = { 0 };
    lattn_status st;
    TRY(lattn_tokenizer_encode(t, text, strlen(text), NULL, 0, 0, &e));
    for (int32_t i = 0; i < e.n; i++) {
        if (ids)
            printf("%s%d", i ? " " : "", (int) e.ids[i]);
        else
            printf("%s%s", i ? " " : "", lattn_tokenizer_token(t, e.ids[i]));
    }
    printf("\n");

done:
    lattn_encoding_free(&e);
    return st;
}

static lattn_status show_lines(const lattn_tokenizer *t, bool ids)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n;
    lattn_status st = LATTN_OK;
    while (!st && (n = getline(&line, &capacity, stdin)) >= 0) {
        if (n && line[n - 1] == '\n')
            line[n - 1] = 0;
        st = show(t, line, ids);
    }
    free(line);
    return st;
}

int bert_tokenize(int argc, char **argv)
{
    static const char name[] = "lattn-bert tokenize";
    const char *model = NULL;
    bool ids = false;
    struct cli_operands texts = { 0 };
    const struct cli_opt opts[] = {
        CLI_STR("model_name_or_path", 'm', &model, "DIR", "folder with vocab.txt"),
        CLI_FLAG("ids", 0, &ids, "numbers instead of tokens"),
        CLI_END,
    };
    const struct cli_command command = {
        .name = name,
        .summary = "shows how text is cut into tokens",
        .operands = "[TEXT...]",
        .opts = opts,
        .max_operands = 1000,
        .notes = "Without TEXT, lines of standard input.",
    };
    int code;
    if (!cli_parse(&command, argc, argv, &texts, &code))
        return code;
    if (!model)
        return cli_usage_error(name, "--model_name_or_path is missing");
    lattn_tokenizer *t = NULL;
    lattn_status st = lattn_tokenizer_load(model, &t);
    for (int i = 0; i < texts.n && !st; i++)
        st = show(t, texts.items[i], ids);
    if (!st && !texts.n)
        st = show_lines(t, ids);
    lattn_tokenizer_destroy(&t);
    return st ? cli_fail(name, st, NULL) : CLI_EXIT_OK;
}
