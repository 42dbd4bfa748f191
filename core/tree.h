/* Trees: what lr_put_tree and lr_get_tree move between the file system and a channel.

   A tree is one stream of records (tree/record.h) on one channel.  This end of it is read and
   written in the loop, a buffer at a time.  What is left out is kept until the application has been
   told, and so is the answer; while it hasn't, no more comes.  */

#ifndef CORE_TREE_H
#define CORE_TREE_H

#include "core/call.h"
#include "protocol/packet.h"

#include <stdbool.h>

struct tree;

/* A tree for CALL, whose args are struct lr_tree_args.  False without memory.  */
bool tree_for_call (struct lr_call *call, bool put);

void tree_free (struct tree *tree);

/* Begin with what is at this end.  False: the call has failed.  */
bool tree_begin (struct tree *tree);

/* The request.  */
void tree_request (const struct tree *tree, struct packet *packet);

/* PACKET, TreePlace or the final one, has come.  */
void tree_answer (struct tree *tree, const struct packet *packet);

/* The last packet has come: answer, when all has been told.  */
void tree_ended (struct tree *tree);

/* As struct session_kind has it: what is sent, and what comes.  */
long tree_input (struct tree *tree, size_t size, const char **data);
void tree_output (struct tree *tree, const char *data, size_t size);

/* A blocking caller's callbacks run between steps, one at a time.  Whether one has.  */
bool tree_tell (struct tree *tree);

#endif
