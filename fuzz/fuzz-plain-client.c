/* The client's end of the plain protocol, fed with anything by a far side.

   The first byte of the input says how many requests are under way, the bytes behind it which and
   with what limit, one more the size of the pieces; the rest is the stream.  It is taken twice, as
   a whole and in pieces.  What must hold:

   - every request is answered once, in their order, with a result of its operation or a sentence;
     what was kept of an output is no more than was asked for;
   - what does not keep the protocol has a sentence, and then the rest of the requests fails with
   it;
   - both times everything is the same.  */

#include "core/error.h"
#include "core/plain_client.h"
#include "fuzz/require.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum
{
  CALLS_MAX = 8,
  FEW_BYTES = 16, /* the limit of what wants little */
};

static const char *const command[] = { "true", "-x", NULL };
static const struct lr_run_args run_args = LR_RUN_ARGS (.command = command);
static const struct lr_stat_args stat_args = LR_STAT_ARGS (.path = "/etc", .sha512sum = true);
static const struct lr_upload_args upload_args = LR_UPLOAD_ARGS (.file = "/tmp/x");
static const struct lr_download_args download_args = LR_DOWNLOAD_ARGS (.file = "/etc/hosts");
static const struct lr_resolve_args resolve_args = LR_RESOLVE_ARGS (.name = "root");
static const struct lr_query_user_args user_args = LR_QUERY_USER_ARGS (.user = "root");
static const struct lr_query_group_args group_args = LR_QUERY_GROUP_ARGS (.group = "root");
static const struct lr_getenv_args getenv_args = LR_GETENV_ARGS (.key = "HOME");

static const struct request
{
  enum operation operation;
  const void *args;
} requests[] = {
  { OPERATION_OPEN, NULL },
  { OPERATION_RUN, &run_args },
  { OPERATION_STAT, &stat_args },
  { OPERATION_UPLOAD, &upload_args },
  { OPERATION_DOWNLOAD, &download_args },
  { OPERATION_RESOLVE_USER, &resolve_args },
  { OPERATION_RESOLVE_GROUP, &resolve_args },
  { OPERATION_QUERY_USER, &user_args },
  { OPERATION_QUERY_GROUP, &group_args },
  { OPERATION_GETENV, &getenv_args },
};

enum
{
  REQUESTS = sizeof requests / sizeof requests[0],
};

/* One time.  */
struct attempt
{
  struct lr_call *calls[CALLS_MAX];
  size_t count, answered;
  bool kept; /* the protocol */
  char problem[512];
};

static void
begin_call (struct attempt *attempt, uint8_t choice)
{
  const struct request *request = &requests[choice % REQUESTS];
  struct lr_call *call = calloc (1, sizeof *call);
  require (call != NULL);
  call->operation = request->operation;
  call->args = request->args;
  call->host = "host";
  call->output_limit = choice >= 128 ? FEW_BYTES : 1 << 20;
  call->input.data = request->operation == OPERATION_UPLOAD ? "content" : NULL;
  call->input.size = call->input.data == NULL ? 0 : strlen (call->input.data);
  attempt->calls[attempt->count++] = call;
}

static void
take_answer (void *context, struct lr_call *call)
{
  struct attempt *attempt = context;
  require (attempt->answered < attempt->count && attempt->calls[attempt->answered] == call);
  require (call->answered);
  attempt->answered++;
  if (call->status != 0 && call->result == NULL)
    require (call->error != NULL && call->error->message[0] != '\0');
}

/* All that is to be sent goes nowhere.  */
static void
send_all (struct plain_client *client)
{
  struct iovec piece;
  while (plain_client_output (client, &piece, 1) > 0)
    {
      require (piece.iov_len > 0);
      plain_client_sent (client, (piece.iov_len + 1) / 2);
    }
}

