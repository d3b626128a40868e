// SPDX-License-Identifier: MIT
//
// Byte-level BPE in a Hugging Face model folder: vocab.json, { "token": id }; merges.txt, one
// pair a line in the order of their ranks; tokenizer_config.json with the special tokens and
// those that were added later; or all of it in tokenizer.json alone. The vocabulary of
// characters is a vocab.json too, and its tokenizer_config.json says so.
//
// As with WordPiece what is different is refused, never approximated.

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "text/tokenizer.h"

#define QUOTED(text) lat_quoted(text, (char[80]){ 0 }, 80)

static const char character_class[] = "CharacterTokenizer";

// ---- merges -----------------------------------------------------------------------------------

// "left right"
static lattn_status take_pair(struct lattn_tokenizer *t, const char *text, size_t n)
{
    const char *blank = memchr(text, ' ', n);
    size_t left = blank ? (size_t) (blank - text) : 0, right = n - left - 1;
    if (!blank || left == 0 || right == 0 || memchr(blank + 1, ' ', right) || memchr(text, 0, n))
        return lat_err(LATTN_ERR_FORMAT, "\"%s\" is no pair of tokens with one blank between them",
            QUOTED(text));
    for (size_t i = 0, len; i < n; i += len) {
        len = lat_utf8_length(text + i, n - i);
        if (len == 0)
            return lat_err(LATTN_ERR_FORMAT, "a merge is not UTF-8");
    }
    return lat_bpe_merge(t, text, left, blank + 1, right);
}

// Ends the line in place. Empty lines may stand at the end alone.
static lattn_status take_line(
    struct lattn_tokenizer *t, char *line, size_t n, size_t number, size_t *first_empty)
{
    if (n > 0 && line[n - 1] == '\r')
        n--;
    line[n] = 0;
    if (n == 0) {
        *first_empty = *first_empty ? *first_empty : number;
        return LATTN_OK;
    }
    if (number == 1 && !strncmp(line, "#version", 8))
        return LATTN_OK;
    if (*first_empty)
        return lat_err(LATTN_ERR_FORMAT, "empty line %zu", *first_empty);
    return take_pair(t, line, n);
}

static lattn_status read_merges(const char *path, struct lattn_tokenizer *t)
{
    char *text;
    size_t bytes, number = 1, first_empty = 0;
    LAT_TRY(lat_file_read_all(path, LAT_MAX_FILE_BYTES, &text, &bytes));
    lattn_status st = LATTN_OK;
    for (size_t at = 0; at < bytes && !st; number++) {
        char *end = memchr(text + at, '\n', bytes - at);
        size_t n = end ? (size_t) (end - text) - at : bytes - at;
        st = take_line(t, text + at, n, number, &first_empty);
        if (st)
            lat_err_prefix("%s:%zu: ", path, number);
        at += n + 1;
    }
    lat_free(text);
    return st;
}

// ---- settings ---------------------------------------------------------------------------------

struct added {
    int64_t id;
    const char *text;  // lent by the JSON
};

struct added_list {
    struct added *items;
    size_t n, capacity;
};

