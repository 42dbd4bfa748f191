/* What a URL says, and the sentence for each thing that can be wrong with it.  */

#include "core/error.h"
#include "core/url.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

/* Most rows of the tables below leave the options out.  */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* ---- a connector of each target form ---- */

static void
wrap_nothing (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  lr_command_append (out, inner);
}

static const struct lr_option some_options[] = {
  { .name = "text", .type = LR_OPTION_STRING },
  { .name = "file", .type = LR_OPTION_PATH },
  { .name = "flag", .type = LR_OPTION_BOOLEAN },
  { .name = "count", .type = LR_OPTION_NUMBER },
  { .name = "color", .type = LR_OPTION_CHOICE, .choices = "red|green" },
  { .name = "words", .type = LR_OPTION_WORDS },
  { .name = "tag", .type = LR_OPTION_STRING, .flags = LR_OPTION_REPEATS },
  { .name = "list", .type = LR_OPTION_WORDS, .flags = LR_OPTION_REPEATS },
  { .name = NULL },
};

#define TABLE(schema_, form, ...)                                                                  \
  {                                                                                                \
    .size = sizeof (struct lr_connector), .abi = LR_ABI, .option_size = sizeof (struct lr_option), \
    .schema = schema_, .description = "", .target_form = form, __VA_ARGS__                         \
  }

static const struct lr_connector connectors[] = {
  TABLE ("host", LR_TARGET_HOST, .flags = LR_TAKES_USER | LR_TAKES_PORT, .options = some_options,
         .wrap = wrap_nothing),
  TABLE ("bare-host", LR_TARGET_HOST, .wrap = wrap_nothing),
  TABLE ("any-host", LR_TARGET_HOST,
         .flags = LR_TAKES_USER | LR_TAKES_PORT | LR_TARGET_MAY_BE_EMPTY, .wrap = wrap_nothing),
  TABLE ("name", LR_TARGET_NAME, .flags = LR_TAKES_USER, .wrap = wrap_nothing),
  TABLE ("label", LR_TARGET_NAME, .flags = LR_TARGET_MAY_BE_EMPTY, .wrap = wrap_nothing),
  TABLE ("user", LR_TARGET_USER, .wrap = wrap_nothing),
  TABLE ("path", LR_TARGET_PATH, .wrap = wrap_nothing),
  TABLE ("opaque", LR_TARGET_OPAQUE, .wrap = wrap_nothing),
  TABLE ("words", LR_TARGET_WORDS, .wrap = wrap_nothing),
  TABLE ("none", LR_TARGET_NONE, .wrap = wrap_nothing),
  TABLE ("first.only+1", LR_TARGET_NAME, .flags = 0),
};

static const struct lr_connector *
find_connector (void *context, const char *schema, struct lr_error *error)
{
  (void) context;
  for (size_t i = 0; i < COUNT (connectors); i++)
    if (strcmp (connectors[i].schema, schema) == 0)
      return &connectors[i];
  error_set (error, LR_ERROR_NO_CONNECTOR, "there is no %s", schema);
  return NULL;
}

/* ---- tables of URLs ---- */

enum
{
  OPTIONS_MAX = 4,
};

/* A target as one text: `schema <name> user=<user> port=N option=<value>`, hops joined by ", ".
   The caller frees it.  */
static char *
describe (const struct target *target)
{
  char *text;
  size_t size;
  FILE *stream = open_memstream (&text, &size);
  cr_assert_not_null (stream);
  for (size_t i = 0; i < target->count; i++)
    {
      const struct lr_hop *hop = &target->hops[i];
      fprintf (stream, "%s%s <%s>", i == 0 ? "" : ", ", lr_hop_schema (hop), lr_hop_name (hop));
      if (lr_hop_user (hop) != NULL)
        fprintf (stream, " user=<%s>", lr_hop_user (hop));
      if (lr_hop_port (hop) != 0)
        fprintf (stream, " port=%u", lr_hop_port (hop));
      for (size_t j = 0; lr_hop_word (hop, j) != NULL; j++)
        fprintf (stream, " [%s]", lr_hop_word (hop, j));
      for (size_t j = 0; j < hop->option_count; j++)
        fprintf (stream, " %s=<%s>", hop->options[j].option->name, hop->options[j].value);
    }
  fclose (stream);
  return text;
}

struct good
{
  const char *url;
  const char *parts; /* as describe has them */
  const char *options[OPTIONS_MAX];
};

static void
check_good (const struct good *rows, size_t count)
{
  for (size_t i = 0; i < count; i++)
    {
      struct target target;
      struct lr_error error;
      error_begin (&error, NULL);
      int status =
          target_parse (&target, rows[i].url, rows[i].options, find_connector, NULL, &error);
      cr_expect_eq (status, 0, "%s: %s", rows[i].url, error.message);
      if (status == 0)
        {
          char *parts = describe (&target);
          cr_expect_str_eq (parts, rows[i].parts, "%s gives %s and not %s", rows[i].url, parts,
                            rows[i].parts);
          free (parts);
        }
      target_free (&target);
    }
}

struct bad
{
  const char *url;
  int hop;
  const char *field;
  const char *message;
  const char *options[OPTIONS_MAX];
};

static void
check_bad (const struct bad *rows, size_t count)
{
  for (size_t i = 0; i < count; i++)
    {
      struct target target;
      struct lr_error error;
      error_begin (&error, NULL);
      int status =
          target_parse (&target, rows[i].url, rows[i].options, find_connector, NULL, &error);
      target_free (&target);
      cr_expect_eq (status, -1, "%s is accepted", rows[i].url);
      cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE, "%s: %s", rows[i].url,
                    lr_error_kind_name (error.kind));
      cr_expect_str_eq (error.message, rows[i].message, "%s:\n  %s\nand not\n  %s", rows[i].url,
                        error.message, rows[i].message);
      cr_expect_str_eq (error.field, rows[i].field, "%s: field %s", rows[i].url, error.field);
      cr_expect_eq (error.hop, rows[i].hop, "%s: hop %d", rows[i].url, error.hop);
      cr_expect_eq (error.errnum, 0);
      cr_expect_eq (error.exit_status, 0);
    }
}

