// SPDX-License-Identifier: MIT
//
// config.json of a BERT folder, read strictly and written as transformers writes it. Missing
// fields get the values of bert-base-uncased, as transformers does; what is there must be in
// range, because sizes from a file become allocations.

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/log.h"
#include "lattn/models.h"
#include "models/bert_config.h"
#include "models/config.h"

enum { MAX_CONFIG_BYTES = 16 << 20, MAX_LABELS = 65536 };

void lat_bert_config_defaults(lattn_bert_config *c)
{
    c->vocab_size = c->vocab_size ? c->vocab_size : 30522;
    c->hidden_size = c->hidden_size ? c->hidden_size : 768;
    c->num_hidden_layers = c->num_hidden_layers ? c->num_hidden_layers : 12;
    c->num_attention_heads = c->num_attention_heads ? c->num_attention_heads : 12;
    c->intermediate_size = c->intermediate_size ? c->intermediate_size : 3072;
    c->max_position_embeddings = c->max_position_embeddings ? c->max_position_embeddings : 512;
    c->type_vocab_size = c->type_vocab_size ? c->type_vocab_size : 2;
    c->initializer_range = c->initializer_range > 0 ? c->initializer_range : 0.02;
    if (!(c->linear_initializer_range > 0))
        c->linear_initializer_range = c->initializer_range;
    c->layer_norm_eps = c->layer_norm_eps > 0 ? c->layer_norm_eps : 1e-12;
    c->num_labels = c->num_labels ? c->num_labels : 2;
    if (!c->has_dropout) {
        c->hidden_dropout_prob = 0.1;
        c->attention_probs_dropout_prob = 0.1;
        c->classifier_dropout = 0.1;
        c->has_dropout = true;
    }
}

lattn_status lat_bert_config_check(const char *what, const lattn_bert_config *c)
{
    LAT_TRY(lat_config_size(what, "vocab_size", c->vocab_size, 16777216));
    LAT_TRY(lat_config_size(what, "hidden_size", c->hidden_size, 65536));
    LAT_TRY(lat_config_size(what, "num_hidden_layers", c->num_hidden_layers, 1024));
    LAT_TRY(lat_config_size(what, "num_attention_heads", c->num_attention_heads, 1024));
    LAT_TRY(lat_config_size(what, "intermediate_size", c->intermediate_size, 1048576));
    LAT_TRY(lat_config_size(what, "max_position_embeddings", c->max_position_embeddings, 1048576));
    LAT_TRY(lat_config_size(what, "type_vocab_size", c->type_vocab_size, 65536));
    LAT_TRY(lat_config_size(what, "num_labels", c->num_labels, MAX_LABELS));
    LAT_TRY(lat_config_share(what, "hidden_dropout_prob", c->hidden_dropout_prob));
    LAT_TRY(
        lat_config_share(what, "attention_probs_dropout_prob", c->attention_probs_dropout_prob));
    LAT_TRY(lat_config_share(what, "classifier_dropout", c->classifier_dropout));
    if ((unsigned) c->relative > LATTN_RELATIVE_KEY_QUERY)
        return lat_err(LATTN_ERR_FORMAT, "%s: there is no relative %d", what, (int) c->relative);
    if (c->hidden_size % c->num_attention_heads != 0)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: hidden_size %lld is not a multiple of num_attention_heads %d", what,
            (long long) c->hidden_size, c->num_attention_heads);
    if (c->hidden_size / c->num_attention_heads > 256)
        return lat_err(LATTN_ERR_FORMAT,
            "%s: hidden_size / num_attention_heads is %lld, head sizes from 1 to 256 are supported",
            what, (long long) (c->hidden_size / c->num_attention_heads));
    if (c->pad_token_id < 0 || c->pad_token_id >= c->vocab_size)
        return lat_err(LATTN_ERR_FORMAT, "%s: pad_token_id is %lld, allowed are 0 to %lld", what,
            (long long) c->pad_token_id, (long long) c->vocab_size - 1);
    if (!(c->layer_norm_eps > 0 && c->layer_norm_eps < 1))
        return lat_err(LATTN_ERR_FORMAT, "%s: layer_norm_eps is %g, allowed is (0, 1)", what,
            c->layer_norm_eps);
    if (!(c->initializer_range > 0 && c->initializer_range < 100))
        return lat_err(LATTN_ERR_FORMAT, "%s: initializer_range is %g, allowed is (0, 100)", what,
            c->initializer_range);
    return LATTN_OK;
}

