/* Requests: what the client asked, who handles it, and how it is answered.  */

#ifndef DISPATCHER_REQUEST_H
#define DISPATCHER_REQUEST_H

#include "dispatcher/output.h"
#include "protocol/packet.h"

#include <stdint.h>

struct errand_kind;
struct request;

/* The protocols in which a kind of request exists: a set.  */
enum request_protocols
{
  REQUEST_PLAIN = 1,
  REQUEST_SESSION = 2,
  REQUEST_BOTH = REQUEST_PLAIN | REQUEST_SESSION,
};

/* How one kind of request is served.  HANDLE is called once the packet is whole and leads, at once
   or later, to exactly one answer; what it keeps between is request->state.  */
struct request_kind
{
  enum packet_id id;
  enum request_protocols protocols;
  void (*handle) (struct request *request);

  /* For packets with a bytes field, whose content arrives before the rest; NULL: there is none.
     What goes wrong is kept in the state and answered by HANDLE.  */
  void (*begin_content) (struct request *request);
  void (*content) (struct request *request, const char *data, size_t size);

  /* It may wait for somebody else, as a pipe does for its writer: not for ever once the input has
     ended.  */
  bool waits;

  /* Give back the state, if there is any: no answer comes of it any more.  NULL: HANDLE answers at
     once, and there is none before.  */
  void (*abandon) (struct request *request);

  /* The client is gone: end soon, still with an answer.  NULL: as if it were cancelled.  */
  void (*hurry) (struct request *request);

  /* ---- in sessions ---- */

  /* Whether PACKET may be answered later than at once.  NULL: never.  */
  bool (*lasts) (const struct packet *packet);

  /* Data and Eof on the stream to the server, after inlet_open.  */
  void (*input) (struct request *request, const char *data, size_t size);
  void (*input_end) (struct request *request);

  /* NULL: it is abandoned, and answered with ECANCELED.  */
  void (*cancel) (struct request *request);

  /* NULL: makes no sense here.  */
  void (*signal) (struct request *request, int number);
  void (*resize) (struct request *request, uint32_t rows, uint32_t columns);
  void (*keys) (struct request *request, const char *text, size_t size);
};

/* How what a request sends gets to the client.  */
struct request_front
{
  /* A packet that others of the same request follow; sessions only.  */
  void (*send) (struct request *request, const struct packet *packet);

  /* The last one: REQUEST belongs to the front again.  CONTENTS as in answer_with_contents; NULL in
     sessions.  */
  void (*answer) (struct request *request, const struct packet *packet, struct contents *contents);
};

struct request
{
  const struct request_kind *kind;
  const struct packet *packet; /* borrowed; whole when HANDLE is called, valid until the answer */
  void *state;                 /* owned by the kind */
  const struct request_front *front;
};

/* The kind that serves packet ID, or NULL.  */
const struct request_kind *request_kind_find (enum packet_id id);

/* Serve REQUEST, whose packet is whole.  A string with a NUL in it is refused here, for all.  */
void request_handle (struct request *request);

/* End REQUEST, which is under way, with an answer: because the client wants it no more, or because
   it is gone.  */
void request_cancel (struct request *request);
void request_hurry (struct request *request);

/* For kinds of which every request may last.  */
bool request_lasts (const struct packet *packet);

/* Send PACKET, which is not the last.  */
void request_send (struct request *request, const struct packet *packet);

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

/* It is the caller's command, and not its program, that can't be had.  */
void answer_process_error (struct request *request, const char *what, int errnum);

/* The handlers, one file for each family.  */
extern const struct request_kind alive_kind;
extern const struct request_kind command_kind;
extern const struct request_kind stat_kind;
extern const struct request_kind upload_kind;
extern const struct request_kind download_kind;
extern const struct request_kind spawn_kind;
extern const struct request_kind spawn_asking_kind;
extern const struct request_kind write_kind;
extern const struct request_kind read_kind;
extern const struct request_kind put_tree_kind;
extern const struct request_kind get_tree_kind;
extern const struct request_kind resolve_user_kind;
extern const struct request_kind resolve_group_kind;
extern const struct request_kind query_user_kind;
extern const struct request_kind query_group_kind;
extern const struct request_kind getenv_kind;
extern const struct request_kind list_kind;
extern const struct errand_kind make_directory_kind;
extern const struct errand_kind remove_kind;
extern const struct errand_kind rename_kind;
extern const struct errand_kind link_kind;
extern const struct errand_kind read_link_kind;
extern const struct errand_kind set_attributes_kind;
extern const struct errand_kind make_temporary_kind;
extern const struct errand_kind file_system_kind;

#endif
