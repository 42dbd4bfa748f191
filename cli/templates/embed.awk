# Makes cli/templates.c: each file that is named, .../FOLDER/FILE, as a row of a table.

BEGIN {
  print "/* Made by cli/templates/embed.awk.  */"
  print ""
  print "#include \"cli/templates.h\""
  print ""
  print "#include <stddef.h>"
  for (i = 1; i < ARGC; i++) {
    count = split(ARGV[i], parts, "/")
    rows = rows sprintf("  { \"%s\", \"%s\", lines_%d },\n", parts[count - 1], parts[count], i)
    printf "\nstatic const char *const lines_%d[] = {\n", i
    while ((status = (getline line < ARGV[i])) > 0) {
      gsub(/[\\"]/, "\\\\&", line)
      printf "  \"%s\\n\",\n", line
    }
    if (status < 0) {
      print "cannot read " ARGV[i] > "/dev/stderr"
      exit 1
    }
    print "  NULL,\n};"
  }
  printf "\nconst struct template templates[] = {\n%s  { NULL, NULL, NULL },\n};\n", rows
}
