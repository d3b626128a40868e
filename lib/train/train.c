// SPDX-License-Identifier: MIT
//
// The training loop. Each update replays a captured step; the loss of the one before is read
// while it runs, so the device never waits for the host.
//
//   for each batch:   run(step for its shape)  ->  read the result of the run before
//                     now and then: log | evaluate, keep the best model | checkpoint

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/thread.h"
#include "optim/optim.h"
#include "train/evaluate.h"
#include "train/run.h"

// ---- set-up ---------------------------------------------------------------------------------------

// An epoch as a number of updates, at least one.
static int64_t updates_of(const struct lat_run *r, double epochs)
{
    return (int64_t) fmax(1, round(epochs * (double) r->updates_per_epoch));
}

// The schedule's steps and milestones are epochs outside and updates inside.
static lattn_status plan_cuts(struct lat_run *r)
{
    const lattn_train_params *p = r->params;
    lattn_schedule *s = &r->schedule;
    if (s->kind != LATTN_SCHEDULE_STEP && s->kind != LATTN_SCHEDULE_MULTISTEP)
        return LATTN_OK;
    if (!(p->lr_gamma >= 0) || !isfinite(p->lr_gamma))
        return lat_err(LATTN_ERR_ARG, "train: gamma %g must be 0 or more", p->lr_gamma);
    if (s->kind == LATTN_SCHEDULE_STEP) {
        if (!(p->lr_step_size > 0) || !(p->lr_step_size < 1e9))
            return lat_err(
                LATTN_ERR_ARG, "train: a step of %g epochs must be above 0", p->lr_step_size);
        s->step_size = updates_of(r, p->lr_step_size);
        return LATTN_OK;
    }
    if (p->n_lr_milestones < 1 || p->n_lr_milestones > LATTN_MAX_MILESTONES)
        return lat_err(LATTN_ERR_ARG, "train: %d milestones, 1 to %d are allowed",
            p->n_lr_milestones, LATTN_MAX_MILESTONES);
    for (int i = 0; i < p->n_lr_milestones; i++) {
        double last = i ? p->lr_milestones[i - 1] : 0;
        if (!(p->lr_milestones[i] > last) || !(p->lr_milestones[i] < 1e9))
            return lat_err(
                LATTN_ERR_ARG, "train: milestone %g must be above %g", p->lr_milestones[i], last);
        s->milestones[s->n_milestones++] = updates_of(r, p->lr_milestones[i]);
    }
    return LATTN_OK;
}

static lattn_status plan_run(struct lat_run *r)
{
    const lattn_train_params *p = r->params;
    r->accumulation = p->accumulation_steps > 0 ? p->accumulation_steps : 1;
    if (p->train.n_batches < 1)
        return lat_err(LATTN_ERR_ARG, "train: the training set has no batches");
    if (!(p->lr >= 0) || !isfinite(p->lr))
        return lat_err(LATTN_ERR_ARG, "train: learning rate %g must be >= 0", (double) p->lr);
    r->updates_per_epoch = (p->train.n_batches + r->accumulation - 1) / r->accumulation;
    int64_t total = p->max_steps > 0 ? p->max_steps
                                     : (int64_t) ceil(p->n_epochs * (double) r->updates_per_epoch);
    if (total < 1)
        return lat_err(LATTN_ERR_ARG, "train: %g epochs of %lld updates are less than one update",
            p->n_epochs, (long long) r->updates_per_epoch);
    r->schedule = (lattn_schedule){
        .kind = p->schedule,
        .n_steps = total,
        .n_warmup = p->warmup_steps > 0 ? p->warmup_steps
                                        : (int64_t) ceil(p->warmup_ratio * (double) total),
        .gamma = p->lr_gamma,
    };
    return plan_cuts(r);
}

// A file that could not be written is a warning as long as the run can still be saved later.
static lattn_status tolerate(struct lat_run *r, lattn_status st)
{
    if (st != LATTN_ERR_IO)
        return st;
    lat_progress_clear(&r->progress);
    lat_log(LATTN_LOG_WARN, "%s%s", lat_err_text(),
        r->step < r->schedule.n_steps ? "; training goes on" : "");
    return LATTN_OK;
}

