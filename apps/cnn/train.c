// SPDX-License-Identifier: MIT
//
// lattn-cnn train: labelled pictures in, a model folder out. Options carry the names of torchvision's
// reference scripts and timm.
//
//   pictures -> transforms -> batches
//   network (new from a name or text, or a folder) -> lattn_train -> folder

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cnn/cnn.h"
#include "common/precision.h"
#include "common/tuned.h"

static const char name[] = "lattn-cnn train";

struct options {
    const char *data, *model, *layers, *start, *weights, *output, *device, *resume;
    int image_size, channels, batch_size, eval_batch_size, accumulation, threads;
    float lr, momentum, weight_decay, clip, warmup, smoothing, val_split, epochs;
    int optimizer, momentum_form, scheduler, pad;
    float lr_step_size, lr_gamma;
    const char *lr_steps;
    double milestones[LATTN_MAX_MILESTONES];  // lr_steps
    int n_milestones;
    float flip, vertical_flip, rotate, brightness, contrast, saturation, min_area, mixup;
    int cutout;
    bool nesterov, overwrite, eager, tune, quiet, json;
    struct cnn_rates rates;
    struct precision precision;
    int64_t max_steps, eval_steps, save_steps, seed;
};

struct job {
    struct options o;
    struct cnn_model m;
    struct cnn_data data;
    lattn_cnn_config config;  // texts are lent
    const char **labels;
    lattn_loader *train_loader, *validation_loader, *test_loader;
    lattn_optim *optim;
    lattn_train_result result;
    lattn_metrics test_metrics;
    char *settings;
    bool told;  // the sentence on what is wrong has been printed
};

// ---- data -----------------------------------------------------------------------------------------

static lattn_status open_data(struct job *j)
{
    struct options *o = &j->o;
    struct cnn_data *d = &j->data;
    lattn_status st;
    TRY(cnn_data_open(o->data, o->channels, NULL, 0, d));
    if (!d->train) {
        fprintf(stderr, "%s: %s has no training pictures\n", name, o->data);
        j->told = true;
        return LATTN_ERR_FORMAT;
    }
    TRY(cnn_data_split(d, (double) o->val_split, (uint64_t) o->seed));
    int n = lattn_dataset_n_labels(d->train);
    j->labels = calloc((size_t) n + 1, sizeof *j->labels);
    if (!j->labels)
        return LATTN_ERR_HOST_MEMORY;
    for (int i = 0; i < n; i++)
        j->labels[i] = lattn_dataset_label_name(d->train, i);

done:
    return st;
}

static const lattn_rows *training_rows(const struct job *j)
{
    return j->data.split ? &j->data.train_rows : NULL;
}

// Size, classes and normalisation of the data, which the folder keeps.
static lattn_status describe_data(struct job *j)
{
    const struct cnn_data *d = &j->data;
    lattn_cnn_config *c = &j->config;
    int size = j->o.image_size;
    c->channels = d->channels;
    c->height = size ? size : d->height ? d->height : 224;
    c->width = size ? size : d->width ? d->width : 224;
    c->num_classes = lattn_dataset_n_labels(d->train);
    c->labels = j->labels;
    c->has_normalisation = true;
    return lattn_dataset_mean_std(d->train, training_rows(j), c->mean, c->std);
}

static lattn_transform augmented(const struct job *j)
{
    const struct options *o = &j->o;
    lattn_transform t = cnn_transform(&j->config, &j->data);
    // A random part is resized by itself; crops out of a frame keep the ratio of the sides.
    if (t.stretch && o->pad > 0)
        t.resize = t.height > t.width ? t.height : t.width;
    t.stretch = t.stretch && o->pad == 0 && !(o->min_area > 0);
    t.min_area = o->min_area;
    t.pad = o->pad;
    t.random_crop = o->pad > 0;
    t.flip_horizontal = o->flip;
    t.flip_vertical = o->vertical_flip;
    t.rotate = o->rotate;
    t.brightness = o->brightness;
    t.contrast = o->contrast;
    t.saturation = o->saturation;
    t.cutout = o->cutout;
    t.mixup = o->mixup;
    return t;
}

