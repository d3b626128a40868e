// SPDX-License-Identifier: MIT
//
// What harness.cpp does around a test on the device. Tests do not include this.
#ifndef LT_DEVICE_H
#define LT_DEVICE_H
#include "lattn/lattn.h"

#ifdef __cplusplus
extern "C" {
#endif

// The process's shared context, made on first use, with a step begun; NULL with the reason where
// there is no device.
lattn_ctx *lt_device_begin(const char **why);
// Ends the step, waits, and fails the test for an error left behind.
void lt_device_end(void);
void lt_device_close(void);

// Around every test: collects log messages, prints them when it fails. A validation message fails it,
// whichever device it came from.
void lt_messages_begin(void);
void lt_messages_end(void);

#ifdef __cplusplus
}
#endif
#endif
