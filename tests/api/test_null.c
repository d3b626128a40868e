// SPDX-License-Identifier: MIT
//
// NULL where it has no meaning, for every function of the public headers: what has no model here, the
// rest in test_null_models.c, which also looks whether every function is in one of the two.

#include "api/null.h"
#define LATTN_EXPERIMENTAL
#include "lattn/introspect.h"

static lattn_tensor *two(lattn_ctx *ctx)
{
    return lt_tensor(ctx, 1, DIMS(2), (float[]){ 1, 2 });
}

// ---- no device --------------------------------------------------------------------------------

TEST(null, status_device_and_context)
{
    int n;
    EXPECT_STR(lattn_status_name((lattn_status) 1), "UNKNOWN");  // takes no pointer
    EXPECT_STR(lattn_status_text((lattn_status) 1), "unknown status");
    EXPECT(lattn_error(NULL) != NULL && lattn_version() != NULL);
    FINE(lattn_log_set(NULL, NULL));
    EXPECT_STR(lattn_dtype_name(LATTN_DTYPE_COUNT), "unknown");
    NOTHING(lattn_dtype_bytes(LATTN_DTYPE_COUNT));
    NOTHING(lattn_op_name(-1));
    NOTHING(lattn_op_kind(lattn_op_count()));
    NOTHING(lattn_cnn_architecture(-1));

    lattn_device_info info;
    REFUSED(lattn_device_list(&info, 1, NULL));
    REFUSED(lattn_device_list(NULL, 1, &n));
    REFUSED(lattn_ctx_create(NULL, NULL));
    lattn_ctx *ctx = NULL;
    FINE(lattn_ctx_destroy(&ctx));
    FINE(lattn_ctx_destroy(NULL));
}

TEST(null, tokenizers_and_vocabularies)
{
    lattn_tokenizer *t = NULL;
    lattn_vocab *v = NULL;
    lattn_encoding e = { 0 };
    const char *const tokens[] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "a" };
    REFUSED(lattn_tokenizer_load(NULL, &t));
    REFUSED(lattn_tokenizer_load("nowhere", NULL));
    REFUSED(lattn_tokenizer_create(NULL, 1, NULL, &t));
    REFUSED(lattn_tokenizer_create(tokens, 5, NULL, NULL));
    REFUSED(lattn_tokenizer_create((const char *const[]){ "[PAD]", NULL }, 2, NULL, &t));
    REQUIRE(!lattn_tokenizer_create(tokens, 5, NULL, &t));
    REFUSED(lattn_tokenizer_save(NULL, "nowhere"));
    REFUSED(lattn_tokenizer_save(t, NULL));
    NOTHING(lattn_tokenizer_size(NULL));
    NOTHING(lattn_tokenizer_token(NULL, 0));
    EXPECT_EQ(lattn_tokenizer_id(NULL, "a"), -1);
    EXPECT_EQ(lattn_tokenizer_id(t, NULL), -1);
    NOTHING(lattn_tokenizer_special(NULL).cls);
    NOTHING(lattn_tokenizer_max_length(NULL));
    REFUSED(lattn_tokenizer_encode(NULL, "a", 1, NULL, 0, 0, &e));
    REFUSED(lattn_tokenizer_encode(t, NULL, 1, NULL, 0, 0, &e));
    REFUSED(lattn_tokenizer_encode(t, "a", 1, NULL, 0, 0, NULL));
    FINE(lattn_encoding_free(NULL));
    lattn_decoded text = { 0 };
    REFUSED(lattn_tokenizer_decode(NULL, NULL, 0, false, &text));
    REFUSED(lattn_tokenizer_decode(t, NULL, 0, false, NULL));
    EXPECT_STATUS(lattn_tokenizer_decode(t, NULL, 1, false, &text), LATTN_ERR_ARG);
    NOTHING(lattn_tokenizer_kind(NULL));
    FINE(lattn_decoded_free(NULL));
    FINE(lattn_encoding_free(&e));
    lattn_tokenizer_destroy(&t);
    FINE(lattn_tokenizer_destroy(&t));
    FINE(lattn_tokenizer_destroy(NULL));

    REFUSED(lattn_vocab_create(NULL, NULL));
    REQUIRE(!lattn_vocab_create(NULL, &v));
    REFUSED(lattn_vocab_add(NULL, "a", 1));
    REFUSED(lattn_vocab_add(v, NULL, 1));
    REFUSED(lattn_vocab_build(NULL, &t));
    REFUSED(lattn_vocab_build(v, NULL));
    lattn_vocab_destroy(&v);
    FINE(lattn_vocab_destroy(&v));
    FINE(lattn_vocab_destroy(NULL));
}