// position_embedding_type.
static const char *const positions[] = {
    [LATTN_RELATIVE_NONE] = "absolute",
    [LATTN_RELATIVE_KEY] = "relative_key",
    [LATTN_RELATIVE_KEY_QUERY] = "relative_key_query",
};

// ---- fields that are numbers ----------------------------------------------------------------------

enum { N_SIZES = 8, N_REALS = 5 };

struct fields {
    struct {
        const char *name;
        int64_t value;
    } sizes[N_SIZES];
    struct {
        const char *name;
        double value;
    } reals[N_REALS];
};

static struct fields fields_of(const lattn_bert_config *c)
{
    return (struct fields){
        .sizes = {
            { "vocab_size", c->vocab_size },
            { "hidden_size", c->hidden_size },
            { "num_hidden_layers", c->num_hidden_layers },
            { "num_attention_heads", c->num_attention_heads },
            { "intermediate_size", c->intermediate_size },
            { "max_position_embeddings", c->max_position_embeddings },
            { "type_vocab_size", c->type_vocab_size },
            { "pad_token_id", c->pad_token_id },
        },
        .reals = {
            { "initializer_range", c->initializer_range },
            { "layer_norm_eps", c->layer_norm_eps },
            { "hidden_dropout_prob", c->hidden_dropout_prob },
            { "attention_probs_dropout_prob", c->attention_probs_dropout_prob },
            { "classifier_dropout", c->classifier_dropout },
        },
    };
}

// Which values the file left to us.
static void tell_defaults(const char *path, const json_t *j, const lattn_bert_config *c)
{
    struct fields f = fields_of(c);
    struct lat_str text = { 0 };
    for (int i = 0; i < N_SIZES; i++)
        if (!json_object_get(j, f.sizes[i].name))
            lat_str_addf(&text, "%s%s %lld", text.n ? ", " : "", f.sizes[i].name,
                (long long) f.sizes[i].value);
    for (int i = 0; i < N_REALS; i++)
        if (!json_object_get(j, f.reals[i].name))
            lat_str_addf(&text, "%s%s %g", text.n ? ", " : "", f.reals[i].name, f.reals[i].value);
    if (text.n && !text.status)
        lat_log(
            LATTN_LOG_INFO, "%s does not say, taken as of bert-base-uncased: %s", path, text.items);
    lat_str_free(&text);
}

// ---- reading ------------------------------------------------------------------------------------

static lattn_status read_int(
    const char *path, const json_t *j, const char *field, int64_t lo, int64_t hi, int *out)
{
    int64_t v = *out;
    LAT_TRY(lat_json_int(path, j, field, false, lo, hi, &v));
    *out = (int) v;
    return LATTN_OK;
}

static lattn_status read_sizes(const char *path, const json_t *j, lattn_bert_config *c)
{
    LAT_TRY(lat_json_int(path, j, "vocab_size", false, 1, 16777216, &c->vocab_size));
    LAT_TRY(lat_json_int(path, j, "hidden_size", false, 1, 65536, &c->hidden_size));
    LAT_TRY(read_int(path, j, "num_hidden_layers", 1, 1024, &c->num_hidden_layers));
    LAT_TRY(read_int(path, j, "num_attention_heads", 1, 1024, &c->num_attention_heads));
    LAT_TRY(lat_json_int(path, j, "intermediate_size", false, 1, 1048576, &c->intermediate_size));
    LAT_TRY(lat_json_int(
        path, j, "max_position_embeddings", false, 1, 1048576, &c->max_position_embeddings));
    LAT_TRY(lat_json_int(path, j, "type_vocab_size", false, 1, 65536, &c->type_vocab_size));
    return lat_json_int(path, j, "pad_token_id", false, 0, 16777215, &c->pad_token_id);
}