static int64_t n_validation(const struct job *j)
{
    const struct cnn_data *d = &j->data;
    return d->split ? d->validation_rows.n : d->validation ? lattn_dataset_count(d->validation) : 0;
}

static int64_t n_training(const struct job *j)
{
    return j->data.split ? j->data.train_rows.n : lattn_dataset_count(j->data.train);
}

static lattn_status open_loader(struct job *j, const lattn_dataset *data, const lattn_rows *rows,
    bool is_train, lattn_loader **out)
{
    lattn_image_loader_params params = {
        .dataset = data,
        .rows = rows,
        .transform = is_train ? augmented(j) : cnn_transform(&j->config, &j->data),
        .batch_size = is_train ? j->o.batch_size : j->o.eval_batch_size,
        .shuffle = is_train,
        // Batch norm cannot train on one picture, and one shape less is captured. A set smaller than
        // a batch is one.
        .drop_last = is_train && n_training(j) >= j->o.batch_size,
        .seed = (uint64_t) j->o.seed,
        .n_threads = j->o.threads,
    };
    return data ? lattn_image_loader_create(&params, out) : LATTN_OK;
}

static lattn_status open_loaders(struct job *j)
{
    struct cnn_data *d = &j->data;
    const lattn_dataset *validation = d->split ? d->train : d->validation;
    lattn_status st;
    TRY(open_loader(j, d->train, training_rows(j), true, &j->train_loader));
    TRY(open_loader(
        j, validation, d->split ? &d->validation_rows : NULL, false, &j->validation_loader));
    TRY(open_loader(j, d->test, NULL, false, &j->test_loader));

done:
    return st;
}

static lattn_source source_of(lattn_loader *loader, int64_t n)
{
    lattn_source none = { 0 };
    return loader ? lattn_source_from_loader(loader, n) : none;
}

// ---- model ----------------------------------------------------------------------------------------

static lattn_status tell_load(const struct job *j, const lattn_load_report *report)
{
    const char *from = j->o.start ? j->o.start : j->o.weights;
    if (report->n_missing)
        fprintf(stderr, "%s: newly initialised: %s\n", from, report->missing);
    if (report->n_unused)
        fprintf(stderr, "%s: not used: %s\n", from, report->unused);
    return LATTN_OK;
}

// A folder gives the architecture, the data the classes; the head is new where they differ.
static lattn_status open_model(struct job *j)
{
    lattn_cnn_config file = { 0 };
    lattn_load_report report = { 0 };
    char path[4096];
    lattn_status st;
    if (j->o.start) {
        snprintf(path, sizeof path, "%s/config.json", j->o.start);
        TRY(lattn_cnn_config_load(path, &file));
        j->config.architecture = file.architecture;
        j->config.layers = file.layers;
        j->config.height = file.height;
        j->config.width = file.width;
    } else {
        j->config.architecture = j->o.layers ? NULL : j->o.model;
        j->config.layers = j->o.layers;
    }
    TRY(lattn_cnn_create(j->m.ctx, &j->config, &j->m.cnn));
    if (j->o.start || j->o.weights) {
        TRY(lattn_cnn_load_weights(j->m.cnn, j->o.start ? j->o.start : j->o.weights, &report));
        TRY(tell_load(j, &report));
    }
    TRY(cnn_rates_apply(j->m.cnn, &j->o.rates));
    j->m.label_smoothing = j->o.smoothing;

done:
    lattn_cnn_config_free(&file);
    return st;
}

static lattn_status describe(struct job *j)
{
    const lattn_device_info *device = lattn_ctx_device(j->m.ctx);
    if (j->o.quiet)
        return LATTN_OK;
    fprintf(stderr, "device: %s (%s)\n", device->name, device->driver);
    fprintf(stderr, "data: %lld training, %lld validation and %lld test pictures, %d classes\n",
        (long long) n_training(j), (long long) n_validation(j),
        (long long) (j->data.test ? lattn_dataset_count(j->data.test) : 0), j->config.num_classes);
    return cnn_print_summary(&j->m, stderr);
}

