// SPDX-License-Identifier: MIT
//
// Writing JSON strings. Texts come from datasets, where invalid UTF-8 has been replaced already.

#include "common/json.h"

void json_print_string(FILE *to, const char *text, size_t bytes)
{
    fputc('"', to);
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char) text[i];
        if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c < 0x20)
            fprintf(to, "\\u%04x", c);
        else
            fputc(c, to);
    }
    fputc('"', to);
}
