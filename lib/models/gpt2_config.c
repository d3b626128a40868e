// SPDX-License-Identifier: MIT
//
// config.json of a GPT-2 folder. Missing fields get the values of gpt2, as transformers does; what is
// there must be in range, because sizes from a file become allocations.

#include <string.h>
#include "base/json.h"
#include "models/config.h"
#include "models/gpt2.h"

enum { MAX_CONFIG_BYTES = 16 << 20 };

void lat_gpt2_config_defaults(lattn_gpt2_config *c)
{
    c->vocab_size = c->vocab_size ? c->vocab_size : 50257;
    c->n_positions = c->n_positions ? c->n_positions : 1024;
    c->n_embd = c->n_embd ? c->n_embd : 768;
    c->n_layer = c->n_layer ? c->n_layer : 12;
    c->n_head = c->n_head ? c->n_head : 12;
    c->n_inner = c->n_inner ? c->n_inner : 4 * c->n_embd;
    c->layer_norm_epsilon = c->layer_norm_epsilon > 0 ? c->layer_norm_epsilon : 1e-5;
    c->initializer_range = c->initializer_range > 0 ? c->initializer_range : 0.02;
    c->eos_token_id = c->eos_token_id ? c->eos_token_id : c->vocab_size - 1;
    if (!c->has_dropout) {
        c->resid_pdrop = c->embd_pdrop = c->attn_pdrop = 0.1;
        c->has_dropout = true;
    }
}

lattn_status lat_gpt2_config_check(const char *what, const lattn_gpt2_config *c)
{
    LAT_TRY(lat_config_size(what, "vocab_size", c->vocab_size, 16777216));
    LAT_TRY(lat_config_size(what, "n_positions", c->n_positions, 1048576));
    LAT_TRY(lat_config_size(what, "n_embd", c->n_embd, 65536));
    LAT_TRY(lat_config_size(what, "n_layer", c->n_layer, 1024));
    LAT_TRY(lat_config_size(what, "n_head", c->n_head, 1024));
    LAT_TRY(lat_config_size(what, "n_inner", c->n_inner, 1048576));
    LAT_TRY(lat_config_share(what, "resid_pdrop", c->resid_pdrop));
    LAT_TRY(lat_config_share(what, "embd_pdrop", c->embd_pdrop));
    LAT_TRY(lat_config_share(what, "attn_pdrop", c->attn_pdrop));
    LAT_TRY(lat_config_share(what, "layer_norm_epsilon", c->layer_norm_epsilon));
    if (c->n_embd % c->n_head != 0 || c->n_embd / c->n_head > 256)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: n_embd %lld must be a multiple of n_head %d, heads of 1 to 256", what,
            (long long) c->n_embd, c->n_head);
    if (c->eos_token_id < -1 || c->eos_token_id >= c->vocab_size)
        return lat_err(LATTN_ERR_FORMAT, "%s: eos_token_id is %lld, allowed are -1 to %lld", what,
            (long long) c->eos_token_id, (long long) c->vocab_size - 1);
    return LATTN_OK;
}

// ---- reading ------------------------------------------------------------------------------------

static lattn_status read_sizes(const char *path, const json_t *j, lattn_gpt2_config *c)
{
    int64_t n_layer = 0, n_head = 0;
    LAT_TRY(lat_json_int(path, j, "vocab_size", false, 1, 16777216, &c->vocab_size));
    LAT_TRY(lat_json_int(path, j, "n_positions", false, 1, 1048576, &c->n_positions));
    LAT_TRY(lat_json_int(path, j, "n_embd", false, 1, 65536, &c->n_embd));
    LAT_TRY(lat_json_int(path, j, "n_layer", false, 1, 1024, &n_layer));
    LAT_TRY(lat_json_int(path, j, "n_head", false, 1, 1024, &n_head));
    if (!json_is_null(json_object_get(j, "n_inner")))
        LAT_TRY(lat_json_int(path, j, "n_inner", false, 1, 1048576, &c->n_inner));
    if (!json_is_null(json_object_get(j, "eos_token_id")))
        LAT_TRY(lat_json_int(path, j, "eos_token_id", false, 0, 16777215, &c->eos_token_id));
    else
        c->eos_token_id = -1;
    c->n_layer = (int) n_layer;
    c->n_head = (int) n_head;
    return LATTN_OK;
}

