// SPDX-License-Identifier: MIT
//
// The epilogue of a matrix product: what happens to the sum over all of k on its way to out. The
// kernel declares EPILOGUE, bias, beside, out_ and pre before it includes this, or LAT_GEMM_NO_BESIDE and
// neither beside nor pre.
#ifndef LAT_GEMM_FINISH_GLSL
#define LAT_GEMM_FINISH_GLSL
#include "common/gelu.glsl"
#include "common/math.glsl"

#ifndef LAT_GEMM_BIAS_AT  // a kernel may have it at hand
#define LAT_GEMM_BIAS_AT(at) load(bias[at])
#endif

// What is added or multiplied, up to GELU or ReLU. at_beside: of beside or pre. at_bias: the column or, with
// LAT_GEMM_BIAS_ROWS, the row.
float lat_gemm_combine(uint at, uint at_beside, uint at_bias, float v)
{
    if ((EPILOGUE & LAT_GEMM_BIAS) != 0)
        v += LAT_GEMM_BIAS_AT(at_bias);
    if ((EPILOGUE & LAT_GEMM_ACCUMULATE) != 0)
        v += load(out_[at]);
#ifndef LAT_GEMM_NO_BESIDE
    if ((EPILOGUE & LAT_GEMM_RESIDUAL) != 0)
        v += load(beside[at_beside]);
    if ((EPILOGUE & LAT_GEMM_GELU_GRAD) != 0)
        v *= lat_gelu_grad(load(beside[at_beside]));
#endif
    return v;
}

float lat_gemm_activate(float v)
{
    if ((EPILOGUE & LAT_GEMM_GELU) != 0)
        v = lat_gelu(v);
    if ((EPILOGUE & LAT_GEMM_RELU) != 0)
        v = lat_is_nan(v) || v > 0.0 ? v : 0.0;  // NaN stays
    return v;
}

void lat_gemm_finish(uint at, uint at_beside, uint at_bias, float v)
{
    v = lat_gemm_combine(at, at_beside, at_bias, v);
#ifndef LAT_GEMM_NO_BESIDE
    if ((EPILOGUE & LAT_GEMM_PRE) != 0)
        pre[at_beside] = store(v);
#endif
    out_[at] = store(lat_gemm_activate(v));
}

#ifndef LAT_GEMM_NO_BESIDE
void lat_gemm_finish_row_sum(uint at, float v)
{
    if ((EPILOGUE & LAT_GEMM_ADD_ROW_SUMS) != 0)
        v += load(pre[at]);
    pre[at] = store(v);
}
#endif

#endif
