// SPDX-License-Identifier: MIT
//
// config.json of BERT: what is read, what is refused and with which words. Files are made by changing one
// field of a good one.

#include "base/file.h"
#include "harness/harness.h"

static const char *const fields[][2] = {
    { "model_type", "\"bert\"" },
    { "vocab_size", "100" },
    { "hidden_size", "24" },
    { "num_hidden_layers", "2" },
    { "num_attention_heads", "3" },
    { "intermediate_size", "40" },
    { "max_position_embeddings", "32" },
    { "type_vocab_size", "2" },
    { "pad_token_id", "0" },
    { "hidden_act", "\"gelu\"" },
    { "initializer_range", "0.02" },
    { "layer_norm_eps", "1e-12" },
    { "hidden_dropout_prob", "0.1" },
    { "attention_probs_dropout_prob", "0.1" },
    { "classifier_dropout", "null" },
    { "id2label", "{ \"0\": \"no\", \"1\": \"yes\" }" },
};

static char path[400];

// Writes the good file with field set to value (NULL = left out); a new field is added.
static void write_config(const char *field, const char *value)
{
    char text[4096] = "{";
    size_t n = 1;
    bool met = false;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        bool this_one = strcmp(fields[i][0], field) == 0;
        met = met || this_one;
        const char *v = this_one ? value : fields[i][1];
        if (v)
            n += (size_t) snprintf(
                text + n, sizeof text - n, "%s \"%s\": %s", n > 1 ? "," : "", fields[i][0], v);
    }
    if (!met && value)
        n += (size_t) snprintf(text + n, sizeof text - n, ", \"%s\": %s", field, value);
    n += (size_t) snprintf(text + n, sizeof text - n, " }");
    snprintf(path, sizeof path, "%s/config.json", lt_temp_dir());
    EXPECT_OK(lat_file_replace(path, text, n));
}

static void expect_refused(
    const char *field, const char *value, lattn_status expected, const char *part)
{
    lattn_bert_config c;
    write_config(field, value);
    lattn_status st = lattn_bert_config_load(path, &c);
    if (st != expected || !strstr(lattn_error(NULL), part) ||
        !strstr(lattn_error(NULL), "config.json"))
        lt_fail(__FILE__, __LINE__, "%s: %s gave %s, \"%s\"; expected %s, \"%s\"", field, value,
            lattn_status_name(st), lattn_error(NULL), lattn_status_name(expected), part);
    EXPECT(c.labels == NULL);
    lattn_bert_config_free(&c);
}

static char heard[2048];

static void hear(void *user, lattn_log_level level, const char *message)
{
    (void) user;
    if (level == LATTN_LOG_INFO)
        snprintf(heard, sizeof heard, "%s", message);
}

TEST(bert_config, a_good_file_is_read)
{
    lattn_bert_config c;
    write_config("nothing", NULL);
    REQUIRE(!lattn_bert_config_load(path, &c));
    EXPECT(c.vocab_size == 100 && c.hidden_size == 24 && c.num_hidden_layers == 2);
    EXPECT(c.num_attention_heads == 3 && c.intermediate_size == 40 && c.num_labels == 2);
    EXPECT(c.max_position_embeddings == 32 && c.type_vocab_size == 2 && c.pad_token_id == 0);
    EXPECT_NEAR(c.classifier_dropout, 0.1, 1e-12);
    EXPECT_STR(c.labels[1], "yes");
    lattn_bert_config_free(&c);
}

// C1 of the list of bad input.
TEST(bert_config, missing_fields_are_bert_base_and_told)
{
    lattn_bert_config c;
    snprintf(path, sizeof path, "%s/config.json", lt_temp_dir());
    EXPECT_OK(lat_file_replace(path, "{ \"hidden_size\": 24 }", 21));
    heard[0] = 0;
    lattn_log_set(hear, NULL);
    EXPECT_OK(lattn_bert_config_load(path, &c));
    lattn_log_set(NULL, NULL);
    EXPECT(c.hidden_size == 24 && c.vocab_size == 30522 && c.num_hidden_layers == 12);
    EXPECT(c.num_attention_heads == 12 && c.intermediate_size == 3072 && c.num_labels == 2);
    EXPECT_NEAR(c.layer_norm_eps, 1e-12, 0);
    EXPECT_CONTAINS(heard, "vocab_size 30522");
    EXPECT_CONTAINS(heard, "layer_norm_eps 1e-12");
    EXPECT(!strstr(heard, "hidden_size"));
    lattn_bert_config_free(&c);
}

// C2
TEST(bert_config, sizes_out_of_range_and_of_other_types_are_refused)
{
    static const char *const sizes[] = { "vocab_size", "hidden_size", "num_hidden_layers",
        "num_attention_heads", "intermediate_size", "max_position_embeddings", "type_vocab_size",
        "pad_token_id" };
    static const char *const values[] = { "-1", "1000000000", "2147483648", "1.5", "\"12\"", "null",
        "true" };
    for (size_t f = 0; f < sizeof sizes / sizeof *sizes; f++) {
        for (size_t v = 0; v < sizeof values / sizeof *values; v++)
            expect_refused(sizes[f], values[v], LATTN_ERR_FORMAT, sizes[f]);
        if (strcmp(sizes[f], "pad_token_id") != 0)
            expect_refused(sizes[f], "0", LATTN_ERR_FORMAT, sizes[f]);
    }
    expect_refused("num_attention_heads", "1025", LATTN_ERR_FORMAT, "1 to 1024");
    expect_refused("hidden_size", "65537", LATTN_ERR_FORMAT, "1 to 65536");
}

