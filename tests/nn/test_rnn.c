// SPDX-License-Identifier: MIT

#include "harness/harness.h"

static void expect_shape(lattn_tensor *t, int rank, const int64_t *dims)
{
    REQUIRE(t != NULL);
    EXPECT_EQ(lattn_tensor_rank(t), rank);
    for (int d = 0; d < rank && d < lattn_tensor_rank(t); d++)
        EXPECT_EQ(lattn_tensor_dim(t, d), dims[d]);
}
#define EXPECT_SHAPE(t, ...)                                                                       \
    expect_shape(t, (int) (sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),                  \
        (int64_t[]){ __VA_ARGS__ })

static lattn_tensor *noise(lattn_ctx *ctx, int64_t a, int64_t b, int64_t c)
{
    lattn_tensor *t = lattn_zeros(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ a, b, c });
    EXPECT_OK(lattn_normal_(t, 0, 1));
    return t;
}

static void read(lattn_tensor *t, float *v, int64_t n)
{
    memset(v, 0, (size_t) n * sizeof *v);
    REQUIRE(t != NULL);
    EXPECT_OK(lattn_tensor_read_f32(t, v, n));
}

static void expect_same(lattn_tensor *a, lattn_tensor *b, double tolerance)
{
    float v[1024], w[1024];
    int64_t n = a ? lattn_tensor_numel(a) : 0;
    REQUIRE(a && b && n <= 1024 && lattn_tensor_numel(b) == n);
    read(a, v, n);
    read(b, w, n);
    for (int64_t i = 0; i < n; i++)
        EXPECT_NEAR((double) v[i], (double) w[i], tolerance);
}

GPU_TEST(rnn, parameters_have_pytorchs_names_and_shapes)
{
    lattn_module *m = NULL;
    lattn_rnn_params p = {
        .input_size = 5, .hidden_size = 3, .num_layers = 2, .bidirectional = true
    };
    EXPECT_OK(lattn_lstm_create(ctx, &p, &m));
    EXPECT_EQ(lattn_module_n_parameters(m), 16);
    EXPECT_SHAPE(lattn_module_parameter(m, "weight_ih_l0"), 12, 5);
    EXPECT_SHAPE(lattn_module_parameter(m, "weight_hh_l0_reverse"), 12, 3);
    EXPECT_SHAPE(lattn_module_parameter(m, "weight_ih_l1"), 12, 6);
    EXPECT_SHAPE(lattn_module_parameter(m, "bias_hh_l1_reverse"), 12);
    lattn_module_destroy(&m);

    p.no_bias = true;
    EXPECT_OK(lattn_gru_create(ctx, &p, &m));
    EXPECT_EQ(lattn_module_n_parameters(m), 8);
    EXPECT_SHAPE(lattn_module_parameter(m, "weight_hh_l1"), 9, 3);
    EXPECT(!lattn_module_parameter(m, "bias_ih_l0"));
    lattn_module_destroy(&m);

    EXPECT_OK(
        lattn_rnn_cell_create(ctx, &(lattn_rnn_params){ .input_size = 5, .hidden_size = 3 }, &m));
    EXPECT_SHAPE(lattn_module_parameter(m, "weight_ih"), 3, 5);
    EXPECT_SHAPE(lattn_module_parameter(m, "bias_hh"), 3);
    lattn_module_destroy(&m);
}

GPU_TEST(rnn, shapes_of_results_and_states)
{
    lattn_module *m = NULL;
    lattn_rnn_params p = { .input_size = 5,
        .hidden_size = 3,
        .num_layers = 2,
        .bidirectional = true,
        .batch_first = true };
    EXPECT_OK(lattn_lstm_create(ctx, &p, &m));
    lattn_rnn_state last;
    lattn_tensor *y = lattn_lstm_forward(ctx, m, noise(ctx, 4, 7, 5), NULL, &last);
    EXPECT_SHAPE(y, 4, 7, 6);
    EXPECT_SHAPE(last.h, 4, 4, 3);
    EXPECT_SHAPE(last.c, 4, 4, 3);
    EXPECT_SHAPE(lattn_module_forward(ctx, m, noise(ctx, 2, 1, 5)), 2, 1, 6);
    lattn_module_destroy(&m);
}

