// SPDX-License-Identifier: MIT
//
// config.json of a model folder.

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "seq/seq.h"

const char *const seq_model_types[] = { "lstm", "gru", "rnn", "transformer", NULL };
const char *const seq_positions[] = { "learned", "sinusoidal", "rotary", "alibi", "none", NULL };

enum { MAX_SIZE = 1 << 20, MAX_LAYERS = 1024 };

const char *seq_config_wrong(const struct seq_config *c)
{
    bool recurrent = c->model_type != SEQ_TRANSFORMER;
    if (recurrent && !c->task->recurrent)
        return "this task needs a transformer";
    if (!recurrent && !c->task->transformers)
        return "this task needs a recurrent network";
    if (c->tie_weights && c->embedding_size != c->hidden_size)
        return "tied weights need an embedding_size that is hidden_size";
    if (c->tie_weights && c->n_outputs != c->vocab_size)
        return "tied weights need outputs that are tokens";
    if (recurrent)
        return NULL;
    if (c->embedding_size != c->hidden_size)
        return "a transformer's embedding_size is its hidden_size";
    if (c->num_heads < 1 || c->hidden_size % c->num_heads != 0)
        return "num_attention_heads does not divide hidden_size";
    if (c->position == SEQ_ROTARY && c->hidden_size / c->num_heads % 2 != 0)
        return "rotary positions need heads of an even size";
    return NULL;
}

// ---- names ----------------------------------------------------------------------------------------

lattn_status seq_names_add(struct seq_names *names, const char *name)
{
    char **item = realloc(names->item, ((size_t) names->n + 1) * sizeof *item);
    if (!item)
        return LATTN_ERR_HOST_MEMORY;
    names->item = item;
    item[names->n] = malloc(strlen(name) + 1);
    if (!item[names->n])
        return LATTN_ERR_HOST_MEMORY;
    strcpy(item[names->n++], name);
    return LATTN_OK;
}

static void free_names(struct seq_names *names)
{
    for (int i = 0; i < names->n; i++)
        free(names->item[i]);
    free(names->item);
    *names = (struct seq_names){ 0 };
}

void seq_config_free(struct seq_config *c)
{
    free_names(&c->labels);
    free_names(&c->columns);
    free_names(&c->targets);
}

// ---- writing --------------------------------------------------------------------------------------

static void set_names(json_t *j, const char *name, const struct seq_names *names)
{
    json_t *list = json_array();
    for (int i = 0; i < names->n; i++)
        json_array_append_new(list, json_string(names->item[i]));
    json_object_set_new(j, name, list);
}

static json_t *to_json(const struct seq_config *c)
{
    bool recurrent = c->model_type != SEQ_TRANSFORMER;
    json_t *j = json_object();
    json_object_set_new(j, "task", json_string(c->task->name));
    json_object_set_new(j, "model_type", json_string(seq_model_types[c->model_type]));
    json_object_set_new(j, "vocab_size", json_integer(c->vocab_size));
    json_object_set_new(j, "num_outputs", json_integer(c->n_outputs));
    json_object_set_new(
        j, "bos_token_id", c->bos_token_id < 0 ? json_null() : json_integer(c->bos_token_id));
    json_object_set_new(j, "embedding_size", json_integer(c->embedding_size));
    json_object_set_new(j, "hidden_size", json_integer(c->hidden_size));
    json_object_set_new(j, "num_layers", json_integer(c->num_layers));
    json_object_set_new(j, "dropout", json_real(c->dropout));
    json_object_set_new(j, "tie_weights", json_boolean(c->tie_weights));
    if (c->labels.n)
        set_names(j, "labels", &c->labels);
    if (c->targets.n) {
        set_names(j, "columns", &c->columns);
        set_names(j, "targets", &c->targets);
        json_object_set_new(j, "context_length", json_integer(c->steps));
        json_object_set_new(j, "prediction_length", json_integer(c->horizon));
        json_object_set_new(j, "season", json_integer(c->season));
    }
    if (recurrent) {
        json_object_set_new(j, "bidirectional", json_boolean(c->bidirectional));
        return j;
    }
    json_object_set_new(j, "num_attention_heads", json_integer(c->num_heads));
    json_object_set_new(j, "intermediate_size", json_integer(c->intermediate_size));
    json_object_set_new(j, "max_position_embeddings", json_integer(c->max_positions));
    json_object_set_new(j, "position_embedding_type", json_string(seq_positions[c->position]));
    return j;
}

lattn_status seq_config_save(const struct seq_config *c, const char *dir)
{
    char path[4096], part[4096 + 8];
    json_t *j = to_json(c);
    snprintf(path, sizeof path, "%s/config.json", dir);
    snprintf(part, sizeof part, "%s.part", path);
    // The old one stays until the new one is complete.
    bool good = json_dump_file(j, part, JSON_INDENT(2)) == 0 && rename(part, path) == 0;
    json_decref(j);
    if (good)
        return LATTN_OK;
    remove(part);
    return cli_error(LATTN_ERR_IO, "%s: it cannot be written", path);
}

// ---- reading --------------------------------------------------------------------------------------

struct reader {
    const char *path;
    const json_t *j;
    lattn_status status;  // of the first field that was wrong
};

static int64_t number(struct reader *r, const char *name, int64_t least, int64_t most)
{
    const json_t *v = json_object_get(r->j, name);
    int64_t n = json_integer_value(v);
    if (!r->status && (!json_is_integer(v) || n < least || n > most))
        r->status = cli_error(LATTN_ERR_FORMAT, "%s: %s must be a whole number from %lld to %lld",
            r->path, name, (long long) least, (long long) most);
    return n;
}

