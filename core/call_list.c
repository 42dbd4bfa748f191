#include "core/call_list.h"

#include "core/call.h"

#include <stdlib.h>

static struct lr_call **
bucket_of (const struct call_list *list, uint64_t id)
{
  if (list->buckets == NULL)
    return (struct lr_call **) &list->few[id % CALL_LIST_FEW];
  return &list->buckets[id & (list->bucket_count - 1)];
}

static void
join_bucket (struct call_list *list, struct lr_call *call)
{
  struct lr_call **bucket = bucket_of (list, call->id);
  call->next_in_bucket = *bucket;
  *bucket = call;
}

/* A bucket for each, or more.  Without memory the buckets stay as few as they are.  */
static void
grow (struct call_list *list)
{
  size_t have = list->buckets == NULL ? CALL_LIST_FEW : list->bucket_count;
  if (list->count < have)
    return;
  struct lr_call **grown = calloc (have * 4, sizeof (struct lr_call *));
  if (grown == NULL)
    return;
  free (list->buckets);
  list->buckets = grown;
  list->bucket_count = have * 4;
  for (struct lr_call *call = list->first; call != NULL; call = call->next)
    join_bucket (list, call);
}

void
call_list_add (struct call_list *list, struct lr_call *call)
{
  grow (list);
  join_bucket (list, call);
  call->previous = NULL;
  call->next = list->first;
  if (call->next != NULL)
    call->next->previous = call;
  list->first = call;
  list->count++;
}

struct lr_call *
call_list_find (const struct call_list *list, uint64_t id)
{
  struct lr_call *call = *bucket_of (list, id);
  while (call != NULL && call->id != id)
    call = call->next_in_bucket;
  return call;
}

void
call_list_remove (struct call_list *list, struct lr_call *call)
{
  struct lr_call **place = bucket_of (list, call->id);
  while (*place != NULL && *place != call)
    place = &(*place)->next_in_bucket;
  if (*place == NULL)
    return;
  *place = call->next_in_bucket;
  if (call->previous != NULL)
    call->previous->next = call->next;
  else
    list->first = call->next;
  if (call->next != NULL)
    call->next->previous = call->previous;
  call->next = call->previous = NULL;
  list->count--;
}

struct lr_call *
call_list_oldest (const struct call_list *list)
{
  struct lr_call *call = list->first;
  while (call != NULL && call->next != NULL)
    call = call->next;
  return call;
}

void
call_list_free (struct call_list *list)
{
  free (list->buckets);
  *list = (struct call_list){ .first = NULL };
}
