// SPDX-License-Identifier: MIT
//
// The epilogue of a matrix product: what happens to the sum over all of k on its way to out. The
// kernel declares EPILOGUE, bias, out_ and pre before it includes this.
#ifndef LAT_GEMM_FINISH_GLSL
#define LAT_GEMM_FINISH_GLSL
#include "common/gelu.glsl"

void lat_gemm_finish(uint at, uint at_pre, uint n, float v)
{
    if ((EPILOGUE & LAT_GEMM_BIAS) != 0)
        v += load(bias[n]);
    if ((EPILOGUE & LAT_GEMM_ACCUMULATE) != 0)
        v += load(out_[at]);
    if ((EPILOGUE & LAT_GEMM_PRE) != 0)
        pre[at_pre] = store(v);
    if ((EPILOGUE & LAT_GEMM_GELU) != 0)
        v = lat_gelu(v);
    out_[at] = store(v);
}

#endif