static int by_id(const void *a, const void *b)
{
    const struct added *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

// Tokens beside the vocabulary, with ids of it or behind it.
static lattn_status take_added(const char *path, struct lattn_tokenizer *t, struct added_list *list)
{
    if (list->n)
        qsort(list->items, list->n, sizeof *list->items, by_id);
    for (size_t i = 0; i < list->n; i++) {
        const struct added *a = &list->items[i];
        if (a->id == (int64_t) t->tokens.n)
            LAT_TRY(lat_tokenizer_add(t, a->text, strlen(a->text)));
        if (a->id < 0 || a->id >= (int64_t) t->tokens.n || strcmp(t->tokens.items[a->id], a->text))
            return lat_err(LATTN_ERR_FORMAT,
                "%s: the added token \"%s\" has the id %lld, which does not fit a vocabulary of "
                "%zu tokens",
                path, QUOTED(a->text), (long long) a->id, t->tokens.n);
        int32_t id = (int32_t) a->id;
        LAT_TRY(LAT_PUSH(&t->bpe.added, id));
    }
    return LATTN_OK;
}

// { "content": text, "lstrip": false, ... }
static lattn_status add_object(
    const char *path, int64_t id, const json_t *j, struct added_list *list)
{
    static const char *const flags[] = { "lstrip", "rstrip", "single_word" };
    struct added a = { .id = id };
    LAT_TRY(lat_json_str(path, j, "content", true, &a.text));
    for (size_t i = 0; i < LAT_COUNT(flags); i++)
        if (json_is_true(json_object_get(j, flags[i])))
            return lat_err(LATTN_ERR_UNSUPPORTED,
                "%s: the token \"%s\" with \"%s\" is not supported", path, QUOTED(a.text),
                flags[i]);
    return LAT_PUSH(list, a);
}

static lattn_status take_decoder(const char *path, const json_t *root, struct lattn_tokenizer *t)
{
    struct added_list list = { 0 };
    const char *key;
    json_t *value;
    lattn_status st = LATTN_OK;
    json_object_foreach(json_object_get(root, "added_tokens_decoder"), key, value)
    {
        int64_t id = -1;
        if (!lat_parse_i64(key, &id))
            st = lat_err(LATTN_ERR_FORMAT, "%s: \"%s\" is no id", path, QUOTED(key));
        if (!st)
            st = add_object(path, id, value, &list);
        if (st)
            break;
    }
    if (!st)
        st = take_added(path, t, &list);
    lat_free(list.items);
    return st;
}

// { "token": id }
static lattn_status read_added(const char *path, struct lattn_tokenizer *t)
{
    struct added_list list = { 0 };
    json_t *root, *value;
    const char *key;
    LAT_TRY(lat_json_load(path, LAT_MAX_FILE_BYTES, &root));
    lattn_status st = LATTN_OK;
    json_object_foreach(root, key, value)
    {
        struct added a = { json_is_integer(value) ? json_integer_value(value) : -1, key };
        LAT_GO(LAT_PUSH(&list, a));
    }
    st = take_added(path, t, &list);
done:
    lat_free(list.items);
    json_decref(root);
    return st;
}

// A special token is a text or an object with "content".
static lattn_status take_name(const char *path, const json_t *root, const char *field,
    struct lattn_tokenizer *t, const char **name)
{
    const json_t *j = json_object_get(root, field);
    if (!j || json_is_null(j))
        return LATTN_OK;
    const char *text = json_string_value(json_is_object(j) ? json_object_get(j, "content") : j);
    if (!text)
        return lat_err(LATTN_ERR_FORMAT, "%s: \"%s\" is no text", path, field);
    *name = lat_arena_strdup(&t->arena, text);
    return *name ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
}

static lattn_status take_names(const char *path, const json_t *root, struct lattn_tokenizer *t)
{
    struct lat_special_names *n = &t->bpe.names;
    LAT_TRY(take_name(path, root, "pad_token", t, &n->pad));
    LAT_TRY(take_name(path, root, "unk_token", t, &n->unk));
    LAT_TRY(take_name(path, root, "bos_token", t, &n->bos));
    return take_name(path, root, "eos_token", t, &n->eos);
}

static lattn_status check_config(const char *path, const json_t *root)
{
    static const char *const known[] = { "GPT2Tokenizer", "GPT2TokenizerFast",
        "PreTrainedTokenizerFast", "TokenizersBackend" };
    static const char *const flags[] = { "add_prefix_space", "add_bos_token" };
    const char *name = NULL;
    LAT_TRY(lat_json_str(path, root, "tokenizer_class", false, &name));
    bool fine = !name;
    for (size_t i = 0; i < LAT_COUNT(known) && !fine; i++)
        fine = !strcmp(name, known[i]);
    if (!fine)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: tokenizer_class \"%s\" is not supported with vocab.json, only GPT-2's", path,
            QUOTED(name));
    for (size_t i = 0; i < LAT_COUNT(flags); i++)
        if (json_is_true(json_object_get(root, flags[i])))
            return lat_err(
                LATTN_ERR_UNSUPPORTED, "%s: \"%s\" true is not supported", path, flags[i]);
    return LATTN_OK;
}

static lattn_status take_config(const char *path, const json_t *root, struct lattn_tokenizer *t)
{
    if (!json_is_object(root))
        return lat_err(LATTN_ERR_FORMAT, "%s is no object", path);
    LAT_TRY(lat_tokenizer_take_length(path, root, &t->params));
    if (t->kind == LATTN_TOKEN_KIND_CHARACTERS)
        return LATTN_OK;
    LAT_TRY(check_config(path, root));
    LAT_TRY(take_decoder(path, root, t));
    return take_names(path, root, t);
}

// ---- tokenizer.json ---------------------------------------------------------------------------

static lattn_status check_part(
    const char *path, const json_t *root, const char *part, const char *only)
{
    const json_t *j = json_object_get(root, part);
    const char *type = json_string_value(json_object_get(j, "type"));
    bool none = !j || json_is_null(j);
    if ((none && strcmp(part, "pre_tokenizer")) || (only && type && !strcmp(type, only)))
        return LATTN_OK;
    return lat_err(LATTN_ERR_UNSUPPORTED, "%s: \"%s\" of type \"%s\" is not supported with BPE",
        path, part, type ? QUOTED(type) : "none");
}

