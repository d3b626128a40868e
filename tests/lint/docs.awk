# awk -f docs.awk HEADER...: every LATTN_API declaration follows a /** block of its own. The block of a
# function that returns a status has the field Errors, that of one in ops*.h also Shapes.

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
    does = name ~ /^LATTN_API (LATTN_MUST_CHECK )?lattn_status [a-z]/
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    where = FILENAME ":" FNR ": " name
    if (!fresh) {
        print where ": no comment block above it"
        bad++
    } else if (block !~ /[a-zA-Z].*[.:]/) {
        print where ": the comment has no sentence"
        bad++
    } else {
        op = FILENAME ~ /\/ops(_[a-z]+)?\.h$/
        if (op && block !~ /\n \* Shapes/) { print where ": no Shapes field"; bad++ }
        if ((op || does) && block !~ /\n \* Errors/) { print where ": no Errors field"; bad++ }
    }
    fresh = 0
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
