# cmake -DSTATIC=<liblattn.a> -DSHARED=<liblattn.so> -P check_symbols.cmake
#
# Two programs that are linked together share one name space. The static library may define only
# names that start with lattn_ or lat_; the shared one exports only lattn_.
cmake_minimum_required(VERSION 3.25)
find_program(NM NAMES nm llvm-nm REQUIRED)

function(check library prefixes)
    execute_process(COMMAND ${NM} ${ARGN} --defined-only ${library}
        OUTPUT_VARIABLE text RESULT_VARIABLE failed ERROR_QUIET)
    if(failed)
        message(FATAL_ERROR "nm cannot read ${library}")
    endif()
    string(REGEX MATCHALL "[0-9a-f]+ [B-Z] [^\n]+" lines "${text}")
    list(LENGTH lines n)
    if(n LESS 20)
        message(FATAL_ERROR "${library}: only ${n} symbols: is this the library?")
    endif()
    # A is the name of the symbol version.
    list(FILTER lines EXCLUDE REGEX " [A-Z] (${prefixes})")
    foreach(line IN LISTS lines)
        message(SEND_ERROR "${library}: ${line}")
    endforeach()
    list(LENGTH lines bad)
    if(bad)
        message(FATAL_ERROR "${bad} symbol(s) without the prefix ${prefixes}")
    endif()
    message(STATUS "symbols: ${n} in ${library}, all start with ${prefixes}")
endfunction()

# With sanitizers the compiler adds symbols of its own.
check(${STATIC} "lattn_|lat_|__odr_asan" --extern-only)
if(SHARED)
    check(${SHARED} "lattn_|__odr_asan" --dynamic)
endif()