static lattn_status check_json(const char *path, const json_t *root)
{
    const json_t *pre = json_object_get(root, "pre_tokenizer"),
                 *model = json_object_get(root, "model");
    static const char *const texts[] = { "continuing_subword_prefix", "end_of_word_suffix" };
    static const char *const flags[] = { "byte_fallback", "ignore_merges" };
    LAT_TRY(check_part(path, root, "normalizer", NULL));
    LAT_TRY(check_part(path, root, "pre_tokenizer", "ByteLevel"));
    LAT_TRY(check_part(path, root, "post_processor", "ByteLevel"));
    if (json_is_true(json_object_get(pre, "add_prefix_space")) ||
        json_is_false(json_object_get(pre, "use_regex")))
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: \"pre_tokenizer\" with a prefix space or without GPT-2's pattern is not supported",
            path);
    for (size_t i = 0; i < 2; i++) {
        const char *text = json_string_value(json_object_get(model, texts[i]));
        if ((text && *text) || json_is_true(json_object_get(model, flags[i])))
            return lat_err(LATTN_ERR_UNSUPPORTED, "%s: \"%s\" is not supported", path,
                text && *text ? texts[i] : flags[i]);
    }
    return LATTN_OK;
}

// "left right", or ["left", "right"].
static lattn_status take_merges(const char *path, const json_t *list, struct lattn_tokenizer *t)
{
    lattn_status st = LATTN_OK;
    for (size_t i = 0; i < json_array_size(list) && !st; i++) {
        const json_t *j = json_array_get(list, i);
        const char *left = json_string_value(json_array_get(j, 0));
        const char *right = json_string_value(json_array_get(j, 1));
        if (json_is_string(j))
            st = take_pair(t, json_string_value(j), json_string_length(j));
        else if (left && right && *left && *right && json_array_size(j) == 2)
            st = lat_bpe_merge(t, left, strlen(left), right, strlen(right));
        else
            st = lat_err(LATTN_ERR_FORMAT, "no pair of tokens");
        if (st)
            lat_err_prefix("%s: merge %zu: ", path, i);
    }
    return st;
}

static lattn_status take_added_array(
    const char *path, const json_t *root, struct lattn_tokenizer *t)
{
    struct added_list list = { 0 };
    const json_t *all = json_object_get(root, "added_tokens");
    lattn_status st = LATTN_OK;
    for (size_t i = 0; i < json_array_size(all); i++) {
        int64_t id = -1;
        LAT_GO(lat_json_int(path, json_array_get(all, i), "id", true, 0, INT32_MAX, &id));
        LAT_GO(add_object(path, id, json_array_get(all, i), &list));
    }
    st = take_added(path, t, &list);
done:
    lat_free(list.items);
    return st;
}

static lattn_status read_json(const char *path, struct lattn_tokenizer *t)
{
    json_t *root;
    LAT_TRY(lat_json_load(path, LAT_MAX_FILE_BYTES, &root));
    const json_t *model = json_object_get(root, "model");
    lattn_status st;
    LAT_GO(check_json(path, root));
    LAT_GO(lat_tokenizer_take_vocab(path, json_object_get(model, "vocab"), t));
    LAT_GO(take_merges(path, json_object_get(model, "merges"), t));
    st = take_added_array(path, root, t);
done:
    json_decref(root);
    return st;
}

// ---- reading ----------------------------------------------------------------------------------

static lattn_status read_vocab(const char *path, struct lattn_tokenizer *t)
{
    json_t *root;
    LAT_TRY(lat_json_load(path, LAT_MAX_FILE_BYTES, &root));
    lattn_status st = lat_tokenizer_take_vocab(path, root, t);
    json_decref(root);
    return st;
}

struct paths {
    char *vocab, *merges, *json, *config, *added, *special;
};

static lattn_status read_files(
    const struct paths *p, const json_t *config, struct lattn_tokenizer *t)
{
    const char *name = json_string_value(json_object_get(config, "tokenizer_class"));
    bool characters = name && !strcmp(name, character_class), has_vocab = lat_path_exists(p->vocab);
    if (characters) {
        t->kind = LATTN_TOKEN_KIND_CHARACTERS;
        LAT_TRY(read_vocab(p->vocab, t));
        return take_config(p->config, config, t);
    }
    LAT_TRY(lat_bpe_begin(t));
    if (has_vocab) {
        LAT_TRY(read_vocab(p->vocab, t));
        LAT_TRY(read_merges(p->merges, t));
    } else {
        LAT_TRY(read_json(p->json, t));
    }
    if (lat_path_exists(p->added))
        LAT_TRY(read_added(p->added, t));
    if (lat_path_exists(p->special)) {
        json_t *names;
        LAT_TRY(lat_json_load(p->special, LAT_MAX_FILE_BYTES, &names));
        lattn_status st = take_names(p->special, names, t);
        json_decref(names);
        LAT_TRY(st);
    }
    return config ? take_config(p->config, config, t) : LATTN_OK;
}

