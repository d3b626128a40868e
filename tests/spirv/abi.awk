# awk -f abi.awk HEADER...: a C file with the layout of every push block as the C compiler sees it.
# Headers are named relative to shaders/.

BEGIN {
    print "// Made by tests/spirv/abi.awk from shaders/**/*.abi.h."
    print "#include <stddef.h>\n#include \"spirv/abi.h\""
}

FNR == 1 {
    path = FILENAME
    sub(/.*\/shaders\//, "", path)
    print "#include \"" path "\""
}

/LAT_PUSH_BEGIN\(/ {
    block = $0
    sub(/.*LAT_PUSH_BEGIN\(/, "", block)
    sub(/\).*/, "", block)
    blocks[++n] = block
}
/LAT_PUSH_END/ { block = "" }
block != "" && /LAT_(U32|I32|F32) / {
    line = $0
    sub(/\/\/.*/, "", line)
    kind = line ~ /LAT_F32/ ? "f" : line ~ /LAT_I32/ ? "i" : "u"
    sub(/.*LAT_(U32|I32|F32) +/, "", line)
    sub(/;.*/, "", line)
    names = split(line, list, / *, */)
    for (i = 1; i <= names; i++) {
        name = list[i]
        sub(/\[.*/, "", name)
        members[block] = members[block] sprintf("    { \"%s\", '%s', offsetof(struct %s, %s), sizeof ((struct %s *) 0)->%s },\n", \
            name, kind, block, name, block, name)
    }
}

END {
    for (i = 1; i <= n; i++)
        printf "static const struct abi_member members_%d[] = {\n%s};\n", i, members[blocks[i]]
    print "const struct abi_block abi_blocks[] = {"
    for (i = 1; i <= n; i++)
        printf "    { \"%s\", sizeof(struct %s), members_%d, sizeof members_%d / sizeof members_%d[0] },\n", \
            blocks[i], blocks[i], i, i, i
    print "    { NULL, 0, NULL, 0 },\n};"
}
