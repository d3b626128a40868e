#!/bin/sh
# SPDX-License-Identifier: MIT
#
# launch.sh PROGRAM ARGUMENT...: how ctest starts a test program. LATTN_TEST_WRAPPER names a program to
# start it with, such as the unpacked stack's build/modern/run.
exec ${LATTN_TEST_WRAPPER:-} "$@"
