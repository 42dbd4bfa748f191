/* Between a client and a dispatcher: every packet of their session passes here, and a fault may
   change it, drop it, or say something else.  */

#ifndef TESTS_WRONG_WIRE_H
#define TESTS_WRONG_WIRE_H

#include "protocol/frame.h"

enum side
{
  FROM_CLIENT,
  FROM_SERVER,
  SIDES,
};

/* Frames that wait.  */
struct frames
{
  char *bytes; /* owned */
  size_t size;
};

/* One channel, from its request on.  */
struct channel
{
  uint32_t id;
  enum packet_id request;
  bool open;
  bool dead;                         /* a fault's: nothing of it is of interest any more */
  char *path;                        /* what the request names, if it does; owned */
  int64_t pid;                       /* of a command */
  uint64_t sent[FRAME_STREAM_COUNT]; /* bytes of each stream so far */
  struct frames held;                /* a fault's */
  int file;                          /* a fault's; 0: none */
  uint32_t other;                    /* a fault's: another channel; 0: none */
};

/* What passes: a packet; or content of a Data, when packet is NULL.  */
struct event
{
  enum side from;
  struct channel *channel; /* NULL: the connection's own, channel 0 */
  struct packet *packet;
  uint32_t stream;
  char *data; /* may be changed */
  size_t size;
  bool is_final; /* the channel ends with it */
  bool drop;     /* for the fault to set */
};

typedef void fault_function (struct event *event);

/* The fault that was asked for; NULL: none.  */
fault_function *fault_find (const char *name);

/* Before anything passes.  */
void fault_begin (const char *name);

/* The client has gone, or says that it goes.  */
void fault_end (const char *name);

/* Say something else, to the side opposite to FROM.  */
void say (enum side from, uint32_t channel, struct packet packet);
void say_data (enum side from, uint32_t channel, uint32_t stream, const char *data, size_t size);
void say_frames (enum side from, struct frames *frames); /* which are empty then */

/* Put a frame aside.  */
void hold (struct frames *frames, uint32_t channel, const struct event *event);

/* All channels so far, 1 to channel_count.  */
struct channel *channel_at (uint32_t id);
extern uint32_t channel_count;

/* The dispatcher's two ends here.  */
extern int server_input, server_output;

#endif
