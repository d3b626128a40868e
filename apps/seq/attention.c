// SPDX-License-Identifier: MIT
//
// lattn-seq attention: what a transformer looks at in a text, as a picture. A row is a token that looks, a column
// one that is looked at; a row's cells add up to 1. SVG has the tokens on both sides, PNG the cells alone.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "seq/seq.h"

static const char name[] = "lattn-seq attention";

enum { ENCODER, DECODER, MEMORY };
static const char *const stacks[] = { "encoder", "decoder", "memory", NULL };
enum { MAX_TOKENS = 512, CELL = 16, GAP = 28, MARGIN = 90, PNG_CELL = 12 };

struct tokens {
    int32_t ids[MAX_TOKENS];
    int n;
};

struct job {
    const char *model, *device, *text, *target, *output;
    int stack, layer, head;
    struct seq_model m;
    struct tokens text_tokens, target_tokens;
    const struct tokens *rows, *columns;  // whose tokens stand at the sides
    float *weights;                       // [num_heads, rows, columns]
};

// ---- weights --------------------------------------------------------------------------------------

// Tokens as a batch has them: with the end of a source, and with what stands before a target.
static lattn_status encode(struct job *j, const char *text, bool is_target, struct tokens *out)
{
    lattn_special_ids special = lattn_tokenizer_special(j->m.tokenizer);
    bool wordpiece = lattn_tokenizer_kind(j->m.tokenizer) == LATTN_TOKEN_KIND_WORDPIECE;
    int64_t most = seq_most_places(&j->m);
    lattn_encoding e = { 0 };
    lattn_status st;
    most = most && most < MAX_TOKENS ? most : MAX_TOKENS;
    TRY(lattn_tokenizer_encode(j->m.tokenizer, text, strlen(text), NULL, 0, 0, &e));
    // WordPiece has its ends already; of a target the last one is not read.
    int first = !wordpiece && is_target,
        last = !wordpiece && !is_target && j->m.config.task->decoder;
    int n = e.n - (wordpiece && is_target);
    last = last || first + n == 0;
    out->n = first + n + last;
    if (out->n > most)
        TRY(cli_error(
            LATTN_ERR_ARG, "a text of %d tokens, the most are %lld", out->n, (long long) most));
    out->ids[0] = special.bos;
    if (n)
        memcpy(out->ids + first, e.ids, (size_t) n * sizeof *e.ids);
    if (last)
        out->ids[out->n - 1] = special.eos;

done:
    lattn_encoding_free(&e);
    return st;
}

static lattn_tensor *tensor_of(lattn_ctx *ctx, const struct tokens *t)
{
    const int64_t dims[] = { 1, t->n };
    return lattn_from_i32(ctx, 2, dims, t->ids);
}

// The weights of all layers of the stack that was asked for.
static bool run_model(struct job *j, lattn_tensor **weights)
{
    lattn_ctx *ctx = j->m.ctx;
    struct seq_pass pass = {
        .weights = j->stack == ENCODER ? weights : NULL,
        .causal = j->m.config.task->language,
    };
    lattn_tensor *hidden = seq_model_hidden(ctx, &j->m, tensor_of(ctx, &j->text_tokens), &pass);
    if (j->stack == ENCODER)
        return hidden != NULL;
    pass = (struct seq_pass){
        .weights = j->stack == DECODER ? weights : NULL,
        .memory_weights = j->stack == MEMORY ? weights : NULL,
    };
    return seq_model_decode(ctx, &j->m, tensor_of(ctx, &j->target_tokens), hidden, &pass) != NULL;
}

static lattn_status read_weights(struct job *j)
{
    const struct seq_config *c = &j->m.config;
    int64_t n = (int64_t) c->num_heads * j->rows->n * j->columns->n;
    lattn_tensor **weights = calloc((size_t) c->num_layers, sizeof *weights);
    lattn_status st = LATTN_ERR_HOST_MEMORY, ended;
    j->weights = malloc((size_t) n * sizeof *j->weights);
    if (!j->weights || !weights)
        goto done;
    lattn_set_training(j->m.ctx, false);
    lattn_no_grad_begin(j->m.ctx);
    TRY(lattn_step_begin(j->m.ctx));
    st = run_model(j, weights) ? lattn_tensor_read_f32(weights[j->layer], j->weights, n)
                               : lattn_ctx_status(j->m.ctx);
    ended = lattn_step_end(j->m.ctx);
    st = st ? st : ended;
    lattn_no_grad_end(j->m.ctx);

done:
    free(weights);
    return st;
}

