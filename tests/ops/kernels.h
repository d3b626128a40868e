// SPDX-License-Identifier: MIT
//
// What a driver's compiler made of the kernels: registers, spills and so on, from
// VK_KHR_pipeline_executable_properties. lattn-bench stats shows it for the user's device, lattn-amd for AMD's
// compiler without a card.
#ifndef OT_KERNELS_H
#define OT_KERNELS_H
#include <stdio.h>
#include "ops/optest.h"

struct lat_shader;
struct lat_pipeline_key;

// Records the op's cases, forward and backward, with every strategy: afterwards the device has the
// pipelines that the library would choose for them.
struct ot_record_options {
    int dtype, strategy;    // -1 = every one
    const char *case_name;  // NULL = every one
    bool timed;             // the cases that time measures, instead of those that are checked
    bool all_types;         // OT_GEOMETRY cases in f16 and bf16 too
    void (*failed)(void *user, const struct ot_op *op, const struct ot_case *c, const char *text);
    void *user;
};
void ot_record_op(lattn_ctx *ctx, const struct ot_op *op, const struct ot_record_options *options);

// A pipeline of one of the library's kernels. Drivers give their figures names of their own; what this
// one does not say is -1.
struct ot_kernel {
    const struct lat_shader *shader;
    const struct lat_pipeline_key *key;
    double registers;     // of a lane (AMD: VGPRs)
    double spills;        // registers, or bytes of scratch memory, where drivers count those
    double shared_bytes;  // of a workgroup
    double occupancy;     // subgroups at a time on what runs them
    double instructions;
    bool any;          // the driver said something
    const char *text;  // why it said nothing; "" otherwise
};
// Whether the device has such figures at all.
bool ot_kernels_known(lattn_ctx *ctx);
// All pipelines that the device has made so far, in that order.
void ot_kernels_each(
    lattn_ctx *ctx, void (*fn)(void *user, const struct ot_kernel *kernel), void *user);
// "gemm_base f32 wave32 (128 128 16)".
const char *ot_kernel_name(const struct ot_kernel *kernel, char *text, size_t bytes);
// A line of text without its end, or an object of JSON: the name and what the driver said.
void ot_kernel_print(const struct ot_kernel *kernel, FILE *to);
void ot_kernel_print_heading(FILE *to);
void ot_kernel_print_json(const struct ot_kernel *kernel, FILE *to);
// Whether it is a form for CPU devices alone.
bool ot_kernel_is_for_cpu(const struct lat_shader *shader);

#endif
