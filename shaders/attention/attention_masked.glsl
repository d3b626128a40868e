// SPDX-License-Identifier: MIT
#ifndef LAT_ATTENTION_MASKED_GLSL
#define LAT_ATTENTION_MASKED_GLSL

// Scores at or below this are masked: they get weight 0 even where their whole row is. Finite,
// because Vulkan does not promise exp(-inf) = 0; large enough for every mask in use (the least float,
// -1e30, -inf), and far below every score of finite operands.
#define LAT_ATTENTION_MASKED -1e30

#endif
