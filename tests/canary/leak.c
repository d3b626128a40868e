// SPDX-License-Identifier: MIT
//
// Leaks 64 bytes on purpose. The sanitizer job of ./run test starts with it: if this is not
// reported, nothing is.

#include <stdlib.h>
#include <string.h>

static void *volatile lost;

int main(void)
{
    lost = malloc(64);
    if (lost)
        memset(lost, 1, 64);
    lost = NULL;
    return 0;
}