static lattn_status open_output(struct lat_run *r, bool resumed)
{
    const char *dir = r->params->output_dir;
    LAT_TRY(lat_history_write(&r->history, dir));
    LAT_TRY(lat_events_open(dir, &r->events));
    if (resumed)
        lat_progress_line(&r->progress, "resuming at update %lld of %lld", (long long) r->step,
            (long long) r->schedule.n_steps);
    return LATTN_OK;
}

static lattn_status begin(struct lat_run *r, bool *resumed)
{
    char dir[4096];
    const lattn_train_params *p = r->params;
    LAT_TRY(plan_run(r));
    LAT_TRY(lat_dir_create(p->output_dir));
    LAT_TRY(lat_dir_lock(p->output_dir, &r->lock));
    LAT_TRY(lattn_checkpoint_clean(p->output_dir));
    LAT_TRY(lat_run_find(r, dir, sizeof dir));
    *resumed = dir[0] != 0;
    if (*resumed)
        LAT_TRY(lat_run_restore(r, dir));
    LAT_TRY(lat_run_claim_output(r, *resumed));
    size_t n = strlen(p->output_dir);
    if (*resumed && (strncmp(dir, p->output_dir, n) != 0 || dir[n] != '/'))
        r->best_step = -1;  // the best model so far is in another folder
    lat_progress_begin(&r->progress, !p->show_progress, r->schedule.n_steps, r->step);
    LAT_TRY(open_output(r, *resumed));
    LAT_TRY(p->train.seek(p->train.user, r->epoch, r->batch));
    return lat_steps_create(r->ctx, &p->task, p->optim, p->eager, &r->steps);
}

// ---- results of a step ----------------------------------------------------------------------------

static lattn_status not_finite(
    struct lat_run *r, int64_t update, const struct lat_step_result *result)
{
    const char *name = NULL;
    LAT_TRY(lattn_optim_first_not_finite(r->params->optim, &name));
    return lat_err(LATTN_ERR_NOT_FINITE,
        "update %lld: loss %g, gradient norm %g, learning rate %g; first parameter affected: %s",
        (long long) update, (double) result->loss, (double) result->grad_norm,
        (double) lattn_optim_lr(r->params->optim), name ? name : "none, the loss alone");
}

// Whether what is not finite is the loss scale's affair: gradients that overflowed under it, or the loss of
// a batch whose gradients are not judged before the update that they belong to.
static bool is_overflow(const struct lat_run *r, const struct lat_step_result *result, bool updated)
{
    return lat_optim_scales(r->params->optim) && (!updated || !result->finite);
}

// Reads the newest run; later runs may still be going.
static lattn_status collect(struct lat_run *r, struct lat_pending *pending)
{
    struct lat_step_result result;
    if (!pending->step)
        return LATTN_OK;
    LAT_TRY(lat_steps_read(r->steps, pending, &result, NULL));
    bool updated = pending->updated, finite = isfinite(result.loss) && result.finite;
    pending->step = NULL;
    if (!finite && !is_overflow(r, &result, updated))
        return not_finite(r, pending->update, &result);
    if (isfinite(result.loss)) {
        r->loss_sum += (double) result.loss;
        r->loss_count++;
    }
    if (!updated)
        return LATTN_OK;
    if (result.finite)
        r->grad_norm = (double) result.grad_norm;
    r->loss_scale = (double) result.loss_scale;
    r->n_skipped = result.n_skipped;
    r->n_skipped_now = result.n_skipped_now;
    return LATTN_OK;
}

// A scale below 1 shrinks gradients instead of saving them: what overflows is the model itself. Weights and
// moments are as before the first of these updates, so they are worth a checkpoint.
static bool has_collapsed(const struct lat_run *r)
{
    return lat_optim_scales(r->params->optim) && r->loss_scale < 1;
}

static lattn_status collapsed(struct lat_run *r)
{
    LAT_TRY(collect(r, &r->pending));
    LAT_TRY(lat_run_save(r));
    return lat_err(LATTN_ERR_NOT_FINITE,
        "update %lld: the loss scale has fallen to %g, after %lld updates in a row whose gradients "
        "are not finite in f16; they changed nothing, and checkpoint-%lld has the weights from "
        "before them. bf16, or f32 from there on, has the range that f16 lacks",
        (long long) r->step, r->loss_scale, (long long) r->n_skipped_now, (long long) r->step);
}

static double epoch_of(const struct lat_run *r)
{
    return (double) r->step / (double) r->updates_per_epoch;
}

