/* Transfers: what lr_put and lr_get move between a descriptor and the far side.

   In a session the bytes flow through: the channel asks the descriptor for more when it has credit,
   and gives credit when the descriptor has taken what came.  With a provider that has whole
   contents only (the plain protocol, a connector's own function) they are kept in memory in
   between.  */

#ifndef CORE_TRANSFER_H
#define CORE_TRANSFER_H

#include "core/call.h"
#include "core/descriptor.h"

#include <stdbool.h>

struct transfer
{
  struct lr_call *call;    /* whose it is */
  bool put;                /* from the descriptor; else to it */
  int descriptor;          /* the application's */
  bool sync;               /* put */
  uint64_t offset, length; /* get; length 0: to the end */
  struct source source;
  struct sink sink;
  uint64_t came;        /* bytes that have, get */
  uint64_t done, total; /* bytes */
  bool ended; /* the other side has nothing more to say, but the sink has not taken it all */
  bool written_in_place;
  struct
  {
    enum lr_file_type type;
    uint64_t mode, size;
    int64_t mtime;
  } file;

  struct buffer memory; /* all that was read, where the provider wants it whole */
  void (*read_wholly) (struct lr_call *call); /* once it is */

  lr_progress *progress; /* NULL: nobody wants to know */
  void *progress_data;
  int64_t told_at;
  bool untold; /* a blocking caller tells itself */
  struct loop_call notice;
};

/* A transfer for CALL, with the arguments of lr_put or lr_get: CALL gets the arguments of the
   operation itself.  False without memory.  */
bool transfer_for_put (struct lr_call *call, const struct lr_put_args *args);
bool transfer_for_get (struct lr_call *call, const struct lr_get_args *args);

void transfer_free (struct transfer *transfer);

/* Begin with the descriptor.  False: the call has failed.  */
bool transfer_begin (struct transfer *transfer);

/* Read the whole descriptor into the call's input, then call READ_WHOLLY; or the call fails.  */
void transfer_read_wholly (struct transfer *transfer, void (*read_wholly) (struct lr_call *call));

/* The call is answered with the whole content: write that.  */
void transfer_write_wholly (struct transfer *transfer, struct lr_bytes content);

/* In a session: the next bytes to send, as struct session_kind has it; bytes that came; the last
   has come.  */
long transfer_input (struct transfer *transfer, char *scratch, size_t size);
void transfer_output (struct transfer *transfer, const char *data, size_t size);
void transfer_output_ended (struct transfer *transfer);

/* A blocking caller's callbacks run between steps, one at a time.  Whether one has.  */
bool transfer_tell (struct transfer *transfer);

#endif
