// SPDX-License-Identifier: MIT
//
// Parts of a dataset in which every label has the share that it has in the whole.
//
// The rows of each label are shuffled and dealt out one label after the other. A share is
// seldom a whole number of rows: what a part got too little of one label it gets first of the
// next, so the sizes of the parts are right as well as those of the labels.

#include <math.h>
#include <stdlib.h>
#include "base/rng.h"
#include "data/dataset.h"

#define SPLIT_STREAM ((uint64_t) 0x73706C74 << 32)

// Rows by label, those of a label in random order. starts[i] is where label i - 1 begins (-1, no
// label, is the first).
struct deck {
    uint32_t *rows;
    size_t *starts;  // [n_labels + 2]
    size_t n, n_groups;
};

static void free_deck(struct deck *k)
{
    lat_free(k->rows);
    lat_free(k->starts);
}

static size_t group_of(const lattn_dataset *d, size_t row)
{
    return (size_t) (lattn_dataset_label(d, (int64_t) row) + 1);
}

static lattn_status make_deck(const lattn_dataset *d, uint64_t seed, struct deck *k)
{
    *k = (struct deck){ .n = (size_t) lattn_dataset_count(d),
        .n_groups = (size_t) lattn_dataset_n_labels(d) + 1 };
    if (k->n > UINT32_MAX)
        return lat_err(LATTN_ERR_ARG, "split: more than 2^32 rows");
    k->rows = lat_calloc(k->n, sizeof *k->rows);
    k->starts = lat_calloc(k->n_groups + 1, sizeof *k->starts);
    size_t *at = lat_calloc(k->n_groups, sizeof *at);
    if (!k->rows || !k->starts || !at) {
        lat_free(at);
        free_deck(k);
        return LATTN_ERR_HOST_MEMORY;
    }
    for (size_t i = 0; i < k->n; i++)
        k->starts[group_of(d, i) + 1]++;
    for (size_t g = 0; g < k->n_groups; g++)
        k->starts[g + 1] += k->starts[g];
    for (size_t g = 0; g < k->n_groups; g++)
        at[g] = k->starts[g];
    for (size_t i = 0; i < k->n; i++)
        k->rows[at[group_of(d, i)]++] = (uint32_t) i;
    lat_free(at);
    for (size_t g = 0; g < k->n_groups; g++) {
        struct lat_rng rng = { .seed = seed, .stream = SPLIT_STREAM ^ g };
        lat_rng_shuffle(&rng, k->rows + k->starts[g], k->starts[g + 1] - k->starts[g]);
    }
    return LATTN_OK;
}

static int ascending(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;
    return (x > y) - (x < y);
}

// part_of[row] to the rows of every part; they come out in ascending order.
static lattn_status collect(
    const int32_t *part_of, size_t n, lattn_rows *parts, const int64_t *sizes, int32_t n_parts)
{
    lattn_status st = LATTN_OK;
    for (int32_t p = 0; p < n_parts && !st; p++) {
        parts[p].items = lat_calloc((size_t) sizes[p], sizeof *parts[p].items);
        st = parts[p].items ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    }
    for (size_t i = 0; i < n && !st; i++) {
        lattn_rows *part = &parts[part_of[i]];
        part->items[part->n++] = (int64_t) i;
    }
    for (int32_t p = 0; p < n_parts && st; p++)
        lattn_rows_free(&parts[p]);
    return st;
}

// ---- by ratios --------------------------------------------------------------------------------

struct dealer {
    int32_t n_parts;
    double *shares;  // of the whole, sum 1
    double *owed;    // rows that a part has too few of the labels so far
    int64_t *sizes;
};

// The part to which most is owed, ties to the first.
static int32_t most_owed(const struct dealer *d)
{
    int32_t best = 0;
    for (int32_t p = 1; p < d->n_parts; p++)
        if (d->owed[p] > d->owed[best] + 1e-9)
            best = p;
    return best;
}

static void deal(struct dealer *d, const uint32_t *rows, size_t n, int32_t *part_of)
{
    size_t dealt = 0;
    for (int32_t p = 0; p < d->n_parts; p++)
        d->owed[p] += (double) n * d->shares[p];
    // Whole rows first, in one run per part, then the rests one by one.
    for (int32_t p = 0; p < d->n_parts; p++) {
        double whole = floor(d->owed[p] + 1e-9);
        for (double i = 0; i < whole && dealt < n; i++) {
            part_of[rows[dealt++]] = p;
            d->owed[p]--;
            d->sizes[p]++;
        }
    }
    while (dealt < n) {
        int32_t p = most_owed(d);
        part_of[rows[dealt++]] = p;
        d->owed[p]--;
        d->sizes[p]++;
    }
}

