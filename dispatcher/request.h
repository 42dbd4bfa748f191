/* Requests: what the client asked, who handles it, and how it is answered.  */

#ifndef DISPATCHER_REQUEST_H
#define DISPATCHER_REQUEST_H

#include "dispatcher/output.h"
#include "protocol/packet.h"

#include <stdint.h>

struct request;

/* How one kind of request is served.  HANDLE is called once the packet is whole and leads, at once
   or later, to exactly one answer; what it keeps between is request->state.  */
struct request_kind
{
  enum packet_id id;
  void (*handle) (struct request *request);

  /* For packets with a bytes field, whose content arrives before the rest; NULL: there is none.
     What goes wrong is kept in the state and answered by HANDLE.  */
  void (*begin_content) (struct request *request);
  void (*content) (struct request *request, const char *data, size_t size);

  /* It may wait for somebody else, as a pipe does for its writer: not for ever once the input has
     ended.  */
  bool waits;

  /* The client is gone: end soon, still with an answer.  NULL: HANDLE answers at once.  */
  void (*hurry) (struct request *request);

  /* The packet will never be whole: give back the state.  NULL: there is none before HANDLE.  */
  void (*abandon) (struct request *request);
};

struct request
{
  const struct request_kind *kind;
  const struct packet *packet; /* borrowed; whole when HANDLE is called, valid until the answer */
  void *state;                 /* owned by the kind */
  void (*answered) (struct request *request); /* the front's: the answer is queued */
};

/* The kind that serves packet ID, or NULL.  */
const struct request_kind *request_kind_find (enum packet_id id);

/* Serve REQUEST, whose packet is whole.  A string with a NUL in it is refused here, for all.  */
void request_handle (struct request *request);

/* The answers.  Each may be given once, and REQUEST belongs to the front again after it.  */
void answer (struct request *request, const struct packet *packet);

/* CONTENTS take the place of the packet's bytes fields that have no data, in order; they are owned
   by the output from here on.  */
void answer_with_contents (struct request *request, const struct packet *packet,
                           struct contents *contents);

void answer_ok (struct request *request);

/* An operating system error; FORMAT says what failed on what: "cannot open /etc/shadow".  */
void answer_os_error (struct request *request, int errnum, const char *format, ...)
    __attribute__ ((__format__ (__printf__, 3, 4)));

/* The caller got FIELD wrong; FORMAT says how.  */
void answer_invalid_field (struct request *request, const char *field, const char *format, ...)
    __attribute__ ((__format__ (__printf__, 3, 4)));

/* A look-up of NAME, a KIND such as "user", found nothing: FIELD is wrong, or, with errno, the
   look-up failed.  */
void answer_not_found (struct request *request, const char *field, const char *kind,
                       const char *name);

/* With --debug: log a packet that came (`<`) or goes (`>`).  */
void debug_packet (char direction, enum packet_id id);
extern bool debug_enabled;

/* The handlers, one file for each family.  */
extern const struct request_kind alive_kind;
extern const struct request_kind command_kind;
extern const struct request_kind stat_kind;
extern const struct request_kind upload_kind;
extern const struct request_kind download_kind;
extern const struct request_kind resolve_user_kind;
extern const struct request_kind resolve_group_kind;
extern const struct request_kind query_user_kind;
extern const struct request_kind query_group_kind;
extern const struct request_kind getenv_kind;

#endif
