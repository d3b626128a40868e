// SPDX-License-Identifier: MIT
//
// lattn-seq generate: a language model goes on with a text.

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "common/json.h"
#include "seq/seq.h"

static const char name[] = "lattn-seq generate";

struct job {
    const char *model, *device;
    struct seq_writing w;
    struct seq_model m;
    struct seq_speaker speaker;
    int64_t seed;
    int n_texts;
    bool json;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static void print(const struct job *j, const struct seq_text *text, double took)
{
    if (j->json) {
        printf("{\"text\": ");
        json_print_string(stdout, text->text, text->bytes);
        printf(", \"new_tokens\": %lld, \"tokens_per_second\": %.1f}\n", (long long) text->n_new,
            (double) text->n_new / took);
        return;
    }
    fwrite(text->text, 1, text->bytes, stdout);
    printf("\n");
}

static lattn_status write_texts(struct job *j)
{
    lattn_status st = LATTN_OK;
    for (int i = 0; i < j->n_texts && !st; i++) {
        struct seq_text text = { 0 };
        double begin = seconds();
        j->w.draw = (int64_t) i * j->w.max_new_tokens;
        st = seq_write(&j->speaker, &j->w, &text);
        if (!st)
            print(j, &text, seconds() - begin);
        free(text.text);
    }
    return st;
}

static lattn_status open_model(struct job *j)
{
    lattn_status st;
    if (seq_is_gpt2(j->model))
        return seq_speaker_open_gpt2(j->model, j->device, j->w.prompt, &j->speaker);
    TRY(seq_model_open(j->model, j->device, 0, &j->m));
    if (!j->m.config.task->language)
        TRY(cli_error(LATTN_ERR_ARG, "%s is no language model, its task is %s", j->model,
            j->m.config.task->name));
    j->speaker = seq_speaker_of(&j->m);

done:
    return st;
}

static void close_model(struct job *j)
{
    if (!j->speaker.m)
        seq_speaker_close_gpt2(&j->speaker);
    seq_model_close(&j->m);
}

static lattn_status run(struct job *j)
{
    lattn_status st;
    TRY(open_model(j));
    lattn_set_training(j->speaker.ctx, false);
    lattn_no_grad_begin(j->speaker.ctx);
    st = write_texts(j);
    lattn_no_grad_end(j->speaker.ctx);

done:
    return st;
}

int seq_generate(int argc, char **argv)
{
    struct job j = {
        .w = { .prompt = "", .max_new_tokens = 200, .sampling = { .temperature = 1 } },
        .n_texts = 1,
        .seed = 42,
    };
    lattn_sampling *s = &j.w.sampling;
    const struct cli_opt opts[] = {
        CLI_STR("model_name_or_path", 'm', &j.model, "DIR", "trained folder, or one of GPT-2"),
        CLI_STR("prompt", 'p', &j.w.prompt, "TEXT", "what the text begins with"),
        CLI_INT("max_new_tokens", 'n', &j.w.max_new_tokens, 1, 1000000, "most tokens to write"),
        CLI_F32("temperature", 0, &s->temperature, 0, 100,
            "logits are divided by it; 0 = always the likeliest token"),
        CLI_INT("top_k", 0, &s->top_k, 0, 1000000, "only the k likeliest tokens; 0 = all"),
        CLI_F32("top_p", 0, &s->top_p, 0, 1,
            "only the likeliest that together have this probability; 0 = all"),
        CLI_F32("repetition_penalty", 0, &s->repetition_penalty, 0, 100,
            "above 1: tokens that were there become less likely; 0 = 1"),
        CLI_INT("num_return_sequences", 0, &j.n_texts, 1, 1000000, "texts to write"),
        CLI_FLAG("ignore_eos", 0, &j.w.over_ends, "where a text ends, another begins"),
        CLI_I64("seed", 's', &j.seed, 0, 9007199254740992.0, "of what is drawn"),
        CLI_STR("device", 'd', &j.device, "WHICH", "index, UUID or part of the name"),
        CLI_FLAG("json", 0, &j.json, "one JSON object a text"),
        CLI_END,
    };
    const struct cli_command command = {
        .name = name, .summary = "goes on with a text", .opts = opts
    };
    int code;
    if (!cli_parse(&command, argc, argv, NULL, &code))
        return code;
    if (!j.model)
        return cli_usage_error(name, "--model_name_or_path is missing");
    s->seed = (uint64_t) j.seed;
    lattn_status st = run(&j);
    code = st ? cli_fail(name, st, j.speaker.ctx ? j.speaker.ctx : j.m.ctx) : CLI_EXIT_OK;
    close_model(&j);
    return code;
}
