# awk -f sizes.awk FILE...: the outer limits of size. Lines of a file by its kind, lines and
# parameters of a C function. Code is formatted, so a function begins with "{" and ends with "}" in
# the first column.

function limit(file) {
    if (file ~ /\.(comp|glsl)$/)
        return 400
    if (file ~ /^include\//)
        return 1000
    return 900
}

function complain(text) {
    print text
    bad++
}

function close_file() {
    if (last_file != "" && last_line > limit(last_file))
        complain(last_file ": " last_line " lines, at most " limit(last_file))
}

# Parameters of "type name(a, b, c)": commas outside inner parentheses.
function parameters(text, i, c, depth, commas) {
    depth = commas = 0
    for (i = index(text, "("); i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "(")
            depth++
        else if (c == ")" && --depth == 0)
            break
        else if (c == "," && depth == 1)
            commas++
    }
    return commas + 1
}

FNR == 1 { close_file(); last_file = FILENAME; n_files++; start = 0; head = "" }
{ last_line = FNR }

FILENAME !~ /\.c(pp)?$/ { next }

/^\{/ && head ~ /\(/ {
    start = FNR
    name = head
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    if (parameters(head) > 8)
        complain(FILENAME ":" FNR ": " name " has " parameters(head) " parameters, at most 8")
    n_functions++
}
/^\}/ {
    if (start && FNR - start - 1 > 120)
        complain(FILENAME ":" start ": " name " has " FNR - start - 1 " lines, at most 120")
    start = 0
    head = ""
    next
}
# The declaration in front of "{": lines since the last blank line, brace, or semicolon.
/^[ \t]*$/ || /;[ \t]*$/ || /^#/ || /^\/\// { head = ""; next }
!start { head = head " " $0 }

END {
    close_file()
    printf "sizes: %d files, %d functions, %d too large\n", n_files, n_functions, bad
    exit bad > 0 || n_files == 0
}
