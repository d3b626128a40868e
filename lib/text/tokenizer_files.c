// SPDX-License-Identifier: MIT
//
// The tokenizer's files in a Hugging Face model folder: vocab.txt, one token a line;
// tokenizer_config.json with the settings; tokenizer.json, which newer versions write
// beside them or alone. Those of the other kinds are in bpe_files.c.
//
// A tokenizer of another kind is refused, never approximated: wrong ids would train and
// predict nonsense without any error.

#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "text/tokenizer.h"

#define QUOTED(text) lat_quoted(text, (char[80]){ 0 }, 80)

static const char *const special_fields[][2] = { { "pad_token", "[PAD]" }, { "unk_token", "[UNK]" },
    { "cls_token", "[CLS]" }, { "sep_token", "[SEP]" }, { "mask_token", "[MASK]" } };

// ---- vocab.txt --------------------------------------------------------------------------------

lattn_status lat_tokenizer_add(struct lattn_tokenizer *t, const char *text, size_t n)
{
    char *copy = lat_arena_alloc(&t->arena, n + 1);
    if (!copy)
        return LATTN_ERR_HOST_MEMORY;
    memcpy(copy, text, n);
    return LAT_PUSH(&t->tokens, copy);
}

// An empty line is a token "": the numbers of the lines behind it must stay.
static lattn_status split_lines(
    const char *path, const char *text, size_t bytes, struct lattn_tokenizer *t)
{
    const char *at = text, *end = text + bytes;
    if (bytes >= 3 && !memcmp(at, "\xEF\xBB\xBF", 3)) {
        lat_log(LATTN_LOG_INFO, "%s: the byte-order mark is ignored", path);
        at += 3;
    }
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t) (end - at));
        size_t n = (size_t) ((newline ? newline : end) - at);
        const char *next = newline ? newline + 1 : end;
        if (n > 0 && at[n - 1] == '\r')
            n--;
        if (memchr(at, 0, n))
            return lat_err(LATTN_ERR_FORMAT, "%s: token %zu has a NUL byte", path, t->tokens.n);
        LAT_TRY(lat_tokenizer_add(t, at, n));
        at = next;
    }
    return LATTN_OK;
}

static lattn_status read_vocab(const char *path, struct lattn_tokenizer *t)
{
    char *text = NULL;
    size_t bytes;
    LAT_TRY(lat_file_read_all(path, LAT_MAX_FILE_BYTES, &text, &bytes));
    lattn_status st = split_lines(path, text, bytes, t);
    lat_free(text);
    return st;
}

// ---- tokenizer.json ---------------------------------------------------------------------------

lattn_status lat_tokenizer_take_vocab(
    const char *path, const json_t *vocab, struct lattn_tokenizer *t)
{
    struct lat_tokens *tokens = &t->tokens;
    size_t n = json_object_size(vocab);
    LAT_TRY(LAT_RESERVE(tokens, n));
    for (size_t i = 0; i < n; i++)
        tokens->items[i] = NULL;
    const char *token;
    json_t *value;
    json_object_foreach((json_t *) vocab, token, value)
    {
        json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
        if (id < 0 || (uint64_t) id >= n || tokens->items[id])
            return lat_err(LATTN_ERR_FORMAT,
                "%s: the id of token \"%s\" is missing, used twice or not below %zu", path,
                QUOTED(token), n);
        tokens->items[id] = lat_arena_strdup(&t->arena, token);
        if (!tokens->items[id])
            return LATTN_ERR_HOST_MEMORY;
    }
    tokens->n = n;
    return LATTN_OK;
}

static lattn_status take_normalizer(
    const char *path, const json_t *j, lattn_tokenizer_params *params)
{
    const char *type = NULL;
    bool lower = true, chinese = true, strip;
    if (!json_is_object(j))
        return LATTN_OK;
    LAT_TRY(lat_json_str(path, j, "type", true, &type));
    if (strcmp(type, "BertNormalizer"))
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: normalizer \"%s\" is not supported, only BertNormalizer", path, QUOTED(type));
    LAT_TRY(lat_json_bool(path, j, "lowercase", false, &lower));
    LAT_TRY(lat_json_bool(path, j, "handle_chinese_chars", false, &chinese));
    strip = lower;
    if (!json_is_null(json_object_get(j, "strip_accents")))
        LAT_TRY(lat_json_bool(path, j, "strip_accents", false, &strip));
    params->keep_case = !lower;
    params->keep_accents = lower && !strip;
    params->strip_accents = !lower && strip;
    params->no_chinese_chars = !chinese;
    return LATTN_OK;
}