TEST(null, datasets)
{
    lattn_dataset *d = NULL;
    lattn_rows rows = { 0 };
    const char *const paths[] = { NULL };
    int32_t C = 7, H, W;
    size_t bytes;
    REFUSED(lattn_text_open(NULL, NULL, &d));
    REFUSED(lattn_text_open("nowhere", NULL, NULL));
    REFUSED(lattn_idx_open(NULL, NULL, NULL, &d));
    REFUSED(lattn_idx_open("nowhere", NULL, NULL, NULL));
    REFUSED(lattn_cifar_open(NULL, 1, NULL, &d));
    REFUSED(lattn_cifar_open(paths, 1, NULL, &d));
    REFUSED(lattn_cifar_open(paths, 1, NULL, NULL));
    REFUSED(lattn_numbers_open(NULL, NULL, &d));
    REFUSED(lattn_numbers_open("nowhere", NULL, NULL));
    REFUSED(lattn_folder_open(NULL, NULL, &d));
    REFUSED(lattn_folder_open("nowhere", NULL, NULL));
    REFUSED(lattn_pictures_open(NULL, 1, NULL, &d));
    REFUSED(lattn_pictures_open(paths, 1, NULL, &d));
    REFUSED(lattn_pictures_open(paths, 1, NULL, NULL));
    NOTHING(lattn_dataset_count(NULL));
    EXPECT_EQ(lattn_dataset_label(NULL, 0), -1);
    NOTHING(lattn_dataset_n_labels(NULL));
    NOTHING(lattn_dataset_label_name(NULL, 0));
    NOTHING(lattn_dataset_stats(NULL).hash);
    NOTHING(lattn_dataset_text(NULL, 0, &bytes));
    NOTHING(lattn_dataset_pair(NULL, 0, NULL));
    NOTHING(lattn_dataset_shape(NULL, &C, &H, &W));
    NOTHING(C);
    FINE(lattn_dataset_close(&d));
    FINE(lattn_dataset_close(NULL));
    FINE(lattn_rows_free(&rows));
    FINE(lattn_rows_free(NULL));
    REFUSED(lattn_dataset_split(NULL, (double[]){ 1 }, 1, 0, &rows));
    REFUSED(lattn_dataset_fold(NULL, 2, 0, 0, &rows, &rows));
    REFUSED(lattn_dataset_mean_std(NULL, NULL, (float[4]){ 0 }, (float[4]){ 0 }));
    lattn_image image = { 0 };
    REFUSED(lattn_dataset_image(NULL, 0, &image));
}

TEST(null, sequences)
{
    lattn_dataset *d = NULL;
    lattn_loader *loader = NULL;
    lattn_series_scale scale = { 0 };
    lattn_range part = { 0 };
    int64_t n;
    size_t bytes;
    REFUSED(lattn_stream_open(NULL, &(lattn_stream_params){ 0 }, &d));
    REFUSED(lattn_stream_open("nowhere", NULL, &d));
    REFUSED(lattn_stream_open("nowhere", &(lattn_stream_params){ 0 }, NULL));
    NOTHING(lattn_stream_tokens(NULL, &n));
    NOTHING(n);
    REFUSED(lattn_stream_loader_create(NULL, &loader));
    REFUSED(lattn_stream_loader_create(&(lattn_stream_loader_params){ 0 }, NULL));
    REFUSED(lattn_tags_open(NULL, NULL, &d));
    REFUSED(lattn_tags_open("nowhere", NULL, NULL));
    NOTHING(lattn_tags_count(NULL, 0));
    NOTHING(lattn_tags_word(NULL, 0, 0, &bytes));
    EXPECT_EQ(lattn_tags_label(NULL, 0, 0), -1);
    REFUSED(lattn_tags_loader_create(NULL, &loader));
    REFUSED(lattn_tags_loader_create(&(lattn_loader_params){ 0 }, NULL));
    REFUSED(lattn_pairs_loader_create(NULL, &loader));
    REFUSED(lattn_pairs_loader_create(&(lattn_pairs_loader_params){ 0 }, NULL));
    REFUSED(lattn_series_open(NULL, NULL, &d));
    REFUSED(lattn_series_open("nowhere", NULL, NULL));
    NOTHING(lattn_series_column(NULL, 0));
    NOTHING(lattn_series_n_columns(NULL));
    NOTHING(lattn_series_n_inputs(NULL));
    NOTHING(lattn_series_n_targets(NULL));
    EXPECT_EQ(lattn_series_target(NULL, 0), -1);
    EXPECT(isnan(lattn_series_value(NULL, 0, 0)));
    REFUSED(lattn_series_loader_create(NULL, &loader));
    REFUSED(lattn_series_loader_create(&(lattn_series_loader_params){ 0 }, NULL));
    REFUSED(lattn_series_scale_fit(NULL, NULL, &scale));
    REFUSED(lattn_series_scale_fit(NULL, NULL, NULL));
    REFUSED(lattn_series_scale_load(NULL, &scale));
    REFUSED(lattn_series_scale_load("nowhere", NULL));
    REFUSED(lattn_series_scale_save(NULL, "nowhere"));
    REFUSED(lattn_series_scale_save(&scale, NULL));
    FINE(lattn_series_scale_free(&scale));
    FINE(lattn_series_scale_free(NULL));
    REFUSED(lattn_sequence_split(NULL, (double[]){ 1 }, 1, &part));
}