static lattn_status read_reals(const char *path, const json_t *j, lattn_gpt2_config *c)
{
    c->resid_pdrop = c->embd_pdrop = c->attn_pdrop = 0.1;
    c->has_dropout = true;
    LAT_TRY(lat_json_f64(path, j, "resid_pdrop", false, 0, 0.999999, &c->resid_pdrop));
    LAT_TRY(lat_json_f64(path, j, "embd_pdrop", false, 0, 0.999999, &c->embd_pdrop));
    LAT_TRY(lat_json_f64(path, j, "attn_pdrop", false, 0, 0.999999, &c->attn_pdrop));
    LAT_TRY(lat_json_f64(
        path, j, "layer_norm_epsilon", false, 1e-30, 0.999999, &c->layer_norm_epsilon));
    return lat_json_f64(path, j, "initializer_range", false, 1e-30, 100, &c->initializer_range);
}

// What changes the function and is not built here.
static lattn_status check_kind(const char *path, const json_t *j)
{
    const char *type = "gpt2", *activation = "gelu_new";
    bool by_layer = false;
    LAT_TRY(lat_json_str(path, j, "model_type", false, &type));
    LAT_TRY(lat_json_str(path, j, "activation_function", false, &activation));
    LAT_TRY(lat_json_bool(path, j, "scale_attn_by_inverse_layer_idx", false, &by_layer));
    if (strcmp(type, "gpt2") != 0)
        return lat_err(LATTN_ERR_UNSUPPORTED, "%s: model_type is \"%s\", not gpt2", path, type);
    if (strcmp(activation, "gelu_new") != 0 && strcmp(activation, "gelu_pytorch_tanh") != 0)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: activation_function is \"%s\", supported are gelu_new and gelu_pytorch_tanh", path,
            activation);
    if (by_layer)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: scale_attn_by_inverse_layer_idx is true, which is not supported", path);
    return LATTN_OK;
}

lattn_status lattn_gpt2_config_load(const char *path, lattn_gpt2_config *out)
{
    LAT_CHECK_ARG(out);
    LAT_CHECK_ARG(path);
    lattn_gpt2_config c = { 0 };
    json_t *j = NULL;
    *out = c;
    LAT_TRY(lat_json_load(path, MAX_CONFIG_BYTES, &j));
    lattn_status st = check_kind(path, j);
    if (!st)
        st = read_sizes(path, j, &c);
    if (!st)
        st = read_reals(path, j, &c);
    json_decref(j);
    LAT_TRY(st);
    lat_gpt2_config_defaults(&c);
    LAT_TRY(lat_gpt2_config_check(path, &c));
    *out = c;
    return LATTN_OK;
}

// ---- writing ------------------------------------------------------------------------------------

lattn_status lattn_gpt2_config_save(const lattn_gpt2_config *config, const char *path)
{
    LAT_CHECK_ARG(config);
    LAT_CHECK_ARG(path);
    lattn_gpt2_config c = *config;
    lat_gpt2_config_defaults(&c);
    json_t *end = c.eos_token_id < 0 ? json_null() : json_integer(c.eos_token_id);
    json_t *j =
        json_pack("{s:[s], s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:i, s:i, s:f, s:f, s:f, s:f, "
                  "s:f, s:O, s:O, s:b}",
            "architectures", "GPT2LMHeadModel", "model_type", "gpt2", "activation_function",
            "gelu_new", "torch_dtype", "float32", "vocab_size", (json_int_t) c.vocab_size,
            "n_positions", (json_int_t) c.n_positions, "n_embd", (json_int_t) c.n_embd, "n_inner",
            (json_int_t) c.n_inner, "n_layer", c.n_layer, "n_head", c.n_head, "resid_pdrop",
            c.resid_pdrop, "embd_pdrop", c.embd_pdrop, "attn_pdrop", c.attn_pdrop,
            "layer_norm_epsilon", c.layer_norm_epsilon, "initializer_range", c.initializer_range,
            "bos_token_id", end, "eos_token_id", end, "tie_word_embeddings", 1);
    lattn_status st = j && end ? lat_json_save(path, j)
                               : lat_err(LATTN_ERR_HOST_MEMORY, "%s: out of host memory", path);
    json_decref(end);
    json_decref(j);
    return st;
}