static lattn_status read_reals(const char *path, const json_t *j, lattn_bert_config *c)
{
    LAT_TRY(lat_json_f64(path, j, "initializer_range", false, 0, 100, &c->initializer_range));
    LAT_TRY(lat_json_f64(path, j, "layer_norm_eps", false, 0, 1, &c->layer_norm_eps));
    LAT_TRY(lat_json_f64(path, j, "hidden_dropout_prob", false, 0, 1, &c->hidden_dropout_prob));
    LAT_TRY(lat_json_f64(
        path, j, "attention_probs_dropout_prob", false, 0, 1, &c->attention_probs_dropout_prob));
    c->classifier_dropout = c->hidden_dropout_prob;
    if (json_is_null(json_object_get(j, "classifier_dropout")))
        return LATTN_OK;
    return lat_json_f64(path, j, "classifier_dropout", false, 0, 1, &c->classifier_dropout);
}

// What a classifier of single labels on an encoder is not.
static lattn_status read_uses(const char *path, const json_t *j)
{
    static const char *const switches[] = { "is_decoder", "add_cross_attention",
        "is_encoder_decoder" };
    const char *problem = "single_label_classification";
    for (size_t i = 0; i < LAT_COUNT(switches); i++) {
        bool on = false;
        LAT_TRY(lat_json_bool(path, j, switches[i], false, &on));
        if (on)
            return lat_err(
                LATTN_ERR_UNSUPPORTED, "%s: %s is true, supported are encoders", path, switches[i]);
    }
    if (!json_is_null(json_object_get(j, "problem_type")))
        LAT_TRY(lat_json_str(path, j, "problem_type", false, &problem));
    if (strcmp(problem, "single_label_classification") != 0)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: problem_type is \"%s\", supported is single_label_classification", path, problem);
    return LATTN_OK;
}

static lattn_status read_kinds(const char *path, const json_t *j, lattn_bert_config *c)
{
    const char *type = "bert", *act = "gelu", *position = positions[0];
    LAT_TRY(lat_json_str(path, j, "model_type", false, &type));
    LAT_TRY(lat_json_str(path, j, "hidden_act", false, &act));
    LAT_TRY(lat_json_str(path, j, "position_embedding_type", false, &position));
    if (strcmp(type, "bert") != 0)
        return lat_err(
            LATTN_ERR_UNSUPPORTED, "%s: model_type is \"%s\", supported is bert", path, type);
    for (c->relative = LATTN_RELATIVE_NONE; c->relative < LAT_COUNT(positions); c->relative++)
        if (strcmp(position, positions[c->relative]) == 0)
            break;
    if (c->relative == LAT_COUNT(positions))
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: position_embedding_type is \"%s\", supported are absolute, relative_key and "
            "relative_key_query",
            path, position);
    c->gelu_tanh = strcmp(act, "gelu_new") == 0 || strcmp(act, "gelu_pytorch_tanh") == 0;
    if (!c->gelu_tanh && strcmp(act, "gelu") != 0)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: hidden_act is \"%s\", supported are gelu, gelu_new and gelu_pytorch_tanh", path,
            act);
    return LATTN_OK;
}

// The names for ids 0 to n - 1; each is one class's alone.
static lattn_status read_names(const char *path, const json_t *map, char **names, size_t n)
{
    json_t *seen = json_object();
    lattn_status st = seen ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    for (size_t i = 0; i < n && !st; i++) {
        char key[24];
        const char *name = NULL;
        snprintf(key, sizeof key, "%zu", i);
        st = lat_json_str(path, map, key, true, &name);
        if (st) {
            lat_err_prefix("id2label: ");
        } else if (json_object_get(seen, name)) {
            st = lat_err(LATTN_ERR_FORMAT, "%s: id2label has \"%s\" twice", path, name);
        } else {
            names[i] = lat_strdup(name);
            if (!names[i] || json_object_set_new(seen, name, json_true()))
                st = LATTN_ERR_HOST_MEMORY;
        }
    }
    json_decref(seen);
    return st;
}

// id2label: { "0": "name", ... } with every id from 0 to n - 1.
static lattn_status read_labels(const char *path, const json_t *j, lattn_bert_config *c)
{
    const json_t *map = json_object_get(j, "id2label");
    if (!map)
        return read_int(path, j, "num_labels", 1, MAX_LABELS, &c->num_labels);
    size_t n = json_object_size(map);
    if (!json_is_object(map) || n < 1 || n > MAX_LABELS)
        return lat_err(
            LATTN_ERR_FORMAT, "%s: id2label must be an object of 1 to %d labels", path, MAX_LABELS);
    char **labels = lat_calloc(n, sizeof *labels);
    if (!labels)
        return LATTN_ERR_HOST_MEMORY;
    c->labels = (const char *const *) labels;
    c->num_labels = (int) n;
    return read_names(path, map, labels, n);
}