// Beside vocab.txt only the kind is checked: that and tokenizer_config.json lead.
static lattn_status read_tokenizer_json(const char *path, bool has_vocab, struct lattn_tokenizer *t)
{
    json_t *root;
    const char *type = NULL;
    LAT_TRY(lat_json_load(path, LAT_MAX_FILE_BYTES, &root));
    const json_t *model = json_object_get(root, "model");
    lattn_status st;
    LAT_GO(lat_json_str(path, model, "type", true, &type));
    if (strcmp(type, "WordPiece")) {
        st = lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: a tokenizer of type \"%s\" is not supported, only WordPiece", path, QUOTED(type));
        goto done;
    }
    if (has_vocab)
        goto done;
    LAT_GO(take_normalizer(path, json_object_get(root, "normalizer"), &t->params));
    st = lat_tokenizer_take_vocab(path, json_object_get(model, "vocab"), t);
done:
    json_decref(root);
    return st;
}

// ---- tokenizer_config.json --------------------------------------------------------------------

static lattn_status check_class(const char *path, const json_t *root)
{
    static const char *const known[] = { "BertTokenizer", "BertTokenizerFast",
        "DistilBertTokenizer", "DistilBertTokenizerFast", "ElectraTokenizer",
        "ElectraTokenizerFast", "MobileBertTokenizer", "MobileBertTokenizerFast",
        "PreTrainedTokenizerFast", "TokenizersBackend" };
    const char *name = NULL;
    LAT_TRY(lat_json_str(path, root, "tokenizer_class", false, &name));
    for (size_t i = 0; name && i < LAT_COUNT(known); i++)
        if (!strcmp(name, known[i]))
            name = NULL;
    if (name)
        return lat_err(LATTN_ERR_UNSUPPORTED,
            "%s: tokenizer_class \"%s\" is not supported, only BERT's WordPiece tokenizer", path,
            QUOTED(name));
    return LATTN_OK;
}

// A special token is a text or an object with "content".
static lattn_status check_special(const char *path, const json_t *root)
{
    for (size_t i = 0; i < LAT_COUNT(special_fields); i++) {
        const json_t *j = json_object_get(root, special_fields[i][0]);
        const char *text = json_string_value(json_is_object(j) ? json_object_get(j, "content") : j);
        if (j && !json_is_null(j) && (!text || strcmp(text, special_fields[i][1])))
            return lat_err(LATTN_ERR_UNSUPPORTED, "%s: \"%s\" is \"%s\", only %s is supported",
                path, special_fields[i][0], text ? QUOTED(text) : "no text", special_fields[i][1]);
    }
    return LATTN_OK;
}

// "No limit" is written as 1e30; the position table of the model then is the limit.
lattn_status lat_tokenizer_take_length(
    const char *path, const json_t *root, lattn_tokenizer_params *params)
{
    double max_length = params->max_length;
    if (!json_is_null(json_object_get(root, "model_max_length")))
        LAT_TRY(lat_json_f64(path, root, "model_max_length", false, 2, 1e31, &max_length));
    params->max_length = max_length > INT32_MAX ? INT32_MAX : (int32_t) max_length;
    return LATTN_OK;
}

static lattn_status take_config(
    const char *path, const json_t *root, lattn_tokenizer_params *params)
{
    bool lower = !params->keep_case, chinese = !params->no_chinese_chars, basic = true;
    LAT_TRY(check_class(path, root));
    LAT_TRY(check_special(path, root));
    LAT_TRY(lat_json_bool(path, root, "do_basic_tokenize", false, &basic));
    if (!basic)
        return lat_err(
            LATTN_ERR_UNSUPPORTED, "%s: \"do_basic_tokenize\" false is not supported", path);
    LAT_TRY(lat_json_bool(path, root, "do_lower_case", false, &lower));
    LAT_TRY(lat_json_bool(path, root, "tokenize_chinese_chars", false, &chinese));
    bool strip = lower ? !params->keep_accents : params->strip_accents;
    if (!json_is_null(json_object_get(root, "strip_accents")))
        LAT_TRY(lat_json_bool(path, root, "strip_accents", false, &strip));
    params->keep_case = !lower;
    params->keep_accents = lower && !strip;
    params->strip_accents = !lower && strip;
    params->no_chinese_chars = !chinese;
    return lat_tokenizer_take_length(path, root, params);
}

static lattn_status read_config(const char *path, lattn_tokenizer_params *params)
{
    json_t *root;
    LAT_TRY(lat_json_load_reals(path, LAT_MAX_FILE_BYTES, &root));
    lattn_status st = json_is_object(root) ? take_config(path, root, params)
                                           : lat_err(LATTN_ERR_FORMAT, "%s is no object", path);
    json_decref(root);
    return st;
}