// Keeps an entry and writes it to metrics.jsonl. After a failure the whole file is written anew, until
// that succeeds.
static lattn_status add_entry(struct lat_run *r, const struct lat_entry *entry)
{
    const char *dir = r->params->output_dir;
    LAT_TRY(lat_history_add(&r->history, entry));
    lattn_status st =
        r->log_behind ? lat_history_write(&r->history, dir) : lat_history_append(entry, dir);
    bool told = r->log_behind;
    r->log_behind = st == LATTN_ERR_IO;
    return r->log_behind && told ? LATTN_OK : tolerate(r, st);
}

// A record that was cut would hide all that follow it, so the first failure ends the file.
static lattn_status add_event(struct lat_run *r, const char *tag, double value)
{
    lattn_status st =
        r->events ? lat_events_scalar(r->events, tag, r->step, (float) value) : LATTN_OK;
    if (st != LATTN_ERR_IO)
        return st;
    LAT_TRY(tolerate(r, st));
    if (lat_events_close(&r->events))
        lat_log(LATTN_LOG_DEBUG, "%s", lat_err_text());
    return LATTN_OK;
}

static lattn_status log_training(struct lat_run *r)
{
    bool scales = lat_optim_scales(r->params->optim);
    r->train_loss = r->loss_sum / (double) LAT_MAX(r->loss_count, 1);
    struct lat_entry entry = {
        .step = r->step,
        .epoch = epoch_of(r),
        .loss = r->train_loss,
        .lr = (double) lattn_optim_lr(r->params->optim),
        .grad_norm = r->grad_norm,
        .samples_per_second = r->samples_per_second,
        .loss_scale = scales ? r->loss_scale : NAN,
        .n_skipped = r->n_skipped,
    };
    r->logged_step = r->step;
    r->loss_sum = 0;
    r->loss_count = 0;
    LAT_TRY(add_entry(r, &entry));
    LAT_TRY(add_event(r, "train/loss", entry.loss));
    LAT_TRY(add_event(r, "train/learning_rate", entry.lr));
    LAT_TRY(add_event(r, "train/grad_norm", entry.grad_norm));
    if (!scales)
        return LATTN_OK;
    LAT_TRY(add_event(r, "train/loss_scale", entry.loss_scale));
    return add_event(r, "train/skipped_steps", (double) entry.n_skipped);
}

// ---- evaluation -----------------------------------------------------------------------------------

// Larger is better; NaN never is.
static double value_of(const lattn_train_params *p, const lattn_metrics *m)
{
    const char *name = p->metric_for_best ? p->metric_for_best : "accuracy";
    if (strcmp(name, "loss") == 0 || !p->task.n_classes)
        return -m->loss;
    return strcmp(name, "macro_f1") == 0 ? m->macro_f1 : m->accuracy;
}

static lattn_status log_evaluation(struct lat_run *r)
{
    const lattn_task *task = &r->params->task;
    bool language = task->characters_per_token > 0;
    struct lat_entry entry = {
        .step = r->step,
        .epoch = epoch_of(r),
        .is_eval = true,
        .loss = r->last.loss,
        .accuracy = task->n_classes ? r->last.accuracy : NAN,
        .macro_f1 = task->n_classes ? r->last.macro_f1 : NAN,
        .bits = language ? r->last.bits : NAN,
    };
    LAT_TRY(add_entry(r, &entry));
    LAT_TRY(tolerate(r, lat_history_draw(&r->history, r->params->output_dir)));
    LAT_TRY(add_event(r, "eval/loss", entry.loss));
    if (language) {
        LAT_TRY(add_event(r, "eval/perplexity", exp(entry.loss)));
        LAT_TRY(add_event(r, "eval/bits_per_character", entry.bits));
    }
    if (!task->n_classes)
        return LATTN_OK;
    LAT_TRY(add_event(r, "eval/accuracy", entry.accuracy));
    return add_event(r, "eval/f1", entry.macro_f1);
}

// "  accuracy 0.9000  macro F1 0.8900", or what a language model has instead.
static const char *figures_of(const struct lat_run *r, char *text, size_t bytes)
{
    const lattn_task *task = &r->params->task;
    int n = 0;
    *text = 0;
    if (task->n_classes)
        n = snprintf(
            text, bytes, "  accuracy %.4f  macro F1 %.4f", r->last.accuracy, r->last.macro_f1);
    if (task->characters_per_token > 0)
        snprintf(text + n, bytes - (size_t) n, "  perplexity %.4g  %.4f bits per character",
            exp(r->last.loss), r->last.bits);
    return text;
}

