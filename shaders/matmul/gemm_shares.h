// SPDX-License-Identifier: MIT
//
// How tiles are shared, for C and GLSL. The steps of k of `tiles` tiles, tile after tile, are cut into `shares`
// runs as equal as whole steps can be, whose ends may lie inside a tile:
//
//     begin(share) = floor(share * steps / shares),   steps = tiles * steps of a tile
//
// A workgroup has a share, and leaves sums for every tile in which it lies. Where shares is a multiple of
// tiles, ends of tiles are ends of shares: then this is the plain cut of k into equal parts.
#ifndef LAT_GEMM_SHARES_H
#define LAT_GEMM_SHARES_H

// floor(i * n / d) for i <= d < 65536, without the product, which need not fit.
#define LAT_GEMM_PORTION(i, n, d) ((i) * ((n) / (d)) + (i) * ((n) % (d)) / (d))

// Step at which a share begins; that of share + 1 is where it ends.
#define LAT_GEMM_SHARE(share, steps, shares) LAT_GEMM_PORTION(share, steps, shares)

// A share at or before the first that has steps of a tile; at most that one lies in between.
#define LAT_GEMM_FIRST_SHARE(tile, tiles, shares) LAT_GEMM_PORTION(tile, shares, tiles)

// Where the sums of a share for a tile are: from one pair that meets to the next, one of both grows.
#define LAT_GEMM_SLOT(share, tile) ((share) + (tile))
#define LAT_GEMM_SLOTS(tiles, shares) ((tiles) + (shares) - 1)
// Rows of a tile, and at the end a sum for each row of A.
#define LAT_GEMM_SLOT_SIZE(bm, bn) ((bm) * ((bn) + 1))

#endif
