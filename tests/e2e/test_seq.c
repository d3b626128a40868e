// SPDX-License-Identifier: MIT
//
// lattn-seq from text to a model folder: it learns, the same seed and a resumed run give the same bits, and
// what users get wrong gives one sentence.

#include "base/alloc.h"
#include "e2e/command.h"

// A text that a small model learns: what comes next is almost always sure.
static const char *corpus(void)
{
    static char text[8192];
    const char *dir = lt_temp_dir();
    for (size_t n = 0; n + 64 < sizeof text;)
        n += (size_t) snprintf(text + n, sizeof text - n, "the quick brown fox jumps over it. ");
    lt_write_file(lt_path(dir, "text.txt"), text);
    return dir;
}

// Two layers with dropout: everything that a resumed run must bring back.
static const char *train_line(const char *dir, const char *output, const char *extra)
{
    static char line[8192];
    snprintf(line, sizeof line,
        "lattn-seq train --train_file %s/text.txt --output_dir %s/%s --hidden_size 16 "
        "--num_layers 2 --dropout 0.1 --per_device_train_batch_size 8 --seq_len 16 "
        "--learning_rate 0.01 --max_steps 30 --save_steps 15 --eval_steps 15 --seed 7 --quiet %s",
        dir, dir, output, extra);
    return line;
}

static void train(const char *dir, const char *output, const char *extra)
{
    struct lt_command c = lt_command_run(NULL, train_line(dir, output, extra));
    if (c.code != 0)
        lt_fail(__FILE__, __LINE__, "exit code %d: %s", c.code, c.err);
    lt_command_free(&c);
}

static double value_of(const char *line, const char *key)
{
    struct lt_command c = lt_command_run(NULL, line);
    const char *at = strstr(c.out, key);
    EXPECT_EQ(c.code, 0);
    EXPECT(at != NULL);
    double value = at ? atof(at + strlen(key)) : -1;
    lt_command_free(&c);
    return value;
}

// What a command prints on stdout; lent until the next call.
static const char *output_of(const char *format, const char *model, const char *rest)
{
    static char out[8192];
    char line[8192];
    snprintf(line, sizeof line, format, model, rest);
    struct lt_command c = lt_command_run(NULL, line);
    if (c.code != 0)
        lt_fail(__FILE__, __LINE__, "exit code %d: %s", c.code, c.err);
    snprintf(out, sizeof out, "%s", c.out);
    lt_command_free(&c);
    return out;
}

// The state that generate keeps from token to token is the one of training, or nothing would follow.
static void expect_writing(const char *dir, bool draws)
{
    static const char line[] =
        "lattn-seq generate -m %s --prompt 'the quick' --max_new_tokens 40 %s";
    char model[4096], one[8192];
    snprintf(model, sizeof model, "%s/out", dir);
    EXPECT_CONTAINS(output_of(line, model, "--temperature 0 --json"),
        "{\"text\": \"the quick brown fox jumps over it. the quick bro");
    if (!draws)
        return;
    snprintf(one, sizeof one, "%s",
        output_of(line, model, "--temperature 3 --seed 1 --num_return_sequences 2"));
    char *second = strchr(one, '\n') + 1;
    EXPECT(strcmp(one,
               output_of(line, model, "--temperature 3 --seed 1 --num_return_sequences 2")) == 0);
    EXPECT(strncmp(one, second, strlen(second)) != 0);
}