// What a step sees of rows that ended, and of rows behind them, must not matter.
GPU_TEST(rnn, a_row_alone_gives_what_it_gives_in_a_padded_batch)
{
    lattn_module *m = NULL;
    lattn_rnn_params p = {
        .input_size = 5, .hidden_size = 8, .num_layers = 2, .bidirectional = true
    };
    EXPECT_OK(lattn_gru_create(ctx, &p, &m));
    lattn_tensor *x = noise(ctx, 6, 3, 5);
    const int64_t lengths[] = { 2, 6, 3 };
    lattn_rnn_inputs inputs = { .lengths = lattn_sequence_lengths(ctx, lengths, 3, 6) };
    lattn_rnn_state last, own;
    lattn_tensor *y = lattn_gru_forward(ctx, m, x, &inputs, &last);
    for (int64_t b = 0; b < 3; b++) {
        lattn_tensor *row = lattn_slice(ctx, x, 1, b, b + 1, 1);
        row = lattn_slice(ctx, row, 0, 0, lengths[b], 1);
        lattn_tensor *alone = lattn_gru_forward(ctx, m, row, NULL, &own);
        lattn_tensor *padded = lattn_slice(ctx, y, 1, b, b + 1, 1);
        expect_same(alone, lattn_slice(ctx, padded, 0, 0, lengths[b], 1), 1e-6);
        expect_same(own.h, lattn_slice(ctx, last.h, 1, b, b + 1, 1), 1e-6);
        if (lengths[b] < 6) {
            float v[6 * 16];
            int64_t n = (6 - lengths[b]) * 16;
            read(lattn_slice(ctx, padded, 0, lengths[b], 6, 1), v, n);
            for (int64_t i = 0; i < n; i++)
                EXPECT_NEAR((double) v[i], 0, 0);
        }
    }
    lattn_module_destroy(&m);
}

GPU_TEST(rnn, a_cell_is_one_step_of_a_layer)
{
    lattn_module *layer = NULL, *cell = NULL;
    lattn_rnn_params p = { .input_size = 4, .hidden_size = 6 };
    EXPECT_OK(lattn_lstm_create(ctx, &p, &layer));
    EXPECT_OK(lattn_lstm_cell_create(ctx, &p, &cell));
    static const char *const names[] = { "weight_ih", "weight_hh", "bias_ih", "bias_hh" };
    for (int i = 0; i < 4; i++) {
        char name[32];
        float v[24 * 6];
        snprintf(name, sizeof name, "%s_l0", names[i]);
        lattn_tensor *from = lattn_module_parameter(layer, name);
        int64_t n = lattn_tensor_numel(from);
        read(from, v, n);
        EXPECT_OK(lattn_tensor_write_f32(lattn_module_parameter(cell, names[i]), v, n));
    }
    lattn_tensor *x = noise(ctx, 3, 2, 4);
    lattn_rnn_state last, state = { 0 };
    EXPECT(lattn_lstm_forward(ctx, layer, x, NULL, &last) != NULL);
    for (int t = 0; t < 3; t++) {
        lattn_tensor *step = lattn_slice(ctx, x, 0, t, t + 1, 1);
        step = lattn_reshape(ctx, step, 2, (int64_t[]){ 2, 4 });
        lattn_tensor *c = NULL;
        state.h = lattn_lstm_cell_forward(ctx, cell, step, &state, &c);
        state.c = c;
    }
    expect_same(state.h, last.h, 1e-6);
    expect_same(state.c, last.c, 1e-6);
    lattn_module_destroy(&layer);
    lattn_module_destroy(&cell);
}

