// SPDX-License-Identifier: MIT
//
// The table of registers (table.h).

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "amd/table.h"
#include "device/shader.h"

static struct amd_row *find(struct amd_table *t, const char *kernel)
{
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->rows[i].kernel, kernel) == 0)
            return &t->rows[i];
    return NULL;
}

static double most(double a, double b)
{
    return a > b ? a : b;
}

void amd_table_add(struct amd_table *t, const struct ot_kernel *kernel)
{
    struct amd_row *row = find(t, kernel->shader->name);
    if (!row && t->n < AMD_MAX_KERNELS) {
        row = &t->rows[t->n++];
        *row = (struct amd_row){ "", 0, 0, 0 };
        snprintf(row->kernel, sizeof row->kernel, "%s", kernel->shader->name);
    }
    if (!row)
        return;
    row->registers = most(row->registers, kernel->registers);
    row->shared_bytes = most(row->shared_bytes, kernel->shared_bytes);
    row->instructions = most(row->instructions, kernel->instructions);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct amd_row *) a)->kernel, ((const struct amd_row *) b)->kernel);
}

bool amd_table_write(const struct amd_table *t, const char *path)
{
    struct amd_table *sorted = malloc(sizeof *sorted);
    FILE *to = fopen(path, "w");
    if (!sorted || !to) {
        fprintf(stderr, "lattn-amd: %s cannot be written\n", path);
        free(sorted);
        if (to)
            (void) fclose(to);
        return false;
    }
    *sorted = *t;
    qsort(sorted->rows, (size_t) t->n, sizeof sorted->rows[0], by_name);
    fprintf(to, "# %s\n# kernel\tregisters\tshared bytes\tinstructions\n", t->driver);
    for (int i = 0; i < t->n; i++)
        fprintf(to, "%s\t%.0f\t%.0f\t%.0f\n", sorted->rows[i].kernel, sorted->rows[i].registers,
            sorted->rows[i].shared_bytes, sorted->rows[i].instructions);
    free(sorted);
    if (fclose(to) == 0)
        return true;
    fprintf(stderr, "lattn-amd: %s cannot be written\n", path);
    return false;
}

bool amd_table_read(struct amd_table *t, const char *path)
{
    char line[256];
    FILE *from = fopen(path, "r");
    t->n = 0;
    if (!from || !fgets(line, sizeof line, from) || sscanf(line, "# %127[^\n]", t->driver) != 1) {
        fprintf(stderr, "lattn-amd: %s is no table of registers\n", path);
        if (from)
            (void) fclose(from);
        return false;
    }
    while (t->n < AMD_MAX_KERNELS && fgets(line, sizeof line, from)) {
        struct amd_row *row = &t->rows[t->n];
        t->n += sscanf(line, "%63[^#\t]\t%lf\t%lf\t%lf", row->kernel, &row->registers,
                    &row->shared_bytes, &row->instructions) == 4;
    }
    (void) fclose(from);
    return true;
}

int amd_table_compare(const struct amd_table *old, const struct amd_table *now)
{
    struct amd_table *current = malloc(sizeof *current);
    int n_bad = 0;
    if (!current)
        return 1;
    *current = *now;
    for (int i = 0; i < old->n; i++) {
        const struct amd_row *before = &old->rows[i], *after = find(current, before->kernel);
        if (!after)
            printf("%s is in the table and not in the library: the table is to be renewed\n",
                before->kernel);
        else if (after->registers > 1.1 * before->registers ||
                 after->shared_bytes > 1.1 * before->shared_bytes)
            printf("%s MORE THAN BEFORE: %g registers and %g bytes of shared memory, the table has "
                   "%g and %g\n",
                before->kernel, after->registers, after->shared_bytes, before->registers,
                before->shared_bytes);
        else
            continue;
        n_bad++;
    }
    for (int i = 0; i < current->n; i++) {
        bool known = false;
        for (int k = 0; k < old->n && !known; k++)
            known = strcmp(old->rows[k].kernel, current->rows[i].kernel) == 0;
        if (!known)
            printf("%s is not in the table yet\n", current->rows[i].kernel);
    }
    free(current);
    return n_bad;
}