GPU_TEST(seq, a_character_model_learns)
{
    (void) ctx;
    char line[8192];
    const char *dir = corpus();
    train(dir, "out",
        "--hidden_size 32 --num_layers 1 --dropout 0 --max_steps 130 --save_steps 130 "
        "--eval_steps 130");
    const char *const files[] = { "config.json", "model.safetensors", "vocab.json",
        "tokenizer_config.json", "metrics.jsonl", "curves.svg",
        "checkpoint-130/state.safetensors" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (!lt_has_file(lt_path(dir, "out"), files[i]))
            lt_fail(__FILE__, __LINE__, "%s was not written", files[i]);
    snprintf(line, sizeof line, "lattn-seq eval -m %s/out -f %s/text.txt -b 8 --json", dir, dir);
    double bits = value_of(line, "\"bits_per_character\": ");
    EXPECT(bits > 0 && bits < 1);
    char *log = lt_read_file(lt_path(dir, "out/metrics.jsonl"), NULL);
    EXPECT_CONTAINS(log, "\"eval_bits_per_character\":");
    EXPECT(!strstr(log, "eval_accuracy"));
    lat_free(log);
    expect_writing(dir, true);
    snprintf(line, sizeof line, "lattn-seq ngram --train_file %s/text.txt -f %s/text.txt --json",
        dir, dir);
    EXPECT(value_of(line, "\"bits_per_character\": ") < 0.5);
}

// It has 16 places and writes more, in tokens of several bytes.
GPU_TEST(seq, a_transformer_learns)
{
    (void) ctx;
    char line[8192];
    const char *dir = corpus();
    train(dir, "out",
        "--model_type transformer --position_embedding_type rotary --dropout 0 --tokenizer bpe "
        "--vocab_size 262 --hidden_size 32 --num_attention_heads 2 --num_layers 1 --max_steps 130 "
        "--save_steps 130 --eval_steps 130");
    snprintf(line, sizeof line, "lattn-seq eval -m %s/out -f %s/text.txt --json", dir, dir);
    double bits = value_of(line, "\"bits_per_character\": ");
    EXPECT(bits > 0 && bits < 1);
    expect_writing(dir, false);
}

// Update 20 is in the second epoch of 13 batches; without the carried state the bits would differ.
GPU_TEST(seq, a_resumed_run_gives_the_same_bits)
{
    (void) ctx;
    char extra[4096];
    const char *dir = corpus();
    train(dir, "one", "");
    snprintf(extra, sizeof extra, "--resume_from_checkpoint %s/one/checkpoint-15", dir);
    train(dir, "two", extra);
    EXPECT(lt_same_file(lt_path(dir, "one/checkpoint-30/model.safetensors"),
        lt_path(dir, "two/checkpoint-30/model.safetensors")));
    EXPECT(lt_same_file(lt_path(dir, "one/checkpoint-30/optimizer.safetensors"),
        lt_path(dir, "two/checkpoint-30/optimizer.safetensors")));
    EXPECT(lt_same_file(lt_path(dir, "one/checkpoint-30/state.safetensors"),
        lt_path(dir, "two/checkpoint-30/state.safetensors")));
}

// A text that is one line has no beginnings that a model could learn: its samples begin as it does.
GPU_TEST(seq, a_text_without_line_ends_is_sampled_from_its_beginning)
{
    (void) ctx;
    char line[2000];
    const char *dir = corpus();
    snprintf(line, sizeof line,
        "lattn-seq train --train_file %s/text.txt --output_dir %s/shown --hidden_size 16 --seq_len "
        "16 "
        "--max_steps 1 --sample_tokens 5",
        dir, dir);
    struct lt_command c = lt_command_run(NULL, line);
    EXPECT_EQ(c.code, 0);
    EXPECT_CONTAINS(c.err, "    | t");
    lt_command_free(&c);
}

static void expect_train(const char *dir, const char *extra, int code, const char *part)
{
    lt_expect_refusal(NULL, train_line(dir, "refused", extra), code, part);
}

TEST(seq, options_that_do_not_fit)
{
    const char *dir = corpus();
    lt_expect_refusal(NULL, "lattn-seq train", 2, "--train_file is missing");
    lt_expect_refusal(NULL, "lattn-seq generate", 2, "--model_name_or_path is missing");
    lt_expect_refusal(NULL, "lattn-seq generate -m /nowhere", 7, "/nowhere/config.json");
    lt_expect_refusal(NULL, "lattn-seq eval -m x", 2, "--validation_file is missing");
    expect_train(dir, "--model_type perceptron", 2, "perceptron");
    expect_train(dir, "--position_embedding_type rotary", 2, "--model_type transformer");
    expect_train(dir, "--model_name_or_path x", 2, "config.json decides");
    expect_train(dir, "--train_file /nowhere.txt", 7, "/nowhere.txt");
}

GPU_TEST(seq, texts_and_sizes_that_do_not_fit)
{
    (void) ctx;
    char extra[4096];
    const char *dir = corpus();
    lt_write_file(lt_path(dir, "empty.txt"), "");
    snprintf(extra, sizeof extra, "--train_file %s/empty.txt", dir);
    expect_train(dir, extra, 3, "empty.txt: the text is empty");
    lt_write_file(lt_path(dir, "one.txt"), "a");
    snprintf(extra, sizeof extra, "--train_file %s/one.txt --validation_split 0", dir);
    expect_train(dir, extra, 2, "1 tokens, a batch of 8 needs 9");
    snprintf(
        extra, sizeof extra, "lattn-seq ngram --train_file %s/text.txt -f %s/one.txt", dir, dir);
    lt_expect_refusal(NULL, extra, 3, "one.txt: one character");
    expect_train(dir, "--model_type transformer --max_position_embeddings 8", 2,
        "--seq_len 16 is above the model's max_position_embeddings 8");
    expect_train(dir, "--hidden_size 15 --model_type transformer --num_attention_heads 4", 2,
        "num_attention_heads does not divide hidden_size");
}

// ---- GPT-2 ------------------------------------------------------------------------------------------

// Greedily on from the ids, everything computed anew for each token.
static void go_on(lattn_ctx *ctx, lattn_gpt2 *gpt2, int32_t *ids, int64_t n, int64_t end)
{
    static float logits[65536];
    int64_t vocabulary = lattn_gpt2_get_config(gpt2)->vocab_size;
    const lattn_sampling greedy = { 0 };
    lattn_no_grad_begin(ctx);
    for (; n < end; n++) {
        EXPECT_OK(lattn_step_begin(ctx));
        lattn_tensor *x = lattn_from_i32(ctx, 2, (int64_t[]){ 1, n }, ids);
        lattn_tensor *y = lattn_slice(ctx, lattn_gpt2_logits(ctx, gpt2, x, NULL), 1, n - 1, n, 1);
        EXPECT_OK(lattn_tensor_read_f32(y, logits, vocabulary));
        EXPECT_OK(lattn_sample_token(logits, vocabulary, &greedy, NULL, 0, 0, &ids[n]));
        EXPECT_OK(lattn_step_end(ctx));
    }
    lattn_no_grad_end(ctx);
}

// A folder with new weights and the tokenizer of tests/golden/bpe; what it should go on with.
static void make_gpt2(const char *dir, const char *prompt, int n_new, lattn_decoded *text)
{
    lattn_ctx *ctx = NULL;
    lattn_tokenizer *tokenizer = NULL;
    lattn_gpt2 *gpt2 = NULL;
    lattn_encoding e = { 0 };
    int32_t ids[64];
    EXPECT_OK(lattn_tokenizer_load(lt_source_path("golden/bpe"), &tokenizer));
    EXPECT_OK(lattn_ctx_create(NULL, &ctx));
    const lattn_gpt2_config config = { .vocab_size = lattn_tokenizer_size(tokenizer),
        .n_positions = 40,
        .n_embd = 16,
        .n_layer = 2,
        .n_head = 2,
        .initializer_range = 0.5 };
    EXPECT_OK(lattn_gpt2_create(ctx, &config, &gpt2));
    EXPECT_OK(lattn_gpt2_save(gpt2, dir));
    EXPECT_OK(lattn_tokenizer_save(tokenizer, dir));
    EXPECT_OK(lattn_tokenizer_encode(tokenizer, prompt, strlen(prompt), NULL, 0, 0, &e));
    EXPECT(e.n > 0 && e.n + n_new <= 40);
    memcpy(ids, e.ids, (size_t) e.n * sizeof *ids);
    lattn_set_training(ctx, false);
    go_on(ctx, gpt2, ids, e.n, e.n + n_new);
    EXPECT_OK(lattn_tokenizer_decode(tokenizer, ids, e.n + n_new, true, text));
    lattn_encoding_free(&e);
    lattn_gpt2_destroy(&gpt2);
    lattn_tokenizer_destroy(&tokenizer);
    lattn_ctx_destroy(&ctx);
}

TEST(seq, a_gpt2_folder_goes_on_with_a_text)
{
    const char *prompt = "the quick";
    lattn_decoded want = { 0 };
    char folder[300];
    if (!lt_has_device())
        return;
    snprintf(folder, sizeof folder, "%s/gpt2", lt_temp_dir());
    make_gpt2(folder, prompt, 12, &want);
    const char *got = output_of("lattn-seq generate -m %s --temperature 0 --max_new_tokens 12 "
                                "--prompt 'the quick' %s",
        folder, "");
    EXPECT(strlen(got) == want.bytes + 1 && memcmp(got, want.text, want.bytes) == 0);
    EXPECT(strncmp(got, prompt, strlen(prompt)) == 0);
    // From nothing it begins behind the token that ends texts, and beyond its places it goes on.
    EXPECT(strlen(output_of("lattn-seq generate -m %s --max_new_tokens %s", folder, "60")) > 1);
    lattn_decoded_free(&want);
    char line[700];
    snprintf(
        line, sizeof line, "lattn-seq eval -m %s --validation_file %s/config.json", folder, folder);
    lt_expect_refusal(NULL, line, 3, "which lattn-seq generate alone reads");
}
