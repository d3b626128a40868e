// SPDX-License-Identifier: MIT
#ifndef LAT_BIAS_BWD_ABI_H
#define LAT_BIAS_BWD_ABI_H
#include "common/abi.h"

#define LAT_BIAS_BWD_GELU 1u  // bits of PARTS: multiply by the derivative of GELU, store the product
#define LAT_BIAS_BWD_SUM 2u   // sum columns
#define LAT_BIAS_BWD_VECTORS 4  // of columns, per workgroup of the cpu strategy

LAT_PUSH_BEGIN(bias_bwd_push)
    LAT_U32 m;       // rows
    LAT_U32 n;       // columns
    LAT_U32 n_rows;  // summed by one workgroup
    LAT_U32 dy_address[2];  // cpu strategy
    LAT_U32 pre_address[2];
LAT_PUSH_END

#endif
