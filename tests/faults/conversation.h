/* What a client and a dispatcher say to each other while something goes wrong, and what has to hold
   afterwards.  */

#ifndef TESTS_FAULTS_CONVERSATION_H
#define TESTS_FAULTS_CONVERSATION_H

#include <longreach/longreach.h>

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What was in files, with its NUL.  */
#define OLD "what it was before, and is after all that failed"

/* Where a dispatcher that is sent is to be stored.  */
#define STAGED "staged"

struct conversation
{
  const char *url;
  const char *const *options; /* of its last hop, ended by NULL */
  uint64_t open_ms;           /* for opening */
  uint64_t keep_alive_ms;
  uint64_t timeout_ms; /* of each operation; 0: none */
  bool no_digest;      /* none is asked for */
  bool may_differ;     /* what was sent is not always what comes */
};

enum ending
{
  ENDED_RIGHT, /* all answers were right */
  ENDED_CLEAR, /* there was an error that says why, and right answers */
  ENDED_WRONG,
};

struct verdict
{
  enum ending ending;
  struct lr_error error;        /* the first one, if it ended clear */
  char problem[512];            /* what is wrong, if it ended wrong */
  bool uploaded, sent, fetched; /* what has succeeded */
  bool planted, picked;
};

/* It has ended wrong, for this reason or one before it.  */
void find_wrong (struct verdict *verdict, const char *format, ...)
    __attribute__ ((__format__ (__printf__, 2, 3)));

/* Make the file NAME.  */
void write_file (const char *name, const char *data, size_t size, mode_t mode);

/* Whether that is what it contains.  */
bool has_content (const char *name, const char *data, size_t size);

/* Make the files that it is about, in the working directory, which has to be this test's own.  */
void make_place (void);

/* Open a connection, use it, and close it.  */
void converse (lr_registry *registry, const struct conversation *conversation,
               struct verdict *verdict);

/* Look at what is left: files, processes, descriptors.  All processes below this one must be of the
   conversation, and come to it when their parents end (PR_SET_CHILD_SUBREAPER).  */
void look_around (const struct conversation *conversation, struct verdict *verdict);

/* Descriptors that are open.  */
int count_descriptors (void);

#endif