// Both pieces of a sequence, the state handed over with or without its history. Returns the gradient
// of the first piece's input, NULL where none arrives.
static lattn_tensor *two_pieces(
    lattn_ctx *ctx, lattn_module *m, lattn_tensor *const x[2], bool cut, lattn_tensor **weight_grad)
{
    lattn_rnn_state state;
    lattn_tensor *y = lattn_lstm_forward(ctx, m, x[0], NULL, &state);
    EXPECT(y != NULL);
    if (cut) {
        state.h = lattn_detach(ctx, state.h);
        state.c = lattn_detach(ctx, state.c);
    }
    y = lattn_lstm_forward(ctx, m, x[1], &(lattn_rnn_inputs){ .initial = state }, NULL);
    lattn_tensor *loss = lattn_sum(ctx, y, NULL, 0, false), *grads[2] = { NULL, NULL };
    lattn_tensor *targets[] = { x[0], lattn_module_parameter(m, "weight_hh_l0") };
    EXPECT_OK(lattn_grad(ctx, &loss, NULL, 1, targets, 2, false, grads));
    *weight_grad = grads[1];
    return grads[0];
}

GPU_TEST(rnn, detached_states_truncate_back_propagation_through_time)
{
    lattn_module *m = NULL;
    lattn_rnn_params p = { .input_size = 4, .hidden_size = 6 };
    EXPECT_OK(lattn_lstm_create(ctx, &p, &m));
    lattn_tensor *all = noise(ctx, 5, 2, 4), *whole_grad = NULL, *cut_grad = NULL;
    EXPECT_OK(lattn_tensor_set_requires_grad(all, true));
    lattn_tensor *x[2];
    x[0] = lattn_slice(ctx, all, 0, 0, 3, 1);
    x[1] = lattn_slice(ctx, all, 0, 3, 5, 1);
    lattn_tensor *reached = two_pieces(ctx, m, x, false, &whole_grad);
    EXPECT(reached != NULL);
    EXPECT(two_pieces(ctx, m, x, true, &cut_grad) == NULL);

    // The same values forward, so the whole gradient is that of five steps at once.
    lattn_tensor *y = lattn_lstm_forward(ctx, m, all, NULL, NULL);
    lattn_tensor *loss = lattn_sum(ctx, lattn_slice(ctx, y, 0, 3, 5, 1), NULL, 0, false);
    lattn_tensor *weight = lattn_module_parameter(m, "weight_hh_l0"), *want = NULL;
    EXPECT_OK(lattn_grad(ctx, &loss, NULL, 1, &weight, 1, false, &want));
    expect_same(whole_grad, want, 1e-5);
    float v[24 * 6], w[24 * 6];
    double apart = 0;
    read(cut_grad, v, 24 * 6);
    read(want, w, 24 * 6);
    for (int i = 0; i < 24 * 6; i++)
        apart = fmax(apart, fabs((double) v[i] - (double) w[i]));
    EXPECT(apart > 1e-4);
    lattn_module_destroy(&m);
}

GPU_TEST(rnn, dropout_between_layers_is_off_in_evaluation)
{
    lattn_module *m = NULL;
    lattn_rnn_params p = { .input_size = 4, .hidden_size = 16, .num_layers = 2, .dropout = 0.5f };
    EXPECT_OK(lattn_gru_create(ctx, &p, &m));
    lattn_tensor *x = noise(ctx, 4, 3, 4);
    lattn_set_training(ctx, false);
    lattn_tensor *a = lattn_gru_forward(ctx, m, x, NULL, NULL);
    lattn_tensor *b = lattn_gru_forward(ctx, m, x, NULL, NULL);
    lattn_set_training(ctx, true);
    lattn_tensor *c = lattn_gru_forward(ctx, m, x, NULL, NULL);
    expect_same(a, b, 0);
    float v[4 * 3 * 16], w[4 * 3 * 16];
    read(a, v, 4 * 3 * 16);
    read(c, w, 4 * 3 * 16);
    double apart = 0;
    for (int i = 0; i < 4 * 3 * 16; i++)
        apart = fmax(apart, fabs((double) v[i] - (double) w[i]));
    EXPECT(apart > 1e-3);
    lattn_module_destroy(&m);
}

