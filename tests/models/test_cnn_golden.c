// SPDX-License-Identifier: MIT
//
// Networks for images against PyTorch (tests/golden/make_cnn.py, in double): the same logits, and twenty
// training steps of ResNet-18 with the same losses and running statistics. No weights are stored: each
// value is a formula of its parameter's name and its index, so names and layouts are compared too.

#include "harness/harness.h"
#include "models/vit.h"

enum { B = 8, SIDE = 32, N_CLASSES = 10, N_BATCHES = 4, N_STEPS = 20, FIRST_BATCH = 108 };
enum { IMAGES = 2, IMAGE_SIDE = 64, N_LOGITS = IMAGES * 1000 };

// ---- values from names ----------------------------------------------------------------------------

static bool ends(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

// offset + scale * uniform in [-1, 1)
static void fill(float *to, int64_t n, const char *name, double offset, double scale)
{
    uint64_t seed = lt_name_seed(name);
    for (int64_t i = 0; i < n; i++)
        to[i] = (float) (offset + scale * lt_name_uniform(seed, i));
}

static lattn_status fill_tensor(const lattn_parameter *p)
{
    lattn_tensor *t = p->tensor;
    int64_t n = lattn_tensor_numel(t);
    int rank = lattn_tensor_rank(t);
    double offset = 0, scale = 0.1;
    if (ends(p->name, "running_var"))
        offset = 1, scale = 0.5;
    else if (rank == 4)
        scale = sqrt(6.0 / (double) (n / lattn_tensor_dim(t, 0)));
    else if (rank == 2)
        scale = 1 / sqrt((double) lattn_tensor_dim(t, 1));
    else if (ends(p->name, "bn2.weight"))
        offset = 0.2, scale = 0.04;
    else if (ends(p->name, ".weight"))
        offset = 1, scale = 0.2;
    float *values = malloc((size_t) n * sizeof *values);
    fill(values, n, p->name, offset, scale);
    lattn_status st = lattn_tensor_write_f32(t, values, n);
    free(values);
    return st;
}

static void fill_network(lattn_module *m)
{
    int n = lattn_module_n_parameters(m), n_buffers = lattn_module_n_buffers(m);
    lattn_parameter *list = calloc((size_t) (n + n_buffers + 1), sizeof *list);
    EXPECT_OK(lattn_module_parameters(m, list, n, &n));
    for (int i = 0; i < n; i++)
        EXPECT_OK(fill_tensor(&list[i]));
    EXPECT_OK(lattn_module_buffers(m, list, n_buffers, &n_buffers));
    for (int i = 0; i < n_buffers; i++)
        if (!ends(list[i].name, "num_batches_tracked"))
            EXPECT_OK(fill_tensor(&list[i]));
    free(list);
}

// The golden of that name into data, which holds n values.
static bool read_golden(const char *name, float *data, size_t n)
{
    lattn_safetensors *f = NULL;
    if (lattn_safetensors_open(lt_source_path("golden/cnn/golden.safetensors"), NULL, &f))
        return false;
    int64_t i = lattn_safetensors_find(f, name);
    bool good =
        i >= 0 && !lattn_safetensors_read(f, (size_t) i, LATTN_DTYPE_F32, data, n * sizeof *data);
    lattn_safetensors_close(&f);
    return good;
}

// The largest difference, as a share of the largest expected value.
static double distance(const float *got, const float *want, int64_t n)
{
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double) got[i] - (double) want[i]);
        worst = d <= worst ? worst : d;  // NaN stays
        largest = fmax(largest, fabs((double) want[i]));
    }
    return worst / largest;
}

// ---- logits ---------------------------------------------------------------------------------------

