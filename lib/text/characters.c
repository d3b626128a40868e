// SPDX-License-Identifier: MIT
//
// One token for each Unicode code point; what the vocabulary lacks is <unk>. Only single
// characters are tokens: <unk> written in a text is five characters.

#include <string.h>
#include "text/tokenizer.h"

const struct lat_special_names lat_character_names = { "<pad>", "<unk>", "<bos>", "<eos>" };

lattn_status lat_characters_encode(const struct lattn_tokenizer *t, struct lat_encoder *e,
    const char *text, size_t bytes, struct lat_ids *out)
{
    static const char broken[] = "\xEF\xBF\xBD";
    LAT_TRY(LAT_RESERVE(out, out->n + bytes));
    for (size_t i = 0, n; i < bytes; i += n) {
        int64_t id;
        n = text[i] ? lat_utf8_length(text + i, bytes - i) : 0;
        bool valid = n > 0;
        n = valid ? n : 1;
        e->n_replaced += !valid;
        if (!lat_map_get(&t->ids, valid ? text + i : broken, valid ? n : strlen(broken), &id)) {
            id = t->special.unk;
            e->n_unknown++;
        }
        out->items[out->n++] = (int32_t) id;
    }
    return LATTN_OK;
}
