/* The calls of a connection whose callers wait.  However many there are, adding, finding and taking
   one out takes the same time.  */

#ifndef CORE_CALL_LIST_H
#define CORE_CALL_LIST_H

#include <stddef.h>
#include <stdint.h>

struct lr_call;

enum
{
  CALL_LIST_FEW = 16,
};

/* All zero is an empty one.  */
struct call_list
{
  struct lr_call *first;              /* the last that was added; they are borrowed */
  struct lr_call *few[CALL_LIST_FEW]; /* by their numbers, until there are more than a few */
  struct lr_call **buckets;           /* owned: instead of those; NULL: they do */
  size_t bucket_count;                /* of them: a power of two */
  size_t count;                       /* of calls */
};

void call_list_add (struct call_list *list, struct lr_call *call);

/* The call of number ID; NULL: it is not there.  */
struct lr_call *call_list_find (const struct call_list *list, uint64_t id);

/* CALL may not be there, or not any more.  */
void call_list_remove (struct call_list *list, struct lr_call *call);

/* The one that was added first, from which `previous` leads to all others; NULL: there is none.  */
struct lr_call *call_list_oldest (const struct call_list *list);

/* Its own memory.  */
void call_list_free (struct call_list *list);

#endif
