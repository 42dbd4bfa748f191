#include "core/plugin.h"

#include "core/connector.h"
#include "core/error.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char note_owner[] = "longreach";

/* ---- notes ---- */

/* Split the two texts of a note, "FIRST\0SECOND\0", which must end with its data.  */
static bool
split_note (const char *data, size_t size, const char **first, const char **second)
{
  size_t length = strnlen (data, size);
  if (length + 1 >= size || data[size - 1] != '\0')
    return false;
  *first = data;
  *second = data + length + 1;
  return strlen (*second) == size - length - 2;
}

static bool
add_connector (struct plugin_notes *notes, const char *schema, const char *description)
{
  struct plugin_connector *grown = realloc (notes->connectors, (notes->count + 1) * sizeof *grown);
  if (grown == NULL)
    return false;
  notes->connectors = grown;
  struct plugin_connector connector = { strdup (schema), strdup (description) };
  if (connector.schema == NULL || connector.description == NULL)
    {
      free (connector.schema);
      free (connector.description);
      return false;
    }
  grown[notes->count++] = connector;
  return true;
}

/* Take one of our notes; what is wrong with it, or NULL.  */
static const char *
take_note (struct plugin_notes *notes, unsigned type, const char *data, size_t size)
{
  const char *first, *second;
  notes->is_plugin = true;
  if (type != LR_NOTE_PLUGIN && type != LR_NOTE_CONNECTOR)
    return NULL; /* a newer header's: for a newer library */
  if (!split_note (data, size, &first, &second))
    return "its notes are damaged";
  if (type == LR_NOTE_CONNECTOR)
    {
      if (!connector_schema_is_valid (first, strlen (first)))
        return "it names a schema that is not made of lower-case letters, digits, \"+\", \"-\" and "
               "\".\", a letter first";
      return add_connector (notes, first, second) ? NULL : "there is no memory to read it";
    }
  char *end;
  unsigned long abi = strtoul (first, &end, 10);
  if (notes->version != NULL || *end != '\0' || abi > UINT32_MAX)
    return "its notes are damaged";
  notes->abi = (uint32_t) abi;
  notes->version = strdup (second);
  return notes->version == NULL ? "there is no memory to read it" : NULL;
}

/* Take all our notes of a segment, also behind one that is damaged: which schemas a file names
   matters most when something is wrong with it.  The first thing that is, or NULL.  */