struct job {
    lattn_module *m;
    lattn_tensor *x, *lengths;
};

static lattn_status captured(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    struct job *j = user;
    lattn_rnn_inputs inputs = { .lengths = j->lengths };
    lattn_tensor *y = lattn_lstm_forward(ctx, j->m, j->x, &inputs, NULL);
    outputs[0] = lattn_sum(ctx, y, NULL, 0, false);
    return lattn_backward(ctx, outputs[0], NULL);
}

// Lengths are an input like any other: a captured step runs with new ones.
GPU_TEST(rnn, captured_step_takes_new_lengths)
{
    struct job j = { 0 };
    lattn_graph *graph = NULL;
    lattn_rnn_params p = { .input_size = 4, .hidden_size = 8, .bidirectional = true };
    EXPECT_OK(lattn_lstm_create(ctx, &p, &j.m));
    REQUIRE(!lattn_tensor_create(ctx, LATTN_DTYPE_F32, 3, (int64_t[]){ 5, 3, 4 }, &j.x));
    REQUIRE(!lattn_tensor_create(ctx, LATTN_DTYPE_I32, 1, (int64_t[]){ 3 }, &j.lengths));
    EXPECT_OK(lattn_normal_(j.x, 0, 1));
    lattn_tensor *inputs[] = { j.lengths };
    lattn_graph_params params = {
        .fn = captured, .user = &j, .inputs = inputs, .n_inputs = 1, .n_outputs = 1
    };
    EXPECT_OK(lattn_graph_create(ctx, &params, &graph));
    for (int32_t round = 1; round <= 3 && graph; round++) {
        const int32_t lengths[] = { round, 5, 4 - round };
        float got = 0, want = 0;
        EXPECT_OK(lattn_graph_write(graph, 0, lengths, sizeof lengths));
        EXPECT_OK(lattn_graph_run(graph));
        EXPECT_OK(lattn_graph_read(graph, 0, 0, &got, sizeof got));
        lattn_rnn_inputs now = { .lengths = lattn_from_i32(ctx, 1, (int64_t[]){ 3 }, lengths) };
        lattn_tensor *y = lattn_lstm_forward(ctx, j.m, j.x, &now, NULL);
        read(lattn_sum(ctx, y, NULL, 0, false), &want, 1);
        EXPECT_NEAR((double) got, (double) want, 1e-5);
    }
    lattn_graph_destroy(&graph);
    lattn_tensor_release(&j.x);
    lattn_tensor_release(&j.lengths);
    lattn_module_destroy(&j.m);
}

// ---- what is refused ------------------------------------------------------------------------------

GPU_TEST(rnn, lengths_of_zero_and_too_long_are_refused)
{
    EXPECT(!lattn_sequence_lengths(ctx, (int64_t[]){ 3, 0 }, 2, 5));
    lt_expect_error(ctx, LATTN_ERR_ARG, "row 1 has length 0, it must be 1 to 5");
    EXPECT(!lattn_sequence_lengths(ctx, (int64_t[]){ 6, 2 }, 2, 5));
    lt_expect_error(ctx, LATTN_ERR_ARG, "row 0 has length 6, it must be 1 to 5");
}

