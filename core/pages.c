#include "core/pages.h"

#include "core/connection.h"
#include "core/error.h"
#include "core/buffer.h"
#include "core/listing.h"
#include "core/session.h"
#include "core/worker.h"

#include <stdlib.h>

enum
{
  ENTRIES_MAX = 1024,   /* of one page */
  PASS_ON_AT = 32 << 10 /* bytes */
};

struct pages
{
  struct lr_call *call; /* whose it is */
  lr_list_page *page;   /* the application's */
  void *data;
  uint64_t limit, came;  /* bytes */
  struct buffer waiting; /* what came and was not told */
  struct listing_reader reader;
  bool ended;  /* the call is answered, and waits for that */
  bool tells;  /* a blocking caller has to */
  bool giving; /* a page, in a callback, which may end the call: then only memory is left of this */
  bool gone;
  struct loop_call notice;
  struct loop_call passed; /* by the connector's thread */
};

static lr_loop *
loop_of (const struct pages *pages)
{
  return connection_loop (pages->call->connection);
}

bool
pages_for_call (struct lr_call *call)
{
  struct lr_list_args *args = (struct lr_list_args *) call->args;
  struct pages *pages = calloc (1, sizeof *pages);
  if (pages == NULL)
    return false;
  pages->call = call;
  pages->page = args->page;
  pages->data = args->page_data;
  pages->limit = args->limit == 0 ? UINT64_MAX : args->limit;
  listing_reader_init (&pages->reader, args->itself != 0, call->host);
  /* A connector that passes its arguments on does not pass on what only the caller's thread may
     call.  */
  args->page = NULL;
  args->page_data = NULL;
  call->pages = pages;
  return true;
}

void
pages_free (struct pages *pages)
{
  if (pages == NULL)
    return;
  if (pages->notice.queued)
    loop_remove_notice (loop_of (pages), &pages->notice);
  listing_reader_free (&pages->reader);
  buffer_free (&pages->waiting);
  pages->gone = true;
  if (!pages->giving)
    free (pages);
}

/* ---- telling ---- */

static void tell (void *context);

static void
want_to_tell (struct pages *pages)
{
  const struct completion *completion = pages->call->completion;
  if (completion->callback != NULL)
    loop_add_notice (completion->loop, &pages->notice, tell, pages);
  else
    {
      pages->tells = true;
      loop_hurry (completion->loop);
    }
}

bool
pages_tell (struct pages *pages)
{
  if (pages == NULL || !pages->tells)
    return false;
  pages->tells = false;
  loop_call_back (loop_of (pages), tell, pages);
  return true;
}

/* All that came has been told.  */
static void
go_on (struct pages *pages)
{
  struct lr_call *call = pages->call;
  struct lr_error error;
  if (!pages->ended)
    {
      if (call->worker != NULL)
        worker_go_on (call);
    }
  else if (call->status == 0 && listing_reader_end (&pages->reader, &error) != 0)
    connection_give_up_call (call, &error);
  else
    connection_end_call (call);
}

/* The application has been told of SIZE bytes.  */
static void
consume (const struct pages *pages, size_t size)
{
  const struct lr_call *call = pages->call;
  if (call->channel == NULL)
    return;
  session_consume (call->channel, FRAME_STREAM_OUTPUT, size);
  connection_flush_soon (call->connection);
}

/* Give the application PAGE.  Whether it wants more, and has not ended the call by itself: with
   that PAGES may be gone.  */
static bool
give (struct pages *pages, const struct lr_list_result *page)
{
  struct lr_call *call = pages->call;
  pages->giving = true;
  int enough = pages->page (pages->data, page);
  pages->giving = false;
  if (pages->gone)
    {
      free (pages);
      return false;
    }
  if (call->completion == NULL)
    return false;
  if (enough != 0)
    connection_give_up_call (call, NULL);
  return enough == 0;
}

/* Called as a callback.  */
static void
tell (void *context)
{
  struct pages *pages = context;
  struct lr_list_result *page;
  struct lr_error error;
  size_t used;
  if (pages->call->completion == NULL)
    return; /* it was given up, and its provider has not let go yet */
  if (listing_read_page (&pages->reader, buffer_bytes (&pages->waiting),
                         buffer_size (&pages->waiting), ENTRIES_MAX, &used, &page, &error)
      != 0)
    {
      connection_give_up_call (pages->call, &error);
      return;
    }
  buffer_take (&pages->waiting, used);
  bool goes_on = page->count == 0 || give (pages, page);
  lr_free (page);
  if (!goes_on)
    return;
  consume (pages, used);
  if (buffer_size (&pages->waiting) > 0)
    want_to_tell (pages);
  else
    go_on (pages);
}

/* ---- what comes ---- */

/* Keep SIZE bytes of DATA until they are told.  False: the call has ended.  */
static bool
keep (struct pages *pages, const char *data, size_t size)
{
  struct lr_call *call = pages->call;
  struct lr_error error;
  bool fits = size <= pages->limit - pages->came;
  if (fits && buffer_add (&pages->waiting, data, size))
    {
      pages->came += size;
      if (size > 0)
        want_to_tell (pages);
      return true;
    }
  if (fits)
    error_no_memory (&error);
  else
    error_set_field (&error, "limit",
                     "%s: there is more than the %llu bytes that are asked for at most", call->host,
                     (unsigned long long) pages->limit);
  connection_give_up_call (call, &error);
  return false;
}

void
pages_output (struct pages *pages, const char *data, size_t size)
{
  keep (pages, data, size);
}

/* Take what the connector's own function has added.  False: the call has ended.  */
static bool
take_added (struct pages *pages)
{
  struct call_output *added = &pages->call->outputs[LR_STDOUT];
  size_t size = added->size;
  added->size = 0;
  return keep (pages, added->data, size);
}

void
pages_end (struct pages *pages)
{
  pages->ended = true;
  if (pages->call->completion == NULL)
    connection_end_call (pages->call);
  else if (take_added (pages) && buffer_size (&pages->waiting) == 0)
    go_on (pages);
}

/* ---- what a connector's own function adds ---- */

/* In the loop; the function waits, unless its call was given up.  */
static void
take_passed (void *context)
{
  struct pages *pages = context;
  if (pages->call->completion != NULL)
    take_added (pages);
}

bool
pages_pass_on (struct pages *pages)
{
  struct lr_call *call = pages->call;
  if (call->outputs[LR_STDOUT].size < PASS_ON_AT)
    return true;
  return worker_hand_over (call, &pages->passed, take_passed, pages);
}
