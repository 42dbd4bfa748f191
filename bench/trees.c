/* Trees of small files over ssh, against who does the same: a process and a connection each.  */

#include "bench/bench.h"
#include "bench/server.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  DIRECTORIES = 200,
  SIZE_MAX_OF_FILE = 10000, /* bytes; the least is 100 */
};

static const char *config; /* borrowed */
static char tree[PATH_MAX];

/* As many files as the settings say, of sizes that are the same each time.  */
static void
make_tree (void)
{
  static char content[SIZE_MAX_OF_FILE];
  struct stat have;
  path_in_directory (tree, "tree");
  if (stat (tree, &have) == 0)
    return;
  check_system (mkdir (tree, 0755) == 0, tree);
  for (size_t i = 0; i < sizeof content; i++)
    content[i] = (char) (i * 2654435761u >> 24);
  for (size_t i = 0; i < settings.files; i++)
    {
      char path[PATH_MAX + 64];
      size_t size = 100 + i * 2654435761u % (SIZE_MAX_OF_FILE - 100);
      snprintf (path, sizeof path, "%s/%03zu", tree, i % DIRECTORIES);
      if (i < DIRECTORIES)
        check_system (mkdir (path, 0755) == 0, path);
      snprintf (path, sizeof path, "%s/%03zu/file %zu", tree, i % DIRECTORIES, i);
      int file = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
      check_system (file >= 0 && write (file, content, size) == (ssize_t) size, path);
      close (file);
    }
}

/* Out of the way, to be removed with all that the bench made: ext4 looks at each inode that was
   freed in the last minutes again whenever it makes a file, so that who comes after a removal waits
   for it.  */
static void
set_aside (void)
{
  static unsigned int copies;
  char aside[PATH_MAX + 32];
  snprintf (aside, sizeof aside, "%s-%u", target, copies++);
  check_system (rename (target, aside) == 0, aside);
}

/* ---- ours ---- */

static void
copy (int (*function) (lr_connection *connection, const struct lr_tree_args *args,
                       struct lr_tree_result **result, struct lr_error *error),
      const char *here, const char *there)
{
  char option[PATH_MAX + 16];
  struct lr_error error;
  lr_connection *connection;
  struct lr_tree_result *result;
  snprintf (option, sizeof option, "config=%s", config);
  struct lr_open_args open_args =
      LR_OPEN_ARGS (.url = "ssh:" SERVER, .options = (const char *const[]){ option, NULL });
  struct lr_tree_args args = LR_TREE_ARGS (.here = here, .there = there);
  check (lr_open (NULL, &open_args, &connection, &error), &error);
  check (function (connection, &args, &result, &error), &error);
  if (result->problems != 0 || result->files != settings.files)
    die ("the tree", "not all of it was copied");
  lr_free (result);
  lr_close (connection);
}

static void
put_tree (void)
{
  copy (lr_put_tree, tree, target);
}

static void
get_tree (void)
{
  copy (lr_get_tree, target, tree);
}

/* ---- the others ---- */

static void
rsync_put (void)
{
  run_script ("rsync -a -e \"ssh -F '%s'\" '%s/' " SERVER ":'%s'", config, tree, target);
}

static void
rsync_get (void)
{
  run_script ("rsync -a -e \"ssh -F '%s'\" " SERVER ":'%s/' '%s'", config, tree, target);
}

static void
tar_put (void)
{
  run_script ("tar -C '%s' -cf - . | ssh -F '%s' " SERVER " \"mkdir '%s' && tar -C '%s' -xpf -\"",
              tree, config, target, target);
}

static void
tar_get (void)
{
  run_script ("mkdir '%s' && ssh -F '%s' " SERVER " \"tar -C '%s' -cf - .\" | tar -C '%s' -xpf -",
              target, config, tree, target);
}

static void
scp_put (void)
{
  run_script ("scp -q -rp -F '%s' '%s' " SERVER ":'%s'", config, tree, target);
}

static void
scp_get (void)
{
  run_script ("scp -q -rp -F '%s' " SERVER ":'%s' '%s'", config, tree, target);
}

static bool
rsync_exists (void)
{
  return system ("command -v rsync >/dev/null 2>&1") == 0;
}

/* ---- rows ---- */

static const struct row rows[] = {
  { .what = "ssh put tree, tar",
    .ours = { .once = put_tree, .after = set_aside },
    .limit = { .name = "tar c | ssh host 'tar x'", .once = tar_put, .after = set_aside },
    .at_most = 1.5,
    .scale = 1e3,
    .unit = "ms",
    .others = { { .name = "scp -rp", .once = scp_put, .after = set_aside } } },
  { .what = "ssh get tree, tar",
    .ours = { .once = get_tree, .after = set_aside },
    .limit = { .name = "ssh host 'tar c' | tar x", .once = tar_get, .after = set_aside },
    .at_most = 1.5,
    .scale = 1e3,
    .unit = "ms",
    .others = { { .name = "scp -rp", .once = scp_get, .after = set_aside } } },
  { .what = "ssh put tree, rsync",
    .ours = { .once = put_tree, .after = set_aside },
    .limit = { .name = "rsync -a", .once = rsync_put, .after = set_aside },
    .at_most = 1,
    .scale = 1e3,
    .unit = "ms" },
  { .what = "ssh get tree, rsync",
    .ours = { .once = get_tree, .after = set_aside },
    .limit = { .name = "rsync -a", .once = rsync_get, .after = set_aside },
    .at_most = 1,
    .scale = 1e3,
    .unit = "ms" },
};

enum
{
  ROWS = sizeof rows / sizeof rows[0],
};

bool
trees_are_wanted (void)
{
  for (size_t i = 0; i < ROWS; i++)
    if (is_wanted (rows[i].what))
      return true;
  return false;
}

void
measure_trees (const char *ssh_config)
{
  if (!trees_are_wanted ())
    return;
  config = ssh_config;
  make_tree ();
  for (size_t i = 0; i < ROWS; i++)
    if (strcmp (rows[i].limit.name, "rsync -a") != 0 || rsync_exists ())
      measure (&rows[i]);
}
