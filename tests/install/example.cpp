// SPDX-License-Identifier: MIT
//
// The public headers as C++, and a program that computes something.
#include <cmath>
#include <cstdio>
#include <lattn/data.h>
#include <lattn/io.h>
#include <lattn/lattn.h>
#include <lattn/models.h>
#include <lattn/nn.h>
#include <lattn/optim.h>
#include <lattn/train.h>

int main()
{
    lattn_ctx *ctx = nullptr;
    if (lattn_ctx_create(nullptr, &ctx)) {
        std::fprintf(stderr, "%s\n", lattn_error(nullptr));
        return 1;
    }
    const int64_t dims[] = { 3 };
    const float values[] = { 1, 2, 3 };
    lattn_tensor *x = lattn_from_f32(ctx, LATTN_DTYPE_F32, 1, dims, values);
    float sum[3] = { 0, 0, 0 };
    lattn_status st = lattn_tensor_read_f32(lattn_add(ctx, x, x), sum, 3);
    lattn_ctx_destroy(&ctx);
    std::printf("C++: %g %g %g\n", sum[0], sum[1], sum[2]);
    return st || std::fabs(sum[2] - 6) > 0;
}
