// SPDX-License-Identifier: MIT
//
// Devices and the context: choosing a Vulkan device, limits, memory, counters,
// steps, and step graphs that are captured once and replayed.
#ifndef LATTN_DEVICE_H
#define LATTN_DEVICE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lattn/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lattn_tensor lattn_tensor;

typedef enum lattn_device_type {
    LATTN_DEVICE_TYPE_OTHER,
    LATTN_DEVICE_TYPE_INTEGRATED,
    LATTN_DEVICE_TYPE_DISCRETE,
    LATTN_DEVICE_TYPE_VIRTUAL,
    LATTN_DEVICE_TYPE_CPU,
} lattn_device_type;

// What a device is and offers. Sizes in bytes.
typedef struct lattn_device_info {
    int index;         // position in lattn_device_list, for LATTN_DEVICE
    char name[256];    // as the driver says
    char driver[256];  // driver name and version text
    char uuid[37];     // 8-4-4-4-12 hexadecimal digits
    lattn_device_type type;
    uint32_t api_version;  // as Vulkan encodes it
    uint32_t vendor_id, device_id;
    uint64_t memory_bytes;          // device-local heap
    uint64_t max_allocation_bytes;  // one allocation
    uint64_t max_binding_bytes;     // one storage buffer as a shader sees it
    uint32_t shared_memory_bytes;   // per workgroup
    uint32_t max_invocations;       // per workgroup
    uint32_t compute_units;         // SMs, CUs or cores; 0 = the driver does not tell
    uint32_t subgroup_size;         // default
    uint32_t min_subgroup_size, max_subgroup_size;
    bool subgroup_arithmetic;
    bool storage_f16, storage_u8;  // 16-bit and 8-bit storage buffers
    bool arithmetic_f16;
    bool buffer_address;
    bool push_descriptors;
    bool coopmat;   // VK_KHR_cooperative_matrix, from a driver that has matrix units for it
    bool coopmat2;  // VK_NV_cooperative_matrix2
    uint32_t coopmat_m, coopmat_n, coopmat_k;  // fragment of f16 products in use; 0 = none
    bool coopmat_bf16;                         // fragments of bf16 products are in use, too
    bool timestamps;
    char refused[256];  // why liblattn cannot use it; "" = usable
} lattn_device_info;

/**
 * Lists every Vulkan device of the system, usable or not. The limits are those that a context
 * would work with, so a test profile (LATTN_LIMITS, LATTN_DISABLE) shows in them.
 *
 * Args     infos     room for capacity entries; may be NULL when capacity is 0
 *          capacity  entries there is room for; the first ones are filled
 *          count     out: number of devices there are, may exceed capacity; 0 on failure
 * Edge     a device that cannot be used is listed with the reason in refused
 * Owner    the caller; nothing stays open
 * Waits    no device work, but loading the drivers takes from milliseconds to a second
 * Errors   ERR_NO_DEVICE when there is no Vulkan loader, no driver or no device; ERR_ARG for
 *          NULL or a negative capacity, or an environment variable with a bad value (lattn.h)
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_device_list(
    lattn_device_info *infos, int capacity, int *count);

// An application's own Vulkan objects, borrowed: it created them with the features it wants to
// share and destroys them after the context. Handles are passed as void pointers so that this
// header needs no vulkan.h. The device must have been created for Vulkan 1.2 or later with
// timelineSemaphore on. Either instance, physical_device, device and queue are all given, or
// none of them: then the library creates its own through get_instance_proc_addr.
typedef struct lattn_vulkan_handles {
    void *instance;         // VkInstance
    void *physical_device;  // VkPhysicalDevice
    void *device;           // VkDevice
    void *queue;            // VkQueue, with compute; used by this context alone
    uint32_t queue_family;
    uint32_t api_version;           // the instance was created with
    const char *const *extensions;  // device extensions enabled
    uint32_t n_extensions;
    const void *features;          // VkPhysicalDeviceFeatures2 chain used to create device, with
                                   // single or collected (Vulkan1xFeatures) structs; NULL =
                                   // timelineSemaphore and nothing beyond the floor
    void *get_instance_proc_addr;  // PFN_vkGetInstanceProcAddr; NULL = library finds the loader
} lattn_vulkan_handles;

typedef struct lattn_ctx_params {
    const char *device;           // index, UUID or part of the name; NULL = LATTN_DEVICE, else best
    uint64_t seed;                // of all random numbers of this context
    uint64_t memory_limit_bytes;  // refuse to allocate more device memory; 0 = driver's budget
    const char *cache_dir;        // pipeline cache; NULL = LATTN_CACHE_DIR, else XDG; "" = none
    const lattn_vulkan_handles *vulkan;  // own device; NULL = the library creates one
    // f32 matrix products, linear layers and convolutions may round their operands to f16, where the device
    // has matrix units for that: several times as fast, with 11 bits of every factor and infinity from
    // 65520 on. Sums and results stay f32. Off, f32 is never rounded; also LATTN_ALLOW_REDUCED_PRECISION.
    bool allow_reduced_precision;
} lattn_ctx_params;

/**
 * Opens a device and makes a context on it. A context is used by one thread at a
 * time, and never in a child after fork(); contexts are independent of each other (lattn.h).
 *
 * Args     params  NULL = all defaults
 * Owner    the caller; lattn_ctx_destroy
 * Errors   ERR_NO_DEVICE naming each device and why it was refused; ERR_ARG for
 *          an unknown device or an environment variable with a bad value (lattn.h); ERR_UNSUPPORTED;
 *          ERR_GPU_MEMORY; ERR_IO for a LATTN_TRACE that cannot be written
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_ctx_create(
    const lattn_ctx_params *params, lattn_ctx **out);

/** Waits for the device, frees everything. Tensors still retained become invalid. Accepts NULL. */
LATTN_API void lattn_ctx_destroy(lattn_ctx **ctx);

