// SPDX-License-Identifier: MIT
//
// RNN, LSTM and GRU against PyTorch (tests/golden/make_rnn.py, in double): twenty random configurations of
// each and some variants, results, last states and every gradient. Weights and inputs are formulas of their
// names, so names and layouts are compared too. Of each tensor the golden has its largest magnitude, a
// projection of all of its elements, and some of them.

#include "harness/harness.h"

enum { PICKS = 16, DIGEST = PICKS + 2, MOST_ROWS = 8, MOST_TENSORS = 64 };

// As make_rnn.py writes it.
enum {
    INPUT,
    HIDDEN,
    LAYERS,
    BIDIRECTIONAL,
    BATCH_FIRST,
    STEPS,
    ROWS,
    NO_BIAS,
    RELU,
    INITIAL,
    PROJECTED,  // to so many numbers
    NORMED,
    HAS_LENGTHS,
    LENGTHS,
    N_CONFIG = LENGTHS + MOST_ROWS
};

// ---- values from names ----------------------------------------------------------------------------

static double value(uint64_t seed, int64_t i, double scale)
{
    return (float) (scale * lt_name_uniform(seed, i));
}

struct run {
    lattn_ctx *ctx;
    const char *kind;
    int number;
    float config[N_CONFIG];
    float want[MOST_TENSORS * DIGEST];
    size_t n_want, at;  // numbers, and those compared so far
};

static const char *name_in(const struct run *r, char name[96], const char *what)
{
    snprintf(name, 96, "%s.%d.%s", r->kind, r->number, what);
    return name;
}

static lattn_tensor *filled(
    const struct run *r, const char *what, int rank, const int64_t *dims, double scale)
{
    char name[96];
    uint64_t seed = lt_name_seed(name_in(r, name, what));
    int64_t n = 1;
    for (int d = 0; d < rank; d++)
        n *= dims[d];
    float *v = malloc((size_t) n * sizeof *v);
    for (int64_t i = 0; i < n; i++)
        v[i] = (float) value(seed, i, scale);
    lattn_tensor *t = lattn_from_f32(r->ctx, LATTN_DTYPE_F32, rank, dims, v);
    free(v);
    return t;
}

// ---- comparing ------------------------------------------------------------------------------------

static void expect_digest(struct run *r, const char *what, lattn_tensor *t)
{
    REQUIRE(t != NULL && r->at + DIGEST <= r->n_want);
    const float *want = r->want + r->at;
    r->at += DIGEST;
    int64_t n = lattn_tensor_numel(t);
    float *v = malloc((size_t) n * sizeof *v);
    EXPECT_OK(lattn_tensor_read_f32(t, v, n));
    char name[96], part[64];
    snprintf(part, sizeof part, "%s.along", what);
    uint64_t along = lt_name_seed(name_in(r, name, part));
    double largest = 1e-4, projection = 0, worst = 0;
    for (int64_t i = 0; i < n; i++) {
        projection += value(along, i, 1) * (double) v[i];
        worst = fmax(worst, fabs((double) v[i]));
    }
    largest = fmax(largest, (double) want[0]);
    worst = fabs(worst - (double) want[0]);
    worst = fmax(worst, fabs(projection - (double) want[1]) / sqrt((double) n));
    snprintf(part, sizeof part, "%s.pick", what);
    uint64_t pick = lt_name_seed(name_in(r, name, part));
    for (int64_t i = 0; i < PICKS; i++) {
        double d = fabs((double) v[lt_name_bits(pick, i) % (uint64_t) n] - (double) want[2 + i]);
        worst = d <= worst ? worst : d;  // NaN stays
    }
    free(v);
    if (!(worst <= 1e-4 * largest))
        lt_fail(__FILE__, __LINE__, "%s: off by %g of the largest", name_in(r, name, what),
            worst / largest);
}

