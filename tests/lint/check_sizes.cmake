# cmake -DROOT=<source dir> -P check_sizes.cmake
#
# Files and functions stay readable (sizes.awk has the limits).
cmake_minimum_required(VERSION 3.25)
file(GLOB_RECURSE files RELATIVE ${ROOT}
    ${ROOT}/lib/*.[ch] ${ROOT}/include/*.h ${ROOT}/apps/*.[ch] ${ROOT}/tests/*.[ch]
    ${ROOT}/tests/*.cpp ${ROOT}/shaders/*.comp ${ROOT}/shaders/*.glsl ${ROOT}/shaders/*.h)
execute_process(COMMAND awk -f tests/lint/sizes.awk ${files}
    WORKING_DIRECTORY ${ROOT} RESULT_VARIABLE failed)
if(failed)
    message(FATAL_ERROR "files or functions are too large")
endif()