/** What the context runs on. Owner: the context. */
LATTN_API const lattn_device_info *lattn_ctx_device(const lattn_ctx *ctx);

/**
 * Takes the first error kept by ctx since the last call that returned a status; clears it.
 *
 * Errors   that one; ERR_DEVICE_LOST again and again
 */
LATTN_API lattn_status lattn_ctx_status(lattn_ctx *ctx);

/**
 * Opens a step: results of ops made from here on belong to it. Steps nest; the
 * context itself is the outermost one.
 *
 * Errors   the first error kept in ctx; ERR_HOST_MEMORY
 */
LATTN_API lattn_status lattn_step_begin(lattn_ctx *ctx);

/**
 * Ends the innermost step: releases its tensors, hands the recorded work to the
 * device (without waiting) and, for an outermost step, advances the random
 * stream by one step.
 *
 * Errors   ERR_STATE without a matching begin; else the first error kept in ctx
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_step_end(lattn_ctx *ctx);

/**
 * Hands recorded work to the device without waiting. Seldom needed.
 *
 * Errors   the first error kept in ctx; ERR_STATE during capture; ERR_DEVICE_LOST
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_flush(lattn_ctx *ctx);

/**
 * Hands recorded work to the device and waits for all of it.
 *
 * Waits    until everything recorded so far has run
 * Errors   as lattn_flush; ERR_DEVICE_LOST also after LATTN_TIMEOUT seconds (lattn.h)
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_sync(lattn_ctx *ctx);

// Where the random stream is: with these three numbers set, the same ops draw the
// same numbers on every device. Saved in checkpoints.
typedef struct lattn_rng_state {
    uint64_t seed;
    uint64_t step;  // advanced by the outermost lattn_step_end and by lattn_graph_run
    uint32_t op;    // random ops so far in this step
} lattn_rng_state;

/** Where the random stream of ctx is now, for a checkpoint. */
LATTN_API lattn_rng_state lattn_rng_get(const lattn_ctx *ctx);

/**
 * Moves the random stream, as on resuming from a checkpoint: the same ops then draw the same
 * numbers again.
 *
 * Edge     in the middle of a step the ops that follow count on from state.op
 */
LATTN_API void lattn_rng_set(lattn_ctx *ctx, lattn_rng_state state);

// ---- counters -----------------------------------------------------------------------------