TEST(null, an_open_dataset)
{
    char path[600];
    snprintf(path, sizeof path, "%s/null.tsv", lt_temp_dir());
    FILE *f = fopen(path, "w");
    REQUIRE(f);
    fputs("label\ttext\nx\ta\ny\tb\n", f);
    fclose(f);
    lattn_dataset *d = NULL;
    lattn_rows rows = { 0 };
    REQUIRE(!lattn_text_open(path, NULL, &d));
    REFUSED(lattn_dataset_split(d, NULL, 1, 0, &rows));
    REFUSED(lattn_dataset_split(d, (double[]){ 1 }, 1, 0, NULL));
    REFUSED(lattn_dataset_fold(d, 2, 0, 0, NULL, &rows));
    REFUSED(lattn_dataset_fold(d, 2, 0, 0, &rows, NULL));
    REFUSED(lattn_dataset_image(d, 0, NULL));
    REFUSED(lattn_dataset_mean_std(d, NULL, NULL, (float[4]){ 0 }));
    REFUSED(lattn_dataset_mean_std(d, NULL, (float[4]){ 0 }, NULL));
    FINE(lattn_dataset_shape(d, NULL, NULL, NULL));

    lattn_loader *l = NULL;
    REFUSED(lattn_loader_create(NULL, &l));
    REFUSED(lattn_loader_create(&(lattn_loader_params){ .dataset = NULL }, &l));
    REFUSED(lattn_loader_create(&(lattn_loader_params){ .dataset = d }, &l));  // no tokenizer
    REFUSED(lattn_loader_create(&(lattn_loader_params){ .dataset = d }, NULL));
    REFUSED(lattn_image_loader_create(NULL, &l));
    REFUSED(lattn_image_loader_create(&(lattn_image_loader_params){ .dataset = NULL }, &l));
    REFUSED(lattn_image_loader_create(&(lattn_image_loader_params){ .dataset = d }, NULL));
    const lattn_batch *batch = NULL;
    NOTHING(lattn_loader_n_batches(NULL));
    REFUSED(lattn_loader_seek(NULL, 0, 0));
    REFUSED(lattn_loader_next(NULL, &batch));
    int64_t epoch = 7, index = 7;
    FINE(lattn_loader_position(NULL, &epoch, &index));
    NOTHING(epoch + index);
    FINE(lattn_loader_destroy(&l));
    FINE(lattn_loader_destroy(NULL));
    lattn_dataset_close(&d);
}

TEST(null, pictures)
{
    lattn_image image = { 0 };
    REFUSED(lattn_image_load(NULL, NULL, &image));
    REFUSED(lattn_image_load("nowhere", NULL, NULL));
    REFUSED(lattn_image_decode(NULL, 4, "x", NULL, &image));
    REFUSED(lattn_image_decode("abcd", 4, NULL, NULL, &image));
    REFUSED(lattn_image_decode("abcd", 4, "x", NULL, NULL));
    REFUSED(lattn_image_save_png(NULL, &image));
    REFUSED(lattn_image_save_png("nowhere", NULL));
    FINE(lattn_image_free(&image));
    FINE(lattn_image_free(NULL));
    lattn_image out, one = { 0 };
    NOTHING(lattn_dataset_has_pictures(NULL));
    REFUSED(lattn_image_fit(NULL, 8, &out));
    REFUSED(lattn_image_fit(&one, 8, NULL));
    REFUSED(lattn_image_from_f32(NULL, 1, 2, 2, 0, 1, &out));
    REFUSED(lattn_image_from_f32((float[]){ 0 }, 1, 1, 1, 0, 1, NULL));
    REFUSED(lattn_image_grid(&one, 1, NULL, NULL));
    EXPECT_STATUS(lattn_image_grid(NULL, 1, NULL, &out), LATTN_ERR_ARG);
    REFUSED(lattn_image_save_sheet(NULL, &one, NULL, 1, NULL));
    EXPECT_STATUS(lattn_image_save_sheet("nowhere", NULL, NULL, 1, NULL), LATTN_ERR_ARG);
}

