// SPDX-License-Identifier: MIT
//
// Reads what the tests want to know of a SPIR-V module: capabilities, bindings, push-constant block.
#ifndef SV_MODULE_H
#define SV_MODULE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SV_MAX_MEMBERS = 64, SV_MAX_CAPABILITIES = 64, SV_NAME = 48 };

struct sv_member {
    char name[SV_NAME];  // "" when the module carries no names
    char kind;           // 'u', 'i', 'f'
    uint32_t width;      // bits of one element
    uint32_t count;      // elements; 1 for a scalar
    uint32_t offset;     // bytes
};

struct sv_module {
    uint32_t capabilities[SV_MAX_CAPABILITIES];
    uint32_t n_capabilities;
    uint32_t bindings;      // bit i: storage buffer at set 0, binding i
    bool foreign_resource;  // something else is bound: another set, an image, a uniform buffer
    bool has_push;
    char push_name[SV_NAME];
    struct sv_member members[SV_MAX_MEMBERS];
    uint32_t n_members;
};

// False when words are no SPIR-V, or use more than this reader knows of push blocks.
bool sv_read(const uint32_t *words, size_t n, struct sv_module *out);
bool sv_has_capability(const struct sv_module *m, uint32_t capability);
// Bytes of the push block; 0 without one.
uint32_t sv_push_bytes(const struct sv_module *m);

#endif
