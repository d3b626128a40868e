// SPDX-License-Identifier: MIT
//
// stb_image of the distribution, compiled here and nowhere else, with three of its
// decoders. Its own functions are static, so that a program with another stb_image links.
//
// A PNG of one pixel may carry gigabytes of compressed zeros, and the decoder would
// expand them before it compares. So it gets its memory from here, up to a budget that the
// checked size of the picture sets. It is zeroed: what a damaged file leaves out is black, and not
// what was in memory before.

#include <string.h>
#include "base/alloc.h"
#include "image/image.h"

struct budget {
    size_t left;
    bool exceeded, no_memory;
};
// The decoder's macros have no room for an argument: it is set anew for every picture.
static LAT_THREAD_LOCAL struct budget budget;

// In front of every block its size, in a unit that keeps the alignment.
union size {
    size_t bytes;
    max_align_t align;
};

static void *take(size_t bytes)
{
    if (bytes > budget.left) {
        budget.exceeded = true;
        return NULL;
    }
    union size *p = lat_calloc(1, sizeof *p + bytes);
    if (!p) {
        budget.no_memory = true;
        return NULL;
    }
    budget.left -= bytes;
    p->bytes = bytes;
    return p + 1;
}

static void give(void *block)
{
    if (!block)
        return;
    union size *p = (union size *) block - 1;
    budget.left += p->bytes;
    lat_free(p);
}

static void *take_again(void *block, size_t bytes)
{
    void *grown = take(bytes);
    if (block && grown) {
        memcpy(grown, block, LAT_MIN(bytes, ((union size *) block - 1)->bytes));
        give(block);
    }
    return grown;
}

#define STBI_MALLOC(bytes) take(bytes)
#define STBI_REALLOC(p, bytes) take_again(p, bytes)
#define STBI_FREE(p) give(p)
#define STBI_ASSERT(x) LAT_ASSERT(x)
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

// Generous: planes of 16-bit coefficients beside samples and result, with the size rounded up to
// blocks of 32 (JPEG); compressed data put together in steps that double (PNG).
static size_t budget_for(const struct lat_image_file *f, const struct lat_image_info *info)
{
    size_t W = ((size_t) info->W + 31) / 32 * 32, H = ((size_t) info->H + 31) / 32 * 32;
    return W * H * 32 + f->n * 6 + ((size_t) 1 << 20);
}

lattn_status lat_stb_decode(
    const struct lat_image_file *f, const struct lat_image_info *info, uint8_t **out, int32_t *C)
{
    *out = NULL;
    if (f->n > INT32_MAX)
        return lat_err(LATTN_ERR_FORMAT, "%s has %zu bytes, at most %d are accepted", f->name, f->n,
            INT32_MAX);
    budget = (struct budget){ .left = budget_for(f, info) };
    int W = 0, H = 0, channels = 0;
    uint8_t *pixels = stbi_load_from_memory(f->data, (int) f->n, &W, &H, &channels, 0);
    if (!pixels && budget.no_memory)
        return LATTN_ERR_HOST_MEMORY;
    if (!pixels && budget.exceeded)
        return lat_err(LATTN_ERR_FORMAT, "%s expands to far more than its %d x %d pixels", f->name,
            info->W, info->H);
    if (!pixels)
        return lat_err(LATTN_ERR_FORMAT, "%s: damaged picture: %s", f->name, stbi_failure_reason());
    if (W != info->W || H != info->H || channels < 1 || channels > 4) {
        lat_stb_free(pixels);
        return lat_err(LATTN_ERR_FORMAT, "%s: decoded as %d x %d, its header says %d x %d", f->name,
            W, H, info->W, info->H);
    }
    *out = pixels;
    *C = channels;
    return LATTN_OK;
}

void lat_stb_free(uint8_t *pixels)
{
    give(pixels);
}
