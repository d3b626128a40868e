// SPDX-License-Identifier: MIT
//
// Questions about a device that several selection tables ask.

#include "ops/internal.h"

bool lat_subgroup_size_known(const struct lat_caps *caps)
{
    bool one_size = caps->min_subgroup_size == caps->max_subgroup_size;
    return caps->subgroup_basic && caps->subgroup_ballot && caps->subgroup_size >= 4 &&
           (one_size || (caps->subgroup_size_control && caps->full_subgroups));
}

bool lat_loads_by_address(const struct lat_caps *caps)
{
    enum { MESA_MAJOR_BIT = 22, FIRST_FAST_MESA = 26 };
    return caps->is_lavapipe && caps->driver_version >> MESA_MAJOR_BIT >= FIRST_FAST_MESA &&
           caps->buffer_address && caps->scalar_layout && caps->shader_i64 &&
           (caps->subgroup_size == 8 || caps->subgroup_size == 16) && lat_subgroup_size_known(caps);
}
