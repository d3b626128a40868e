// SPDX-License-Identifier: MIT
//
// Only in builds with the address sanitizer: drivers stay mapped after their instance is
// gone. Lavapipe keeps 128 bytes in a variable of its module; once the loader has unmapped
// that module, the leak checker sees nobody pointing to them any more, and it cannot name
// the module in a suppression either. Everything else is checked as ever.

#include "device/fixture.h"

#ifdef DT_ASAN
#include <dlfcn.h>

__attribute__((visibility("default"))) int dlclose(void *handle)
{
    (void) handle;
    return 0;
}
#endif