// ---- training -------------------------------------------------------------------------------------

// Everything that must be the same when a run is resumed.
static lattn_status write_settings(struct job *j)
{
    const struct options *o = &j->o;
    const lattn_cnn_config *c = lattn_cnn_get_config(j->m.cnn);
    const char *model = c->architecture ? c->architecture : c->layers;
    const char *steps = o->lr_steps ? o->lr_steps : "";
    char *rates = cnn_rates_text(&o->rates);
    size_t bytes = 1024 + strlen(model) + strlen(steps) + (rates ? strlen(rates) : 0);
    j->settings = malloc(bytes);
    if (!j->settings || !rates) {
        free(rates);
        return LATTN_ERR_HOST_MEMORY;
    }
    snprintf(j->settings, bytes,
        "batch %d x %d, lr %.9g, epochs %.9g, steps %lld, warm-up %.9g, decay %.9g, clip %.9g, "
        "optimiser %d %.9g %d %d, schedule %d %.9g %.9g %s, smoothing %.9g, seed %lld, "
        "augmentation %d %.9g %.9g %.9g %.9g %.9g %.9g %.9g %d %.9g, split %.9g, %s, %s"
        "images %lld x %lld, model %s",
        o->batch_size, o->accumulation, (double) o->lr, (double) o->epochs,
        (long long) o->max_steps, (double) o->warmup, (double) o->weight_decay, (double) o->clip,
        o->optimizer, (double) o->momentum, o->nesterov, o->momentum_form, o->scheduler,
        (double) o->lr_step_size, (double) o->lr_gamma, steps, (double) o->smoothing,
        (long long) o->seed, o->pad, (double) o->flip, (double) o->vertical_flip,
        (double) o->rotate, (double) o->brightness, (double) o->contrast, (double) o->saturation,
        (double) o->min_area, o->cutout, (double) o->mixup, (double) o->val_split, rates,
        precision_settings(&o->precision), (long long) c->height, (long long) c->width, model);
    free(rates);
    return LATTN_OK;
}

static lattn_status create_optimiser(struct job *j)
{
    lattn_optim_params common = {
        .lr = j->o.lr, .weight_decay = j->o.weight_decay, .max_grad_norm = j->o.clip
    };
    lattn_module *module = lattn_cnn_module(j->m.cnn);
    if (j->o.optimizer == 1) {
        lattn_adamw_params params = { .common = common };
        return lattn_adamw_create(j->m.ctx, module, &params, &j->optim);
    }
    lattn_sgd_params params = {
        .common = common,
        .momentum = j->o.momentum,
        .nesterov = j->o.nesterov,
        .form = (lattn_momentum) j->o.momentum_form,
    };
    return lattn_sgd_create(j->m.ctx, module, &params, &j->optim);
}

static lattn_status train(struct job *j)
{
    const struct options *o = &j->o;
    lattn_status st = write_settings(j);
    if (st)
        return st;
    lattn_train_params params = {
        .task = cnn_task(&j->m),
        .train = source_of(j->train_loader, n_training(j)),
        .validation = source_of(j->validation_loader, n_validation(j)),
        .optim = j->optim,
        .n_epochs = (double) o->epochs,
        .max_steps = o->max_steps,
        .accumulation_steps = o->accumulation,
        .lr = o->lr,
        .schedule = (lattn_schedule_kind) o->scheduler,
        .warmup_ratio = (double) o->warmup,
        .lr_gamma = (double) o->lr_gamma,
        .lr_step_size = (double) o->lr_step_size,
        .lr_milestones = o->milestones,
        .n_lr_milestones = o->n_milestones,
        .eval_steps = o->eval_steps,
        .save_steps = o->save_steps,
        .output_dir = o->output,
        .overwrite_output_dir = o->overwrite,
        .resume = o->resume,
        .data_hash = lattn_dataset_stats(j->data.train).hash,
        .fingerprint = j->settings,
        .stop = run_watch_signals(),
        .show_progress = !o->quiet,
        .eager = o->eager,
    };
    return tuned_train(name, j->m.ctx, o->tune, &params, &j->result);
}

