# Dependencies, all from the distribution's packages; README.md says why each.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET GLOBAL jansson)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET GLOBAL libutf8proc)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET GLOBAL libxxhash)
find_package(Vulkan REQUIRED)  # headers only; the loader is opened at run time
find_path(LATTN_STB_INCLUDE stb_image.h PATH_SUFFIXES stb REQUIRED)  # libstb-dev; one header is compiled in
