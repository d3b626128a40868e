// SPDX-License-Identifier: MIT
//
// libFuzzer target for text files. The first byte chooses the format and strictness; the rest
// is the file. Every row that comes out must have its fields inside the text that was given
// (or in JSON's own memory), and cleaned text must be valid UTF-8 without NUL.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "data/text_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool promised)
{
    if (!promised)
        abort();
}

static lattn_status take_row(void *user, const struct lat_row *row)
{
    size_t *last_line = user;
    check(row->line >= *last_line);
    *last_line = row->line;
    struct lat_str clean = { 0 };
    for (size_t i = 0; i < row->n; i++)
        if (row->field[i])
            lat_utf8_clean(&clean, row->field[i], row->bytes[i]);
    for (size_t i = 0, len; i < clean.n; i += len) {
        len = lat_utf8_length(clean.items + i, clean.n - i);
        check(len > 0 && clean.items[i] != 0);
    }
    lat_str_free(&clean);
    return LATTN_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    size_t last_line = 0;
    char *text = lat_memdup(data + 1, n - 1);  // of exactly that size, so that overreads show
    struct lat_row_reader reader = {
        .path = "fuzz",
        .format = (enum lat_text_format)(data[0] % 3),
        .max_line_bytes = 200,
        .strict = data[0] & 128,
        .columns = take_row,
        .row = take_row,
        .user = &last_line,
    };
    lattn_status st = lat_rows_read(&reader, text, n - 1);
    check(st == LATTN_OK || st == LATTN_ERR_FORMAT);
    lat_free(text);
    return 0;
}
