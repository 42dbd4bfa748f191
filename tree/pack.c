#include "tree/pack.h"

#include "protocol/timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum
{
  STEPS_MAX = 512, /* of one pack_read */
  TARGET_MAX = 4096,
};

#define FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* Where records go.  */
struct output
{
  char *data; /* borrowed */
  size_t size, used;
};

static void
emit (struct output *output, const struct record *record)
{
  output->used += record_write (record, output->data + output->used);
}

/* NAME, where the walk is, or what it has come to where NAME is "", is left out.  */
static void
tell_problem (struct pack *pack, struct output *output, const char *name, int errnum,
              const char *what)
{
  char path[RECORD_TEXT_MAX];
  walk_describe (&pack->walk, pack->top, name, path, sizeof path);
  if (pack->count && !pack->counted)
    return;
  if (pack->problem != NULL)
    pack->problem (pack->context, path, errnum, what);
  else
    emit (output, &RECORD (.kind = RECORD_PROBLEM, .texts = { path, what },
                           .numbers[RECORD_ID] = (uint64_t) errnum));
}

/* ---- names of owners ---- */

/* The name of ID; NULL: it is wanted.  */
static const char *
name_of (struct pack *pack, enum pack_wanted kind, unsigned id)
{
  struct pack_name *names = kind == PACK_USER ? pack->users : pack->groups;
  const struct pack_name *slot = &names[id % PACK_NAMES];
  if (!pack->owners)
    return "";
  if (slot->known && slot->id == id)
    return slot->name;
  pack->wanted = kind;
  pack->wanted_id = id;
  return NULL;
}

void
pack_tell (struct pack *pack, const char *name)
{
  struct pack_name *names = pack->wanted == PACK_USER ? pack->users : pack->groups;
  struct pack_name *slot = &names[pack->wanted_id % PACK_NAMES];
  slot->known = true;
  slot->id = pack->wanted_id;
  /* A part of a name could be another one's.  */
  if (strlen (name) < sizeof slot->name)
    strcpy (slot->name, name);
  else
    snprintf (slot->name, sizeof slot->name, "%u", slot->id);
  pack->wanted = PACK_NOTHING;
}

/* ---- entries ---- */

static int
here (const struct pack *pack)
{
  const struct walk *walk = &pack->walk;
  return walk->depth == 0 ? AT_FDCWD : walk->levels[walk->depth - 1].fd;
}

static const char *
strange_type (mode_t mode)
{
  return S_ISCHR (mode) || S_ISBLK (mode) ? "a device is not copied"
         : S_ISFIFO (mode)                ? "a FIFO is not copied"
         : S_ISSOCK (mode)                ? "a socket is not copied"
                                          : "what it is, is not known";
}