TEST(null, files)
{
    lattn_safetensors *file = NULL;
    lattn_safetensors_entry entry;
    lattn_tensor *none = NULL;
    float value = 1;
    const int64_t one = 1;
    char path[600];
    REFUSED(lattn_safetensors_open(NULL, NULL, &file));
    REFUSED(lattn_safetensors_open("nowhere", NULL, NULL));
    lattn_named_array array = { "x", LATTN_DTYPE_F32, 1, &one, &value };
    snprintf(path, sizeof path, "%s/null.safetensors", lt_temp_dir());
    REFUSED(lattn_safetensors_save_arrays(NULL, &array, 1));
    REFUSED(lattn_safetensors_save_arrays(path, NULL, 1));
    array.dims = NULL;
    REFUSED(lattn_safetensors_save_arrays(path, &array, 1));
    array.dims = &one;
    array.data = NULL;
    REFUSED(lattn_safetensors_save_arrays(path, &array, 1));
    array.data = &value;
    REFUSED(lattn_safetensors_save(NULL, &(lattn_named_tensor){ "x", none }, 1));
    REFUSED(lattn_safetensors_save(path, NULL, 1));
    EXPECT_STATUS(
        lattn_safetensors_save(path, &(lattn_named_tensor){ "x", none }, 1), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "no tensor for the name \"x\"");
    REQUIRE(!lattn_safetensors_save_arrays(path, &array, 1));
    REQUIRE(!lattn_safetensors_open(path, NULL, &file));
    NOTHING(lattn_safetensors_count(NULL));
    REFUSED(lattn_safetensors_get(NULL, 0, &entry));
    REFUSED(lattn_safetensors_get(file, 0, NULL));
    EXPECT_EQ(lattn_safetensors_find(NULL, "x"), -1);
    EXPECT_EQ(lattn_safetensors_find(file, NULL), -1);
    NOTHING(lattn_safetensors_metadata(NULL, "x"));
    NOTHING(lattn_safetensors_metadata(file, NULL));
    REFUSED(lattn_safetensors_read(NULL, 0, LATTN_DTYPE_F32, &value, sizeof value));
    REFUSED(lattn_safetensors_read(file, 0, LATTN_DTYPE_F32, NULL, sizeof value));
    REFUSED(lattn_safetensors_read_tensor(NULL, 0, none));
    REFUSED(lattn_safetensors_read_tensor(file, 0, none));
    lattn_safetensors_close(&file);
    FINE(lattn_safetensors_close(&file));
    FINE(lattn_safetensors_close(NULL));
}

TEST(null, checkpoints)
{
    lattn_checkpoint *c = NULL;
    int64_t step;
    REFUSED(lattn_checkpoint_begin(NULL, 0, &c));
    REFUSED(lattn_checkpoint_begin("nowhere", 0, NULL));
    NOTHING(lattn_checkpoint_dir(NULL));
    REFUSED(lattn_checkpoint_commit(&c));
    REFUSED(lattn_checkpoint_commit(NULL));
    FINE(lattn_checkpoint_abort(&c));
    FINE(lattn_checkpoint_abort(NULL));
    REFUSED(lattn_checkpoint_verify(NULL));
    REFUSED(lattn_checkpoint_find(NULL, &step, NULL, 0));
    REFUSED(lattn_checkpoint_find("nowhere", NULL, NULL, 0));
    REFUSED(lattn_checkpoint_clean(NULL));
    REFUSED(lattn_checkpoint_remove_after(NULL, 0));
    REFUSED(lattn_checkpoint_prune(NULL, 1, -1));
}

// ---- tensors and differentiation --------------------------------------------------------------