static void
receive (struct attempt *attempt, struct plain_client *client, const uint8_t *data, size_t size,
         size_t piece)
{
  attempt->kept = true;
  while (size > 0 && attempt->kept)
    {
      size_t part = size < piece ? size : piece;
      char *copy = malloc (part); /* so that reading beyond it is seen */
      require (copy != NULL);
      memcpy (copy, data, part);
      attempt->kept =
          plain_client_receive (client, copy, part, attempt->problem, sizeof attempt->problem);
      free (copy);
      data += part;
      size -= part;
    }
  require (attempt->kept == (attempt->problem[0] == '\0'));
}

static void
check_run (const struct lr_call *call)
{
  const struct lr_run_result *result = call->result;
  require (result->stdout_bytes.size <= call->output_limit);
  require (result->stderr_bytes.size <= call->output_limit);
  require ((call->status == 0) == (result->returncode == 0));
}

static void
check_stat (const struct lr_stat_result *result)
{
  require (result->type <= LR_FILE_BLOCK && result->mode <= 07777);
  require (result->owner != NULL && result->group != NULL);
  require (result->sha512sum.data == NULL || result->sha512sum.size == 64);
}

static void
check_result (const struct lr_call *call)
{
  if (call->result == NULL)
    return;
  if (call->operation == OPERATION_RUN)
    check_run (call);
  else
    require (call->status == 0);
  if (call->operation == OPERATION_STAT)
    check_stat (call->result);
  else if (call->operation == OPERATION_DOWNLOAD)
    require (((const struct lr_download_result *) call->result)->content.size
             <= call->output_limit);
  else if (call->operation == OPERATION_GETENV || call->operation == OPERATION_RESOLVE_USER
           || call->operation == OPERATION_RESOLVE_GROUP)
    require (strlen (call->result) < SIZE_MAX);
}

static void
perform (struct attempt *attempt, const uint8_t *choices, size_t count, const uint8_t *data,
         size_t size, size_t piece)
{
  struct plain_client client;
  struct lr_error error;
  memset (attempt, 0, sizeof *attempt);
  plain_client_init (&client, NULL, take_answer, attempt);
  for (size_t i = 0; i < count; i++)
    begin_call (attempt, choices[i]);
  for (size_t i = 0; i < count; i++)
    plain_client_submit (&client, attempt->calls[i]);
  send_all (&client);
  receive (attempt, &client, data, size, piece);
  error_set (&error, LR_ERROR_IO, "it is over: %s", attempt->problem);
  plain_client_fail (&client, &error);
  require (attempt->answered == attempt->count && !client.no_memory);
  for (size_t i = 0; i < count; i++)
    check_result (attempt->calls[i]);
  plain_client_exit (&client);
  plain_client_free (&client);
}

static void
require_same (const struct attempt *one, const struct attempt *other)
{
  require (one->kept == other->kept && strcmp (one->problem, other->problem) == 0);
  for (size_t i = 0; i < one->count; i++)
    {
      const struct lr_call *call = one->calls[i], *twin = other->calls[i];
      require (call->status == twin->status && (call->result == NULL) == (twin->result == NULL));
      require ((call->error == NULL) == (twin->error == NULL));
      if (call->error != NULL)
        require (strcmp (call->error->message, twin->error->message) == 0);
    }
}

static void
free_calls (struct attempt *attempt)
{
  for (size_t i = 0; i < attempt->count; i++)
    call_free (attempt->calls[i]);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct attempt whole, pieces;
  size_t count = size == 0 ? 0 : data[0] % (CALLS_MAX + 1);
  if (size < count + 2)
    return 0;
  const uint8_t *choices = data + 1, *stream = choices + count + 1;
  size_t length = size - count - 2, piece = (size_t) choices[count] + 1;
  perform (&whole, choices, count, stream, length, SIZE_MAX);
  perform (&pieces, choices, count, stream, length, piece);
  require_same (&whole, &pieces);
  free_calls (&whole);
  free_calls (&pieces);
  return 0;
}