static bool yes(struct reader *r, const char *name)
{
    const json_t *v = json_object_get(r->j, name);
    if (!r->status && !json_is_boolean(v))
        r->status = cli_error(LATTN_ERR_FORMAT, "%s: %s must be true or false", r->path, name);
    return json_is_true(v);
}

static double rate(struct reader *r, const char *name)
{
    const json_t *v = json_object_get(r->j, name);
    double x = json_number_value(v);
    if (!r->status && (!json_is_number(v) || !(x >= 0 && x < 1)))
        r->status =
            cli_error(LATTN_ERR_FORMAT, "%s: %s must be a number from 0 to below 1", r->path, name);
    return x;
}

static int choice(struct reader *r, const char *name, const char *const *choices)
{
    const char *text = json_string_value(json_object_get(r->j, name));
    int i = 0;
    while (text && choices[i] && strcmp(choices[i], text) != 0)
        i++;
    if (!r->status && (!text || !choices[i]))
        r->status = cli_error(LATTN_ERR_FORMAT, "%s: %s is \"%s\", which lattn-seq does not know",
            r->path, name, text ? text : "");
    return text && choices[i] ? i : 0;
}

static void read_names(struct reader *r, const char *name, struct seq_names *out)
{
    const json_t *list = json_object_get(r->j, name), *item;
    size_t i;
    json_array_foreach(list, i, item) if (!r->status && json_is_string(item)) r->status =
        seq_names_add(out, json_string_value(item));
    if (!r->status && (!out->n || (size_t) out->n != json_array_size(list)))
        r->status = cli_error(LATTN_ERR_FORMAT, "%s: %s must be a list of names", r->path, name);
}

// What classes and series have.
static void read_data(struct reader *r, struct seq_config *c)
{
    if (c->task->classes)
        read_names(r, "labels", &c->labels);
    if (c->task->series) {
        read_names(r, "columns", &c->columns);
        read_names(r, "targets", &c->targets);
        c->steps = number(r, "context_length", 1, MAX_SIZE);
        c->horizon = number(r, "prediction_length", 1, MAX_SIZE);
        c->season = number(r, "season", 0, c->steps);
    }
    if (!r->status && c->task->series &&
        (c->n_outputs != c->horizon * c->targets.n || c->embedding_size != c->columns.n))
        r->status = cli_error(LATTN_ERR_FORMAT,
            "%s: %lld outputs and %lld inputs are not those of %d targets, %lld steps and %d "
            "columns",
            r->path, (long long) c->n_outputs, (long long) c->embedding_size, c->targets.n,
            (long long) c->horizon, c->columns.n);
    if (!r->status && c->task->classes && c->labels.n != c->n_outputs)
        r->status = cli_error(LATTN_ERR_FORMAT, "%s: %d labels, num_outputs is %lld", r->path,
            c->labels.n, (long long) c->n_outputs);
}

static void from_json(struct reader *r, struct seq_config *c)
{
    c->task = seq_tasks[choice(r, "task", seq_task_names)];
    c->model_type = choice(r, "model_type", seq_model_types);
    c->vocab_size = number(r, "vocab_size", !c->task->series, c->task->series ? 0 : INT32_MAX);
    c->n_outputs = number(r, "num_outputs", 1, INT32_MAX);
    c->bos_token_id = json_is_integer(json_object_get(r->j, "bos_token_id"))
                          ? number(r, "bos_token_id", 0, c->vocab_size - 1)
                          : -1;
    c->embedding_size = number(r, "embedding_size", 1, MAX_SIZE);
    c->hidden_size = number(r, "hidden_size", 1, MAX_SIZE);
    c->num_layers = (int) number(r, "num_layers", 1, MAX_LAYERS);
    c->dropout = rate(r, "dropout");
    c->tie_weights = yes(r, "tie_weights");
    read_data(r, c);
    if (c->model_type != SEQ_TRANSFORMER) {
        c->bidirectional = yes(r, "bidirectional");
        return;
    }
    c->num_heads = (int) number(r, "num_attention_heads", 1, MAX_SIZE);
    c->intermediate_size = number(r, "intermediate_size", 1, MAX_SIZE);
    c->max_positions = number(r, "max_position_embeddings", 1, INT32_MAX);
    c->position = choice(r, "position_embedding_type", seq_positions);
}

lattn_status seq_config_load(const char *dir, struct seq_config *out)
{
    char path[4096];
    json_error_t error;
    *out = (struct seq_config){ 0 };
    snprintf(path, sizeof path, "%s/config.json", dir);
    if (seq_is_gpt2(dir))
        return cli_error(
            LATTN_ERR_FORMAT, "%s is of a GPT-2, which lattn-seq generate alone reads", path);
    json_t *j = json_load_file(path, 0, &error);
    if (!j && error.line < 0)
        return cli_error(LATTN_ERR_IO, "cannot open %s: %s", path, strerror(errno));
    if (!j)
        return cli_error(LATTN_ERR_FORMAT, "%s: %s", path, error.text);
    struct reader r = { .path = path, .j = j };
    from_json(&r, out);
    if (!r.status && seq_config_wrong(out))
        r.status = cli_error(LATTN_ERR_FORMAT, "%s: %s", path, seq_config_wrong(out));
    json_decref(j);
    return r.status;
}
