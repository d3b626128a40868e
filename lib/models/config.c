// SPDX-License-Identifier: MIT
//
// Sizes and probabilities of a configuration in their ranges.

#include "models/config.h"

lattn_status lat_config_size(const char *what, const char *field, int64_t v, int64_t most)
{
    if (v >= 1 && v <= most)
        return LATTN_OK;
    return lat_err(LATTN_ERR_FORMAT, "%s: %s is %lld, allowed are 1 to %lld", what, field,
        (long long) v, (long long) most);
}

lattn_status lat_config_share(const char *what, const char *field, double v)
{
    if (v >= 0 && v < 1)
        return LATTN_OK;
    return lat_err(LATTN_ERR_FORMAT, "%s: %s is %g, allowed is [0, 1)", what, field, v);
}