GPU_TEST(rnn, what_does_not_fit_a_module_is_refused)
{
    lattn_module *m = NULL;
    lattn_rnn_params p = { .input_size = 4, .hidden_size = 8, .num_layers = 2 };
    EXPECT_OK(lattn_gru_create(ctx, &p, &m));
    EXPECT(!lattn_gru_forward(ctx, m, noise(ctx, 3, 2, 5), NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "gru: x [3, 2, 5] must be [T, B, input_size = 4]");
    EXPECT(!lattn_gru_forward(ctx, m, noise(ctx, 0, 2, 4), NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "gru_layer: x [0, 2, 24] has no steps");
    lattn_rnn_inputs inputs = { .initial.h = noise(ctx, 1, 2, 8) };
    EXPECT(!lattn_gru_forward(ctx, m, noise(ctx, 3, 2, 4), &inputs, NULL));
    lt_expect_error(
        ctx, LATTN_ERR_SHAPE, "gru: initial.h is [1, 2, 8], this batch and module need [2, 2, 8]");
    inputs = (lattn_rnn_inputs){ .initial.c = noise(ctx, 2, 2, 8) };
    EXPECT(!lattn_gru_forward(ctx, m, noise(ctx, 3, 2, 4), &inputs, NULL));
    lt_expect_error(ctx, LATTN_ERR_ARG, "gru: it has no cell state");
    inputs = (lattn_rnn_inputs){ .lengths = lattn_sequence_lengths(ctx, (int64_t[]){ 1 }, 1, 3) };
    EXPECT(!lattn_gru_forward(ctx, m, noise(ctx, 3, 2, 4), &inputs, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "gru_layer: lengths is [1]");
    EXPECT(!lattn_lstm_forward(ctx, m, noise(ctx, 3, 2, 4), NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_ARG, "lstm: the module is a gru");
    lattn_module_destroy(&m);
}

GPU_TEST(rnn, what_does_not_fit_a_layer_is_refused)
{
    lattn_tensor *x = noise(ctx, 3, 2, 16);
    lattn_recurrent_args args = { .weight_hh =
                                      lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 16, 5 }) };
    EXPECT(!lattn_lstm_layer(ctx, x, &args, NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "weight_hh [16, 5] [4H, H]");
    args.weight_hh = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 12, 3 });
    EXPECT(!lattn_lstm_layer(ctx, x, &args, NULL, NULL));
    lt_expect_error(
        ctx, LATTN_ERR_SHAPE, "x [3, 2, 16] has 16 columns, weight_hh [12, 3] needs 12");
    args.weight_hh = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 16, 4 });
    args.lengths = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 2 });
    EXPECT(!lattn_lstm_layer(ctx, x, &args, NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_DTYPE, "lengths are f32, they must be i32");
    args.lengths = NULL;
    args.relu = true;
    EXPECT(!lattn_lstm_layer(ctx, x, &args, NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_ARG, "relu is of rnn_layer alone");
}

GPU_TEST(rnn, projections_that_do_not_fit_are_refused)
{
    lattn_module *m = NULL;
    lattn_rnn_params p = { .input_size = 4, .hidden_size = 6, .proj_size = 6 };
    EXPECT_STATUS(lattn_lstm_create(ctx, &p, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "proj_size 6 is not in [0, hidden_size = 6)");
    p.proj_size = 2;
    EXPECT_STATUS(lattn_gru_create(ctx, &p, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "proj_size is of the LSTM alone");
    EXPECT_STATUS(lattn_lstm_cell_create(ctx, &p, &m), LATTN_ERR_ARG);
    EXPECT_OK(lattn_lstm_create(ctx, &p, &m));
    EXPECT_SHAPE(lattn_module_parameter(m, "weight_hh_l0"), 24, 2);
    EXPECT_SHAPE(lattn_module_parameter(m, "weight_hr_l0"), 2, 6);
    lattn_rnn_inputs inputs = { .initial.h = noise(ctx, 1, 2, 6) };
    EXPECT(!lattn_lstm_forward(ctx, m, noise(ctx, 3, 2, 4), &inputs, NULL));
    lt_expect_error(
        ctx, LATTN_ERR_SHAPE, "initial.h is [1, 2, 6], this batch and module need [1, 2, 2]");
    lattn_module_destroy(&m);

    lattn_recurrent_args args = { 0 };
    args.weight_hh = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 16, 2 });
    args.weight_hr = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 3, 4 });
    EXPECT(!lattn_lstm_layer(ctx, noise(ctx, 3, 2, 16), &args, NULL, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE,
        "weight_hh [16, 2] must be [4H, P] and weight_hr [3, 4] [P, H] with H of at least 1");
    EXPECT(!lattn_gru_layer(ctx, noise(ctx, 3, 2, 16), &args, NULL));
    lt_expect_error(ctx, LATTN_ERR_ARG, "weight_hr is of the LSTM alone");
}