static lattn_status set_shares(const double *ratios, struct dealer *d)
{
    double sum = 0;
    for (int32_t p = 0; p < d->n_parts; p++) {
        if (!(ratios[p] > 0) || !isfinite(ratios[p]))
            return lat_err(
                LATTN_ERR_ARG, "split: ratio %d is %g, expected above 0", p + 1, ratios[p]);
        sum += ratios[p];
    }
    for (int32_t p = 0; p < d->n_parts; p++)
        d->shares[p] = ratios[p] / sum;
    return LATTN_OK;
}

static lattn_status split(
    const lattn_dataset *data, uint64_t seed, struct dealer *d, int32_t *part_of)
{
    struct deck k;
    LAT_TRY(make_deck(data, seed, &k));
    for (size_t g = 0; g < k.n_groups; g++)
        deal(d, k.rows + k.starts[g], k.starts[g + 1] - k.starts[g], part_of);
    free_deck(&k);
    for (int32_t p = 0; p < d->n_parts; p++)
        if (d->sizes[p] == 0)
            return lat_err(LATTN_ERR_ARG, "split: part %d of %d gets none of %lld rows", p + 1,
                d->n_parts, (long long) lattn_dataset_count(data));
    return LATTN_OK;
}

lattn_status lattn_dataset_split(
    const lattn_dataset *d, const double *ratios, int32_t n_parts, uint64_t seed, lattn_rows *parts)
{
    LAT_CHECK_ARG(d);
    LAT_CHECK_ARRAY(ratios, n_parts);
    LAT_CHECK_ARRAY(parts, n_parts);
    enum { MAX_PARTS = 1000 };
    if (n_parts < 1 || n_parts > MAX_PARTS)
        return lat_err(LATTN_ERR_ARG, "split: %d parts, expected 1 to %d", n_parts, MAX_PARTS);
    size_t n = (size_t) lattn_dataset_count(d), n_p = (size_t) n_parts;
    for (size_t p = 0; p < n_p; p++)
        parts[p] = (lattn_rows){ 0 };
    struct dealer dealer = { .n_parts = n_parts,
        .shares = lat_calloc(n_p, sizeof(double)),
        .owed = lat_calloc(n_p, sizeof(double)),
        .sizes = lat_calloc(n_p, sizeof(int64_t)) };
    int32_t *part_of = lat_calloc(n, sizeof *part_of);
    lattn_status st = LATTN_ERR_HOST_MEMORY;
    if (dealer.shares && dealer.owed && dealer.sizes && part_of)
        st = set_shares(ratios, &dealer);
    if (!st)
        st = split(d, seed, &dealer, part_of);
    if (!st)
        st = collect(part_of, n, parts, dealer.sizes, n_parts);
    lat_free(part_of);
    lat_free(dealer.sizes);
    lat_free(dealer.owed);
    lat_free(dealer.shares);
    return st;
}

// ---- folds ------------------------------------------------------------------------------------

lattn_status lattn_dataset_fold(const lattn_dataset *d, int32_t n_folds, int32_t fold,
    uint64_t seed, lattn_rows *train, lattn_rows *held_out)
{
    LAT_CHECK_ARG(d);
    LAT_CHECK_ARG(train);
    LAT_CHECK_ARG(held_out);
    *train = *held_out = (lattn_rows){ 0 };
    size_t n = (size_t) lattn_dataset_count(d);
    if (n_folds < 2 || (size_t) n_folds > n || fold < 0 || fold >= n_folds)
        return lat_err(LATTN_ERR_ARG, "fold %d of %d, of %zu rows", fold, n_folds, n);
    struct deck k;
    LAT_TRY(make_deck(d, seed, &k));
    size_t first = (size_t) fold, step = (size_t) n_folds;
    size_t n_held = (n - first + step - 1) / step;
    train->items = lat_calloc(n - n_held, sizeof *train->items);
    held_out->items = lat_calloc(n_held, sizeof *held_out->items);
    if (!train->items || !held_out->items) {
        lattn_rows_free(train);
        lattn_rows_free(held_out);
        free_deck(&k);
        return LATTN_ERR_HOST_MEMORY;
    }
    // Dealt in turn over all labels: the turn is not begun anew with a label.
    for (size_t i = 0; i < n; i++) {
        lattn_rows *to = i % step == first ? held_out : train;
        to->items[to->n++] = k.rows[i];
    }
    free_deck(&k);
    qsort(train->items, (size_t) train->n, sizeof *train->items, ascending);
    qsort(held_out->items, (size_t) held_out->n, sizeof *held_out->items, ascending);
    return LATTN_OK;
}
