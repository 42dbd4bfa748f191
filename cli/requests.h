/* The requests of batch: what a line asks for, carried out, and its answer as JSON.  */

#ifndef CLI_REQUESTS_H
#define CLI_REQUESTS_H

#include <longreach/longreach.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request;

/* All requests of one connection.  */
struct requests
{
  lr_connection *connection;       /* borrowed */
  uint64_t timeout;                /* milliseconds, of those that say nothing about it; 0: none */
  void (*answer) (json_t *answer); /* is given each answer, which becomes its own */
  struct request *first;           /* under way; owned */
  size_t count;                    /* of those */
  size_t size;                     /* of their lines, in bytes */
  bool broken;                     /* the connection has failed */
};

/* Carry out what the SIZE bytes at TEXT ask for, which is line NUMBER.  It is answered now or,
   while the connection's loop is dispatched, later.  */
void requests_begin (struct requests *requests, const char *text, size_t size, uint64_t number);

/* Answer a line that is too long to be read.  */
void requests_refuse_long (struct requests *requests, uint64_t number);

#endif
