// SPDX-License-Identifier: MIT
//
// Language models as the writer sees them: those of this command, and GPT-2 folders of Hugging Face.

#include "seq/seq.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct seq_speaker seq_speaker_of(struct seq_model *m)
{
    return (struct seq_speaker){
        .ctx = m->ctx,
        .tokenizer = m->tokenizer,
        .m = m,
        .n_outputs = m->config.n_outputs,
        .first = m->config.bos_token_id,
        .places = seq_most_places(m),
    };
}

bool seq_is_gpt2(const char *dir)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/config.json", dir);
    json_t *j = json_load_file(path, 0, NULL);
    const char *type = json_string_value(json_object_get(j, "model_type"));
    bool yes = type && strcmp(type, "gpt2") == 0;
    json_decref(j);
    return yes;
}

lattn_status seq_speaker_open_gpt2(
    const char *dir, const char *device, const char *prompt, struct seq_speaker *s)
{
    const lattn_ctx_params params = { .device = device };
    lattn_status st;
    TRY(lattn_tokenizer_load(dir, &s->tokenizer));
    TRY(lattn_ctx_create(&params, &s->ctx));
    TRY(lattn_gpt2_load(s->ctx, dir, &s->gpt2));
    const lattn_gpt2_config *c = lattn_gpt2_get_config(s->gpt2);
    if (lattn_tokenizer_size(s->tokenizer) > c->vocab_size)
        TRY(cli_error(LATTN_ERR_FORMAT, "%s: the tokenizer has %d tokens, vocab_size is %lld", dir,
            lattn_tokenizer_size(s->tokenizer), (long long) c->vocab_size));
    s->n_outputs = lattn_tokenizer_size(s->tokenizer);
    s->first = *prompt ? -1 : lattn_tokenizer_special(s->tokenizer).eos;
    s->places = c->n_positions;

done:
    return st;
}

void seq_speaker_close_gpt2(struct seq_speaker *s)
{
    lattn_gpt2_destroy(&s->gpt2);
    lattn_tokenizer_destroy(&s->tokenizer);
    lattn_ctx_destroy(&s->ctx);
}

lattn_status seq_speaker_remember(
    const struct seq_speaker *s, int64_t tokens, lattn_rnn_state *state, lattn_kv_cache **cache)
{
    if (s->gpt2)
        return lattn_gpt2_cache(s->gpt2, 1, tokens, cache);
    if (seq_is_recurrent(s->m))
        return seq_state_create(s->m, 1, state);
    const struct seq_config *c = &s->m->config;
    const lattn_kv_cache_params params = {
        .n_layers = c->num_layers,
        .batch = 1,
        .n_kv_heads = c->num_heads,
        .head_dim = c->hidden_size / c->num_heads,
        .capacity = tokens,
        .dtype = lattn_module_dtype(s->m->root),
    };
    return lattn_kv_cache_create(s->ctx, &params, cache);
}

lattn_tensor *seq_speaker_next(
    const struct seq_speaker *s, lattn_tensor *ids, int64_t n, const struct seq_pass *pass)
{
    if (s->gpt2) {
        lattn_tensor *all = lattn_gpt2_logits(s->ctx, s->gpt2, ids, pass->cache);
        lattn_tensor *known = lattn_slice(s->ctx, all, 2, 0, s->n_outputs, 1);
        return lattn_slice(s->ctx, known, 1, n - 1, n, 1);
    }
    lattn_tensor *hidden = seq_model_hidden(s->ctx, s->m, ids, pass);
    return seq_model_outputs(s->ctx, s->m, lattn_slice(s->ctx, hidden, 1, n - 1, n, 1));
}
