/* resolve and query: users and groups.  */

#include "conformance/checks.h"
#include "conformance/trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Texts that name nobody, on whatever system.  */
static const char *const nobody[] = { "",           "no-such-name",
                                      "-1",         "4294967295",
                                      "4294967296", "18446744073709551616",
                                      " ",          "0x0",
                                      "0 ",         " 0",
                                      "a:b",        "a\nb",
                                      "\xff\xfe",   "/",
                                      "%s" };

static const char *
id_text (struct trial *trial, int64_t id)
{
  return keep_text (trial, "%lld", (long long) id);
}

static bool
is_listed (const char *const *list, const char *name)
{
  for (; *list != NULL; list++)
    if (strcmp (*list, name) == 0)
      return true;
  return false;
}

void
check_users_own (struct trial *trial)
{
  const char *user = RESOLVE_USER (trial, NULL);
  EXPECT (trial, user != NULL && user[0] != '\0', "the own user: expected a name");
  expect_text (trial, "the own user, asked for again", RESOLVE_USER (trial, NULL), user);
}

void
check_users_own_group (struct trial *trial)
{
  const char *group = RESOLVE_GROUP (trial, NULL);
  EXPECT (trial, group != NULL && group[0] != '\0', "the own group: expected a name");
}

void
check_users_same_as_id (struct trial *trial)
{
  const struct lr_user_entry *entry = QUERY_USER (trial, .user = trial->target->user);
  expect_number (trial, "the own id", entry->uid,
                 strtoll (RUN (trial, .command = WORDS ("id", "-u"))->stdout_bytes.data, NULL, 10));
  expect_text (trial, "the own name", keep_text (trial, "%s\n", entry->name),
               RUN (trial, .command = WORDS ("id", "-un"))->stdout_bytes.data);
}

void
check_users_by_name_and_id (struct trial *trial)
{
  const char *user = trial->target->user;
  const struct lr_user_entry *entry = QUERY_USER (trial, .user = user);
  expect_text (trial, "a user by its name", RESOLVE_USER (trial, user), user);
  expect_text (trial, "a user by its id", RESOLVE_USER (trial, id_text (trial, entry->uid)), user);
  expect_number (trial, "the entry of a user by its id",
                 QUERY_USER (trial, .user = id_text (trial, entry->uid))->uid, entry->uid);
}

void
check_users_entry (struct trial *trial)
{
  const char *user = trial->target->user;
  const struct lr_user_entry *entry = QUERY_USER (trial, .user = user);
  expect_text (trial, "the name of an entry", entry->name, user);
  EXPECT (trial,
          entry->uid >= 0 && entry->uid < INT64_C (4294967295) && entry->gid >= 0
              && entry->gid < INT64_C (4294967295),
          "expected ids, got %lld and %lld", (long long) entry->uid, (long long) entry->gid);
  EXPECT (trial, entry->group != NULL && entry->group[0] != '\0', "expected a primary group");
  EXPECT (trial, entry->gecos != NULL && entry->home != NULL && entry->shell != NULL,
          "expected that gecos, home and shell are there, if need be empty");
  EXPECT (trial, entry->groups != NULL, "expected a list of groups, if need be empty");
  EXPECT (trial, entry->password_hash == NULL, "expected no password hash, which nobody wanted");
}

void
check_users_groups (struct trial *trial)
{
  const struct lr_user_entry *entry = QUERY_USER (trial, .user = trial->target->user);
  const char *names = keep_text (
      trial, " %s ", RUN (trial, .command = WORDS ("id", "-Gn", entry->name))->stdout_bytes.data);
  for (char *end = strchr (names, '\n'); end != NULL; end = strchr (end, '\n'))
    *end = ' ';
  for (const char *const *group = entry->groups; *group != NULL; group++)
    EXPECT (trial, strstr (names, keep_text (trial, " %s ", *group)) != NULL,
            "the groups of %s: expected what id says, \"%s\", got also %s", entry->name, names,
            *group);
}

