#include "cli/results.h"
#include "cli/json.h"

#include <stdio.h>

json_t *
results_run (const struct lr_run_result *result)
{
  json_t *object = json_new_object ();
  json_add_integer (object, "returncode", result->returncode);
  json_add_optional_integer (object, "signal", result->returncode < 0, -result->returncode);
  json_add_bytes (object, "stdout", result->stdout_bytes);
  json_add_bytes (object, "stderr", result->stderr_bytes);
  return object;
}

static void
add_mode (json_t *object, uint64_t mode)
{
  char text[8];
  snprintf (text, sizeof text, "%04o", (unsigned) (mode & 07777));
  json_add_text (object, "mode", text);
}

json_t *
results_stat (const char *path, const struct lr_stat_result *result)
{
  json_t *object = json_new_object ();
  json_add_text (object, "path", path);
  json_add_boolean (object, "exists", result != NULL);
  if (result == NULL)
    return object;
  json_add_text (object, "type", lr_file_type_name ((enum lr_file_type) result->type));
  add_mode (object, result->mode);
  json_add_integer (object, "mode_bits", (int64_t) (result->mode & 07777));
  json_add_text (object, "owner", result->owner);
  json_add_text (object, "group", result->group);
  json_add_size (object, "size", result->size);
  json_add_time (object, "mtime", result->mtime_ns);
  json_add_time (object, "ctime", result->ctime_ns);
  json_add_hex (object, "sha512sum", result->sha512sum);
  return object;
}

json_t *
results_user (const struct lr_user_entry *entry)
{
  json_t *object = json_new_object ();
  json_add_text (object, "name", entry->name);
  json_add_integer (object, "uid", entry->uid);
  json_add_text (object, "group", entry->group);
  json_add_integer (object, "gid", entry->gid);
  json_add_texts (object, "groups", entry->groups);
  json_add_text (object, "password_hash", entry->password_hash);
  json_add_text (object, "gecos", entry->gecos);
  json_add_text (object, "home", entry->home);
  json_add_text (object, "shell", entry->shell);
  return object;
}

json_t *
results_group (const struct lr_group_entry *entry)
{
  json_t *object = json_new_object ();
  json_add_text (object, "name", entry->name);
  json_add_integer (object, "gid", entry->gid);
  json_add_texts (object, "members", entry->members);
  return object;
}

json_t *
results_variable (const char *name, const char *value)
{
  json_t *object = json_new_object ();
  json_add_text (object, "name", name);
  json_add_text (object, "value", value);
  return object;
}

json_t *
results_put (const char *file, const struct lr_put_result *result)
{
  json_t *object = json_new_object ();
  json_add_text (object, "file", file);
  json_add_size (object, "size", result->size);
  json_add_boolean (object, "in_place", result->in_place != 0);
  return object;
}

json_t *
results_get (const char *file, uint64_t size)
{
  json_t *object = json_new_object ();
  json_add_text (object, "file", file);
  json_add_size (object, "size", size);
  return object;
}

static void
add_entry (json_t *object, const struct lr_directory_entry *entry)
{
  json_add_text (object, "name", entry->name);
  json_add_text (object, "type", lr_file_type_name ((enum lr_file_type) entry->type));
  add_mode (object, entry->mode);
  json_add_text (object, "owner", entry->owner);
  json_add_text (object, "group", entry->group);
  json_add_size (object, "size", entry->file_size);
  json_add_time (object, "mtime", entry->mtime_ns);
  json_add_time (object, "ctime", entry->ctime_ns);
  json_add_size (object, "links", entry->links);
  json_add_size (object, "blocks", entry->blocks);
  json_add_text (object, "target", entry->target);
}

json_t *
results_listed (const char *path, const struct lr_directory_entry *entry)
{
  json_t *object = results_path (path);
  add_entry (object, entry);
  return object;
}

json_t *
results_list (const char *path, const struct lr_list_result *result)
{
  json_t *object = json_new_object (), *entries = json_new_array ();
  for (size_t i = 0; i < result->count; i++)
    {
      json_t *entry = json_new_object ();
      add_entry (entry, result->items[i]);
      json_append (entries, entry);
    }
  json_add_text (object, "path", path);
  json_add (object, "entries", entries);
  return object;
}

json_t *
results_path (const char *path)
{
  json_t *object = json_new_object ();
  json_add_text (object, "path", path);
  return object;
}

json_t *
results_link (const char *path, const char *target)
{
  json_t *object = results_path (path);
  json_add_text (object, "target", target);
  return object;
}

json_t *
results_file_system (const char *path, const struct lr_file_system_info *info)
{
  json_t *object = results_path (path);
  json_add_size (object, "block_size", info->block_size);
  json_add_size (object, "size", info->size);
  json_add_size (object, "free", info->free);
  json_add_size (object, "available", info->available);
  json_add_size (object, "files", info->files);
  json_add_size (object, "files_free", info->files_free);
  json_add_size (object, "name_max", info->name_max);
  json_add_boolean (object, "read_only", info->read_only != 0);
  return object;
}

json_t *
results_tree (const struct lr_tree_result *result)
{
  json_t *object = json_new_object ();
  json_add_text (object, "path", result->path);
  json_add_size (object, "directories", result->directories);
  json_add_size (object, "files", result->files);
  json_add_size (object, "links", result->links);
  json_add_size (object, "size", result->bytes);
  json_add_size (object, "problems", result->problems);
  return object;
}
