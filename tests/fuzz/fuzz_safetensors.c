// SPDX-License-Identifier: MIT
//
// libFuzzer target for the header of a safetensors file. The input is a whole file; what the
// parser accepts is checked against what it promises: entries sorted by name, each inside
// the data, together exactly the data.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "io/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool promised)
{
    if (!promised)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    unsigned char first[8] = { 0 };
    memcpy(first, data, LAT_MIN(n, sizeof first));
    uint64_t header_bytes;
    if (lat_st_header_bytes("fuzz", first, n, &header_bytes))
        return 0;
    check(header_bytes <= n - 8);

    struct lat_st_header h;
    uint64_t data_bytes = n - 8 - header_bytes, sum = 0;
    if (!lat_st_parse("fuzz", (const char *) data + 8, (size_t) header_bytes, data_bytes, &h)) {
        for (size_t i = 0; i < h.n; i++) {
            const struct lat_st_entry *e = &h.items[i];
            check(e->begin <= e->end && e->end <= data_bytes);
            check(e->rank <= LATTN_MAX_RANK && e->numel >= 0);
            check((uint64_t) e->numel * e->dtype->bits == (e->end - e->begin) * 8);
            check(i == 0 || strcmp(h.items[i - 1].name, e->name) < 0);
            sum += e->end - e->begin;
        }
        check(sum == data_bytes);
    }
    lat_st_header_free(&h);
    return 0;
}