// The output folder has the best model by now; the test set judges that one, and where there is none the
// validation set shows what it does.
static lattn_status test(struct job *j)
{
    lattn_task task = cnn_task(&j->m);
    const struct cnn_data *d = &j->data;
    const lattn_dataset *data = d->test ? d->test : d->split ? d->train : d->validation;
    const lattn_rows *rows = !d->test && d->split ? &d->validation_rows : NULL;
    const lattn_cnn_config *c = lattn_cnn_get_config(j->m.cnn);
    lattn_source source = d->test ? source_of(j->test_loader, lattn_dataset_count(d->test))
                                  : source_of(j->validation_loader, n_validation(j));
    struct cnn_judge judge = { 0 };
    lattn_status st;
    if (source.n_samples) {
        TRY(task.load(task.user, j->o.output));
        TRY(cnn_judge_open(&judge, c->num_classes, data, rows));
        TRY(lattn_evaluate(j->m.ctx, &task, &source, cnn_judge_each, &judge, &j->test_metrics));
        TRY(cnn_judge_write(&judge, c, j->o.output));
    }
    TRY(cnn_save_filters(j->m.cnn, j->o.output));

done:
    cnn_judge_close(&judge);
    return st;
}

static lattn_status run(struct job *j)
{
    lattn_ctx_params ctx = { .device = j->o.device, .seed = (uint64_t) j->o.seed };
    lattn_status st;
    TRY(precision_open(&j->o.precision, &ctx, &j->m.ctx));
    TRY(open_data(j));
    TRY(describe_data(j));
    TRY(open_model(j));
    TRY(describe(j));
    TRY(open_loaders(j));
    TRY(precision_apply(&j->o.precision, lattn_cnn_module(j->m.cnn)));
    TRY(create_optimiser(j));
    TRY(train(j));
    TRY(test(j));

done:
    return st;
}

static void close_job(struct job *j)
{
    lattn_optim_destroy(&j->optim);
    lattn_loader_destroy(&j->train_loader);
    lattn_loader_destroy(&j->validation_loader);
    lattn_loader_destroy(&j->test_loader);
    cnn_model_close(&j->m);
    cnn_data_close(&j->data);
    free(j->labels);
    free(j->settings);
}

// ---- results --------------------------------------------------------------------------------------

static int finish(const struct job *j, lattn_status st)
{
    const struct run_results results = {
        .command = name,
        .output = j->o.output,
        .rows = "pictures",
        .resume = "--resume",
        .train = &j->result,
        .test = j->data.test ? &j->test_metrics : NULL,
        .json = j->o.json,
    };
    return j->told ? cli_exit_code(st) : run_finish(&results, st, j->m.ctx);
}

// The numbers between the commas of --lr_steps.
static bool parse_milestones(struct options *o)
{
    const char *at = o->lr_steps;
    while (at && *at && o->n_milestones < LATTN_MAX_MILESTONES) {
        char *end;
        o->milestones[o->n_milestones++] = strtod(at, &end);
        if (end == at || (*end && *end != ','))
            return false;
        at = end + (*end == ',');
    }
    return !at || !*at;
}

static int check_options(struct options *o)
{
    const char *wrong = NULL;
    if (!o->data || !o->output)
        return cli_usage_error(name, "--%s is missing", o->data ? "output_dir" : "data_path");
    if (o->mixup > 0 && o->smoothing > 0)
        return cli_usage_error(name, "--mixup_alpha and --label_smoothing exclude each other");
    if (!parse_milestones(o))
        return cli_usage_error(name, "--lr_steps is \"%s\", expected are up to %d epochs: 30,60,80",
            o->lr_steps, LATTN_MAX_MILESTONES);
    if (!cnn_rates_parse(&o->rates, &wrong))
        return cli_usage_error(
            name, "--lr_factor is \"%s\", expected is a pattern and a factor: layer1=0.1", wrong);
    return precision_check(name, &o->precision);
}