GPU_TEST(null, tensors)
{
    lattn_tensor *t = two(ctx), *none = NULL;
    float v[2];
    double value;
    REFUSED(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, NULL, &none));
    REFUSED(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, DIMS(1), NULL));
    NOTHING(lattn_tensor_retain(NULL));
    FINE(lattn_tensor_release(&none));
    FINE(lattn_tensor_release(NULL));
    NOTHING(lattn_tensor_dtype(NULL));
    NOTHING(lattn_tensor_rank(NULL));
    NOTHING(lattn_tensor_dim(NULL, 0));
    NOTHING(lattn_tensor_numel(NULL));
    NOTHING(lattn_tensor_is_contiguous(NULL));
    REFUSED(lattn_tensor_write(NULL, v, sizeof v));
    REFUSED(lattn_tensor_write(t, NULL, sizeof v));
    REFUSED(lattn_tensor_write_f32(NULL, v, 2));
    REFUSED(lattn_tensor_write_f32(t, NULL, 2));
    REFUSED(lattn_tensor_read(NULL, v, sizeof v));
    REFUSED(lattn_tensor_read(t, NULL, sizeof v));
    REFUSED(lattn_tensor_read_f32(NULL, v, 2));
    REFUSED(lattn_tensor_read_f32(t, NULL, 2));
    REFUSED(lattn_tensor_item(ctx, NULL, &value));
    REFUSED(lattn_tensor_item(ctx, lattn_sum(ctx, t, NULL, 0, false), NULL));
    REFUSED(lattn_tensor_print(NULL, "t", t));
    REFUSED(lattn_tensor_print(stderr, "t", NULL));
    KEPT(lattn_full(ctx, LATTN_DTYPE_F32, 1, NULL, 0));
    KEPT(lattn_zeros(ctx, LATTN_DTYPE_F32, 1, NULL));
    KEPT(lattn_from_f32(ctx, LATTN_DTYPE_F32, 1, NULL, v));
    KEPT(lattn_from_f32(ctx, LATTN_DTYPE_F32, 1, DIMS(2), NULL));
    KEPT(lattn_from_i32(ctx, 1, NULL, (int32_t[]){ 1 }));
    KEPT(lattn_from_i32(ctx, 1, DIMS(2), NULL));
    EXPECT(lattn_from_f32(ctx, LATTN_DTYPE_F32, 1, DIMS(0), NULL) != NULL);  // nothing to copy
    REFUSED(lattn_fill_(NULL, 0));
    REFUSED(lattn_copy_(NULL, t));
    REFUSED(lattn_copy_(t, NULL));
    REFUSED(lattn_add_(NULL, t));
    REFUSED(lattn_add_(t, NULL));
    REFUSED(lattn_uniform_(NULL, 0, 1));
    REFUSED(lattn_normal_(NULL, 0, 1));
    REFUSED(lattn_trunc_normal_(NULL, 0, 1, -1, 1));
    REFUSED(lattn_bernoulli_(NULL, 0.5f));
}

static lattn_status no_forward(
    lattn_ctx *ctx, void *user, lattn_tensor *const *in, lattn_tensor *out)
{
    (void) ctx, (void) user, (void) in, (void) out;
    return LATTN_OK;
}

GPU_TEST(null, autograd)
{
    lattn_tensor *t = two(ctx), *grad;
    REFUSED(lattn_tensor_set_requires_grad(NULL, true));
    NOTHING(lattn_tensor_requires_grad(NULL));
    NOTHING(lattn_tensor_grad(NULL));
    FINE(lattn_tensor_zero_grad(NULL));
    NOTHING(lattn_detach(ctx, NULL));
    REFUSED(lattn_backward(ctx, NULL, NULL));
    REFUSED(lattn_grad(ctx, NULL, NULL, 1, &t, 1, false, &grad));
    REFUSED(lattn_grad(ctx, &(lattn_tensor *){ NULL }, NULL, 1, NULL, 0, false, &grad));
    REFUSED(lattn_grad(ctx, &t, NULL, 1, NULL, 1, false, &grad));
    REFUSED(lattn_grad(ctx, &t, NULL, 1, &t, 1, false, NULL));

    lattn_shader_code *code = NULL;
    REFUSED(lattn_shader_from_spirv(ctx, "x", NULL, 8, &code));
    REFUSED(lattn_shader_from_spirv(ctx, "x", (uint32_t[8]){ 0 }, 8, NULL));
    REFUSED(lattn_shader_from_glsl(ctx, "x", NULL, &code));
    REFUSED(lattn_shader_from_glsl(ctx, "x", "void main() {}", NULL));
    FINE(lattn_shader_destroy(&code));
    FINE(lattn_shader_destroy(NULL));
    REFUSED(lattn_custom_run(ctx, NULL));
    REFUSED(lattn_custom_run(ctx, &(lattn_custom_dispatch){ .n_write = 1, .write = { t } }));
    const lattn_custom_op op = { .name = "x", .n_inputs = 1, .forward = no_forward };
    KEPT(lattn_custom_apply(ctx, NULL, &t, 1, DIMS(2)));
    KEPT(lattn_custom_apply(ctx, &op, NULL, 1, DIMS(2)));
    KEPT(lattn_custom_apply(ctx, &op, &t, 1, NULL));
    NOTHING(lattn_custom_apply(ctx, &op, &(lattn_tensor *){ NULL }, 1, DIMS(2)));
}

GPU_TEST(null, graphs_and_strategies)
{
    lattn_graph *graph = NULL;
    char data[4];
    int n;
    lattn_graph_params params = { 0 };
    REFUSED(lattn_graph_create(ctx, NULL, &graph));
    REFUSED(lattn_graph_create(ctx, &params, NULL));
    REFUSED(lattn_graph_create(ctx, &params, &graph));  // fn
    params.fn = (lattn_graph_fn) abort;
    params.n_inputs = 1;
    REFUSED(lattn_graph_create(ctx, &params, &graph));
    REFUSED(lattn_graph_write(NULL, 0, data, sizeof data));
    REFUSED(lattn_graph_run(NULL));
    REFUSED(lattn_graph_read(NULL, 0, 0, data, sizeof data));
    FINE(lattn_graph_destroy(&graph));
    FINE(lattn_graph_destroy(NULL));
    REFUSED(lattn_op_strategies(ctx, NULL, LATTN_DTYPE_F32, NULL, NULL, 0, &n));
    REFUSED(lattn_op_strategies(ctx, "matmul", LATTN_DTYPE_F32, NULL, NULL, 0, NULL));
    REFUSED(lattn_op_strategies(ctx, "matmul", LATTN_DTYPE_F32, NULL, NULL, 1, &n));
    EXPECT_OK(lattn_strategy_force(ctx, NULL));  // no preference
    REFUSED(lattn_strategy_disable(ctx, NULL, true));
    FINE(lattn_strategy_last(ctx, NULL));
    EXPECT_OK(lattn_guard_check(ctx));
}