static lattn_status read_config(const char *path, const json_t *j, lattn_bert_config *c)
{
    LAT_TRY(read_kinds(path, j, c));
    LAT_TRY(read_uses(path, j));
    LAT_TRY(read_sizes(path, j, c));
    LAT_TRY(read_reals(path, j, c));
    LAT_TRY(read_labels(path, j, c));
    LAT_TRY(lat_bert_config_check(path, c));
    tell_defaults(path, j, c);
    return LATTN_OK;
}

lattn_status lattn_bert_config_load(const char *path, lattn_bert_config *out)
{
    LAT_CHECK_ARG(out);
    LAT_CHECK_ARG(path);
    json_t *j = NULL;
    *out = (lattn_bert_config){ 0 };
    LAT_TRY(lat_json_load(path, MAX_CONFIG_BYTES, &j));
    lat_bert_config_defaults(out);
    out->linear_initializer_range = 0;  // follows what the file says
    lattn_status st = json_is_object(j) ? read_config(path, j, out)
                                        : lat_err(LATTN_ERR_FORMAT, "%s: not a JSON object", path);
    json_decref(j);
    if (st)
        lattn_bert_config_free(out);
    return st;
}

void lattn_bert_config_free(lattn_bert_config *config)
{
    if (!config || !config->labels)
        return;
    for (int i = 0; i < config->num_labels; i++)
        lat_free((void *) config->labels[i]);
    lat_free((void *) config->labels);
    config->labels = NULL;
}

lattn_status lat_bert_config_copy(const lattn_bert_config *from, lattn_bert_config *to)
{
    *to = *from;
    to->labels = NULL;
    if (!from->labels)
        return LATTN_OK;
    char **labels = lat_calloc((size_t) from->num_labels, sizeof *labels);
    if (!labels)
        return LATTN_ERR_HOST_MEMORY;
    to->labels = (const char *const *) labels;
    for (int i = 0; i < from->num_labels; i++) {
        labels[i] = lat_strdup(from->labels[i]);
        if (!labels[i]) {
            lattn_bert_config_free(to);
            return LATTN_ERR_HOST_MEMORY;
        }
    }
    return LATTN_OK;
}

// ---- writing ------------------------------------------------------------------------------------

static void add_labels(json_t *root, const lattn_bert_config *c)
{
    json_t *id2label = json_object(), *label2id = json_object();
    for (int i = 0; i < c->num_labels; i++) {
        char id[24], fallback[32];
        snprintf(id, sizeof id, "%d", i);
        snprintf(fallback, sizeof fallback, "LABEL_%d", i);
        const char *name = c->labels ? c->labels[i] : fallback;
        json_object_set_new(id2label, id, json_string(name));
        json_object_set_new(label2id, name, json_integer(i));
    }
    json_object_set_new(root, "id2label", id2label);
    json_object_set_new(root, "label2id", label2id);
}

lattn_status lattn_bert_config_save(const lattn_bert_config *c, const char *path)
{
    LAT_CHECK_ARG(c);
    LAT_CHECK_ARG(path);
    json_t *j = json_pack("{s:[s], s:s, s:s, s:s, s:s, s:s}", "architectures",
        "BertForSequenceClassification", "model_type", "bert", "hidden_act",
        c->gelu_tanh ? "gelu_new" : "gelu", "position_embedding_type", positions[c->relative],
        "problem_type", "single_label_classification", "torch_dtype", "float32");
    if (!j)
        return lat_err(LATTN_ERR_HOST_MEMORY, "%s: out of host memory", path);
    struct fields f = fields_of(c);
    for (int i = 0; i < N_SIZES; i++)
        json_object_set_new(j, f.sizes[i].name, json_integer(f.sizes[i].value));
    for (int i = 0; i < N_REALS; i++)
        json_object_set_new(j, f.reals[i].name, json_real(f.reals[i].value));
    add_labels(j, c);
    lattn_status st = lat_json_save(path, j);
    json_decref(j);
    return st;
}
