# awk -f docs.awk HEADER...: every LATTN_API declaration follows a /** block; declarations without a
# blank line between them share one. In ops.h, ops_image.h and the like a block has the fields Shapes and Errors.

FNR == 1 { block = ""; in_block = 0; fresh = 0 }

/^\/\*\*/ { in_block = 1; block = ""; fresh = 1 }
in_block {
    block = block "\n" $0
    if (/\*\//)
        in_block = 0
    next
}

/^LATTN_API/ {
    n++
    name = $0
    while (name !~ /\(/ && (getline line) > 0)
        name = name " " line
    declaration = name
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    where = FILENAME ":" FNR ": " name
    if (!fresh) {
        print where ": no comment block above it"
        bad++
    } else if (block !~ /[a-zA-Z].*[.:]/) {
        print where ": the comment has no sentence"
        bad++
    } else if (FILENAME ~ /\/ops(_[a-z]+)?\.h$/) {
        if (block !~ /\n \* Shapes/) { print where ": no Shapes field"; bad++ }
        if (block !~ /\n \* Errors/) { print where ": no Errors field"; bad++ }
    }
    # The rest of a declaration over several lines.
    while (declaration !~ /;/ && (getline declaration) > 0)
        ;
    next
}

/^[ \t]*$/ { fresh = 0 }

END {
    printf "docs: %d functions, %d without documentation\n", n, bad
    exit bad > 0 || n == 0
}