GPU_TEST(null, recompute)
{
    KEPT(lattn_recompute(ctx, NULL, NULL, 0, NULL, 0));
    FINE(lattn_module_set_recompute(NULL, true));
}

GPU_TEST(null, tuning)
{
    FINE(lattn_set_tuning(ctx, false));
    EXPECT(!lattn_is_tuning(ctx));
    EXPECT(!lattn_is_tuning(NULL));
    EXPECT_EQ(lattn_tuning_count(NULL), 0);
    REFUSED(lattn_tuning_get(ctx, 0, NULL));
    REFUSED(lattn_tuning_load(ctx, NULL, NULL));
    EXPECT_OK(lattn_tuning_save(ctx, NULL));  // nothing to write
}

static lattn_status one_fill(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    outputs[0] = lattn_scale(ctx, user, 2, 0);
    return LATTN_OK;
}

GPU_TEST(null, data_of_a_graph)
{
    lattn_tensor *x = NULL;
    lattn_graph *graph = NULL;
    EXPECT_OK(lattn_tensor_create(ctx, LATTN_DTYPE_F32, 1, DIMS(2), &x));
    EXPECT_OK(lattn_fill_(x, 1));
    lattn_graph_params params = { one_fill, x, &x, 1, 1 };
    EXPECT_OK(lattn_graph_create(ctx, &params, &graph));
    if (graph) {
        REFUSED(lattn_graph_write(graph, 0, NULL, 8));
        EXPECT_OK(lattn_graph_run(graph));
        REFUSED(lattn_graph_read(graph, 0, 0, NULL, 8));
    }
    lattn_graph_destroy(&graph);
    lattn_tensor_release(&x);
}

// The context itself may not be NULL (lattn.h): what takes nothing else is here for completeness.
GPU_TEST(null, functions_of_the_context_alone)
{
    EXPECT(lattn_ctx_device(ctx) != NULL);
    EXPECT_OK(lattn_ctx_status(ctx));
    EXPECT_OK(lattn_step_begin(ctx));
    EXPECT_OK(lattn_step_end(ctx));
    EXPECT_OK(lattn_flush(ctx));
    EXPECT_OK(lattn_sync(ctx));
    lattn_rng_set(ctx, lattn_rng_get(ctx));
    EXPECT(lattn_ctx_stats(ctx).host_allocations > 0);
    lattn_no_grad_begin(ctx);
    EXPECT(!lattn_grad_enabled(ctx));
    lattn_no_grad_end(ctx);
    lattn_set_training(ctx, lattn_is_training(ctx));
}

// ---- ops --------------------------------------------------------------------------------------

