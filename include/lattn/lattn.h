// SPDX-License-Identifier: MIT
//
// liblattn: trains and runs neural networks on any Vulkan GPU.
//
// A program makes a context on a device, makes tensors and modules on the context, and calls functions
// that describe mathematics. They record work for the device and put it on a tape; lattn_backward walks
// the tape; an optimiser changes the parameters. Values reach the host when the program reads them.
//
// ---- the smallest complete program --------------------------------------------------------
//
//     #include <lattn/lattn.h>
//     #include <stdio.h>
//
//     int main(void)
//     {
//         lattn_ctx *ctx = NULL;
//         double length = 0;
//         lattn_status st = lattn_ctx_create(NULL, &ctx);  // the best device there is
//         if (!st) {
//             const int64_t dims[] = { 2 };
//             const float values[] = { 3, 4 };
//             lattn_tensor *x = lattn_from_f32(ctx, LATTN_DTYPE_F32, 1, dims, values);
//             lattn_tensor *y = lattn_norm(ctx, x, NULL, 0, false);
//             st = lattn_tensor_item(ctx, y, &length);  // errors of all calls above arrive here
//         }
//         if (st)
//             fprintf(stderr, "%s: %s\n", lattn_status_name(st), lattn_error(ctx));
//         else
//             printf("%g\n", length);
//         lattn_ctx_destroy(&ctx);
//         return st || length != 5;
//     }
//
// One that trains is in README.md.
//
// ---- rules for all functions --------------------------------------------------------------
//
// Two kinds of function. What does something (creates, loads, reads, steps) returns a lattn_status and
// gives its result through its last argument, which is NULL after a failure. What describes mathematics
// (ops, the forward of a module) returns a lattn_tensor.
//
// Errors. A function of the second kind that fails returns NULL, and the context keeps the first error
// with its sentence. NULL goes through all functions of the second kind without a new error, so a formula
// needs no checks; the next function of the first kind on that context returns the error and clears it.
// lattn_error gives the sentence: what, where, with the values. The status is for a switch: ERR_ARG,
// ERR_SHAPE and ERR_DTYPE are mistakes of the program, ERR_FORMAT of a file. A lost device stays lost:
// every further call says ERR_DEVICE_LOST. Any function that makes something may also return
// ERR_HOST_MEMORY and, when it is made on the device, ERR_GPU_MEMORY and ERR_DEVICE_LOST. Nothing is
// printed, and the library never ends the process.
//
// NULL. A context is never NULL where a function takes one; this is not checked. destroy, close, free,
// abort and release take NULL and the address of a NULL. Else:
//   - a function that returns a status says ERR_ARG and which argument was NULL, for handles, params,
//     paths, arrays with a count above 0, and places for results
//   - a function that returns a tensor passes a NULL tensor on without a new error; for a module, params
//     or an array that is NULL it keeps such an ERR_ARG
//   - a function that returns another value gives 0, false, NULL, "" or all zeros for a NULL handle (-1
//     where it looks for a number), and one that returns nothing does nothing
// unless its description says what NULL means: usually "the defaults" or "not wanted".
//
// Zero is the default. A member of a params or args struct that is 0 or NULL has the value its comment
// gives, and flags are phrased so that 0 is what most programs want. A struct is set up by
// { .member = value } or { 0 }, so that members added later do no harm.
//
// Ownership. params, args and texts are copied and need to live only during the call. Whatever create,
// open or load gave belongs to the caller until destroy, close or free, which set the pointer to NULL. A
// module owns its children and parameters; an optimiser borrows the parameters, each of which can have
// only one at a time, and is destroyed before the module. Accessors lend. Everything that was made on a
// context is destroyed before the context.
//
// Steps. A tensor that a function of the second kind returned belongs to the innermost open step
// (lattn_step_begin) and dies at its end; lattn_tensor_retain keeps it longer. Without an open step it
// lives as long as the context: a loop opens one step per turn. What lattn_tensor_create made lives until
// it is released.
//
// Waiting. Functions record work and return; reading a value waits. A description with the field Waits
// says so.
//
// Contexts and threads. Tensors, modules and optimisers of different contexts do not mix: ERR_ARG. A
// context, with all that was made on it, is used by one thread at a time; contexts are independent, so
// each thread may have its own. lattn_error(NULL) is the calling thread's. Functions without a context are
// safe in any thread, for different objects; datasets and tokenizers may be shared for reading.
//
// fork. Neither a context nor anything made on it may be used in a child after fork(): the device belongs
// to the parent, and a call in the child may wait for ever. Only a child of a process that had no context yet,
// or one that has called exec, can make its own.
//
// ---- environment variables ----------------------------------------------------------------
//
// Read by lattn_ctx_create and lattn_device_list, which refuse a bad value with ERR_ARG and one sentence.
// Unset and empty are the same. Lists are separated by commas.
//
//     variable          values                                          default
//     LATTN_DEVICE      index, UUID or part of the name of a device     discrete, then integrated, then
//                                                                       virtual, then a CPU
//     LATTN_LOG         error, warn, info or debug: messages up to      no messages; a callback of
//                       that level, to stderr without a callback        lattn_log_set gets those up to
//                                                                       info
//     LATTN_CACHE_DIR   folder of the pipeline cache                    $XDG_CACHE_HOME/lattn, else
//                                                                       $HOME/.cache/lattn
//     LATTN_TIMEOUT     1 to 86400: seconds until a wait for the        600
//                       device ends with ERR_DEVICE_LOST
//     LATTN_SUBMIT_MS   1 to 60000: device time that one submission     100
//                       aims at
//     LATTN_TRACE       file that gets a Chrome trace of every          none
//                       dispatch
//     LATTN_STRATEGY    base, cpu, subgroup, winograd, coopmat or       the cheapest of those that the
//                       coopmat2: preferred wherever an op has it       device has
//     LATTN_DISABLE     list of cpu, subgroup, winograd, coopmat,       none
//                       coopmat2 (kernels that are not used), f16,
//                       bda, push_descriptors (features that are not)
//     LATTN_TUNING      off, or a file of measured choices of kernels   tuning.json in the cache folder,
//                       (tuning.h)                                      if there is one
//     LATTN_ALLOW_REDUCED_PRECISION  0 or 1: factors of f32 products    0
//                       may be rounded to f16 (lattn_ctx_params)
//     LATTN_LIMITS      list of floor and name=value: work as if the    those of the device
//                       device had these limits; for tests
//     LATTN_CHECK       list of poison (fresh memory is NaN), robust    none
//                       (bounds-checked access), validation (the
//                       Khronos layer), hazard (look for missing
//                       barriers), barriers (one before every
//                       dispatch), serial (one dispatch a submission),
//                       guard (bands around tensors); for tests
//
// ---- the parts, from simple to advanced ---------------------------------------------------
#ifndef LATTN_H
#define LATTN_H

#include "lattn/status.h"    // status codes, sentences, log, version
#include "lattn/device.h"    // devices, contexts, steps, counters, step graphs
#include "lattn/tensor.h"    // dtypes, tensors, reading, writing, random numbers
#include "lattn/ops.h"       // mathematics; ops_image.h: images, other norms; ops_position.h
#include "lattn/nn.h"        // modules: layers with parameters
#include "lattn/optim.h"     // optimisers, schedules
#include "lattn/data.h"      // tokenizers, datasets, pictures, batches
#include "lattn/io.h"        // safetensors, checkpoints
#include "lattn/models.h"    // BERT, networks for images
#include "lattn/train.h"     // a training loop
#include "lattn/tuning.h"    // kernels chosen by measuring them
#include "lattn/autograd.h"  // gradients by hand, ops of the program's own

#endif