static bool read_golden(struct run *r)
{
    lattn_safetensors *f = NULL;
    char name[96];
    if (lattn_safetensors_open(lt_source_path("golden/rnn/golden.safetensors"), NULL, &f))
        return false;
    int64_t config = lattn_safetensors_find(f, name_in(r, name, "config"));
    name[strlen(name) - strlen(".config")] = 0;
    int64_t numbers = lattn_safetensors_find(f, name);
    bool good =
        config >= 0 && numbers >= 0 &&
        !lattn_safetensors_read(f, (size_t) config, LATTN_DTYPE_F32, r->config, sizeof r->config);
    if (good) {
        lattn_safetensors_entry entry;
        good = !lattn_safetensors_get(f, (size_t) numbers, &entry);
        r->n_want = good ? (size_t) entry.dim[0] : 0;
        good = good && r->n_want <= MOST_TENSORS * DIGEST &&
               !lattn_safetensors_read(
                   f, (size_t) numbers, LATTN_DTYPE_F32, r->want, r->n_want * sizeof *r->want);
    }
    lattn_safetensors_close(&f);
    return good;
}

// ---- one configuration ----------------------------------------------------------------------------

static lattn_status create(const struct run *r, lattn_module **m)
{
    const float *c = r->config;
    lattn_rnn_params p = {
        .input_size = (int64_t) c[INPUT],
        .hidden_size = (int64_t) c[HIDDEN],
        .proj_size = (int64_t) c[PROJECTED],
        .layer_norm = c[NORMED] != 0,
        .num_layers = (int) c[LAYERS],
        .no_bias = c[NO_BIAS] != 0,
        .batch_first = c[BATCH_FIRST] != 0,
        .bidirectional = c[BIDIRECTIONAL] != 0,
        .relu = c[RELU] != 0,
    };
    return *r->kind == 'r'   ? lattn_rnn_create(r->ctx, &p, m)
           : *r->kind == 'l' ? lattn_lstm_create(r->ctx, &p, m)
                             : lattn_gru_create(r->ctx, &p, m);
}

static void fill_parameters(const struct run *r, const lattn_parameter *list, int n)
{
    double scale = 1 / sqrt((double) r->config[HIDDEN]);
    for (int i = 0; i < n; i++) {
        lattn_tensor *p = list[i].tensor;
        const int64_t dims[] = { lattn_tensor_dim(p, 0),
            lattn_tensor_rank(p) > 1 ? lattn_tensor_dim(p, 1) : 1 };
        lattn_tensor *v = filled(r, list[i].name, lattn_tensor_rank(p), dims, scale);
        int64_t numel = lattn_tensor_numel(p);
        float *host = malloc((size_t) numel * sizeof *host);
        EXPECT_OK(lattn_tensor_read_f32(v, host, numel));
        EXPECT_OK(lattn_tensor_write_f32(p, host, numel));
        free(host);
    }
}

static lattn_tensor *leaf(
    const struct run *r, const char *what, const int64_t dims[3], double scale)
{
    lattn_tensor *t = filled(r, what, 3, dims, scale);
    EXPECT_OK(lattn_tensor_set_requires_grad(t, true));
    return t;
}

// sum(t * a random gradient)
static lattn_tensor *weighed(const struct run *r, const char *what, lattn_tensor *t)
{
    char name[64];
    const int64_t dims[] = { lattn_tensor_dim(t, 0), lattn_tensor_dim(t, 1),
        lattn_tensor_dim(t, 2) };
    snprintf(name, sizeof name, "grad.%s", what);
    lattn_tensor *g = filled(r, name, 3, dims, 1);
    return lattn_sum(r->ctx, lattn_mul(r->ctx, t, g), NULL, 0, false);
}

static lattn_tensor *lengths_of(const struct run *r)
{
    int64_t lengths[MOST_ROWS], rows = (int64_t) r->config[ROWS];
    for (int i = 0; i < MOST_ROWS; i++)
        lengths[i] = (int64_t) r->config[LENGTHS + i];
    if (r->config[HAS_LENGTHS] == 0)
        return NULL;
    return lattn_sequence_lengths(r->ctx, lengths, rows, (int64_t) r->config[STEPS]);
}

