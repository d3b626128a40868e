// SPDX-License-Identifier: MIT
//
// Bits of EPILOGUE, a specialisation constant of every kernel that is a matrix product: what happens
// to a sum on its way out. For C and GLSL.
#ifndef LAT_GEMM_EPILOGUE_H
#define LAT_GEMM_EPILOGUE_H

#define LAT_GEMM_BIAS 1u        // add bias[n]
#define LAT_GEMM_PRE 2u         // store the value before GELU
#define LAT_GEMM_GELU 4u        // GELU, erf form
#define LAT_GEMM_ACCUMULATE 8u  // add to what out holds
#define LAT_GEMM_PARTIAL 16u    // store f32 sums instead
#define LAT_GEMM_RELU 32u
#define LAT_GEMM_BIAS_ROWS 64u  // the bias is bias[m]
#define LAT_GEMM_RESIDUAL 128u  // add beside, which lies as out does; not with PRE
#define LAT_GEMM_GELU_GRAD 256u  // multiply by GELU's derivative at beside; alone
#define LAT_GEMM_SHARED 512u  // with PARTIAL: sums of each share of the tiles; a second pass does the rest
#define LAT_GEMM_ROW_SUMS 1024u  // sums of A's rows to pre, an element each; not with PRE or what reads beside
#define LAT_GEMM_ADD_ROW_SUMS 2048u  // the same, added to what is there

#endif