static void read_logits(lattn_ctx *ctx, lattn_cnn *cnn, float *logits, int64_t n)
{
    const lattn_cnn_config *c = lattn_cnn_get_config(cnn);
    const int64_t dims[] = { IMAGES, c->channels, c->height, c->width };
    int64_t numel = dims[0] * dims[1] * dims[2] * dims[3];
    float *images = malloc((size_t) numel * sizeof *images);
    fill(images, numel, "images", 0, 2);
    lattn_set_training(ctx, false);
    lattn_no_grad_begin(ctx);
    EXPECT_OK(lattn_tensor_read_f32(
        lattn_cnn_forward(ctx, cnn, lattn_from_f32(ctx, LATTN_DTYPE_F32, 4, dims, images)), logits,
        n));
    lattn_no_grad_end(ctx);
    lattn_set_training(ctx, true);
    free(images);
}

static void expect_logits_of_size(
    lattn_ctx *ctx, const char *architecture, int64_t height, int64_t width, const char *golden)
{
    static float got[N_LOGITS], want[N_LOGITS];
    lattn_cnn_config config = { .architecture = architecture, .height = height, .width = width };
    lattn_cnn *cnn = NULL;
    REQUIRE(read_golden(golden, want, N_LOGITS));
    REQUIRE(lattn_cnn_create(ctx, &config, &cnn) == LATTN_OK);
    fill_network(lattn_cnn_module(cnn));
    read_logits(ctx, cnn, got, N_LOGITS);
    double d = distance(got, want, N_LOGITS);
    if (!(d <= 1e-4))
        lt_fail(__FILE__, __LINE__, "%s: logits differ by %g of the largest", golden, d);
    lattn_cnn_destroy(&cnn);
}

static void expect_logits(lattn_ctx *ctx, const char *architecture)
{
    expect_logits_of_size(ctx, architecture, IMAGE_SIDE, IMAGE_SIDE, architecture);
}

GPU_TEST(cnn, logits_of_resnet18_are_pytorchs)
{
    expect_logits(ctx, "resnet18");
}

GPU_TEST(cnn, logits_of_mobilenet_v2_are_pytorchs)
{
    expect_logits(ctx, "mobilenet_v2");
}

GPU_TEST(cnn, logits_of_googlenet_are_pytorchs)
{
    expect_logits(ctx, "googlenet");
}

GPU_TEST(cnn, logits_of_vit_are_pytorchs)
{
    expect_logits(ctx, "vit_ti_16");
}

// Black rows and columns make the patches whole.
GPU_TEST(cnn, logits_of_vit_for_sides_that_no_patch_divides_are_pytorchs)
{
    expect_logits_of_size(ctx, "vit_ti_16", 40, 23, "vit_ti_16.odd");
}

TEST(cnn, positions_of_a_vit_are_interpolated_as_pytorch_does)
{
    enum { GRID = 4, WIDTH = 8 };
    static const int sizes[][2] = { { 7, 5 }, { 1, 3 }, { 4, 4 } };
    float from[GRID * GRID * WIDTH], got[35 * WIDTH], want[35 * WIDTH];
    fill(from, GRID * GRID * WIDTH, "positions", 0, 0.1);
    for (int i = 0; i < 3; i++) {
        int64_t n = (int64_t) sizes[i][0] * sizes[i][1] * WIDTH;
        char name[32];
        snprintf(name, sizeof name, "positions.%dx%d", sizes[i][0], sizes[i][1]);
        REQUIRE(read_golden(name, want, (size_t) n));
        lat_vit_resize_positions(from, GRID, got, sizes[i][0], sizes[i][1], WIDTH);
        EXPECT(distance(got, want, n) <= 1e-6);
    }
}

// ---- training -------------------------------------------------------------------------------------

struct job {
    lattn_cnn *cnn;
    lattn_optim *optim;
    lattn_tensor *images, *labels;
};

static lattn_status step(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    struct job *j = user;
    lattn_optim_zero_grad(j->optim);
    lattn_tensor *logits = lattn_cnn_forward(ctx, j->cnn, j->images);
    outputs[0] = lattn_cross_entropy(ctx, logits, j->labels, NULL);
    lattn_status st = lattn_backward(ctx, outputs[0], NULL);
    return st ? st : lattn_optim_step(j->optim);
}