// The best model is one that is saved: when that fails, the next one that is better than the saved one
// counts. At the end there is no next one.
static lattn_status keep_best(struct lat_run *r, double value, bool last)
{
    const lattn_train_params *p = r->params;
    lattn_status st = p->task.save(p->task.user, p->output_dir);
    if (st)
        return last ? st : tolerate(r, st);
    r->best_step = r->step;
    r->best_value = value;
    r->best = r->last;
    return LATTN_OK;
}

// The task's own part of the log. The bar is not there: it comes back with the next update.
static lattn_status tell_more(struct lat_run *r)
{
    const lattn_task *task = &r->params->task;
    if (!task->evaluated)
        return LATTN_OK;
    lattn_rng_state rng = lattn_rng_get(r->ctx);
    bool training = lattn_is_training(r->ctx);
    lattn_set_training(r->ctx, false);
    lattn_no_grad_begin(r->ctx);
    lattn_status st = task->evaluated(task->user, &r->last);
    lattn_no_grad_end(r->ctx);
    lattn_set_training(r->ctx, training);
    lattn_rng_set(r->ctx, rng);
    return st;
}

static lattn_status evaluate(struct lat_run *r, bool last)
{
    const lattn_train_params *p = r->params;
    if (!p->validation.n_samples)
        return LATTN_OK;
    LAT_TRY(lat_evaluate(r->steps, &p->task, &p->validation, NULL, NULL, &r->last));
    LAT_TRY(log_evaluation(r));
    double value = value_of(p, &r->last);
    bool better = isfinite(r->last.loss) && (r->best_step < 0 || value > r->best_value);
    char figures[128];
    lat_progress_line(&r->progress, "epoch %.2f  validation loss %.4f%s%s", epoch_of(r),
        r->last.loss, figures_of(r, figures, sizeof figures), better ? "  (best so far)" : "");
    LAT_TRY(tell_more(r));
    return better ? keep_best(r, value, last) : LATTN_OK;
}

// ---- the loop -------------------------------------------------------------------------------------

static bool due(int64_t step, int64_t every, int64_t per_epoch)
{
    return step % (every > 0 ? every : per_epoch) == 0;
}

// What follows an update: everything here waits for the device, so it comes in intervals.
static lattn_status after_update(struct lat_run *r, int64_t *saved_step)
{
    const lattn_train_params *p = r->params;
    bool last = r->step >= r->schedule.n_steps;
    bool stop = p->stop && *p->stop;
    if (has_collapsed(r))
        return collapsed(r);
    int64_t logging = p->logging_steps > 0 ? p->logging_steps : 10;
    if (last || stop || due(r->step, logging, logging)) {
        LAT_TRY(collect(r, &r->pending));
        if (r->loss_count)
            LAT_TRY(log_training(r));
    }
    if (last || due(r->step, p->eval_steps, r->updates_per_epoch)) {
        LAT_TRY(collect(r, &r->pending));
        LAT_TRY(evaluate(r, last));
    }
    if (last || stop || due(r->step, p->save_steps, r->updates_per_epoch)) {
        LAT_TRY(collect(r, &r->pending));
        lattn_status st = lat_run_save(r);
        *saved_step = st ? *saved_step : r->step;
        LAT_TRY(last || stop ? st : tolerate(r, st));
    }
    return LATTN_OK;
}

// Once, when every sample has been seen.
static void tell_cut(struct lat_run *r)
{
    if (r->n_cut && !r->cut_told) {
        lat_progress_clear(&r->progress);
        lat_tell_cut(r->n_cut);
    }
    r->cut_told = true;
}

// The next batch; goes on to the next epoch when one is over.
static lattn_status next_batch(struct lat_run *r, lattn_fields *batch)
{
    const lattn_source *source = &r->params->train;
    LAT_TRY(source->next(source->user, batch));
    if (batch->n_samples) {
        r->batch++;
        return LATTN_OK;
    }
    tell_cut(r);
    r->epoch++;
    r->batch = 1;
    LAT_TRY(source->next(source->user, batch));
    if (!batch->n_samples)
        return lat_err(LATTN_ERR_STATE, "train: the training set gave an empty epoch");
    return LATTN_OK;
}