int cnn_train(int argc, char **argv)
{
    static const char *const schedulers[] = { "linear", "cosine", "constant", "polynomial",
        "steplr", "multisteplr", NULL };
    static const char *const forms[] = { "rate_outside", "rate_inside", "average", NULL };
    static const char *const optimizers[] = { "sgd", "adamw", NULL };
    struct job j = { .o = {
                         .model = "small",
                         .batch_size = 32,
                         .eval_batch_size = 256,
                         .accumulation = 1,
                         .threads = 1,
                         .epochs = 10,
                         .lr = 0.1f,
                         .momentum = 0.9f,
                         .weight_decay = 1e-4f,
                         .scheduler = LATTN_SCHEDULE_COSINE,
                         .lr_step_size = 30,
                         .lr_gamma = 0.1f,
                         .val_split = 0.1f,
                         .rates = { .backbone = 1, .layer_decay = 1 },
                         .seed = 42,
                     } };
    struct options *o = &j.o;
    const struct cli_opt opts[] = {
        CLI_GROUP("Data"),
        CLI_STR("data_path", 0, &o->data, "PATH",
            "folder per class, or with train, val and test in it; IDX or CIFAR files; CSV of "
            "numbers"),
        CLI_F32(
            "val_split", 0, &o->val_split, 0, 0.9, "share set aside where there is no val folder"),
        CLI_INT("image_size", 0, &o->image_size, 0, 16384, "resize to a square; 0 = as they are"),
        CLI_INT("channels", 0, &o->channels, 0, 4, "of pictures in folders; 0 = 3"),
        CLI_GROUP("Augmentation"),
        CLI_INT("pad", 0, &o->pad, 0, 1024, "random crops of pictures padded by this"),
        CLI_F32("hflip", 0, &o->flip, 0, 1, "probability of mirroring"),
        CLI_F32("vflip", 0, &o->vertical_flip, 0, 1, "of turning upside down"),
        CLI_F32("rotate", 0, &o->rotate, 0, 180, "degrees at most"),
        CLI_F32("brightness", 0, &o->brightness, 0, 1, "jitter"),
        CLI_F32("contrast", 0, &o->contrast, 0, 1, "jitter"),
        CLI_F32("saturation", 0, &o->saturation, 0, 1, "jitter"),
        CLI_F32("min_area", 0, &o->min_area, 0, 1, "random resized crops of this share or more"),
        CLI_INT("cutout", 0, &o->cutout, 0, 1024, "side of a square that is blanked"),
        CLI_F32("mixup_alpha", 0, &o->mixup, 0, 100, "mixes pairs of pictures"),
        CLI_GROUP("Model"),
        CLI_STR("model", 'm', &o->model, "NAME", "architecture: small, lenet, resnet18, ..."),
        CLI_STR("layers", 0, &o->layers, "TEXT",
            "a network as text: \"conv 32 3x3, bn, relu, maxpool 2\""),
        CLI_STR("model_name_or_path", 0, &o->start, "DIR", "folder to start from"),
        CLI_STR("weights", 0, &o->weights, "FILE",
            "safetensors of that architecture, as torchvision names them"),
        CLI_GROUP("Layers (a pattern fits a path or its beginning: layer1, '*.bias')"),
        CLI_FLAG("freeze", 0, &o->rates.freeze, "train the last layer only"),
        CLI_STRS("freeze_layers", 0, &o->rates.freeze_layers, "PATTERN",
            "do not train these; may be given again"),
        CLI_F32("backbone_lr_factor", 0, &o->rates.backbone, 0, 1000,
            "on the rate of all but the last layer"),
        CLI_F32("layer_decay", 0, &o->rates.layer_decay, 1e-6, 1,
            "factor on the rate for each layer in front of the last"),
        CLI_STRS("lr_factor", 0, &o->rates.factors, "PATTERN=X",
            "factor on the rate of these; may be given again, and factors multiply"),
        CLI_GROUP("Training"),
        CLI_STR("output_dir", 'o', &o->output, "DIR",
            "folder for model, checkpoints, curves, pictures"),
        CLI_FLAG("overwrite_output_dir", 0, &o->overwrite,
            "begin anew in a folder that is not empty; checkpoints of an older run are removed"),
        CLI_INT("batch_size", 'b', &o->batch_size, 1, 65536, "pictures of a batch"),
        CLI_INT("eval_batch_size", 0, &o->eval_batch_size, 1, 65536, "in evaluation"),
        CLI_INT("gradient_accumulation_steps", 0, &o->accumulation, 1, 65536, "batches per update"),
        CLI_F32("epochs", 0, &o->epochs, 0, 1e6, "passes over the training pictures"),
        CLI_I64("max_steps", 0, &o->max_steps, -1, 1e15, "updates, instead of epochs"),
        CLI_ENUM("opt", 0, &o->optimizer, optimizers, "optimiser"),
        CLI_F32("lr", 'l', &o->lr, 0, 100, "peak learning rate"),
        CLI_F32("momentum", 0, &o->momentum, 0, 0.9999, "of sgd"),
        CLI_FLAG("nesterov", 0, &o->nesterov, "Nesterov's form of it"),
        CLI_ENUM("momentum_form", 0, &o->momentum_form, forms,
            "v = momentum v + g; with the rate in the sum; (1 - momentum) g instead of g"),
        CLI_F32("weight_decay", 0, &o->weight_decay, 0, 10, "of all but biases and norms"),
        CLI_F32("clip_grad_norm", 0, &o->clip, 0, 1e30, "0 = no clipping"),
        CLI_ENUM("lr_scheduler", 0, &o->scheduler, schedulers, "what follows the warm-up"),
        CLI_F32("lr_step_size", 0, &o->lr_step_size, 0, 1e6, "epochs between cuts of steplr"),
        CLI_STR("lr_steps", 0, &o->lr_steps, "EPOCHS", "where multisteplr cuts: 30,60,80"),
        CLI_F32("lr_gamma", 0, &o->lr_gamma, 1e-6, 1, "factor of a cut"),
        CLI_F32("warmup_ratio", 0, &o->warmup, 0, 1, "share of the updates that warm up"),
        CLI_F32("label_smoothing", 0, &o->smoothing, 0, 0.99, "of cross-entropy"),
        CLI_I64("seed", 's', &o->seed, 0, 9007199254740992.0, "of weights, order, augmentation"),
        PRECISION_OPTIONS(&o->precision),
        CLI_GROUP("Evaluating and saving (0 = at the end of each epoch)"),
        CLI_I64("eval_steps", 0, &o->eval_steps, 0, 1e15, "updates between evaluations"),
        CLI_I64("save_steps", 0, &o->save_steps, 0, 1e15, "updates between checkpoints"),
        CLI_OPT_STR(
            "resume", 'r', &o->resume, "[true|DIR]", "go on from the newest checkpoint, if any"),
        CLI_GROUP("Running"),
        CLI_STR("device", 'd', &o->device, "WHICH", "index, UUID or part of the name"),
        CLI_INT("workers", 'j', &o->threads, 1, 64, "threads that prepare batches"),
        CLI_FLAG("eager", 0, &o->eager, "record every step anew"),
        TUNE_OPTION(&o->tune),
        CLI_FLAG("json", 0, &o->json, "result as JSON on stdout"),
        CLI_FLAG("quiet", 'q', &o->quiet, "no progress"),
        CLI_END,
    };
    const struct cli_command command = {
        .name = name, .summary = "trains a classifier of pictures", .opts = opts
    };
    int code;
    if (!cli_parse(&command, argc, argv, NULL, &code))
        return code;
    code = check_options(o);
    if (code)
        return code;
    code = finish(&j, run(&j));
    close_job(&j);
    return code;
}
