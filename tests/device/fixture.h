// SPDX-License-Identifier: MIT
//
// What the tests of lib/device share: opening a device or skipping the test, and one kernel
// run from a command buffer of its own, without the scheduler.
#ifndef LT_DEVICE_FIXTURE_H
#define LT_DEVICE_FIXTURE_H
#include "device/binding.h"
#include "device/memory.h"
#include "harness/harness.h"

#if defined(__SANITIZE_ADDRESS__)
#define DT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DT_ASAN 1
#endif
#endif

// The kernel of tests/device/add.comp.
struct add_push {
    uint32_t n, add, rounds;
};
extern const struct lat_spirv dt_add_spirv;
struct lat_pipeline_key dt_add_key(uint32_t group_size);

// NULL, and the test is skipped (no device) or failed (anything else).
struct lat_device *dt_open(const lattn_ctx_params *params);
void dt_close(struct lat_device **dev);

// A command pool with one command buffer that runs the kernel once.
struct dt_job {
    VkCommandPool pool;
    VkCommandBuffer cmd;
    struct lat_binding_pool *bindings;
};
lattn_status dt_job_create(struct lat_device *dev, struct dt_job *job);
void dt_job_destroy(struct lat_device *dev, struct dt_job *job);
lattn_status dt_job_record(struct lat_device *dev, struct dt_job *job, struct lat_pipeline *p,
    const struct lat_slice *x, const struct lat_slice *y, const struct add_push *push);

// Open, allocate, build, record, submit, wait, check the result, close: every call that
// the library makes in a life. A wrong result is ERR_INTERNAL.
lattn_status dt_life(const lattn_ctx_params *params);

// Sets a variable for one test; NULL removes it. dt_env_restore puts all back.
void dt_env(const char *name, const char *value);
void dt_env_restore(void);

#endif