static lattn_status read_wordpiece(
    const char *vocab, const char *json, const char *config, struct lattn_tokenizer *t)
{
    bool has_vocab = lat_path_exists(vocab);
    if (has_vocab || !lat_path_exists(json))
        LAT_TRY(read_vocab(vocab, t));
    if (lat_path_exists(json))
        LAT_TRY(read_tokenizer_json(json, has_vocab, t));
    return lat_path_exists(config) ? read_config(config, &t->params) : LATTN_OK;
}

// Which of the kinds tokenizer.json alone is.
static lattn_status json_is_bpe(const char *path, bool *bpe)
{
    json_t *root;
    LAT_TRY(lat_json_load(path, LAT_MAX_FILE_BYTES, &root));
    const char *type = json_string_value(json_object_get(json_object_get(root, "model"), "type"));
    *bpe = type && !strcmp(type, "BPE");
    json_decref(root);
    return LATTN_OK;
}

lattn_status lat_tokenizer_read(const char *dir, struct lattn_tokenizer *t)
{
    char *vocab = lat_path_join(dir, "vocab.txt");
    char *letters = lat_path_join(dir, "vocab.json");
    char *json = lat_path_join(dir, "tokenizer.json");
    char *config = lat_path_join(dir, "tokenizer_config.json");
    lattn_status st = vocab && letters && json && config ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (st)
        goto done;
    bool bpe = lat_path_exists(letters) && !lat_path_exists(vocab);
    if (!bpe && !lat_path_exists(vocab) && lat_path_exists(json))
        LAT_GO(json_is_bpe(json, &bpe));
    st = bpe ? lat_bpe_read(dir, t) : read_wordpiece(vocab, json, config, t);
done:
    lat_free(config);
    lat_free(json);
    lat_free(letters);
    lat_free(vocab);
    return st;
}

// ---- saving -----------------------------------------------------------------------------------

static lattn_status save_vocab(const lattn_tokenizer *t, const char *path)
{
    struct lat_str s = { 0 };
    for (size_t i = 0; i < t->tokens.n; i++) {
        lat_str_add(&s, t->tokens.items[i]);
        lat_str_addn(&s, "\n", 1);
    }
    lattn_status st = s.status ? s.status : lat_file_replace(path, s.items, s.n);
    lat_str_free(&s);
    return st;
}

static json_t *special_object(const lattn_tokenizer *t)
{
    json_t *j = json_object();
    for (size_t i = 0; i < LAT_COUNT(special_fields); i++)
        if (lattn_tokenizer_id(t, special_fields[i][1]) >= 0)
            json_object_set_new(j, special_fields[i][0], json_string(special_fields[i][1]));
    return j;
}

static json_t *config_object(const lattn_tokenizer *t)
{
    const lattn_tokenizer_params *p = &t->params;
    json_t *j = special_object(t);
    bool strip = p->keep_case ? p->strip_accents : !p->keep_accents;
    json_object_set_new(j, "do_lower_case", json_boolean(!p->keep_case));
    json_object_set_new(
        j, "strip_accents", strip == !p->keep_case ? json_null() : json_boolean(strip));
    json_object_set_new(j, "tokenize_chinese_chars", json_boolean(!p->no_chinese_chars));
    json_object_set_new(j, "model_max_length", json_integer(p->max_length));
    json_object_set_new(j, "tokenizer_class", json_string("BertTokenizer"));
    return j;
}

lattn_status lat_tokenizer_save_json(const char *dir, const char *name, json_t *j)
{
    char *path = lat_path_join(dir, name);
    lattn_status st = path && j ? lat_json_save(path, j) : LATTN_ERR_HOST_MEMORY;
    lat_free(path);
    json_decref(j);
    return st;
}

lattn_status lattn_tokenizer_save(const lattn_tokenizer *t, const char *dir)
{
    LAT_CHECK_ARG(t);
    LAT_CHECK_ARG(dir);
    LAT_TRY(lat_dir_create(dir));
    if (t->kind != LATTN_TOKEN_KIND_WORDPIECE)
        return lat_bpe_save(t, dir);
    char *path = lat_path_join(dir, "vocab.txt");
    lattn_status st = path ? save_vocab(t, path) : LATTN_ERR_HOST_MEMORY;
    lat_free(path);
    LAT_TRY(st);
    LAT_TRY(lat_tokenizer_save_json(dir, "tokenizer_config.json", config_object(t)));
    return lat_tokenizer_save_json(dir, "special_tokens_map.json", special_object(t));
}