static void run_module(struct run *r, lattn_module *m, const lattn_parameter *list, int n)
{
    const float *c = r->config;
    bool lstm = *r->kind == 'l', given = c[INITIAL] != 0;
    int64_t steps = (int64_t) c[STEPS], rows = (int64_t) c[ROWS];
    const int64_t dims[] = { c[BATCH_FIRST] != 0 ? rows : steps, c[BATCH_FIRST] != 0 ? steps : rows,
        (int64_t) c[INPUT] };
    const int64_t cells[] = { (int64_t) c[LAYERS] * (1 + (int64_t) c[BIDIRECTIONAL]), rows,
        (int64_t) c[HIDDEN] };
    const int64_t state[] = { cells[0], rows,
        c[PROJECTED] != 0 ? (int64_t) c[PROJECTED] : cells[2] };
    lattn_tensor *x = leaf(r, "x", dims, 1);
    lattn_rnn_state last;
    lattn_rnn_inputs inputs = { .lengths = lengths_of(r) };
    if (given)
        inputs.initial.h = leaf(r, "h0", state, 0.5);
    if (given && lstm)
        inputs.initial.c = leaf(r, "c0", cells, 0.5);
    lattn_tensor *y = lstm              ? lattn_lstm_forward(r->ctx, m, x, &inputs, &last)
                      : *r->kind == 'r' ? lattn_rnn_forward(r->ctx, m, x, &inputs, &last)
                                        : lattn_gru_forward(r->ctx, m, x, &inputs, &last);
    REQUIRE(y != NULL);
    lattn_tensor *loss = weighed(r, "y", y);
    lattn_tensor *of_h = weighed(r, "h_n", last.h);
    loss = lattn_add(r->ctx, loss, of_h);
    if (lstm) {
        lattn_tensor *of_c = weighed(r, "c_n", last.c);
        loss = lattn_add(r->ctx, loss, of_c);
    }
    EXPECT_OK(lattn_backward(r->ctx, loss, NULL));
    expect_digest(r, "y", y);
    expect_digest(r, "h_n", last.h);
    if (lstm)
        expect_digest(r, "c_n", last.c);
    expect_digest(r, "x.grad", lattn_tensor_grad(x));
    if (given)
        expect_digest(r, "h0.grad", lattn_tensor_grad(inputs.initial.h));
    if (given && lstm)
        expect_digest(r, "c0.grad", lattn_tensor_grad(inputs.initial.c));
    for (int i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.grad", list[i].name);
        expect_digest(r, name, lattn_tensor_grad(list[i].tensor));
    }
    EXPECT_EQ(r->at, r->n_want);
}

static void run_all(lattn_ctx *ctx, const char *kind, int count)
{
    for (int i = 0; i < count; i++) {
        struct run r = { .ctx = ctx, .kind = kind, .number = i };
        lattn_module *m = NULL;
        lattn_parameter list[MOST_TENSORS];
        int n = 0;
        REQUIRE(read_golden(&r));
        REQUIRE(create(&r, &m) == LATTN_OK);
        EXPECT_OK(lattn_module_parameters(m, list, MOST_TENSORS, &n));
        fill_parameters(&r, list, n);
        run_module(&r, m, list, n);
        lattn_module_destroy(&m);
    }
}

GPU_TEST(rnn, twenty_rnns_are_pytorchs)
{
    run_all(ctx, "rnn", 20);
}

GPU_TEST(rnn, twenty_lstms_are_pytorchs)
{
    run_all(ctx, "lstm", 20);
}

GPU_TEST(rnn, lstms_with_projected_states_are_pytorchs)
{
    run_all(ctx, "lstm_projected", 6);
}

GPU_TEST(rnn, layer_normalised_stacks_are_their_formulas_in_pytorch)
{
    run_all(ctx, "rnn_normed", 2);
    run_all(ctx, "lstm_normed", 4);
    run_all(ctx, "gru_normed", 2);
}

GPU_TEST(rnn, twenty_grus_are_pytorchs)
{
    run_all(ctx, "gru", 20);
}