lattn_status lat_bpe_read(const char *dir, struct lattn_tokenizer *t)
{
    struct paths p = { lat_path_join(dir, "vocab.json"), lat_path_join(dir, "merges.txt"),
        lat_path_join(dir, "tokenizer.json"), lat_path_join(dir, "tokenizer_config.json"),
        lat_path_join(dir, "added_tokens.json"), lat_path_join(dir, "special_tokens_map.json") };
    json_t *config = NULL;
    lattn_status st = LATTN_ERR_HOST_MEMORY;
    if (!p.vocab || !p.merges || !p.json || !p.config || !p.added || !p.special)
        goto done;
    if (lat_path_exists(p.config))
        LAT_GO(lat_json_load_reals(p.config, LAT_MAX_FILE_BYTES, &config));
    st = read_files(&p, config, t);
done:
    json_decref(config);
    lat_free(p.vocab);
    lat_free(p.merges);
    lat_free(p.json);
    lat_free(p.config);
    lat_free(p.added);
    lat_free(p.special);
    return st;
}

// ---- saving -----------------------------------------------------------------------------------

static lattn_status save_merges(const lattn_tokenizer *t, const char *dir)
{
    const struct lat_bpe *b = &t->bpe;
    struct lat_str s = { 0 };
    char *path = lat_path_join(dir, "merges.txt");
    lat_str_add(&s, "#version: 0.2\n");
    for (size_t i = 0; i < b->merges.n; i++) {
        lat_str_add(&s, b->pieces.items[b->merges.items[i].left]);
        lat_str_addn(&s, " ", 1);
        lat_str_add(&s, b->pieces.items[b->merges.items[i].right]);
        lat_str_addn(&s, "\n", 1);
    }
    lattn_status st = path ? s.status : LATTN_ERR_HOST_MEMORY;
    if (!st)
        st = lat_file_replace(path, s.items, s.n);
    lat_str_free(&s);
    lat_free(path);
    return st;
}

static json_t *vocab_object(const lattn_tokenizer *t)
{
    json_t *j = json_object();
    for (size_t i = 0; i < t->tokens.n; i++)
        if (json_object_set_new(j, t->tokens.items[i], json_integer((json_int_t) i))) {
            json_decref(j);
            return NULL;
        }
    return j;
}

static json_t *special_object(const lattn_tokenizer *t)
{
    const lattn_special_ids *s = &t->special;
    json_t *j = json_object();
    json_object_set_new(j, "bos_token", json_string(t->tokens.items[s->bos]));
    json_object_set_new(j, "eos_token", json_string(t->tokens.items[s->eos]));
    json_object_set_new(j, "unk_token", json_string(t->tokens.items[s->unk]));
    if (s->pad != s->eos)
        json_object_set_new(j, "pad_token", json_string(t->tokens.items[s->pad]));
    return j;
}

static json_t *added_object(const lattn_tokenizer *t)
{
    json_t *all = json_object();
    for (size_t i = 0; i < t->written.n; i++) {
        char id[16];
        const struct lat_written *w = &t->written.items[i];
        snprintf(id, sizeof id, "%d", w->id);
        json_object_set_new(all, id,
            json_pack("{s:s,s:b,s:b,s:b,s:b,s:b}", "content", w->text, "lstrip", 0, "normalized", 0,
                "rstrip", 0, "single_word", 0, "special", 1));
    }
    return all;
}

lattn_status lat_bpe_save(const lattn_tokenizer *t, const char *dir)
{
    bool bpe = t->kind == LATTN_TOKEN_KIND_BPE;
    json_t *config = special_object(t);
    if (bpe) {
        json_object_set_new(config, "add_prefix_space", json_false());
        json_object_set_new(config, "added_tokens_decoder", added_object(t));
    }
    json_object_set_new(config, "model_max_length", json_integer(t->params.max_length));
    json_object_set_new(
        config, "tokenizer_class", json_string(bpe ? "GPT2Tokenizer" : character_class));
    lattn_status st = lat_tokenizer_save_json(dir, "tokenizer_config.json", config);
    if (!st)
        st = lat_tokenizer_save_json(dir, "special_tokens_map.json", special_object(t));
    if (!st)
        st = lat_tokenizer_save_json(dir, "vocab.json", vocab_object(t));
    if (!st && bpe)
        st = save_merges(t, dir);
    return st;
}
