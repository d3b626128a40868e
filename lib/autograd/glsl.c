// SPDX-License-Identifier: MIT
//
// libshaderc is large and only few programs compile GLSL while they run, so it is neither linked
// nor needed to build: the functions used here are declared here and looked up when first asked for.
// The C interface has been stable since 2016.

#include "autograd/glsl.h"
#include <string.h>
#include "base/alloc.h"
#include "base/library.h"

typedef struct shaderc_compiler *compiler;
typedef struct shaderc_compile_options *options;
typedef struct shaderc_compilation_result *result;

enum { KIND_COMPUTE = 2, ENV_VULKAN = 0, OPTIMIZE_PERFORMANCE = 2, STATUS_SUCCESS = 0 };
static const uint32_t VULKAN_1_2 = 1u << 22 | 2u << 12;

struct shaderc {
    struct lat_library *library;
    compiler (*compiler_initialize)(void);
    void (*compiler_release)(compiler);
    options (*compile_options_initialize)(void);
    void (*compile_options_release)(options);
    void (*compile_options_set_target_env)(options, int env, uint32_t version);
    void (*compile_options_set_optimization_level)(options, int level);
    result (*compile_into_spv)(compiler, const char *text, size_t bytes, int kind, const char *file,
        const char *entry, options);
    int (*result_get_compilation_status)(result);
    size_t (*result_get_length)(result);
    const char *(*result_get_bytes)(result);
    const char *(*result_get_error_message)(result);
    void (*result_release)(result);
};

static bool find(struct lat_library *library, const char *name, void *slot, size_t bytes)
{
    lat_library_fn fn = lat_library_find(library, name);
    memcpy(slot, &fn, bytes);
    return fn != NULL;
}

static bool find_all(struct shaderc *s)
{
#define FIND(name) find(s->library, "shaderc_" #name, &s->name, sizeof s->name)
    return FIND(compiler_initialize) && FIND(compiler_release) &&
           FIND(compile_options_initialize) && FIND(compile_options_release) &&
           FIND(compile_options_set_target_env) && FIND(compile_options_set_optimization_level) &&
           FIND(compile_into_spv) && FIND(result_get_compilation_status) &&
           FIND(result_get_length) && FIND(result_get_bytes) && FIND(result_get_error_message) &&
           FIND(result_release);
#undef FIND
}

static lattn_status open_library(struct shaderc *s)
{
    static const char *const files[] = { "libshaderc_shared.so.1", "libshaderc.so.1" };
    *s = (struct shaderc){ 0 };
    for (size_t i = 0; i < LAT_COUNT(files); i++) {
        if (lat_library_open(files[i], &s->library))
            continue;
        if (find_all(s))
            return LATTN_OK;
        lat_library_close(&s->library);
    }
    return lat_err(LATTN_ERR_UNSUPPORTED, "GLSL at run time needs libshaderc (package libshaderc1 "
                                          "or libshaderc-dev), which was not found");
}

static lattn_status take_words(
    const struct shaderc *s, const char *name, result r, uint32_t **words, size_t *n_words)
{
    if (!r || s->result_get_compilation_status(r) != STATUS_SUCCESS)
        return lat_err(LATTN_ERR_ARG, "shader %s does not compile: %s", name,
            r ? s->result_get_error_message(r) : "the compiler gave no result");
    size_t bytes = s->result_get_length(r);
    *words = lat_memdup(s->result_get_bytes(r), bytes);
    *n_words = bytes / sizeof **words;
    return *words ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
}

static lattn_status compile(const struct shaderc *s, compiler c, const char *name, const char *glsl,
    uint32_t **words, size_t *n_words)
{
    options o = s->compile_options_initialize();
    if (!o)
        return lat_err(LATTN_ERR_HOST_MEMORY, "libshaderc: no memory for its options");
    s->compile_options_set_target_env(o, ENV_VULKAN, VULKAN_1_2);
    s->compile_options_set_optimization_level(o, OPTIMIZE_PERFORMANCE);
    result r = s->compile_into_spv(c, glsl, strlen(glsl), KIND_COMPUTE, name, "main", o);
    lattn_status st = take_words(s, name, r, words, n_words);
    if (r)
        s->result_release(r);
    s->compile_options_release(o);
    return st;
}

lattn_status lat_glsl_compile(const char *name, const char *glsl, uint32_t **words, size_t *n_words)
{
    struct shaderc s;
    *words = NULL;
    *n_words = 0;
    LAT_TRY(open_library(&s));
    compiler c = s.compiler_initialize();
    lattn_status st = c ? compile(&s, c, name, glsl, words, n_words)
                        : lat_err(LATTN_ERR_HOST_MEMORY, "libshaderc: no memory for a compiler");
    if (c)
        s.compiler_release(c);
    lat_library_close(&s.library);
    return st;
}