// Counts since the context was created, except the gauges marked "now" and "peak".
typedef struct lattn_stats {
    uint64_t dispatches;  // kernels submitted, replays included
    uint64_t barriers;    // recorded into command buffers
    uint64_t submits;
    uint64_t commands_recorded;  // dispatches and copies recorded into command buffers
    uint64_t descriptor_writes;
    uint64_t pipelines_created;
    uint64_t pipelines_cached;    // of these, found in the cache folder, where the driver says so
    uint64_t pipeline_ns;         // time in which they were made, of all threads together
    uint64_t device_allocations;  // vkAllocateMemory calls
    uint64_t slice_allocations;   // pieces handed out of slabs
    uint64_t host_allocations;    // by the library, this process
    uint64_t waits;               // times the host waited for the device
    uint64_t graph_runs;
    uint64_t device_bytes_now, device_bytes_peak;  // taken from the driver
    uint64_t used_bytes_now, used_bytes_peak;      // handed out
    uint64_t plan_bytes;                           // arena of the largest planned step
    uint64_t device_time_ns;                       // sum over submissions, 0 without timestamps
} lattn_stats;

/**
 * The counters so far. Differences of two readings show what happened in between.
 *
 * Owner    the caller; a copy
 */
LATTN_API lattn_stats lattn_ctx_stats(const lattn_ctx *ctx);

// ---- step graphs --------------------------------------------------------------------------

typedef struct lattn_graph lattn_graph;

// Records one step by calling ops. Runs once, inside lattn_graph_create.
typedef lattn_status (*lattn_graph_fn)(lattn_ctx *ctx, void *user, lattn_tensor **outputs);

typedef struct lattn_graph_params {
    lattn_graph_fn fn;
    void *user;
    lattn_tensor *const *inputs;  // tensors whose content changes from run to run; retained
    int n_inputs;                 // by the caller for as long as the graph lives
    int n_outputs;                // small results that the host reads, set by fn
} lattn_graph_params;

/**
 * Captures a step: runs fn once while recording, plans its memory, records its
 * command buffers. Nothing is executed yet.
 *
 * Inside fn, C code runs once, so reading or writing a tensor is ERR_STATE.
 * Tensors that fn changes in place (parameters, optimiser state) are retained
 * ones; they keep their place. Dropout draws fresh numbers in every run.
 *
 * Owner    the caller; lattn_graph_destroy. Inputs and every retained tensor that
 *          fn uses must outlive the graph
 * Errors   the first error kept in ctx; what fn returns, or what its ops keep; ERR_STATE inside another
 *          capture, or when fn reads, writes or leaves a step open; ERR_ARG for inputs that are not
 *          contiguous tensors of lattn_tensor_create, or outputs that fn leaves NULL or empty;
 *          ERR_GPU_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_graph_create(
    lattn_ctx *ctx, const lattn_graph_params *params, lattn_graph **out);

/** Waits for its runs, then frees it. To be called before the context is destroyed. Accepts NULL. */
LATTN_API void lattn_graph_destroy(lattn_graph **graph);

/**
 * Sets input i for the next run: bytes are copied at once.
 *
 * Waits    only if the run before the last has not finished (one step in flight)
 * Errors   the first error kept in the context; ERR_ARG if i or bytes do not fit; ERR_STATE during
 *          capture; ERR_DEVICE_LOST
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_graph_write(
    lattn_graph *graph, int i, const void *data, size_t bytes);

/**
 * Submits the captured step. No recording, no allocation, no descriptor write, no
 * wait. Advances the random stream by one step.
 *
 * Errors   the first error kept in the context; ERR_STATE during capture; ERR_DEVICE_LOST
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_graph_run(lattn_graph *graph);

/**
 * Reads output i of a past run: age 0 is the last run, age 1 the one before.
 *
 * Waits    until that run has finished; age 1 lets the last one go on
 * Errors   the first error kept in the context; ERR_STATE if there was no such run, or during capture;
 *          ERR_ARG if i, age or bytes do not fit; ERR_DEVICE_LOST
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_graph_read(
    lattn_graph *graph, int i, int age, void *data, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