// One batch: forward, backward, and the update when its group of batches is complete.
static lattn_status train_batch(struct lat_run *r, bool *updated)
{
    lattn_fields batch;
    LAT_TRY(next_batch(r, &batch));
    int64_t place = (r->batch - 1) % r->accumulation;
    int64_t group = (r->batch - 1) / r->accumulation * r->accumulation;
    int size = (int) LAT_MIN(r->accumulation, r->params->train.n_batches - group);
    *updated = place == size - 1;

    double factor = lattn_schedule_factor(&r->schedule, r->step);
    unsigned kind =
        LAT_STEP_BACKWARD | (place == 0 ? LAT_STEP_FIRST : 0) | (*updated ? LAT_STEP_UPDATE : 0);
    struct lat_pending before = r->pending;
    LAT_TRY(lat_steps_run(
        r->steps, kind, &batch, (float) ((double) r->params->lr * factor), size, &r->pending));
    r->pending.update = r->step + 1;
    r->step += *updated;
    r->samples += batch.n_samples;
    r->n_cut += batch.n_cut;
    return collect(r, &before);
}

static lattn_status loop(struct lat_run *r)
{
    int64_t saved_step = -1;
    while (r->step < r->schedule.n_steps) {
        bool updated;
        uint64_t start = lat_now_ns();
        LAT_TRY(train_batch(r, &updated));
        r->busy_ns += lat_now_ns() - start;
        r->samples_per_second = (double) r->samples / ((double) r->busy_ns * 1e-9);
        if (!updated)
            continue;
        LAT_TRY(after_update(r, &saved_step));
        double loss = r->loss_count ? r->loss_sum / (double) r->loss_count : r->train_loss;
        const struct lat_figures figures = {
            .epoch = epoch_of(r),
            .loss = loss,
            .samples_per_second = r->samples_per_second,
            .loss_scale = lat_optim_scales(r->params->optim) ? r->loss_scale : 0,
            .n_skipped = r->n_skipped,
        };
        lat_progress_step(&r->progress, r->step, &figures);
        if (saved_step == r->step && r->params->stop && *r->params->stop &&
            r->step < r->schedule.n_steps)
            return lat_err(LATTN_ERR_INTERRUPTED,
                "stopped after update %lld of %lld; the checkpoint is complete",
                (long long) r->step, (long long) r->schedule.n_steps);
    }
    return LATTN_OK;
}

// Without a validation set the last model is the one to keep.
static lattn_status finish(struct lat_run *r)
{
    const lattn_train_params *p = r->params;
    if (r->best_step < 0)
        LAT_TRY(p->task.save(p->task.user, p->output_dir));
    tell_cut(r);
    if (r->log_behind)
        LAT_TRY(tolerate(r, lat_history_write(&r->history, p->output_dir)));
    return tolerate(r, lat_history_draw(&r->history, p->output_dir));
}

lattn_status lattn_train(
    lattn_ctx *ctx, const lattn_train_params *params, lattn_train_result *result)
{
    LAT_CHECK_ARG(params);
    LAT_CHECK_ARG(params->optim);
    LAT_CHECK_ARG(params->output_dir);
    struct lat_run r = {
        .ctx = ctx, .params = params, .best_step = -1, .train_loss = NAN, .loss_scale = NAN
    };
    uint64_t start = lat_now_ns();
    bool resumed = false;
    lattn_status st;

    LAT_GO(begin(&r, &resumed));
    LAT_GO(loop(&r));
    LAT_GO(finish(&r));

done:
    lat_progress_end(&r.progress);
    if (result)
        *result = (lattn_train_result){
            .n_steps = r.step,
            .best_step = r.best_step,
            .best = r.best,
            .last = r.last,
            .train_loss = r.train_loss,
            .seconds = (double) (lat_now_ns() - start) * 1e-9,
            .samples_per_second = r.samples_per_second,
            .resumed = resumed,
        };
    lat_steps_destroy(&r.steps);
    if (lat_events_close(&r.events) && !st)
        (void) tolerate(&r, LATTN_ERR_IO);
    lat_history_free(&r.history);
    lat_dir_unlock(&r.lock);
    return st;
}