// A tensor that an earlier call could not make passes through.
GPU_TEST(null, ops_of_one_tensor)
{
    lattn_tensor *(*const plain[])(lattn_ctx *, lattn_tensor *) = { lattn_contiguous, lattn_exp,
        lattn_log, lattn_sqrt, lattn_abs, lattn_sign, lattn_tanh, lattn_sigmoid, lattn_relu,
        lattn_gelu, lattn_gelu_tanh, lattn_silu, lattn_selu, lattn_hardsigmoid, lattn_hardswish,
        lattn_mish };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        NOTHING(plain[i](ctx, NULL));
    lattn_tensor *(*const reduce[])(lattn_ctx *, lattn_tensor *, const int *, int,
        bool) = { lattn_sum, lattn_mean, lattn_max, lattn_norm };
    lattn_tensor *t = two(ctx);
    for (size_t i = 0; i < sizeof reduce / sizeof *reduce; i++) {
        NOTHING(reduce[i](ctx, NULL, NULL, 0, false));
        EXPECT(reduce[i](ctx, t, NULL, 0, false) != NULL);  // along all dimensions
    }
    NOTHING(lattn_reshape(ctx, NULL, 1, DIMS(2)));
    KEPT(lattn_reshape(ctx, t, 1, NULL));
    NOTHING(lattn_transpose(ctx, NULL, 0, 1));
    NOTHING(lattn_permute(ctx, NULL, (int[]){ 0 }));
    KEPT(lattn_permute(ctx, t, NULL));
    NOTHING(lattn_slice(ctx, NULL, 0, 0, 1, 1));
    NOTHING(lattn_select(ctx, NULL, 0, 0));
    NOTHING(lattn_expand(ctx, NULL, 1, DIMS(2)));
    KEPT(lattn_expand(ctx, t, 1, NULL));
    NOTHING(lattn_cast(ctx, NULL, LATTN_DTYPE_F32));
    NOTHING(lattn_scale(ctx, NULL, 1, 0));
    NOTHING(lattn_pow_scalar(ctx, NULL, 2));
    NOTHING(lattn_clamp(ctx, NULL, 0, 1));
    NOTHING(lattn_dropout(ctx, NULL, 0.5f));
    NOTHING(lattn_dropout2d(ctx, NULL, 0.5f));
    NOTHING(lattn_drop_path(ctx, NULL, 0.5f));
    NOTHING(lattn_argmax(ctx, NULL, 0, false));
    NOTHING(lattn_softmax(ctx, NULL, 0));
    NOTHING(lattn_log_softmax(ctx, NULL, 0));
    NOTHING(lattn_leaky_relu(ctx, NULL, 0.1f));
    NOTHING(lattn_elu(ctx, NULL, 1));
    NOTHING(lattn_softplus(ctx, NULL, 1, 20));
    NOTHING(lattn_threshold(ctx, NULL, 0, 0));
    NOTHING(lattn_maxout(ctx, NULL, 2));
    NOTHING(lattn_pixel_shuffle(ctx, NULL, 2));
    NOTHING(lattn_adaptive_avg_pool2d(ctx, NULL, 1, 1));
    EXPECT_OK(lattn_ctx_status(ctx));
}

GPU_TEST(null, ops_of_several_tensors)
{
    lattn_tensor *(*const binary[])(lattn_ctx *, lattn_tensor *, lattn_tensor *) = { lattn_add,
        lattn_sub, lattn_mul, lattn_div, lattn_pow, lattn_matmul, lattn_prelu };
    lattn_tensor *t = two(ctx);
    for (size_t i = 0; i < sizeof binary / sizeof *binary; i++) {
        NOTHING(binary[i](ctx, NULL, t));
        NOTHING(binary[i](ctx, t, NULL));
    }
    KEPT(lattn_concat(ctx, NULL, 2, 0));
    NOTHING(lattn_concat(ctx, (lattn_tensor *[]){ t, NULL }, 2, 0));
    NOTHING(lattn_gather(ctx, NULL, 0, t));
    NOTHING(lattn_gather(ctx, t, 0, NULL));
    NOTHING(lattn_where(ctx, NULL, t, t));
    NOTHING(lattn_where(ctx, t, NULL, t));
    NOTHING(lattn_where(ctx, t, t, NULL));
    NOTHING(lattn_linear(ctx, NULL, t, NULL, LATTN_EPILOGUE_NONE));
    NOTHING(lattn_linear(ctx, t, NULL, NULL, LATTN_EPILOGUE_NONE));
    NOTHING(lattn_linear_add(ctx, NULL, t, NULL, t));
    NOTHING(lattn_linear_add(ctx, t, NULL, NULL, t));
    NOTHING(lattn_linear_add(ctx, t, t, NULL, NULL));
    const lattn_recurrent_args none = { 0 };
    NOTHING(lattn_rnn_layer(ctx, NULL, &none, NULL));
    NOTHING(lattn_lstm_layer(ctx, NULL, &none, NULL, NULL));
    NOTHING(lattn_gru_layer(ctx, t, &none, NULL));
    KEPT(lattn_rnn_layer(ctx, t, NULL, NULL));
    KEPT(lattn_lstm_layer(ctx, t, NULL, NULL, NULL));
    KEPT(lattn_gru_layer(ctx, t, NULL, NULL));
    KEPT(lattn_sequence_lengths(ctx, NULL, 1, 1));
    NOTHING(lattn_conv3d(ctx, NULL, t, NULL, NULL));
    NOTHING(lattn_conv3d(ctx, t, NULL, NULL, NULL));
    NOTHING(lattn_conv2d(ctx, NULL, t, NULL, NULL));
    NOTHING(lattn_conv2d(ctx, t, NULL, NULL, NULL));
    NOTHING(lattn_conv1d(ctx, NULL, t, NULL, NULL));
    NOTHING(lattn_conv1d(ctx, t, NULL, NULL, NULL));
    NOTHING(lattn_conv_transpose2d(ctx, NULL, t, NULL, NULL));
    NOTHING(lattn_conv_transpose2d(ctx, t, NULL, NULL, NULL));
    NOTHING(lattn_embedding(ctx, NULL, t, -1));
    NOTHING(lattn_embedding(ctx, t, NULL, -1));
    NOTHING(lattn_attention(ctx, NULL, t, t, NULL));
    NOTHING(lattn_attention(ctx, t, NULL, t, NULL));
    NOTHING(lattn_attention(ctx, t, t, NULL, NULL));
    NOTHING(lattn_fourier_features(ctx, NULL, 2));
    NOTHING(lattn_relative_scores(ctx, NULL, t, t, NULL));
    NOTHING(lattn_relative_scores(ctx, t, NULL, t, NULL));
    NOTHING(lattn_relative_scores(ctx, t, t, NULL, NULL));
    NOTHING(lattn_rotary(ctx, NULL, t, NULL, false));
    NOTHING(lattn_rotary(ctx, t, NULL, NULL, false));
    KEPT(lattn_rotary_table(ctx, NULL));
    EXPECT(lattn_relative_buckets(ctx, 2, 2, NULL) != NULL);  // the defaults
    EXPECT(lattn_sinusoidal_positions(ctx, 2, 2) != NULL);
    lattn_tensor *weights = t;
    NOTHING(lattn_attention_unfused(ctx, NULL, t, t, NULL, NULL));
    NOTHING(lattn_attention_unfused(ctx, t, t, NULL, NULL, &weights));
    NOTHING(weights);
    EXPECT_OK(lattn_ctx_status(ctx));
}