/* ---- schemas and hops ---- */

Test (url, schemas_have_letters_digits_and_a_few_signs)
{
  static const struct good rows[] = {
    { "host:web", "host <web>" },
    { "first.only+1:x", "first.only+1 <x>" },
    { "bare-host:web", "bare-host <web>" },
  };
  check_good (rows, COUNT (rows));
}

#define A_SCHEMA                                                                                   \
  " is not a schema: a schema is made of lower-case letters, digits, \"+\", \"-\" and \".\", a "   \
  "letter first"

Test (url, what_has_no_schema_or_a_bad_one_is_refused)
{
  static const struct bad rows[] = {
    { "", 0, "url", "the URL names no target: write SCHEMA:TARGET" },
    { "?text=a", 0, "url", "\"\" has no schema: write SCHEMA:" },
    { "web", 0, "url", "\"web\" has no schema: write SCHEMA:web" },
    { "web?text=a:b", 0, "url", "\"web\" has no schema: write SCHEMA:web" },
    { "//web", 0, "url", "\"//web\" has no schema: write SCHEMA://web" },
    { ":web", 0, "url", "\"\"" A_SCHEMA },
    { "Host:web", 0, "url", "\"Host\"" A_SCHEMA },
    { "9host:web", 0, "url", "\"9host\"" A_SCHEMA },
    { "-host:web", 0, "url", "\"-host\"" A_SCHEMA },
    { "ho_st:web", 0, "url", "\"ho_st\"" A_SCHEMA },
    { "ho%73t:web", 0, "url", "\"ho%73t\"" A_SCHEMA },
    { " host:web", 0, "url", "\" host\"" A_SCHEMA },
    { "h\xc3\xb6st:web", 0, "url", "\"h\xc3\xb6st\"" A_SCHEMA },
    { "h\x1b[2Jost:web", 0, "url", "\"h\\x1B[2Jost\"" A_SCHEMA },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, an_unknown_schema_is_what_the_lookup_says_of_its_hop)
{
  static const struct
  {
    const char *url, *message;
    int hop;
  } rows[] = {
    { "nope:x", "there is no nope", 0 },
    { "host:a,label:,nope:-", "there is no nope", 2 },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct target target;
      struct lr_error error;
      error_begin (&error, NULL);
      cr_expect_eq (target_parse (&target, rows[i].url, NULL, find_connector, NULL, &error), -1);
      cr_expect_eq (error.kind, LR_ERROR_NO_CONNECTOR);
      cr_expect_str_eq (error.message, rows[i].message);
      cr_expect_eq (error.hop, rows[i].hop, "%s: hop %d", rows[i].url, error.hop);
      target_free (&target);
    }
}

Test (url, raw_commas_separate_hops_and_encoded_ones_do_not)
{
  static const struct good rows[] = {
    { "host:a,name:b,user:c", "host <a>, name <b>, user <c>" },
    { "first.only+1:a,name:b", "first.only+1 <a>, name <b>" },
    { "label:,label:,none:", "label <>, label <>, none <>" },
    { "name:a%2Cb,name:c", "name <a,b>, name <c>" },
    { "host:a?text=x%2cy,name:b?dispatcher=z", "host <a> text=<x,y>, name <b> dispatcher=<z>" },
    { "host:bob@a:22,host:eve@b:23", "host <a> user=<bob> port=22, host <b> user=<eve> port=23" },
  };
  check_good (rows, COUNT (rows));
}

#define AN_EMPTY_HOP                                                                               \
  "there is no hop behind a comma of the URL; a comma inside a hop is written %2C"

Test (url, empty_hops_are_refused)
{
  static const struct bad rows[] = {
    { ",", 0, "url", "the URL names no target: write SCHEMA:TARGET" },
    { ",host:a", 0, "url", "the URL names no target: write SCHEMA:TARGET" },
    { "host:a,", 1, "url", AN_EMPTY_HOP },
    { "host:a,,host:b", 1, "url", AN_EMPTY_HOP },
    { "host:a,name:b,", 2, "url", AN_EMPTY_HOP },
    { "host:a?text=x,y", 1, "url", "\"y\" has no schema: write SCHEMA:y" },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, a_connector_without_wrap_is_refused_behind_another_hop)
{
  static const struct bad rows[] = {
    { "host:a,first.only+1:b", 1, "url",
      "first.only+1: can only be the first hop: its connector wraps no command" },
    { "label:,label:,first.only+1:-b", 2, "url",
      "first.only+1: can only be the first hop: its connector wraps no command" },
  };
  check_bad (rows, COUNT (rows));
}

/* "label:0,label:1,..." of COUNT hops, to be freed.  */
static char *
chain_of (int count)
{
  char *url;
  size_t size;
  FILE *stream = open_memstream (&url, &size);
  for (int i = 0; i < count; i++)
    fprintf (stream, "%slabel:%d", i == 0 ? "" : ",", i);
  fclose (stream);
  return url;
}

Test (url, a_target_of_thirty_two_hops_is_parsed)
{
  struct target target;
  struct lr_error error;
  char *url = chain_of (32);
  cr_assert_eq (target_parse (&target, url, NULL, find_connector, NULL, &error), 0);
  cr_expect_eq (target.count, 32);
  cr_expect_str_eq (lr_hop_name (&target.hops[31]), "31");
  target_free (&target);
  free (url);
}

Test (url, a_target_of_thirty_three_hops_is_refused_and_no_hop_is_blamed)
{
  char *url = chain_of (33);
  const struct bad row = { url, -1, "url", "the URL has more than 32 hops", { NULL } };
  check_bad (&row, 1);
  free (url);
}

/* ---- hosts ---- */

Test (url, a_host_is_split_into_user_host_and_port)
{
  static const struct good rows[] = {
    { "host:web", "host <web>" },
    { "host:web:22", "host <web> port=22" },
    { "host:web:1", "host <web> port=1" },
    { "host:web:65535", "host <web> port=65535" },
    { "host:web:00022", "host <web> port=22" },
    { "host:bob@web", "host <web> user=<bob>" },
    { "host:bob@web:22", "host <web> user=<bob> port=22" },
    { "bare-host:web", "bare-host <web>" },
    { "any-host:", "any-host <>" },
    { "any-host:bob@web:22", "any-host <web> user=<bob> port=22" },
    { "host:w%65b.example%2eorg", "host <web.example.org>" },
    { "host:we\xc3\xa9", "host <we\xc3\xa9>" },
    { "host:we%FF", "host <we\xff>" },
    { "host:b%6fb@web", "host <web> user=<bob>" },
    { "host:we-b-", "host <we-b->" },
  };
  check_good (rows, COUNT (rows));
}

Test (url, a_user_ends_at_the_last_at_sign)
{
  static const struct good rows[] = {
    { "host:bob@example.org@web", "host <web> user=<bob@example.org>" },
    { "host:bob%40example.org@web", "host <web> user=<bob@example.org>" },
    { "name:a@b@c", "name <c> user=<a@b>" },
    { "name:bob@x:1", "name <x:1> user=<bob>" },
    { "host:bob@[::1]", "host <::1> user=<bob>" },
    { "label:a%40b", "label <a@b>" },
  };
  check_good (rows, COUNT (rows));
}

Test (url, leading_slashes_and_then_a_trailing_one_are_dropped_before_hosts_names_and_users)
{
  static const struct good rows[] = {
    { "host://web", "host <web>" },
    { "host://web/", "host <web>" },
    { "host://bob@web:22/", "host <web> user=<bob> port=22" },
    { "host://[::1]:22/", "host <::1> port=22" },
    { "host://web/?text=a", "host <web> text=<a>" },
    { "name://bob@x/", "name <x> user=<bob>" },
    { "name:x/", "name <x/>" },
    { "name:/x", "name </x>" },
    { "name://x//", "name <x/>" },
    { "user://bob/", "user <bob>" },
    { "label://", "label <>" },
    { "any-host:///", "any-host <>" },
  };
  check_good (rows, COUNT (rows));
}

Test (url, a_host_with_a_path_is_refused)
{
  static const struct bad rows[] = {
    { "host:web/", 0, "url", "the host \"web/\" has a \"/\" in it: a target has no path" },
    { "host:/web", 0, "url", "the host \"/web\" has a \"/\" in it: a target has no path" },
    { "host:///web", 0, "url", "the host \"/web\" has a \"/\" in it: a target has no path" },
    { "host://web//", 0, "url", "the host \"web/\" has a \"/\" in it: a target has no path" },
    { "host://web/etc", 0, "url", "the host \"web/etc\" has a \"/\" in it: a target has no path" },
    { "host:a%40b", 0, "url",
      "the host \"a@b\" has a \"@\" or a \":\" in it, which programs take for something else" },
    { "host:fe80%3A%3A1", 0, "url",
      "the host \"fe80::1\" has a \"@\" or a \":\" in it, which programs take for something else" },
    { "host:a%2Fb", 0, "url", "the host \"a/b\" has a \"/\" in it: a target has no path" },
    { "host://web:22/etc", 0, "url", "\"22/etc\" is not a port: a port is 1 to 65535" },
    { "host:[::1]/", 0, "url", "after \"]\" comes a port or nothing, and not \"/\"" },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, a_target_that_is_missing_is_refused)
{
  static const struct bad rows[] = {
    { "host:", 0, "url", "host: names no host" },
    { "host://", 0, "url", "host: names no host" },
    { "host:///", 0, "url", "host: names no host" },
    { "host:?text=a", 0, "url", "host: names no host" },
    { "host:bob@", 0, "url", "host: names no host" },
    { "host::22", 0, "url", "host: names no host" },
    { "name:", 0, "url", "name: names no name" },
    { "name:bob@", 0, "url", "name: names no name" },
    { "user:", 0, "url", "user: names no user" },
    { "path:", 0, "url", "path: names no path" },
    { "opaque:", 0, "url", "opaque: names no target" },
    { "label:,name:", 1, "url", "name: names no name" },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, a_user_or_a_port_of_no_host_is_refused_where_the_host_may_be_left_out)
{
  static const struct bad rows[] = {
    { "any-host:bob@", 0, "url", "any-host: names no host" },
    { "any-host::22", 0, "url", "any-host: names no host" },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, ports_are_numbers_from_1_to_65535)
{
  static const struct bad rows[] = {
    { "host:web:", 0, "url", "\"\" is not a port: a port is 1 to 65535" },
    { "host:web:0", 0, "url", "\"0\" is not a port: a port is 1 to 65535" },
    { "host:web:65536", 0, "url", "\"65536\" is not a port: a port is 1 to 65535" },
    { "host:web:000022", 0, "url", "\"000022\" is not a port: a port is 1 to 65535" },
    { "host:web:4294967318", 0, "url", "\"4294967318\" is not a port: a port is 1 to 65535" },
    { "host:web:ssh", 0, "url", "\"ssh\" is not a port: a port is 1 to 65535" },
    { "host:web:-22", 0, "url", "\"-22\" is not a port: a port is 1 to 65535" },
    { "host:web:+22", 0, "url", "\"+22\" is not a port: a port is 1 to 65535" },
    { "host:web: 22", 0, "url", "\" 22\" is not a port: a port is 1 to 65535" },
    { "host:web:%32%32", 0, "url", "\"%32%32\" is not a port: a port is 1 to 65535" },
    { "host:[::1]:", 0, "url", "\"\" is not a port: a port is 1 to 65535" },
    { "host:[::1]:x", 0, "url", "\"x\" is not a port: a port is 1 to 65535" },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, a_user_or_port_that_the_connector_does_not_take_is_refused)
{
  static const struct bad rows[] = {
    { "bare-host:bob@web", 0, "url", "the connector bare-host takes no user: leave out \"bob@\"" },
    { "bare-host:web:22", 0, "url", "the connector bare-host takes no port: leave out \":22\"" },
    { "bare-host:[::1]:22", 0, "url", "the connector bare-host takes no port: leave out \":22\"" },
    { "label:a@b@c", 0, "url", "the connector label takes no user: leave out \"a@b@\"" },
    { "label:,label:a@", 1, "url", "the connector label takes no user: leave out \"a@\"" },
    { "host:@web", 0, "url", "there is no user before the \"@\"" },
    { "name:@x", 0, "url", "there is no user before the \"@\"" },
  };
  check_bad (rows, COUNT (rows));
}

/* ---- addresses ---- */

Test (url, ipv6_addresses_are_bracketed)
{
  static const struct good rows[] = {
    { "host:[::1]", "host <::1>" },
    { "host:[::]", "host <::>" },
    { "host:[2001:db8::1]:22", "host <2001:db8::1> port=22" },
    { "host:bob@[2001:db8::1]:22", "host <2001:db8::1> user=<bob> port=22" },
    { "host:[::ffff:192.0.2.1]", "host <::ffff:192.0.2.1>" },
    { "host:[fe80::1%25eth0]", "host <fe80::1%eth0>" },
    { "host:[fe80::1%25eth0]:22", "host <fe80::1%eth0> port=22" },
    { "host:192.0.2.1:22", "host <192.0.2.1> port=22" },
    { "bare-host:[::1]", "bare-host <::1>" },
  };
  check_good (rows, COUNT (rows));
}

Test (url, what_is_bracketed_and_no_ipv6_address_is_refused)
{
  static const struct bad rows[] = {
    { "host:[::1", 0, "url", "the \"[\" of \"[::1\" is not closed" },
    { "host:[", 0, "url", "the \"[\" of \"[\" is not closed" },
    { "host:[]", 0, "url", "\"\" in brackets is not an IPv6 address" },
    { "host:[web]", 0, "url", "\"web\" in brackets is not an IPv6 address" },
    { "host:[192.0.2.1]", 0, "url", "\"192.0.2.1\" in brackets is not an IPv6 address" },
    { "host:[::1::]", 0, "url", "\"::1::\" in brackets is not an IPv6 address" },
    { "host:[ ::1]", 0, "url", "\" ::1\" in brackets is not an IPv6 address" },
    { "host:[fe80::1%25]", 0, "url", "\"fe80::1%\" in brackets is not an IPv6 address" },
    { "host:[%25eth0]", 0, "url", "\"%eth0\" in brackets is not an IPv6 address" },
    { "host:[fe80::1%eth0]", 0, "url",
      "\"%et\" is not a percent-encoded byte: a percent sign itself is written %25" },
    { "host:[2001:0db8:0000:0000:0000:0000:0000:0000:0000:0001]", 0, "url",
      "\"2001:0db8:0000:0000:0000:0000:0000:0000:0000:0001\" in brackets is not an IPv6 address" },
    { "host:[::1]22", 0, "url", "after \"]\" comes a port or nothing, and not \"22\"" },
    { "host:[::1]]", 0, "url", "after \"]\" comes a port or nothing, and not \"]\"" },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, an_address_without_brackets_is_refused_and_shown_with_them)
{
  static const struct bad rows[] = {
    { "host:::1", 0, "url", "\"::1\" has more than one colon: an IPv6 address is written [::1]" },
    { "host:2001:db8::1", 0, "url",
      "\"2001:db8::1\" has more than one colon: an IPv6 address is written [2001:db8::1]" },
    { "host:bob@fe80::1", 0, "url",
      "\"fe80::1\" has more than one colon: an IPv6 address is written [fe80::1]" },
    { "bare-host:a:b:c", 0, "url",
      "\"a:b:c\" has more than one colon: an IPv6 address is written [a:b:c]" },
  };
  check_bad (rows, COUNT (rows));
}

/* ---- what is refused in every form ---- */

#define A_PASSWORD                                                                                 \
  "there is a password in the URL, where everybody on this machine can see it: leave it out, and " \
  "its colon"

Test (url, a_password_is_refused_and_not_shown)
{
  static const struct bad rows[] = {
    { "host:bob:secret@web", 0, "url", A_PASSWORD },
    { "host://bob:secret@web:22/", 0, "url", A_PASSWORD },
    { "host::secret@web", 0, "url", A_PASSWORD },
    { "host:bob:@web", 0, "url", A_PASSWORD },
    { "host:bob:sec@ret@web", 0, "url", A_PASSWORD },
    { "host:bob:secret@[::1]", 0, "url", A_PASSWORD },
    { "host:bob:%zz@web", 0, "url", A_PASSWORD },
    { "bare-host:bob:secret@web", 0, "url", A_PASSWORD },
    { "label:bob:secret@x", 0, "url", A_PASSWORD },
    { "label:,name:bob:secret@x", 1, "url", A_PASSWORD },
  };
  check_bad (rows, COUNT (rows));
}

/* It is cut off there, and its first part stands where a port does.  */
Test (url, a_password_with_a_raw_comma_or_question_mark_is_refused_and_not_shown)
{
  static const struct bad rows[] = {
    { "host:bob:secret,x@web", 0, "url", A_PASSWORD },
    { "host:bob:secret?x@web", 0, "url", A_PASSWORD },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, control_characters_are_refused_in_hosts_names_and_users)
{
  static const struct bad rows[] = {
    { "host:we%0Ab", 0, "url", "the host \"we\\x0Ab\" has a control character in it" },
    { "host:we\nb", 0, "url", "the host \"we\\x0Ab\" has a control character in it" },
    { "host:we%7fb", 0, "url", "the host \"we\\x7Fb\" has a control character in it" },
    { "host:%1b[31mweb", 0, "url", "the host \"\\x1B[31mweb\" has a control character in it" },
    { "host:b%01b@web", 0, "url", "the user \"b\\x01b\" has a control character in it" },
    { "name:x%09", 0, "url", "the name \"x\\x09\" has a control character in it" },
    { "name:b\rb@x", 0, "url", "the user \"b\\x0Db\" has a control character in it" },
    { "user:b%1Fb", 0, "url", "the user \"b\\x1Fb\" has a control character in it" },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, control_characters_are_refused_in_the_zone_of_an_address)
{
  static const struct bad rows[] = {
    { "host:[fe80::1%25e%0A0]", 0, "url",
      "the host \"fe80::1%e\\x0A0\" has a control character in it" },
    { "host:[fe80::1%25e\x1b]:22", 0, "url",
      "the host \"fe80::1%e\\x1B\" has a control character in it" },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, what_begins_as_an_option_does_is_refused)
{
  static const struct bad rows[] = {
    { "host:-oProxyCommand=x", 0, "url",
      "the host \"-oProxyCommand=x\" begins with a \"-\", as an option does" },
    { "host:%2Dx", 0, "url", "the host \"-x\" begins with a \"-\", as an option does" },
    { "host://-x", 0, "url", "the host \"-x\" begins with a \"-\", as an option does" },
    { "host:bob@-x", 0, "url", "the host \"-x\" begins with a \"-\", as an option does" },
    { "host:-bob@x", 0, "url", "the user \"-bob\" begins with a \"-\", as an option does" },
    { "host:%2dbob@x", 0, "url", "the user \"-bob\" begins with a \"-\", as an option does" },
    { "name:-x", 0, "url", "the name \"-x\" begins with a \"-\", as an option does" },
    { "name:-", 0, "url", "the name \"-\" begins with a \"-\", as an option does" },
    { "name:-b@x", 0, "url", "the user \"-b\" begins with a \"-\", as an option does" },
    { "user:-b", 0, "url", "the user \"-b\" begins with a \"-\", as an option does" },
    { "user://%2Db", 0, "url", "the user \"-b\" begins with a \"-\", as an option does" },
    { "path:-r", 0, "url", "the path \"-r\" begins with a \"-\", as an option does" },
  };
  check_bad (rows, COUNT (rows));
}

#define PERCENT(what)                                                                              \
  "\"" what "\" is not a percent-encoded byte: a percent sign itself is written %25"
#define A_NUL "%00 stands for a NUL byte, which no part can have"

Test (url, bad_percent_encoding_is_refused_everywhere)
{
  static const struct bad rows[] = {
    { "host:w%zzb", 0, "url", PERCENT ("%zz") },
    { "host:w%zz", 0, "url", PERCENT ("%zz") },
    { "host:w%4", 0, "url", PERCENT ("%4") },
    { "host:w%", 0, "url", PERCENT ("%") },
    { "host:w%4g", 0, "url", PERCENT ("%4g") },
    { "host:w%%41", 0, "url", PERCENT ("%%4") },
    { "host:b%@web", 0, "url", PERCENT ("%") },
    { "name:x%-1", 0, "url", PERCENT ("%-1") },
    { "name:x%\x1b[", 0, "url", PERCENT ("%\\x1B[") },
    { "user:%4", 0, "url", PERCENT ("%4") },
    { "path:/%4", 0, "url", PERCENT ("%4") },
    { "opaque:%4", 0, "url", PERCENT ("%4") },
    { "host:web?text=%4", 0, "url", PERCENT ("%4") },
    { "host:web?words=a%4 b", 0, "url", PERCENT ("%4") },
    { "host:w%4,label:1", 0, "url", PERCENT ("%4") },
    { "label:,label:%4", 1, "url", PERCENT ("%4") },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, an_encoded_nul_is_refused_everywhere)
{
  static const struct bad rows[] = {
    { "host:w%00b", 0, "url", A_NUL },         { "host:b%00b@web", 0, "url", A_NUL },
    { "host:[::1%00]", 0, "url", A_NUL },      { "name:%00", 0, "url", A_NUL },
    { "user:%00", 0, "url", A_NUL },           { "path:/a%00b", 0, "url", A_NUL },
    { "opaque:a%00", 0, "url", A_NUL },        { "host:web?text=%00", 0, "url", A_NUL },
    { "host:web?words=%00", 0, "url", A_NUL }, { "label:,path:%00", 1, "url", A_NUL },
  };
  check_bad (rows, COUNT (rows));
}

/* ---- the other forms ---- */

Test (url, a_name_keeps_its_colons_and_slashes)
{
  static const struct good rows[] = {
    { "name:web", "name <web>" },
    { "name:registry/web:1.2", "name <registry/web:1.2>" },
    { "name:bob@web", "name <web> user=<bob>" },
    { "name:a%20b", "name <a b>" },
    { "label:", "label <>" },
    { "label:x", "label <x>" },
  };
  check_good (rows, COUNT (rows));
}

Test (url, a_user_target_is_never_split)
{
  static const struct good rows[] = {
    { "user:bob", "user <bob>" },
    { "user:bob@example.org", "user <bob@example.org>" },
    { "user:a:b", "user <a:b>" },
  };
  check_good (rows, COUNT (rows));
}

Test (url, a_path_is_never_split)
{
  static const struct good rows[] = {
    { "path:/srv/a@b", "path </srv/a@b>" },
    { "path:/srv/a:secret@b:c", "path </srv/a:secret@b:c>" },
    { "path:srv/x", "path <srv/x>" },
    { "path:/srv/x/", "path </srv/x/>" },
    { "path:/", "path </>" },
    { "path:///srv", "path </srv>" },
    { "path:///", "path </>" },
    { "path:////srv", "path <//srv>" },
    { "path:./-r", "path <./-r>" },
    { "path:/a%2Cb%3Fc%25d", "path </a,b?c%d>" },
    { "path:/a%0Ab", "path </a\nb>" },
    { "path:[::1", "path <[::1>" },
  };
  check_good (rows, COUNT (rows));
}

Test (url, a_path_behind_two_slashes_is_refused_and_shown_with_one)
{
  static const struct bad rows[] = {
    { "path://srv/x", 0, "url", "behind \"//\" a host is looked for: write path:/srv/x" },
    { "path://", 0, "url", "behind \"//\" a host is looked for: write path:/" },
    { "label:,path://srv", 1, "url", "behind \"//\" a host is looked for: write path:/srv" },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, an_opaque_target_is_only_decoded)
{
  static const struct good rows[] = {
    { "opaque:a b c", "opaque <a b c>" },
    { "opaque:-x", "opaque <-x>" },
    { "opaque://a/", "opaque <//a/>" },
    { "opaque:a:secret@b:0", "opaque <a:secret@b:0>" },
    { "opaque:%2C%3F%25%0A", "opaque <,?%\n>" },
    { "opaque:[", "opaque <[>" },
    { "opaque:a?dispatcher=b", "opaque <a> dispatcher=<b>" },
  };
  check_good (rows, COUNT (rows));
}

Test (url, words_are_split_and_then_decoded)
{
  static const struct good good_rows[] = {
    { "words:nice -n  10 ", "words <nice -n  10 > [nice] [-n] [10]" },
    { "words:a%20b c%2C", "words <a b c,> [a b] [c,]" },
    { "words:%20", "words < > [ ]" },
    { "words: ", "words < >" },
    { "words:a,words:b", "words <a> [a], words <b> [b]" },
  };
  static const struct bad bad_rows[] = {
    { "words:", 0, "url", "words: names no words" },
    { "words:a b%4", 0, "url", PERCENT ("%4") },
  };
  check_good (good_rows, COUNT (good_rows));
  check_bad (bad_rows, COUNT (bad_rows));
}

Test (url, a_form_without_target_takes_nothing_behind_its_colon)
{
  static const struct good good_rows[] = {
    { "none:", "none <>" },
    { "none:?dispatcher=x", "none <> dispatcher=<x>" },
  };
  static const struct bad bad_rows[] = {
    { "none:x", 0, "url", "none: takes nothing after its colon, and not \"x\"" },
    { "none://", 0, "url", "none: takes nothing after its colon, and not \"//\"" },
    { "label:,none: ", 1, "url", "none: takes nothing after its colon, and not \" \"" },
  };
  check_good (good_rows, COUNT (good_rows));
  check_bad (bad_rows, COUNT (bad_rows));
}

/* ---- options ---- */

Test (url, options_are_split_at_ampersands_and_then_decoded)
{
  static const struct good rows[] = {
    { "host:a?text=b", "host <a> text=<b>" },
    { "host:a?text=", "host <a> text=<>" },
    { "host:a?", "host <a>" },
    { "host:a?text=b&flag=yes", "host <a> text=<b> flag=<yes>" },
    { "host:a?text=b&", "host <a> text=<b>" },
    { "host:a?text=b?c", "host <a> text=<b?c>" },
    { "host:a?text=b=c", "host <a> text=<b=c>" },
    { "host:a?text=b:c@d/e", "host <a> text=<b:c@d/e>" },
    { "host:a?text=%26%3D%3F%2C%25%20%0A", "host <a> text=<&=?,% \n>" },
    { "host:a?text=b+c", "host <a> text=<b+c>" },
    { "host:bob@a:22?text=b", "host <a> user=<bob> port=22 text=<b>" },
    { "label:?dispatcher=b", "label <> dispatcher=<b>" },
  };
  check_good (rows, COUNT (rows));
}

Test (url, option_values_fit_their_type)
{
  static const struct good rows[] = {
    { "host:a?text=-x", "host <a> text=<-x>" },
    { "host:a?file=/b", "host <a> file=</b>" },
    { "host:a?file=./-b", "host <a> file=<./-b>" },
    { "host:a?flag=yes", "host <a> flag=<yes>" },
    { "host:a?flag=no", "host <a> flag=<no>" },
    { "host:a?flag=n%6F", "host <a> flag=<no>" },
    { "host:a?count=0", "host <a> count=<0>" },
    { "host:a?count=007", "host <a> count=<007>" },
    { "host:a?count=999999999999999999", "host <a> count=<999999999999999999>" },
    { "host:a?color=red", "host <a> color=<red>" },
    { "host:a?color=green", "host <a> color=<green>" },
  };
  check_good (rows, COUNT (rows));
}

Test (url, option_values_that_do_not_fit_their_type_are_refused)
{
  static const struct bad rows[] = {
    { "host:a?file=", 0, "file", "file=: the value is a path" },
    { "host:a?file=-b", 0, "file", "file=-b: the value is a path" },
    { "host:a?file=%2Db", 0, "file", "file=-b: the value is a path" },
    { "host:a?flag=", 0, "flag", "flag=: the value is yes or no" },
    { "host:a?flag=true", 0, "flag", "flag=true: the value is yes or no" },
    { "host:a?flag=YES", 0, "flag", "flag=YES: the value is yes or no" },
    { "host:a?count=", 0, "count", "count=: the value is a number" },
    { "host:a?count=-1", 0, "count", "count=-1: the value is a number" },
    { "host:a?count=0x1", 0, "count", "count=0x1: the value is a number" },
    { "host:a?count=1 ", 0, "count", "count=1 : the value is a number" },
    { "host:a?count=1000000000000000000", 0, "count",
      "count=1000000000000000000: the value is a number" },
    { "host:a?color=", 0, "color", "color=: the value is one of red|green" },
    { "host:a?color=re", 0, "color", "color=re: the value is one of red|green" },
    { "host:a?color=red|green", 0, "color", "color=red|green: the value is one of red|green" },
    { "host:a?color=%1B", 0, "color", "color=\\x1B: the value is one of red|green" },
    { "host:a?words=", 0, "words", "words= has no value" },
    { "host:a?words=  ", 0, "words", "words= has no value" },
    { "label:,host:a?count=x", 1, "count", "count=x: the value is a number" },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, words_are_split_at_raw_spaces_and_then_decoded)
{
  static const struct good rows[] = {
    { "host:a?words=b", "host <a> words=<b>" },
    { "host:a?words=b c d", "host <a> words=<b> words=<c> words=<d>" },
    { "host:a?words=b%20c d", "host <a> words=<b c> words=<d>" },
    { "host:a?words=  b   c  ", "host <a> words=<b> words=<c>" },
    { "host:a?words=b -c", "host <a> words=<b> words=<-c>" },
    { "host:a?words=%20", "host <a> words=< >" },
    { "label:?dispatcher=/opt/my%20own/d --debug",
      "label <> dispatcher=</opt/my own/d> dispatcher=<--debug>" },
  };
  check_good (rows, COUNT (rows));
}

#define IT_TAKES                                                                                   \
  "; it takes text, file, flag, count, color, words, tag, list, dispatcher, protocol, deploy, "    \
  "directory, bootstrap"

Test (url, unknown_options_are_refused_and_the_known_ones_named)
{
  static const struct bad rows[] = {
    { "host:a?colour=red", 0, "colour", "the connector host takes no option \"colour\"" IT_TAKES },
    { "host:a?Text=b", 0, "Text", "the connector host takes no option \"Text\"" IT_TAKES },
    { "host:a?te%78t=b", 0, "te%78t", "the connector host takes no option \"te%78t\"" IT_TAKES },
    { "host:a?x", 0, "x", "the connector host takes no option \"x\"" IT_TAKES },
    { "host:a?\x1b=x", 0, "\\x1B", "the connector host takes no option \"\\x1B\"" IT_TAKES },
    { "name:a?text=b", 0, "text",
      "the connector name takes no option \"text\"; it takes dispatcher, protocol, deploy, "
      "directory, bootstrap" },
    { "first.only+1:a?dispatcher=b", 0, "dispatcher",
      "the connector first.only+1 takes no option \"dispatcher\"" },
    { "host:a,name:a?text=b", 1, "text",
      "the connector name takes no option \"text\"; it takes dispatcher, protocol, deploy, "
      "directory, bootstrap" },
    { "name:a?nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn=b", 0, "url",
      "name: takes no option "
      "\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\"" },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, an_option_needs_a_name_and_a_value)
{
  static const struct bad rows[] = {
    { "host:a?text", 0, "text", "the option text has no value: write text=VALUE" },
    { "host:a?flag", 0, "flag", "the option flag has no value: write flag=VALUE" },
    { "host:a?text&flag=yes", 0, "text", "the option text has no value: write text=VALUE" },
    { "host:a?=b", 0, "url", "an option has no name: options are NAME=VALUE" },
    { "host:a?&text=b", 0, "url", "an option has no name: options are NAME=VALUE" },
    { "host:a?text=b&&flag=yes", 0, "url", "an option has no name: options are NAME=VALUE" },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, only_options_that_repeat_are_given_more_than_once)
{
  static const struct good good_rows[] = {
    { "host:a?tag=b&tag=c&tag=b", "host <a> tag=<b> tag=<c> tag=<b>" },
    { "host:a?list=b c&list=d", "host <a> list=<b> list=<c> list=<d>" },
    { "host:a?tag=b", "host <a> tag=<b> tag=<c>", { "tag=c" } },
    { "host:a?text=b,host:c?text=d", "host <a> text=<b>, host <c> text=<d>" },
  };
  static const struct bad bad_rows[] = {
    { "host:a?text=b&text=b", 0, "text", "the option text is given twice" },
    { "host:a?text=b&flag=no&text=c", 0, "text", "the option text is given twice" },
    { "host:a?words=b&words=c", 0, "words", "the option words is given twice" },
    { "host:a?text=b", 0, "text", "the option text is given twice", { "text=c" } },
    { "host:a", 0, "text", "the option text is given twice", { "text=b", "text=c" } },
    { "name:a?dispatcher=b&dispatcher=c", 0, "dispatcher", "the option dispatcher is given twice" },
  };
  check_good (good_rows, COUNT (good_rows));
  check_bad (bad_rows, COUNT (bad_rows));
}

Test (url, options_given_beside_the_url_are_the_last_hops_and_not_decoded)
{
  static const struct good rows[] = {
    { "host:a", "host <a> text=<b%20c%00%>", { "text=b%20c%00%" } },
    { "host:a", "host <a> text=<b&flag=yes?,x>", { "text=b&flag=yes?,x" } },
    { "host:a?flag=yes", "host <a> flag=<yes> text=<b> count=<1>", { "text=b", "count=1" } },
    { "host:a,host:b", "host <a>, host <b> text=<c>", { "text=c" } },
    { "host:a", "host <a> words=<b> words=<c%20d>", { "words=b c%20d" } },
    { "host:a", "host <a> file=<%2Db>", { "file=%2Db" } },
    { "host:a", "host <a>", { NULL } },
  };
  check_good (rows, COUNT (rows));
}

Test (url, options_given_beside_the_url_are_checked_as_those_in_it)
{
  static const struct bad rows[] = {
    { "host:a", 0, "x", "the connector host takes no option \"x\"" IT_TAKES, { "x=y" } },
    { "host:a", 0, "text", "the option text has no value: write text=VALUE", { "text" } },
    { "host:a", 0, "url", "an option has no name: options are NAME=VALUE", { "" } },
    { "host:a", 0, "url", "an option has no name: options are NAME=VALUE", { "=b" } },
    { "host:a", 0, "flag", "flag=n%6F: the value is yes or no", { "flag=n%6F" } },
    { "host:a,host:b", 1, "count", "count=x: the value is a number", { "text=b", "count=x" } },
    { "host:a", 0, "words", "words= has no value", { "words=" } },
  };
  check_bad (rows, COUNT (rows));
}

Test (url, connectors_read_the_first_value_each_value_or_a_truth)
{
  struct target target;
  struct lr_error error;
  cr_assert_eq (target_parse (&target, "host:a?tag=b&tag=c&words=d e&flag=yes,host:x?flag=no", NULL,
                              find_connector, NULL, &error),
                0);
  const struct lr_hop *hop = &target.hops[0];
  cr_expect_str_eq (lr_hop_option (hop, "tag"), "b");
  cr_expect_str_eq (lr_hop_option_at (hop, "tag", 0), "b");
  cr_expect_str_eq (lr_hop_option_at (hop, "tag", 1), "c");
  cr_expect_null (lr_hop_option_at (hop, "tag", 2));
  cr_expect_str_eq (lr_hop_option_at (hop, "words", 1), "e");
  cr_expect_null (lr_hop_option (hop, "text"));
  cr_expect_null (lr_hop_option (hop, "nonsense"));
  cr_expect (lr_hop_option_is_set (hop, "flag"));
  cr_expect_not (lr_hop_option_is_set (&target.hops[1], "flag"));
  cr_expect_not (lr_hop_option_is_set (hop, "text"));
  target_free (&target);
}

/* ---- size ---- */

/* HEAD, SIZE times FILLER, TAIL; to be freed.  */
static char *
long_url (const char *head, char filler, size_t size, const char *tail)
{
  char *url = malloc (strlen (head) + size + strlen (tail) + 1);
  cr_assert_not_null (url);
  char *end = stpcpy (url, head);
  memset (end, filler, size);
  strcpy (end + size, tail);
  return url;
}

Test (url, very_long_parts_are_kept_whole)
{
  enum
  {
    SIZE = 1 << 20
  };
  static const struct
  {
    const char *head, *tail;
  } rows[] = { { "host:", ":22" }, { "path:/", "" }, { "label:?dispatcher=", "" } };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct target target;
      struct lr_error error;
      char *url = long_url (rows[i].head, 'w', SIZE, rows[i].tail);
      cr_assert_eq (target_parse (&target, url, NULL, find_connector, NULL, &error), 0);
      const struct lr_hop *hop = &target.hops[0];
      const char *part = hop->option_count > 0 ? hop->options[0].value : hop->name;
      cr_expect_eq (strlen (part) - (part[0] == '/'), SIZE);
      target_free (&target);
      free (url);
    }
}

Test (url, the_message_on_a_very_long_part_is_cut_between_two_characters)
{
  static const struct
  {
    const char *head;
    char filler;
    const char *tail, *start;
    size_t length_at_least;
  } rows[] = {
    { "host:", 'w', "/x", "the host \"www", 1023 },
    { "host:x", '\n', "", "the host \"x\\x0A\\x0A", 1020 },
    { "", 'w', "", "\"wwww", 1023 },
    { "host:a?", 'n', "=x", "host: takes no option \"nnn", 1023 },
    { "host:a?count=", 'x', "", "count=xxx", 1023 },
    { "host:a:", '9', "", "\"999", 1023 },
    { "host:", ':', "", "\":::", 1023 },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct target target;
      struct lr_error error;
      char *url = long_url (rows[i].head, rows[i].filler, 100000, rows[i].tail);
      cr_expect_eq (target_parse (&target, url, NULL, find_connector, NULL, &error), -1);
      size_t length = strnlen (error.message, sizeof error.message);
      cr_expect_lt (length, sizeof error.message);
      cr_expect_geq (length, rows[i].length_at_least, "row %zu: %zu", i, length);
      cr_expect_eq (strncmp (error.message, rows[i].start, strlen (rows[i].start)), 0, "%.60s",
                    error.message);
      target_free (&target);
      free (url);
    }
}

Test (url, a_target_that_failed_is_freed_like_any_other)
{
  struct target target;
  struct lr_error error;
  cr_expect_eq (target_parse (&target, "host:bob@a:22?text=b&tag=c,name:b@x,host:b?tag=a&count=x",
                              NULL, find_connector, NULL, &error),
                -1);
  cr_expect_eq (error.hop, 2);
  target_free (&target);
  cr_expect_eq (target.count, 0);
  cr_expect_null (target.hops);
  target_free (&target);
}