void
check_users_primary_group (struct trial *trial)
{
  const struct lr_user_entry *entry = QUERY_USER (trial, .user = trial->target->user);
  struct lr_query_group_args args = LR_QUERY_GROUP_ARGS (.group = id_text (trial, entry->gid));
  struct lr_group_entry *group;
  struct lr_error error;
  int status = lr_query_group (trial->connection, &args, &group, &error);
  keep (trial, group, lr_free);
  if (status != 0)
    {
      expect_failure (trial, status, &error, invalid_value ("group"), "the primary group");
      expect_text (trial, "a primary group without a name", entry->group,
                   id_text (trial, entry->gid));
      return;
    }
  expect_text (trial, "the primary group", entry->group, group->name);
  expect_number (trial, "its id", group->gid, entry->gid);
  EXPECT (trial, group->members != NULL, "expected a list of members, if need be empty");
  expect_text (trial, "a group by its id", RESOLVE_GROUP (trial, id_text (trial, group->gid)),
               group->name);
  expect_text (trial, "a group by its name", RESOLVE_GROUP (trial, group->name), group->name);
  expect_number (trial, "the entry of a group by its name",
                 QUERY_GROUP (trial, .group = group->name)->gid, group->gid);
}

void
check_users_members (struct trial *trial)
{
  const struct lr_user_entry *entry = QUERY_USER (trial, .user = trial->target->user);
  if (entry->groups[0] == NULL)
    leave_out (trial, "%s is in no supplementary group", entry->name);
  const struct lr_group_entry *first = QUERY_GROUP (trial, .group = entry->groups[0]);
  EXPECT (trial, is_listed (first->members, entry->name),
          "the members of %s: expected %s among them", first->name, entry->name);
}

void
check_users_unknown (struct trial *trial)
{
  for (size_t i = 0; i < sizeof nobody / sizeof nobody[0]; i++)
    {
      RESOLVE_USER_FAILS (trial, invalid_value ("user"), nobody[i]);
      QUERY_USER_FAILS (trial, invalid_value ("user"), .user = nobody[i]);
    }
}

void
check_users_unknown_group (struct trial *trial)
{
  for (size_t i = 0; i < sizeof nobody / sizeof nobody[0]; i++)
    {
      RESOLVE_GROUP_FAILS (trial, invalid_value ("group"), nobody[i]);
      QUERY_GROUP_FAILS (trial, invalid_value ("group"), .group = nobody[i]);
    }
}

void
check_users_hash (struct trial *trial)
{
  if (STAT (trial, .path = "/etc/shadow") == NULL)
    leave_out (trial, "there is no /etc/shadow there");
  const struct lr_user_entry *entry =
      QUERY_USER (trial, .user = trial->target->user, .password_hash = 1);
  EXPECT (trial, entry->password_hash != NULL, "expected a password hash, if need be \"*\"");
  const char *line =
      shell_1 (trial,
               "while IFS=: read -r name hash rest; do"
               " if [ \"$name\" = \"$1\" ]; then printf '%s' \"$hash\"; fi; done < /etc/shadow",
               entry->name);
  expect_text (trial, "a password hash", entry->password_hash, line);
}

void
check_users_hash_forbidden (struct trial *trial)
{
  const struct lr_stat_result *shadow = STAT (trial, .path = "/etc/shadow");
  if (shadow == NULL || (shadow->mode & 07) != 0)
    leave_out (trial, "there is no /etc/shadow there, or all may read it");
  QUERY_USER_FAILS (trial, remote_os (EACCES), .user = trial->target->user, .password_hash = 1);
}

void
check_users_home (struct trial *trial)
{
  struct lr_error error;
  char *home;
  const struct lr_user_entry *entry = QUERY_USER (trial, .user = trial->target->user);
  const char *const names[] = { NULL, entry->name, id_text (trial, entry->uid) };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    {
      int status = lr_home_dir (trial->connection, names[i], &home, &error);
      keep (trial, home, lr_free);
      expect_success (trial, status, &error, "a home directory");
      expect_text (trial, "a home directory", home, entry->home);
    }
  int status = lr_home_dir (trial->connection, "no-such-user", &home, &error);
  expect_failure (trial, status, &error, invalid_value ("user"), "the home directory of nobody");
  EXPECT (trial, home == NULL, "expected no result beside an error");
}