static bool open_job(lattn_ctx *ctx, struct job *j)
{
    const int64_t dims[] = { B, 3, SIDE, SIDE };
    lattn_cnn_config config = {
        .architecture = "resnet18", .height = SIDE, .width = SIDE, .num_classes = N_CLASSES
    };
    lattn_sgd_params sgd = { .common = { .lr = 0.01f, .weight_decay = 1e-4f }, .momentum = 0.9f };
    if (lattn_cnn_create(ctx, &config, &j->cnn))
        return false;
    fill_network(lattn_cnn_module(j->cnn));
    return !lattn_sgd_create(ctx, lattn_cnn_module(j->cnn), &sgd, &j->optim) &&
           !lattn_tensor_create(ctx, LATTN_DTYPE_F32, 4, dims, &j->images) &&
           !lattn_tensor_create(ctx, LATTN_DTYPE_I32, 1, dims, &j->labels);
}

static void close_job(struct job *j)
{
    lattn_tensor_release(&j->images);
    lattn_tensor_release(&j->labels);
    lattn_optim_destroy(&j->optim);
    lattn_cnn_destroy(&j->cnn);
}

static void replay(struct job *j, lattn_graph *graph, int batch)
{
    static float images[B * 3 * SIDE * SIDE];
    int32_t labels[B];
    unsigned char hyper[LATTN_OPTIM_HYPER_BYTES];
    char name[32];
    snprintf(name, sizeof name, "images.%d", FIRST_BATCH + batch);
    fill(images, B * 3 * SIDE * SIDE, name, 0, 2);
    snprintf(name, sizeof name, "labels.%d", batch);
    for (int i = 0; i < B; i++)
        labels[i] = (int32_t) (lt_name_bits(lt_name_seed(name), i) % N_CLASSES);
    EXPECT_OK(lattn_optim_advance(j->optim, 0.01f, hyper, sizeof hyper));
    EXPECT_OK(lattn_graph_write(graph, 0, images, sizeof images));
    EXPECT_OK(lattn_graph_write(graph, 1, labels, sizeof labels));
    EXPECT_OK(lattn_graph_write(graph, 2, hyper, sizeof hyper));
    EXPECT_OK(lattn_graph_run(graph));
}

static void expect_running(lattn_module *m, const char *name, int64_t n)
{
    float got[512], want[512];
    REQUIRE(read_golden(name, want, (size_t) n));
    EXPECT_OK(lattn_tensor_read_f32(lattn_module_buffer(m, name), got, n));
    double d = distance(got, want, n);
    if (!(d <= 1e-4))
        lt_fail(
            __FILE__, __LINE__, "%s differs by %g of the largest after %d steps", name, d, N_STEPS);
}

GPU_TEST(cnn, twenty_replayed_steps_of_resnet18_follow_pytorch)
{
    struct job j = { 0 };
    float losses[N_STEPS];
    lattn_graph *graph = NULL;
    REQUIRE(read_golden("losses", losses, N_STEPS));
    REQUIRE(open_job(ctx, &j));
    lattn_tensor *inputs[] = { j.images, j.labels, lattn_optim_hyper(j.optim) };
    lattn_graph_params params = {
        .fn = step, .user = &j, .inputs = inputs, .n_inputs = 3, .n_outputs = 1
    };
    EXPECT_OK(lattn_graph_create(ctx, &params, &graph));
    for (int i = 0; i < N_STEPS && graph; i++) {
        float loss = 0;
        replay(&j, graph, i % N_BATCHES);
        EXPECT_OK(lattn_graph_read(graph, 0, 0, &loss, sizeof loss));
        if (!(fabs((double) loss - (double) losses[i]) <= 1e-4 * (double) losses[i]))
            lt_fail(__FILE__, __LINE__, "step %d: loss %.9g, PyTorch %.9g", i, (double) loss,
                (double) losses[i]);
    }
    lattn_module *m = lattn_cnn_module(j.cnn);
    expect_running(m, "bn1.running_mean", 64);
    expect_running(m, "bn1.running_var", 64);
    expect_running(m, "layer4.1.bn2.running_mean", 512);
    expect_running(m, "layer4.1.bn2.running_var", 512);
    lattn_graph_destroy(&graph);
    close_job(&j);
}
