// SPDX-License-Identifier: MIT
//
// opened LIBRARY: opens the library at run time as a plug-in host would, uses it, closes it, twice.
// Nothing may be left behind that breaks the second time.
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    for (int round = 0; round < 2 && argc == 2; round++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        const char *(*version)(void);
        int (*create)(const void *, void **);
        void (*destroy)(void **);
        *(void **) &version = dlsym(library, "lattn_version");
        *(void **) &create = dlsym(library, "lattn_ctx_create");
        *(void **) &destroy = dlsym(library, "lattn_ctx_destroy");
        if (!version || !create || !destroy)
            return 2;
        void *ctx = NULL;
        if (create(NULL, &ctx) || !ctx)
            return 3;
        destroy(&ctx);
        printf("opened liblattn %s\n", version());
        dlclose(library);
    }
    return argc != 2;
}
