// SPDX-License-Identifier: MIT
//
// JSON strings on a stream. Numbers need no help: printf in the C locale writes them right.
#ifndef LATTN_APPS_JSON_H
#define LATTN_APPS_JSON_H
#include <stddef.h>
#include <stdio.h>

// With the quotes; control characters escaped, UTF-8 as it is.
void json_print_string(FILE *to, const char *text, size_t bytes);

#endif