GPU_TEST(null, losses_norms_and_pools)
{
    lattn_tensor *t = two(ctx);
    const lattn_reduction mean = LATTN_REDUCTION_MEAN;
    NOTHING(lattn_cross_entropy(ctx, NULL, t, NULL));
    NOTHING(lattn_cross_entropy(ctx, t, NULL, NULL));
    NOTHING(lattn_linear_cross_entropy(ctx, NULL, t, t, NULL));
    NOTHING(lattn_linear_cross_entropy(ctx, t, NULL, t, NULL));
    NOTHING(lattn_linear_cross_entropy(ctx, t, t, NULL, NULL));
    NOTHING(lattn_mse_loss(ctx, NULL, t, mean));
    NOTHING(lattn_mse_loss(ctx, t, NULL, mean));
    NOTHING(lattn_bce_with_logits(ctx, NULL, t, mean));
    NOTHING(lattn_bce_with_logits(ctx, t, NULL, mean));
    NOTHING(lattn_cross_entropy_soft(ctx, NULL, t, mean));
    NOTHING(lattn_cross_entropy_soft(ctx, t, NULL, mean));
    NOTHING(lattn_hinge_loss(ctx, NULL, t, 1, mean));
    NOTHING(lattn_hinge_loss(ctx, t, NULL, 1, mean));
    NOTHING(lattn_focal_loss(ctx, NULL, t, -1, 2, mean));
    NOTHING(lattn_focal_loss(ctx, t, NULL, -1, 2, mean));
    NOTHING(lattn_layer_norm(ctx, NULL, t, t, 0));
    NOTHING(lattn_dropout_add_layer_norm(ctx, NULL, t, t, t, 0, 0));
    NOTHING(lattn_dropout_add_layer_norm(ctx, t, NULL, t, t, 0, 0));
    NOTHING(lattn_embed_layer_norm(ctx, NULL, t, &(lattn_embed_layer_norm_args){ 0 }));
    NOTHING(lattn_embed_layer_norm(ctx, t, NULL, &(lattn_embed_layer_norm_args){ 0 }));
    KEPT(lattn_embed_layer_norm(ctx, t, t, NULL));
    NOTHING(lattn_batch_norm(ctx, NULL, t, t, NULL));
    NOTHING(lattn_rms_norm(ctx, NULL, t, 0));
    NOTHING(lattn_group_norm(ctx, NULL, 1, t, t, 0));
    NOTHING(lattn_instance_norm(ctx, NULL, t, t, 0));
    NOTHING(lattn_local_response_norm(ctx, NULL, &(lattn_local_response_args){ 0 }));
    NOTHING(lattn_max_pool2d(ctx, NULL, &(lattn_pool2d_args){ 0 }));
    NOTHING(lattn_avg_pool2d(ctx, NULL, &(lattn_pool2d_args){ 0 }));
    NOTHING(lattn_pad2d(ctx, NULL, &(lattn_pad2d_args){ 0 }));
    NOTHING(lattn_upsample2d(ctx, NULL, &(lattn_upsample2d_args){ 0 }));
    EXPECT_OK(lattn_ctx_status(ctx));
    lattn_tensor *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 4, DIMS(1, 1, 2, 2));
    KEPT(lattn_local_response_norm(ctx, x, NULL));
    KEPT(lattn_max_pool2d(ctx, x, NULL));
    KEPT(lattn_avg_pool2d(ctx, x, NULL));
    KEPT(lattn_pad2d(ctx, x, NULL));
    KEPT(lattn_upsample2d(ctx, x, NULL));
}
