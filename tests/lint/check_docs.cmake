# cmake -DROOT=<source dir> -P check_docs.cmake
#
# Every public function is documented (docs.awk says how that is recognised).
cmake_minimum_required(VERSION 3.25)
file(GLOB headers ${ROOT}/include/lattn/*.h)
execute_process(COMMAND awk -f ${ROOT}/tests/lint/docs.awk ${headers} RESULT_VARIABLE failed)
if(failed)
    message(FATAL_ERROR "public functions without documentation")
endif()