/* Find out what the entry NAME is, and open it if it is to be read.  0, or an errno.  */
static int
look_at (struct pack *pack, const char *name, unsigned char hint)
{
  bool follow = pack->follow && pack->walk.depth == 0;
  pack->file = -1;
  if (hint == DT_UNKNOWN)
    {
      if (fstatat (here (pack), name, &pack->info, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0)
        return errno;
      hint = S_ISREG (pack->info.st_mode) ? DT_REG : S_ISDIR (pack->info.st_mode) ? DT_DIR : DT_LNK;
    }
  else if (hint != DT_REG && hint != DT_DIR
           && fstatat (here (pack), name, &pack->info, AT_SYMLINK_NOFOLLOW) != 0)
    return errno;
  if (hint != DT_REG && hint != DT_DIR)
    return 0;
  int flags = (hint == DT_DIR ? FLAGS | O_DIRECTORY : FLAGS) & (follow ? ~O_NOFOLLOW : ~0);
  pack->file = openat (here (pack), name, flags);
  return pack->file >= 0 && fstat (pack->file, &pack->info) == 0 ? 0 : errno;
}

static void
close_file (struct pack *pack)
{
  if (pack->file >= 0)
    close (pack->file);
  pack->file = -1;
  pack->name = NULL;
}

/* What statx says, which not every C library has.  */
struct description
{
  uint32_t mask, unused_words[15];
  uint64_t unused[2];
  struct
  {
    int64_t seconds;
    uint32_t nanoseconds, unused;
  } birth;
  uint64_t rest[20];
};
_Static_assert(sizeof (struct description) == 256, "the kernel writes as much");

/* Whether FD was made after TIME, where its file system knows.  */
static bool
is_born_after (int fd, const struct timespec *time)
{
  enum
  {
    BIRTH = 0x800, /* STATX_BTIME */
  };
  struct description info;
  if (syscall (SYS_statx, fd, "", AT_EMPTY_PATH, BIRTH, &info) != 0 || (info.mask & BIRTH) == 0)
    return false;
  return info.birth.seconds != time->tv_sec ? info.birth.seconds > time->tv_sec
                                            : (long) info.birth.nanoseconds > time->tv_nsec;
}

/* Whether the directory may be what the tree is copied to, in which there would be no end: it is
   new, and as unpack.c leaves none but those that it still fills.  */
static bool
may_be_the_copy (const struct pack *pack)
{
  return pack->walk.depth > 0 && (pack->info.st_mode & 0777) == 0700
         && is_born_after (pack->file, &pack->begun);
}

static void
pack_directory (struct pack *pack, struct output *output, struct record *record)
{
  if (may_be_the_copy (pack))
    {
      tell_problem (pack, output, pack->name, 0,
                    "it is just being made, and a tree is not copied into itself");
      close_file (pack);
      return;
    }
  int file = pack->file;
  const char *name = pack->name;
  pack->file = -1;
  pack->name = NULL;
  int errnum = walk_enter (&pack->walk, name, file, &pack->info, true);
  if (errnum != 0)
    {
      tell_problem (pack, output, name, errnum, "cannot enter");
      return;
    }
  record->kind = RECORD_ENTER;
  if (!pack->count || pack->counted)
    emit (output, record);
}

static void
pack_file (struct pack *pack, struct output *output, struct record *record)
{
  uint32_t last = 0, id = 0;
  if (pack->info.st_nlink > 1 && pack->walk.depth > 0)
    {
      id = links_find (&pack->links, pack->info.st_dev, pack->info.st_ino, &last);
      if (id == 0 && errno != 0)
        tell_problem (pack, output, pack->name, errno, "cannot keep the other names of");
    }
  record->numbers[RECORD_ID] = id;
  record->kind = id != 0 && id <= last ? RECORD_SAME : RECORD_FILE;
  pack->files++;
  emit (output, record);
  pack->inside = record->kind == RECORD_FILE && pack->info.st_size > 0;
  pack->offset = 0;
  pack->size = (uint64_t) pack->info.st_size;
  pack->data_end = pack->info.st_blocks < pack->info.st_size / 512 ? 0 : pack->size;
  if (!pack->inside)
    close_file (pack);
}

static void
pack_link (struct pack *pack, struct output *output, const struct record *described)
{
  char target[TARGET_MAX];
  ssize_t length = readlinkat (here (pack), pack->name, target, sizeof target);
  if (length < 0 || length == sizeof target)
    tell_problem (pack, output, pack->name, length < 0 ? errno : ENAMETOOLONG, "cannot read");
  else
    {
      struct record record = *described;
      target[length] = '\0';
      record.kind = RECORD_LINK;
      record.texts[RECORD_TARGET] = target;
      pack->files++;
      emit (output, &record);
    }
  close_file (pack);
}

/* The entry is known, and may wait for the names of its owners.  */
static void
describe (struct pack *pack, struct output *output)
{
  struct record record = { .texts = { pack->walk.depth == 0 ? "" : pack->name },
                           .numbers = { pack->info.st_mode & 07777,
                                        (uint64_t) timestamp_of (&pack->info.st_mtim),
                                        (uint64_t) pack->info.st_size } };
  record.texts[RECORD_OWNER] = name_of (pack, PACK_USER, pack->info.st_uid);
  if (record.texts[RECORD_OWNER] == NULL)
    return;
  record.texts[RECORD_GROUP] = name_of (pack, PACK_GROUP, pack->info.st_gid);
  if (record.texts[RECORD_GROUP] == NULL)
    return;
  if (S_ISDIR (pack->info.st_mode))
    pack_directory (pack, output, &record);
  else if (S_ISREG (pack->info.st_mode) && pack->file >= 0)
    pack_file (pack, output, &record);
  else if (S_ISLNK (pack->info.st_mode))
    pack_link (pack, output, &record);
  else
    {
      tell_problem (pack, output, pack->name, 0, strange_type (pack->info.st_mode));
      close_file (pack);
    }
}

/* ---- directories ---- */

static bool
is_dots (const char *name)
{
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* The next entry of the directory where one is; NULL: there are no more.  */
static struct dirent *
next_entry (struct pack *pack, struct output *output)
{
  struct dirent *entry;
  do
    {
      errno = 0;
      entry = readdir (walk_here (&pack->walk)->dir);
    }
  while (entry != NULL && is_dots (entry->d_name));
  if (entry == NULL && errno != 0)
    tell_problem (pack, output, "", errno, "cannot read all of");
  return entry;
}

static void
leave_directory (struct pack *pack, struct output *output)
{
  emit (output, &RECORD (.kind = RECORD_LEAVE));
  int errnum = walk_leave (&pack->walk);
  if (errnum != 0 && !pack->lost)
    tell_problem (pack, output, "", errnum, "cannot return to");
  pack->lost = pack->lost || errnum != 0;
}

/* ---- counting ---- */

static void
count_entry (struct pack *pack, struct output *output, const struct dirent *entry)
{
  struct stat info;
  if (fstatat (here (pack), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
    return;
  if (S_ISREG (info.st_mode) || S_ISLNK (info.st_mode))
    {
      pack->total_files++;
      pack->total_bytes += S_ISREG (info.st_mode) ? (uint64_t) info.st_size : 0;
    }
  if (!S_ISDIR (info.st_mode))
    return;
  pack->file = openat (here (pack), entry->d_name, FLAGS | O_DIRECTORY);
  if (pack->file < 0 || fstat (pack->file, &pack->info) != 0)
    {
      close_file (pack);
      return;
    }
  pack->name = entry->d_name;
  struct record unused = { .texts = { "" } };
  pack_directory (pack, output, &unused);
}

static void
begin_again (struct pack *pack, struct output *output)
{
  pack->counted = true;
  emit (output,
        &RECORD (.kind = RECORD_TOTALS,
                 .numbers = {
                     [RECORD_SIZE] = pack->total_bytes, [RECORD_FILES] = pack->total_files }));
  walk_free (&pack->walk);
  int errnum = look_at (pack, pack->top, DT_UNKNOWN);
  if (errnum == 0)
    pack->name = pack->top;
  else
    tell_problem (pack, output, "", errnum, "cannot read");
}

/* One step of counting: an entry, or the way back.  */
static void
count_step (struct pack *pack, struct output *output)
{
  if (pack->name != NULL && S_ISDIR (pack->info.st_mode))
    {
      struct record unused = { .texts = { "" } };
      pack_directory (pack, output, &unused);
      return;
    }
  if (pack->name != NULL)
    {
      pack->total_files = 1;
      pack->total_bytes = S_ISREG (pack->info.st_mode) ? (uint64_t) pack->info.st_size : 0;
      close_file (pack);
      begin_again (pack, output);
      return;
    }
  const struct dirent *entry = pack->walk.depth == 0 ? NULL : next_entry (pack, output);
  if (entry != NULL)
    count_entry (pack, output, entry);
  else if (pack->walk.depth == 0 || walk_leave (&pack->walk) != 0 || pack->walk.depth == 0)
    begin_again (pack, output);
}

/* ---- contents ---- */

static void
abandon_file (struct pack *pack, struct output *output, int errnum, const char *what)
{
  tell_problem (pack, output, pack->name, errnum, what);
  emit (output, &RECORD (.kind = RECORD_ABANDON));
  pack->inside = false;
  close_file (pack);
}

/* A file with holes has come to the end of its data: pass over the hole, and find the next end.  */
static void
pack_hole (struct pack *pack, struct output *output)
{
  off_t data = lseek (pack->file, (off_t) pack->offset, SEEK_DATA);
  if (data < 0 && errno != ENXIO)
    {
      /* Holes can't be told from data here.  */
      pack->data_end = pack->size;
      return;
    }
  uint64_t start = data < 0 || (uint64_t) data > pack->size ? pack->size : (uint64_t) data;
  if (start > pack->offset)
    emit (output, &RECORD (.kind = RECORD_HOLE, .numbers[RECORD_SIZE] = start - pack->offset));
  pack->bytes += start - pack->offset;
  pack->offset = pack->data_end = start;
  if (start == pack->size)
    return;
  off_t end = lseek (pack->file, data, SEEK_HOLE);
  pack->data_end = end < 0 || (uint64_t) end > pack->size ? pack->size : (uint64_t) end;
  if (lseek (pack->file, data, SEEK_SET) < 0)
    abandon_file (pack, output, errno, "cannot read");
}

static void
pack_content (struct pack *pack, struct output *output)
{
  uint64_t left = pack->data_end - pack->offset;
  size_t room = output->size - output->used - RECORD_HEAD;
  size_t size = left < room ? (size_t) left : room;
  char *place = output->data + output->used;
  ssize_t got;
  do
    got = read (pack->file, place + RECORD_HEAD, size);
  while (got < 0 && errno == EINTR);
  if (got <= 0)
    {
      abandon_file (pack, output, got < 0 ? errno : 0,
                    got < 0 ? "cannot read" : "became shorter while it was read");
      return;
    }
  record_write_content_head (place, (uint32_t) got);
  output->used += RECORD_HEAD + (size_t) got;
  pack->offset += (uint64_t) got;
  pack->bytes += (uint64_t) got;
}

/* ---- steps ---- */

static void
pack_entry (struct pack *pack, struct output *output)
{
  const struct dirent *entry = pack->lost ? NULL : next_entry (pack, output);
  if (entry == NULL)
    {
      leave_directory (pack, output);
      return;
    }
  int errnum = look_at (pack, entry->d_name, entry->d_type);
  if (errnum == 0)
    {
      pack->name = entry->d_name;
      describe (pack, output);
      return;
    }
  tell_problem (pack, output, entry->d_name, errnum, "cannot open");
  close_file (pack);
}

static void
step (struct pack *pack, struct output *output)
{
  if (pack->count && !pack->counted)
    count_step (pack, output);
  else if (pack->inside && pack->offset == pack->size)
    {
      pack->inside = false;
      close_file (pack);
    }
  else if (pack->inside && pack->offset == pack->data_end)
    pack_hole (pack, output);
  else if (pack->inside)
    pack_content (pack, output);
  else if (pack->name != NULL)
    describe (pack, output);
  else if (pack->walk.depth > 0)
    pack_entry (pack, output);
  else
    {
      emit (output, &RECORD (.kind = RECORD_DONE));
      pack->done = true;
    }
}

int
pack_begin (struct pack *pack)
{
  int errnum = look_at (pack, pack->top, DT_UNKNOWN);
  if (errnum != 0)
    {
      close_file (pack);
      return errnum;
    }
  pack->name = pack->top;
  clock_gettime (CLOCK_REALTIME_COARSE, &pack->begun);
  return 0;
}

size_t
pack_read (struct pack *pack, char *buffer, size_t size)
{
  struct output output = { buffer, size, 0 };
  for (int steps = 0; steps < STEPS_MAX && !pack->done && pack->wanted == PACK_NOTHING
                      && output.size - output.used >= PACK_ROOM;
       steps++)
    step (pack, &output);
  return output.used;
}

void
pack_end (struct pack *pack)
{
  close_file (pack);
  links_free (&pack->links);
  walk_free (&pack->walk);
}
