// SPDX-License-Identifier: MIT
//
// liblattn: trains and runs neural networks on any Vulkan GPU.
#ifndef LATTN_H
#define LATTN_H

#include "lattn/status.h"
#include "lattn/device.h"
#include "lattn/tensor.h"
#include "lattn/autograd.h"
#include "lattn/ops.h"
#include "lattn/nn.h"
#include "lattn/io.h"
#include "lattn/models.h"
#include "lattn/data.h"
#include "lattn/optim.h"
#include "lattn/train.h"

#endif
