// SPDX-License-Identifier: MIT
//
// The window of a pooling kernel, constants of the pipeline: its loops unroll, and divisions by the stride
// cost nothing.

layout(constant_id = 1) const uint KERNEL_H = 2;
layout(constant_id = 2) const uint KERNEL_W = 2;
layout(constant_id = 3) const uint STRIDE_H = 2;
layout(constant_id = 4) const uint STRIDE_W = 2;
layout(constant_id = 5) const uint DILATION_H = 1;
layout(constant_id = 6) const uint DILATION_W = 1;
layout(constant_id = 7) const uint FLAGS = 0;