// C3
TEST(bert_config, heads_must_divide_the_width)
{
    expect_refused("num_attention_heads", "5", LATTN_ERR_FORMAT,
        "hidden_size 24 is not a multiple of num_attention_heads 5");
    expect_refused("hidden_size", "771", LATTN_ERR_FORMAT, "head sizes from 1 to 256");
}

// C4: sizes that the weights do not have.
GPU_TEST(bert_config, sizes_must_be_those_of_the_weights)
{
    static const char *const others[][3] = {
        { "vocab_size", "101", "word_embeddings" },
        { "hidden_size", "27", "[100, 27]" },
        { "intermediate_size", "41", "[41, 24]" },
        { "num_hidden_layers", "3", "encoder.layer.2" },
        { "max_position_embeddings", "33", "position_embeddings" },
    };
    lattn_bert_config c;
    lattn_bert *bert = NULL;
    write_config("nothing", NULL);
    REQUIRE(!lattn_bert_config_load(path, &c));
    EXPECT_OK(lattn_bert_create(ctx, &c, &bert));
    EXPECT_OK(lattn_bert_save(bert, lt_temp_dir()));
    lattn_bert_config_free(&c);
    lattn_bert_destroy(&bert);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        write_config(others[i][0], others[i][1]);
        lattn_status st = lattn_bert_load(ctx, lt_temp_dir(), 0, NULL, NULL, &bert);
        EXPECT(st == LATTN_ERR_SHAPE || st == LATTN_ERR_FORMAT);
        EXPECT_CONTAINS(lattn_error(NULL), "model.safetensors");
        EXPECT_CONTAINS(lattn_error(NULL), others[i][2]);
        EXPECT(bert == NULL);
    }
}

// C5
TEST(bert_config, other_architectures_are_refused_with_what_there_is)
{
    const lattn_status unsupported = LATTN_ERR_UNSUPPORTED;
    expect_refused("model_type", "\"roberta\"", unsupported, "supported is bert");
    expect_refused("hidden_act", "\"silu\"", unsupported, "gelu_new");
    expect_refused("position_embedding_type", "\"rotary\"", unsupported,
        "supported are absolute, relative_key and relative_key_query");
    expect_refused("is_decoder", "true", unsupported, "is_decoder");
    expect_refused("add_cross_attention", "true", unsupported, "add_cross_attention");
    expect_refused("problem_type", "\"regression\"", unsupported, "single_label_classification");
    expect_refused("problem_type", "\"multi_label_classification\"", unsupported, "multi_label");
    lattn_bert_config c;
    write_config("problem_type", "null");
    EXPECT_OK(lattn_bert_config_load(path, &c));
    lattn_bert_config_free(&c);
    write_config("is_decoder", "false");
    EXPECT_OK(lattn_bert_config_load(path, &c));
    lattn_bert_config_free(&c);
}

// C6
TEST(bert_config, ids_eps_and_probabilities_out_of_range_are_refused)
{
    expect_refused("pad_token_id", "100", LATTN_ERR_FORMAT, "0 to 99");
    expect_refused("layer_norm_eps", "0", LATTN_ERR_FORMAT, "layer_norm_eps");
    expect_refused("layer_norm_eps", "-1e-12", LATTN_ERR_FORMAT, "layer_norm_eps");
    expect_refused("layer_norm_eps", "NaN", LATTN_ERR_FORMAT, "");
    expect_refused("initializer_range", "0", LATTN_ERR_FORMAT, "initializer_range");
    static const char *const rates[] = { "hidden_dropout_prob", "attention_probs_dropout_prob",
        "classifier_dropout" };
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        expect_refused(rates[i], "1", LATTN_ERR_FORMAT, rates[i]);
        expect_refused(rates[i], "-0.1", LATTN_ERR_FORMAT, rates[i]);
        expect_refused(rates[i], "\"0.1\"", LATTN_ERR_FORMAT, rates[i]);
    }
}

TEST(bert_config, labels_are_complete_and_different)
{
    expect_refused("id2label", "{ \"0\": \"a\", \"2\": \"b\" }", LATTN_ERR_FORMAT, "1");
    expect_refused("id2label", "{ \"0\": \"a\", \"1\": \"a\" }", LATTN_ERR_FORMAT, "\"a\" twice");
    expect_refused("id2label", "{}", LATTN_ERR_FORMAT, "id2label");
    expect_refused("id2label", "[ \"a\" ]", LATTN_ERR_FORMAT, "id2label");
    expect_refused("id2label", "{ \"0\": 1 }", LATTN_ERR_FORMAT, "id2label");
}