// ---- pictures -------------------------------------------------------------------------------------

static const float *weights_of(const struct job *j, int head)
{
    return j->weights + (int64_t) head * j->rows->n * j->columns->n;
}

// Heads that are drawn: all, or one.
static int n_heads(const struct job *j)
{
    return j->head < 0 ? j->m.config.num_heads : 1;
}

static int head_at(const struct job *j, int i)
{
    return j->head < 0 ? i : j->head;
}

static lattn_status save_png(const struct job *j)
{
    int n = n_heads(j), T = j->rows->n, S = j->columns->n;
    lattn_image *heads = calloc((size_t) n, sizeof *heads), all = { 0 };
    lattn_grid_params grid = { .tile = PNG_CELL * (T > S ? T : S), .gap = PNG_CELL };
    lattn_status st = LATTN_ERR_HOST_MEMORY;
    for (int i = 0; heads && i < n; i++)
        TRY(lattn_image_from_f32(weights_of(j, head_at(j, i)), 1, T, S, 0, 1, &heads[i]));
    if (!heads)
        return st;
    TRY(lattn_image_grid(heads, n, &grid, &all));
    TRY(lattn_image_save_png(j->output, &all));

done:
    lattn_image_free(&all);
    for (int i = 0; i < n; i++)
        lattn_image_free(&heads[i]);
    free(heads);
    return st;
}

static void print_token(FILE *svg, const struct job *j, int32_t id)
{
    const char *text = lattn_tokenizer_token(j->m.tokenizer, id);
    for (; *text; text++) {
        if (*text == '<' || *text == '&')
            fprintf(svg, "&#%d;", *text);
        else if (*text == ' ')
            fprintf(svg, "\u2423");  // an open box: a blank that is seen
        else
            fputc((unsigned char) *text < ' ' ? '?' : *text, svg);
    }
}

