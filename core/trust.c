#include "core/trust.h"

#include "core/owners.h"

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum
{
  ENTRY_SIZE = 64 << 10, /* bytes of an account's texts; a group with many members has many */
};

bool
trust_is_set_id (void)
{
  return getauxval (AT_SECURE) != 0;
}

/* ---- whom ---- */

static pthread_once_t owner_is_known = PTHREAD_ONCE_INIT;
static uid_t library_owner; /* root's if it can't be told */

static void
find_library_owner (void)
{
  Dl_info library;
  struct stat info;
  /* A relative name would mean another file for each place a program is started in.  */
  if (dladdr (&owner_is_known, &library) != 0 && library.dli_fname != NULL
      && library.dli_fname[0] == '/' && stat (library.dli_fname, &info) == 0)
    library_owner = info.st_uid;
}

static bool
is_trusted_user (uid_t uid)
{
  pthread_once (&owner_is_known, find_library_owner);
  return uid == 0 || uid == geteuid () || uid == library_owner;
}

/* Whether GID is the private group of UID: it has that user's name, and no other members.  */
static bool
is_private_group (gid_t gid, uid_t uid)
{
  struct passwd user, *found_user = NULL;
  struct group group, *found_group = NULL;
  char *user_texts = malloc (ENTRY_SIZE), *group_texts = malloc (ENTRY_SIZE);
  bool is_private =
      user_texts != NULL && group_texts != NULL
      && getpwuid_r (uid, &user, user_texts, ENTRY_SIZE, &found_user) == 0 && found_user != NULL
      && getgrgid_r (gid, &group, group_texts, ENTRY_SIZE, &found_group) == 0 && found_group != NULL
      && user.pw_gid == gid && strcmp (user.pw_name, group.gr_name) == 0;
  for (char **member = is_private ? group.gr_mem : NULL; member != NULL && *member != NULL;
       member++)
    if (strcmp (*member, user.pw_name) != 0)
      is_private = false;
  free (user_texts);
  free (group_texts);
  return is_private;
}

/* ---- what ---- */

/* Whether an access control list may let more users write than the mode shows.  */
static bool
has_access_list (const char *path)
{
  return getxattr (path, "system.posix_acl_access", NULL, 0) > 0;
}

/* Look at PATH, which is no symbolic link.  SUBJECT is how the problem calls it; NULL: it is a
   directory on the way.  */
static bool
check_one (const char *path, const char *subject, char *problem, size_t size)
{
  struct stat info;
  char name[OWNER_NAME_SIZE];
  bool on_the_way = subject == NULL;
  if (on_the_way)
    subject = path;
  if (lstat (path, &info) != 0)
    {
      snprintf (problem, size, "%s can't be looked at: %s", subject, strerror (errno));
      return false;
    }
  unsigned mode = info.st_mode & 07777;
  bool is_sticky = on_the_way && (mode & S_ISVTX) != 0;
  if (!is_trusted_user (info.st_uid))
    snprintf (problem, size,
              "%s belongs to %s, who is neither root, nor you, nor the owner of longreach", subject,
              owner_user_name (info.st_uid, name));
  else if (!is_sticky && (mode & S_IWOTH) != 0)
    snprintf (problem, size, "%s can be written by everybody (its mode is %04o)", subject, mode);
  else if (!is_sticky && (mode & S_IWGRP) != 0 && has_access_list (path))
    snprintf (problem, size, "%s can be written by those in its access control list", subject);
  else if (!is_sticky && (mode & S_IWGRP) != 0 && !is_private_group (info.st_gid, info.st_uid)
           && !is_private_group (info.st_gid, 0))
    snprintf (problem, size, "%s can be written by the group %s (its mode is %04o)", subject,
              owner_group_name (info.st_gid, name), mode);
  else
    return true;
  return false;
}

char *
trust_resolve (const char *path, char *problem, size_t size)
{
  char *real = realpath (path, NULL);
  if (real == NULL)
    {
      snprintf (problem, size, "it can't be looked at: %s", strerror (errno));
      return NULL;
    }
  /* From the file up to the root.  */
  bool trusted = check_one (real, strcmp (real, path) == 0 ? "it" : real, problem, size);
  size_t length = strlen (real);
  char *directory = strdup (real);
  if (directory == NULL)
    snprintf (problem, size, "there is no memory to look at it");
  trusted = trusted && directory != NULL;
  while (trusted && length > 1)
    {
      while (directory[length - 1] != '/')
        length--;
      length -= length > 1;
      directory[length] = '\0';
      trusted = check_one (directory, NULL, problem, size);
    }
  free (directory);
  if (trusted)
    return real;
  free (real);
  return NULL;
}

bool
trust_check (const char *path, char *problem, size_t size)
{
  char *real = trust_resolve (path, problem, size);
  free (real);
  return real != NULL;
}
