// SPDX-License-Identifier: MIT
//
// The next token from its logits.
//
//   penalty       l > 0 ? l / penalty : l * penalty     of tokens that were there
//   temperature   l / temperature
//   top-k         the k likeliest stay
//   top-p         the likeliest stay whose predecessors have less than p together
//
// Candidates are sorted once, likeliest first, so that each rule cuts the list shorter.

#include <math.h>
#include <stdlib.h>
#include "base/alloc.h"
#include "base/rng.h"
#include "lattn/models.h"

struct candidate {
    float logit;
    int32_t token;
};

static int likelier(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
    return x->token < y->token ? -1 : 1;
}

static lattn_status check(int64_t n, const lattn_sampling *s)
{
    bool good = n >= 1 && s->temperature >= 0 && isfinite(s->temperature) && s->top_k >= 0 &&
                s->top_p >= 0 && s->top_p <= 1 && s->repetition_penalty >= 0 &&
                isfinite(s->repetition_penalty);
    if (good)
        return LATTN_OK;
    return lat_err(LATTN_ERR_ARG,
        "sample_token: %lld logits, temperature %g, top_k %d, top_p %g, repetition_penalty %g: "
        "needed "
        "are logits, values >= 0, and top_p <= 1",
        (long long) n, (double) s->temperature, s->top_k, (double) s->top_p,
        (double) s->repetition_penalty);
}

// The numbers among the logits, with the penalty, sorted. *n becomes their count.
static struct candidate *candidates_of(const float *logits, int64_t *n, const lattn_sampling *s,
    const int32_t *previous, int64_t n_previous)
{
    struct candidate *c = lat_alloc((size_t) *n * sizeof *c);
    bool *was_there = lat_calloc((size_t) *n, sizeof *was_there);
    int64_t count = 0;
    for (int64_t i = 0; was_there && previous && i < n_previous; i++)
        if (previous[i] >= 0 && previous[i] < *n)
            was_there[previous[i]] = true;
    float penalty = s->repetition_penalty > 0 ? s->repetition_penalty : 1;
    for (int64_t i = 0; c && was_there && i < *n; i++) {
        float l = logits[i];
        if (isnan(l))
            continue;
        if (was_there[i])
            l = l > 0 ? l / penalty : l * penalty;
        c[count++] = (struct candidate){ l, (int32_t) i };
    }
    if (!was_there) {
        lat_free(c);
        c = NULL;
    }
    lat_free(was_there);
    if (c && count)
        qsort(c, (size_t) count, sizeof *c, likelier);
    *n = count;
    return c;
}

// Unnormalised probability of a candidate.
static double weight(const struct candidate *c, const struct candidate *first, float temperature)
{
    return exp(((double) c->logit - (double) first->logit) / (double) temperature);
}

// How many of the n candidates stay, and their weights together.
static int64_t cut(const struct candidate *c, int64_t n, const lattn_sampling *s, double *sum)
{
    double all = 0;
    if (s->top_k > 0 && s->top_k < n)
        n = s->top_k;
    for (int64_t i = 0; i < n; i++)
        all += weight(&c[i], c, s->temperature);
    *sum = 0;
    for (int64_t i = 0; i < n; i++) {
        if (s->top_p > 0 && i > 0 && *sum >= (double) s->top_p * all)
            return i;
        *sum += weight(&c[i], c, s->temperature);
    }
    return n;
}

static int32_t draw(const struct candidate *c, int64_t n, const lattn_sampling *s, int64_t step)
{
    if (s->temperature == 0 || isinf(c[0].logit))
        return c[0].token;
    double sum;
    n = cut(c, n, s, &sum);
    struct lat_rng rng = { .seed = s->seed, .stream = (uint64_t) step };
    double u = lat_rng_uniform(&rng) * sum;
    int64_t i = 0;
    for (; i + 1 < n; i++) {
        u -= weight(&c[i], c, s->temperature);
        if (u < 0)
            break;
    }
    return c[i].token;
}

lattn_status lattn_sample_token(const float *logits, int64_t n, const lattn_sampling *how,
    const int32_t *previous, int64_t n_previous, int64_t step, int32_t *token)
{
    LAT_CHECK_ARRAY(logits, n);
    LAT_CHECK_ARRAY(previous, n_previous);
    LAT_CHECK_ARG(token);
    const lattn_sampling greedy = { 0 };
    if (!how)
        how = &greedy;
    LAT_TRY(check(n, how));
    int64_t count = n;
    struct candidate *c = candidates_of(logits, &count, how, previous, n_previous);
    if (!c)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = LATTN_OK;
    if (count == 0)
        st = lat_err(
            LATTN_ERR_NOT_FINITE, "sample_token: none of %lld logits is a number", (long long) n);
    else
        *token = draw(c, count, how, step);
    lat_free(c);
    return st;
}
