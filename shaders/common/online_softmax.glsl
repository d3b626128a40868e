// SPDX-License-Identifier: MIT
//
// Maximum and sum of exponentials in one pass, four columns side by side: s is the sum of
// exp(x - m) so far, rescaled whenever m grows. One of the two exponentials is always exp(0), so
// one is computed:
//     e = exp(-|x - m|)      s' = x > m ? s e + 1 : s + e      m' = max(m, x)
//
// -inf (masked) adds nothing: it is below the least float that m starts from. A row that is
// nothing but -inf ends with s = 0. NaN makes s NaN. Include after row_base or row_subgroup.
// Source: Milakov & Gimelshein 2018, arXiv:1805.02867, algorithm 3.
#ifndef LAT_ONLINE_SOFTMAX_GLSL
#define LAT_ONLINE_SOFTMAX_GLSL

const float ONLINE_LEAST = -3.402823466e38;

// exp of d <= 0, NaN for NaN. Vulkan promises neither exp(-inf) = 0 (llvmpipe gave NaN) nor
// exp(NaN) = NaN (SwiftShader gives infinity).
float exp_below(float d)
{
    return d < -104.0 ? 0.0 : lat_is_nan(d) ? d : exp(d);
}

vec4 exp_below4(vec4 d)
{
    bvec4 nan = greaterThan(floatBitsToUint(d) & 0x7fffffffu, uvec4(0x7f800000u));
    return mix(mix(exp(d), d, nan), vec4(0.0), lessThan(d, vec4(-104.0)));
}

void online_add(inout vec4 m, inout vec4 s, vec4 x)
{
    vec4 e = exp_below4(-abs(x - m));
    s = mix(s + e, s * e + 1.0, greaterThan(x, m));
    m = max(m, x);
}

// Joins the columns of all lanes: x = maximum, y = sum. +inf in the row gives NaN, as inf - inf.
vec2 online_join(vec4 m, vec4 s)
{
    float top = row_max(max4(m));
    float sum = row_sum(sum4(s * exp_below4(m - top)));
    return vec2(top, lat_is_inf(top) ? LAT_NAN : sum);
}

#endif