GPU_TEST(rnn, norms_start_as_ones_without_biases)
{
    lattn_module *m = NULL;
    float v[24];
    lattn_rnn_params p = { .input_size = 4, .hidden_size = 6, .layer_norm = true };
    EXPECT_OK(lattn_lstm_cell_create(ctx, &p, &m));
    EXPECT_EQ(lattn_module_n_parameters(m), 8);
    EXPECT_SHAPE(lattn_module_parameter(m, "norm_ih"), 24);
    EXPECT_SHAPE(lattn_module_parameter(m, "norm_c"), 6);
    read(lattn_module_parameter(m, "norm_hh"), v, 24);
    EXPECT_NEAR((double) v[23], 1, 0);
    read(lattn_module_parameter(m, "bias_hh"), v, 24);
    EXPECT_NEAR((double) v[23], 0, 0);
    lattn_tensor *c = NULL, *x = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 3, 4 });
    EXPECT_SHAPE(lattn_lstm_cell_forward(ctx, m, x, NULL, &c), 3, 6);
    EXPECT_SHAPE(c, 3, 6);
    lattn_module_destroy(&m);
    p.layer_norm_eps = -1;
    EXPECT_STATUS(lattn_gru_create(ctx, &p, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "layer_norm_eps -1 must be finite and not negative");

    lattn_recurrent_args args = { 0 };
    args.weight_hh = lattn_zeros(ctx, LATTN_DTYPE_F32, 2, (int64_t[]){ 12, 4 });
    args.norm_hh = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 4 });
    EXPECT(!lattn_gru_layer(ctx, noise(ctx, 3, 2, 12), &args, NULL));
    lt_expect_error(ctx, LATTN_ERR_SHAPE, "norm_hh is [4]; x [3, 2, 12]");
    args.norm_hh = NULL;
    args.norm_c = lattn_zeros(ctx, LATTN_DTYPE_F32, 1, (int64_t[]){ 4 });
    EXPECT(!lattn_gru_layer(ctx, noise(ctx, 3, 2, 12), &args, NULL));
    lt_expect_error(ctx, LATTN_ERR_ARG, "norm_c is of the LSTM alone");
}

GPU_TEST(rnn, modules_that_cannot_be_are_refused)
{
    lattn_module *m = NULL;
    lattn_rnn_params p = { .input_size = 4 };
    EXPECT_STATUS(lattn_lstm_create(ctx, &p, &m), LATTN_ERR_ARG);
    EXPECT_CONTAINS(lattn_error(NULL), "hidden_size 0 must be >= 1");
    p = (lattn_rnn_params){ .input_size = 4, .hidden_size = 3, .dropout = 1 };
    EXPECT_STATUS(lattn_rnn_create(ctx, &p, &m), LATTN_ERR_ARG);
    p = (lattn_rnn_params){ .input_size = 4, .hidden_size = 3, .relu = true };
    EXPECT_STATUS(lattn_gru_create(ctx, &p, &m), LATTN_ERR_ARG);
    p = (lattn_rnn_params){ .input_size = 4, .hidden_size = 3, .num_layers = 2 };
    EXPECT_STATUS(lattn_lstm_cell_create(ctx, &p, &m), LATTN_ERR_ARG);
    EXPECT(!m);
}
