// SPDX-License-Identifier: MIT
//
// dlopen and friends. A data pointer becomes a function pointer by copying its bytes,
// because ISO C has no cast for that, although POSIX promises that it works.

#include <dlfcn.h>
#include <string.h>
#include "base/alloc.h"
#include "base/library.h"

struct lat_library {
    void *handle;
};

// RTLD_NODELETE is POSIX.1-2024 and older than that everywhere it matters.
#ifndef RTLD_NODELETE
#define RTLD_NODELETE 0x01000
#endif

lattn_status lat_library_open(const char *name, struct lat_library **out)
{
    *out = NULL;
    struct lat_library *l = LAT_NEW(struct lat_library);
    if (!l)
        return LATTN_ERR_HOST_MEMORY;
    l->handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!l->handle) {
        const char *why = dlerror();
        lat_free(l);
        return lat_err(LATTN_ERR_IO, "%s", why ? why : name);
    }
    *out = l;
    return LATTN_OK;
}

void lat_library_close(struct lat_library **library)
{
    if (!*library)
        return;
    dlclose((*library)->handle);
    lat_free(*library);
    *library = NULL;
}

lat_library_fn lat_library_find(struct lat_library *library, const char *name)
{
    void *data = dlsym(library->handle, name);
    lat_library_fn fn;
    _Static_assert(sizeof fn == sizeof data, "POSIX promises this");
    memcpy(&fn, &data, sizeof fn);
    return fn;
}
