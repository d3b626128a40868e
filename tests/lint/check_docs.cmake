# cmake -DROOT=<source dir> -P check_docs.cmake
#
# Every public function is documented (docs.awk says how that is recognised), and every environment
# variable that the library reads is in the table of lattn.h.
cmake_minimum_required(VERSION 3.25)
file(GLOB headers ${ROOT}/include/lattn/*.h)
execute_process(COMMAND awk -f ${ROOT}/tests/lint/docs.awk ${headers} RESULT_VARIABLE failed)
if(failed)
    message(FATAL_ERROR "public functions without documentation")
endif()

file(READ ${ROOT}/include/lattn/lattn.h manual)
file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/lib/*.c)
set(seen 0)
foreach(file IN LISTS files)
    file(STRINGS ${ROOT}/${file} lines REGEX "\"LATTN_[A-Z_]+\"")
    foreach(line IN LISTS lines)
        string(REGEX REPLACE ".*\"(LATTN_[A-Z_]+)\".*" "\\1" variable "${line}")
        math(EXPR seen "${seen}+1")
        if(NOT manual MATCHES "\n//     ${variable} ")
            message(SEND_ERROR "${file}: ${variable} is not in the table of lattn.h")
        endif()
    endforeach()
endforeach()
if(seen LESS 10)
    message(FATAL_ERROR "only ${seen} environment variables found in lib: is ROOT right?")
endif()
