// SPDX-License-Identifier: MIT
//
// From options named as transformers' to an optimiser and to the parameters of a training.

#include "common/trainer.h"
#include <stdio.h>
#include "common/run.h"

// The first four are lattn_schedule_kind's; transformers' constant has no warm-up.
const char *const trainer_schedulers[] = { "linear", "cosine", "constant_with_warmup", "polynomial",
    "constant", NULL };
enum { CONSTANT = 4 };

int trainer_check(const char *command, struct trainer_options *o)
{
    if (!o->output)
        return cli_usage_error(command, "--output_dir is missing");
    if (o->scheduler == CONSTANT && (o->warmup_ratio > 0 || o->warmup_steps > 0))
        return cli_usage_error(command, "--lr_scheduler_type constant has no warm-up; "
                                        "constant_with_warmup is the one that has");
    int code = precision_check(command, &o->precision);
    if (code)
        return code;
    o->eval_batch_size = o->eval_batch_size ? o->eval_batch_size : o->batch_size;
    return 0;
}

lattn_status trainer_adamw(
    lattn_ctx *ctx, lattn_module *module, const struct trainer_options *o, lattn_optim **out)
{
    const lattn_adamw_params params = {
        .common = {
            .lr = o->lr,
            .weight_decay = o->weight_decay,
            .max_grad_norm = o->max_grad_norm,
        },
        .beta1 = o->beta1,
        .beta2 = o->beta2,
        .has_betas = true,
        .eps = o->epsilon,
    };
    lattn_module_set_recompute(module, o->recompute);
    lattn_status st = precision_apply(&o->precision, module);
    return st ? st : lattn_adamw_create(ctx, module, &params, out);
}

lattn_train_params trainer_params(const struct trainer_options *o)
{
    return (lattn_train_params){
        .n_epochs = (double) o->n_epochs,
        .max_steps = o->max_steps,
        .accumulation_steps = o->accumulation,
        .lr = o->lr,
        .schedule =
            o->scheduler == CONSTANT ? LATTN_SCHEDULE_CONSTANT : (lattn_schedule_kind) o->scheduler,
        .warmup_ratio = (double) o->warmup_ratio,
        .warmup_steps = o->warmup_steps,
        .eval_steps = o->eval_steps,
        .save_steps = o->save_steps,
        .logging_steps = o->logging_steps,
        .save_total_limit = o->save_total_limit,
        .output_dir = o->output,
        .overwrite_output_dir = o->overwrite,
        .resume = o->resume,
        .stop = run_watch_signals(),
        .show_progress = !o->quiet,
        .eager = o->eager,
    };
}

int trainer_settings(const struct trainer_options *o, char *text, size_t bytes)
{
    return snprintf(text, bytes,
        "batch %d x %d, lr %.9g, epochs %.9g, steps %lld, warm-up %.9g/%lld, decay %.9g, clip "
        "%.9g, betas %.9g %.9g, epsilon %.9g, smoothing %.9g, seed %lld, schedule %s, %s",
        o->batch_size, o->accumulation, (double) o->lr, (double) o->n_epochs,
        (long long) o->max_steps, (double) o->warmup_ratio, (long long) o->warmup_steps,
        (double) o->weight_decay, (double) o->max_grad_norm, (double) o->beta1, (double) o->beta2,
        (double) o->epsilon, (double) o->label_smoothing, (long long) o->seed,
        trainer_schedulers[o->scheduler], precision_settings(&o->precision));
}