static const char *
read_note_segment (struct plugin_notes *notes, Elf *elf, const GElf_Phdr *segment)
{
  Elf_Data *data = elf_getdata_rawchunk (elf, (int64_t) segment->p_offset, segment->p_filesz,
                                         segment->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
  const char *problem = NULL;
  GElf_Nhdr note;
  size_t name, description;
  if (data == NULL)
    return "it is truncated";
  for (size_t offset = 0; (offset = gelf_getnote (data, offset, &note, &name, &description)) > 0;)
    if (note.n_namesz == sizeof note_owner
        && memcmp ((char *) data->d_buf + name, note_owner, sizeof note_owner) == 0)
      {
        const char *fault =
            take_note (notes, note.n_type, (char *) data->d_buf + description, note.n_descsz);
        problem = problem != NULL ? problem : fault;
      }
  return problem;
}

/* Whether a shared object with this header could be loaded here: our own file is the measure.  */
static bool
is_for_this_machine (Elf *elf, const GElf_Ehdr *header)
{
  static const ElfW (Half) machine =
#if defined __x86_64__
      EM_X86_64;
#elif defined __aarch64__
      EM_AARCH64;
#elif defined __i386__
      EM_386;
#elif defined __arm__
      EM_ARM;
#elif defined __riscv
      EM_RISCV;
#elif defined __powerpc64__
      EM_PPC64;
#elif defined __s390x__
      EM_S390;
#else
      EM_NONE;
#endif
  return gelf_getclass (elf) == (sizeof (void *) == 8 ? ELFCLASS64 : ELFCLASS32)
         && (machine == EM_NONE || header->e_machine == machine);
}

/* Read the notes of all segments, ANNOUNCED by the header.  SIZE is the file's: what is loaded from
   beyond it would end the program.  *RUNS: it asks for an interpreter, as what is run does.  */
static const char *
read_segments (struct plugin_notes *notes, Elf *elf, unsigned announced, uint64_t size, bool *runs)
{
  GElf_Phdr segment;
  const char *problem = NULL;
  size_t count;
  if (elf_getphdrnum (elf, &count) != 0 || (announced != PN_XNUM && count < announced))
    return "it is truncated";
  for (size_t i = 0; i < count; i++)
    {
      const char *fault = NULL;
      if (gelf_getphdr (elf, (int) i, &segment) == NULL)
        return "it is truncated";
      if (segment.p_filesz > size || segment.p_offset > size - segment.p_filesz)
        fault = "it is truncated";
      else if (segment.p_type == PT_NOTE)
        fault = read_note_segment (notes, elf, &segment);
      *runs = *runs || segment.p_type == PT_INTERP;
      problem = problem != NULL ? problem : fault;
    }
  return problem;
}

static const char *
read_elf (struct plugin_notes *notes, Elf *elf, uint64_t size)
{
  GElf_Ehdr header;
  if (elf_kind (elf) != ELF_K_ELF || gelf_getehdr (elf, &header) == NULL)
    return "it is not an ELF file";
  if (header.e_type != ET_DYN)
    return "it is not a shared object";
  bool runs = false;
  const char *problem = read_segments (notes, elf, header.e_phnum, size, &runs);
  /* Connectors of a program are its own, and nobody else's.  */
  if (runs && notes->version == NULL)
    {
      plugin_notes_free (notes);
      return "it is a program";
    }
  if (!is_for_this_machine (elf, &header))
    return "it is built for another type of machine";
  if (problem != NULL)
    return problem;
  if (!notes->is_plugin)
    return "it is not a longreach plugin: it has no notes of LR_PLUGIN";
  return notes->version == NULL ? "it has connectors, but no LR_PLUGIN" : NULL;
}

int
plugin_read_notes (struct plugin_notes *notes, const char *file, struct lr_error *error)
{
  memset (notes, 0, sizeof *notes);
  if (elf_version (EV_CURRENT) == EV_NONE)
    return error_set (error, LR_ERROR_PLUGIN, "%s: libelf is too old to read it", file);
  int fd = open (file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    return error_set (error, LR_ERROR_PLUGIN, "%s: cannot open it: %s", file, strerror (errno));
  struct stat info;
  Elf *elf = elf_begin (fd, ELF_C_READ, NULL);
  const char *problem = elf == NULL || fstat (fd, &info) != 0
                            ? "it is not an ELF file"
                            : read_elf (notes, elf, (uint64_t) info.st_size);
  elf_end (elf);
  close (fd);
  if (problem != NULL)
    return error_set (error, LR_ERROR_PLUGIN, "%s: %s", file, problem);
  return 0;
}

void
plugin_notes_free (struct plugin_notes *notes)
{
  for (size_t i = 0; i < notes->count; i++)
    {
      free (notes->connectors[i].schema);
      free (notes->connectors[i].description);
    }
  free (notes->connectors);
  free (notes->version);
  memset (notes, 0, sizeof *notes);
}

/* ---- loading ---- */

static bool
table_has (const struct lr_plugin *plugin, const char *schema)
{
  for (const struct lr_connector *const *connector = plugin->connectors; *connector != NULL;
       connector++)
    if ((*connector)->schema != NULL && strcmp ((*connector)->schema, schema) == 0)
      return true;
  return false;
}

static bool
notes_have (const struct plugin_notes *notes, const char *schema)
{
  for (size_t i = 0; i < notes->count; i++)
    if (strcmp (notes->connectors[i].schema, schema) == 0)
      return true;
  return false;
}

/* Whether the table holds just the connectors that the notes name.  */
static int
compare_with_notes (const struct lr_plugin *plugin, const char *file,
                    const struct plugin_notes *notes, struct lr_error *error)
{
  size_t count = 0;
  for (; plugin->connectors[count] != NULL; count++)
    {
      const char *schema = plugin->connectors[count]->schema;
      if (schema == NULL || !notes_have (notes, schema))
        return error_set (error, LR_ERROR_PLUGIN,
                          "%s: its table has the schema %s, which its notes don't name", file,
                          schema == NULL ? "(none)" : schema);
    }
  if (count != notes->count)
    return error_set (error, LR_ERROR_PLUGIN,
                      "%s: its notes name %zu connectors, and LR_PLUGIN holds %zu", file,
                      notes->count, count);
  for (size_t i = 0; i < notes->count; i++)
    if (!table_has (plugin, notes->connectors[i].schema))
      return error_set (error, LR_ERROR_PLUGIN,
                        "%s: its notes name the schema %s, which its table does not have", file,
                        notes->connectors[i].schema);
  return 0;
}

/* Two connectors of one schema in one file: which one is meant?  */
static int
refuse_duplicates (const char *file, const struct plugin_notes *notes, struct lr_error *error)
{
  for (size_t i = 0; i < notes->count; i++)
    for (size_t j = 0; j < i; j++)
      if (strcmp (notes->connectors[i].schema, notes->connectors[j].schema) == 0)
        return error_set (error, LR_ERROR_PLUGIN, "%s: it has two connectors of the schema %s",
                          file, notes->connectors[i].schema);
  return 0;
}

int
plugin_load (const struct lr_plugin **result, const char *file, const char *real,
             const struct plugin_notes *notes, struct lr_error *error)
{
  if (connector_check_abi (notes->abi, file, error) != 0)
    return -1;
  if (refuse_duplicates (file, notes, error) != 0)
    return -1;
  /* Never closed again: its code may be on some stack.  */
  void *handle = dlopen (real, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL)
    return error_set (error, LR_ERROR_PLUGIN, "cannot load %s", dlerror ());
  const struct lr_plugin *plugin = dlsym (handle, "lr_plugin");
  if (plugin == NULL)
    return error_set (error, LR_ERROR_PLUGIN, "%s: it does not export lr_plugin", file);
  if (plugin->abi != LR_ABI || plugin->size < sizeof *plugin || plugin->connectors == NULL)
    return error_set (error, LR_ERROR_PLUGIN, "%s: its lr_plugin makes no sense", file);
  if (compare_with_notes (plugin, file, notes, error) != 0)
    return -1;
  *result = plugin;
  return 0;
}