static void draw_head(FILE *svg, const struct job *j, int head, int left)
{
    const float *w = weights_of(j, head);
    int T = j->rows->n, S = j->columns->n;
    fprintf(svg, "<text class=\"title\" x=\"%d\" y=\"18\">layer %d, head %d</text>\n", left,
        j->layer, head);
    for (int t = 0; t < T; t++) {
        int y = MARGIN + t * CELL;
        fprintf(svg, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", left - 6, y + CELL - 4);
        print_token(svg, j, j->rows->ids[t]);
        fprintf(svg, "</text>\n");
        for (int s = 0; s < S; s++)
            fprintf(svg,
                "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
                "fill-opacity=\"%.3f\"><title>%.4f"
                "</title></rect>",
                left + s * CELL, y, CELL, CELL, (double) w[t * S + s], (double) w[t * S + s]);
    }
    for (int s = 0; s < S; s++) {
        int x = left + s * CELL + CELL - 4, y = MARGIN - 6;
        fprintf(svg, "<text x=\"%d\" y=\"%d\" transform=\"rotate(-90 %d %d)\">", x, y, x, y);
        print_token(svg, j, j->columns->ids[s]);
        fprintf(svg, "</text>\n");
    }
    fprintf(svg, "<path d=\"M%d %dh%dv%dh%dz\"/>\n", left, MARGIN, S * CELL, T * CELL, -S * CELL);
}

static const char style[] =
    "<style>"
    "svg{background:#fff;font:12px system-ui,sans-serif}text{fill:#333}"
    ".title{font-weight:600;font-size:14px}rect{fill:#2f78b7}path{fill:none;stroke:#ccc}"
    "@media(prefers-color-scheme:dark){svg{background:#161616}text{fill:#ddd}rect{fill:#6fb0e6}"
    "path{stroke:#444}}"
    "</style>\n";

static lattn_status save_svg(const struct job *j)
{
    int n = n_heads(j), panel = MARGIN + j->columns->n * CELL + GAP;
    int width = panel * n, height = MARGIN + j->rows->n * CELL + GAP;
    FILE *svg = fopen(j->output, "w");
    if (!svg)
        return cli_error(LATTN_ERR_IO, "%s: it cannot be written", j->output);
    fprintf(svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
        "height=\"%d\">\n%s",
        width, height, width, height, style);
    for (int i = 0; i < n; i++)
        draw_head(svg, j, head_at(j, i), i * panel + MARGIN);
    fprintf(svg, "</svg>\n");
    bool bad = ferror(svg);
    bad = fclose(svg) || bad;
    return bad ? cli_error(LATTN_ERR_IO, "%s: it cannot be written", j->output) : LATTN_OK;
}

// ---- the command ----------------------------------------------------------------------------------

static bool is_svg(const char *path)
{
    size_t n = strlen(path);
    return n >= 4 && strcmp(path + n - 4, ".svg") == 0;
}

// One sentence on what the model has not, or NULL.
static const char *wrong(const struct job *j)
{
    const struct seq_config *c = &j->m.config;
    if (c->model_type != SEQ_TRANSFORMER)
        return "the model is no transformer: nothing in it attends";
    if (!c->task->decoder && j->stack != ENCODER)
        return "the model has no decoder";
    if (j->stack != ENCODER && !j->target)
        return "--target is missing: what the decoder reads";
    if (j->layer >= c->num_layers)
        return "the model has fewer layers, the first is 0";
    return j->head >= c->num_heads ? "the model has fewer heads, the first is 0" : NULL;
}

static lattn_status run(struct job *j)
{
    lattn_status st;
    TRY(seq_model_open(j->model, j->device, 0, &j->m));
    if (wrong(j))
        TRY(cli_error(LATTN_ERR_ARG, "%s", wrong(j)));
    TRY(encode(j, j->text, false, &j->text_tokens));
    if (j->stack != ENCODER)
        TRY(encode(j, j->target, true, &j->target_tokens));
    j->rows = j->stack == ENCODER ? &j->text_tokens : &j->target_tokens;
    j->columns = j->stack == DECODER ? &j->target_tokens : &j->text_tokens;
    TRY(read_weights(j));
    TRY(is_svg(j->output) ? save_svg(j) : save_png(j));

done:
    return st;
}

int seq_attention(int argc, char **argv)
{
    struct job j = { .head = -1 };
    const struct cli_opt opts[] = {
        CLI_STR("model_name_or_path", 'm', &j.model, "DIR", "trained folder of a transformer"),
        CLI_STR("text", 't', &j.text, "TEXT", "what it reads"),
        CLI_STR("target", 0, &j.target, "TEXT", "what its decoder has written"),
        CLI_ENUM("stack", 0, &j.stack, stacks,
            "what looks at what: the text at itself, the target at itself, the target at the text"),
        CLI_INT("layer", 'l', &j.layer, 0, 1023, "of the stack, from 0"),
        CLI_INT("head", 0, &j.head, -1, 1023, "of the layer, from 0; -1 = all, side by side"),
        CLI_STR("output_file", 'o', &j.output, "FILE", "ends in .svg or .png"),
        CLI_STR("device", 'd', &j.device, "WHICH", "index, UUID or part of the name"),
        CLI_END,
    };
    const struct cli_command command = {
        .name = name, .summary = "a picture of what a transformer looks at", .opts = opts
    };
    int code;
    if (!cli_parse(&command, argc, argv, NULL, &code))
        return code;
    if (!j.model || !j.text || !j.output)
        return cli_usage_error(name, "--%s is missing",
            !j.model  ? "model_name_or_path"
            : !j.text ? "text"
                      : "output_file");
    size_t n = strlen(j.output);
    if (!is_svg(j.output) && (n < 4 || strcmp(j.output + n - 4, ".png") != 0))
        return cli_usage_error(name, "--output_file %s ends neither in .svg nor in .png", j.output);
    lattn_status st = run(&j);
    code = st ? cli_fail(name, st, j.m.ctx) : CLI_EXIT_OK;
    free(j.weights);
    seq_model_close(&j.m);
    return code;
}
