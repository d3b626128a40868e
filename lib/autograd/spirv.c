// SPDX-License-Identifier: MIT
//
// A driver may crash on words that are no SPIR-V, and on bindings that the pipeline layout lacks.
// So the instruction stream is walked once: lengths must add up, the entry point must be there, and
// the decorations say which bindings are used. What the instructions compute is not checked; the
// validation layers do that.
// Source: Khronos, "SPIR-V Specification" 1.5, sections 2.3, 3.20 and 3.42.

#include "autograd/spirv.h"
#include <string.h>
#include "base/compiler.h"

enum {
    HEADER_WORDS = 5,
    OP_ENTRY_POINT = 15,
    OP_DECORATE = 71,
    MODEL_GL_COMPUTE = 5,
    DECORATION_BINDING = 33,
    DECORATION_DESCRIPTOR_SET = 34,
};
static const uint32_t MAGIC = 0x07230203;

// Literal strings are packed four bytes a word, NUL-terminated inside the instruction.
static bool is_main(const uint32_t *words, uint32_t n)
{
    return n >= 2 && memcmp(words, "main", 4) == 0 && (words[1] & 0xff) == 0;
}

static lattn_status decoration(const uint32_t *at, uint32_t length, uint32_t *n_bindings)
{
    if (length < 4)
        return LATTN_OK;
    if (at[2] == DECORATION_DESCRIPTOR_SET && at[3] != 0)
        return lat_err(
            LATTN_ERR_ARG, "the shader uses descriptor set %u, only set 0 exists", at[3]);
    if (at[2] == DECORATION_BINDING && at[3] >= 64)
        return lat_err(LATTN_ERR_ARG, "the shader uses binding %u, which is too high", at[3]);
    if (at[2] == DECORATION_BINDING)
        *n_bindings = LAT_MAX(*n_bindings, at[3] + 1);
    return LATTN_OK;
}

lattn_status lat_spirv_check(const uint32_t *words, size_t n_words, uint32_t *n_bindings)
{
    bool has_main = false;
    *n_bindings = 0;
    if (!words || n_words < HEADER_WORDS || words[0] != MAGIC)
        return lat_err(LATTN_ERR_ARG, "%zu words that do not start as SPIR-V does", n_words);
    for (size_t i = HEADER_WORDS; i < n_words;) {
        uint32_t op = words[i] & 0xffff, length = words[i] >> 16;
        if (length == 0 || length > n_words - i)
            return lat_err(LATTN_ERR_ARG, "SPIR-V is damaged at word %zu of %zu", i, n_words);
        if (op == OP_ENTRY_POINT && length > 3 && words[i + 1] == MODEL_GL_COMPUTE)
            has_main |= is_main(words + i + 3, length - 3);
        if (op == OP_DECORATE)
            LAT_TRY(decoration(words + i, length, n_bindings));
        i += length;
    }
    if (!has_main)
        return lat_err(LATTN_ERR_ARG, "SPIR-V without a compute entry point \"main\"");
    return LATTN_OK;
}
