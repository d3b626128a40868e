// SPDX-License-Identifier: MIT
//
// How parameters start. With fan_in inputs and fan_out outputs per unit:
//
//   Xavier    variance 2 / (fan_in + fan_out)   uniform bound sqrt(6 / (fan_in + fan_out))
//   Kaiming   variance gain^2 / fan_in          uniform bound gain * sqrt(3 / fan_in)
//
// Sources: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward
// neural networks"; He et al. 2015, arXiv:1502.01852.

#include <math.h>
#include "nn/module.h"
#include "tensor/tensor.h"

static bool fans(const lattn_tensor *t, double *fan_in, double *fan_out)
{
    if (lat_rank(t) < 2)
        return false;
    double receptive = 1;
    for (int d = 2; d < lat_rank(t); d++)
        receptive *= (double) lat_dim(t, d);
    *fan_in = (double) lat_dim(t, 1) * receptive;
    *fan_out = (double) lat_dim(t, 0) * receptive;
    return true;
}

lattn_status lattn_init_(lattn_tensor *t, lattn_init init)
{
    if (!t)
        return lat_err(LATTN_ERR_ARG, "lattn_init_: the tensor is NULL");
    double in = 1, out = 1;
    if (init.kind >= LATTN_INIT_XAVIER_UNIFORM && !fans(t, &in, &out))
        return lat_err(
            LATTN_ERR_ARG, "lattn_init_: rank %d has no fan; 2 or more is needed", lat_rank(t));
    double xavier_gain = init.a != 0 ? init.a : 1.0;
    double kaiming_gain = init.a != 0 ? init.a : sqrt(2.0);
    double xavier_std = xavier_gain * sqrt(2.0 / LAT_MAX(1.0, in + out));
    double kaiming_std = kaiming_gain / sqrt(LAT_MAX(1.0, in));

    switch (init.kind) {
    case LATTN_INIT_ZEROS:
        return lattn_fill_(t, 0);
    case LATTN_INIT_ONES:
        return lattn_fill_(t, 1);
    case LATTN_INIT_NORMAL:
        return lattn_normal_(t, 0, init.a);
    case LATTN_INIT_TRUNC_NORMAL:
        return lattn_trunc_normal_(t, 0, init.a, -2 * init.a, 2 * init.a);
    case LATTN_INIT_UNIFORM:
        return lattn_uniform_(t, -init.a, init.a);
    case LATTN_INIT_XAVIER_UNIFORM:
        return lattn_uniform_(
            t, (float) (-sqrt(3.0) * xavier_std), (float) (sqrt(3.0) * xavier_std));
    case LATTN_INIT_XAVIER_NORMAL:
        return lattn_normal_(t, 0, (float) xavier_std);
    case LATTN_INIT_KAIMING_UNIFORM:
        return lattn_uniform_(
            t, (float) (-sqrt(3.0) * kaiming_std), (float) (sqrt(3.0) * kaiming_std));
    case LATTN_INIT_KAIMING_NORMAL:
        return lattn_normal_(t, 0, (float) kaiming_std);
    }
    return lat_err(LATTN_ERR_ARG, "lattn_init_: %d is no rule", (int) init.kind);
}
