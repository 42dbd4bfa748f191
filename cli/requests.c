#include "cli/requests.h"
#include "cli/batch_operations.h"
#include "cli/failure.h"
#include "cli/fields.h"
#include "cli/json.h"
#include "cli/lines.h"
#include "cli/nearest.h"
#include "cli/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line.  Once it is submitted it is in the list, and ends in the callback.  */
struct request
{
  struct requests *all; /* borrowed */
  struct request *next, *previous;
  uint64_t number; /* of its line */
  size_t size;     /* of its line */
  json_t *object;  /* owned; the arguments point into it */
  const struct batch_operation *operation;
  struct field_memory memory;
  union arguments arguments;
  uint64_t id; /* of lr_cancel */
};

/* What every line can have.  */
static const char *const common_fields[] = { "id", "op", NULL };

/* ---- answers ---- */

/* VALUE, which becomes the answer's, is the result or the error of what has ID, which is borrowed;
   NULL: it has none.  */
static void
answer (struct requests *requests, json_t *id, const char *name, json_t *value)
{
  json_t *object = json_new_object ();
  json_add (object, "id", id != NULL ? json_incref (id) : json_null ());
  json_add (object, name, value);
  requests->answer (object);
}

static void
answer_failure (struct requests *requests, json_t *id, uint64_t number,
                const struct failure *failure)
{
  json_t *object = failure_describe (failure);
  json_add_size (object, "line", number);
  answer (requests, id, "error", object);
}

static void
answer_refusal (struct requests *requests, json_t *id, uint64_t number,
                const struct refusal *refusal)
{
  char *message;
  size_t size;
  FILE *stream = open_memstream (&message, &size);
  if (stream == NULL)
    out_of_memory ();
  fprintf (stream, "line %" PRIu64 ": %s", number, refusal->text);
  if (fclose (stream) != 0)
    out_of_memory ();
  struct failure failure = failure_own (refusal->kind, refusal->errnum, message);
  failure.field = refusal->field;
  answer_failure (requests, id, number, &failure);
  free (message);
}

void
requests_refuse_long (struct requests *requests, uint64_t number)
{
  struct refusal refusal;
  refusal_set (&refusal, "", "it has more than %d bytes, which is the limit", LINE_LIMIT);
  answer_refusal (requests, NULL, number, &refusal);
}

/* ---- the life of a request ---- */

static json_t *
id_of (const struct request *request)
{
  return json_object_get (request->object, "id");
}

static void
free_request (struct request *request)
{
  if (request->operation != NULL && request->operation->close != NULL)
    request->operation->close (&request->arguments);
  fields_free (&request->memory);
  json_decref (request->object);
  free (request);
}

static void
enlist (struct request *request)
{
  struct requests *all = request->all;
  request->next = all->first;
  if (request->next != NULL)
    request->next->previous = request;
  all->first = request;
  all->count++;
  all->size += request->size;
}

static void
strike_off (struct request *request)
{
  struct requests *all = request->all;
  if (request->next != NULL)
    request->next->previous = request->previous;
  if (request->previous != NULL)
    request->previous->next = request->next;
  else
    all->first = request->next;
  all->count--;
  all->size -= request->size;
}

/* Whether ERROR is about all that is under way, and all that comes.  */
static bool
is_of_connection (const struct lr_error *error)
{
  return error->kind == LR_ERROR_IO && error->field[0] == '\0';
}

/* Whether ERROR is about the descriptor of the local file, which only this program knows.  */
static bool
is_of_file (const struct request *request, const struct lr_error *error)
{
  return request->operation->refuse_file != NULL && strcmp (error->field, "descriptor") == 0;
}

static void
answer_error (struct request *request, const struct lr_error *error)
{
  struct failure failure = failure_of (error);
  struct refusal refusal;
  if (is_of_file (request, error))
    {
      request->operation->refuse_file (&request->arguments, error->errnum, &refusal);
      answer_refusal (request->all, id_of (request), request->number, &refusal);
      return;
    }
  answer_failure (request->all, id_of (request), request->number, &failure);
  request->all->broken = request->all->broken || is_of_connection (error);
}

static void
answer_result (struct request *request, const void *result)
{
  struct refusal refusal;
  json_t *value = request->operation->describe (&request->arguments, result, &refusal);
  if (value != NULL)
    answer (request->all, id_of (request), "result", value);
  else
    answer_refusal (request->all, id_of (request), request->number, &refusal);
}

/* An lr_callback.  */
static void
end (void *data, int status, void *result, const struct lr_error *error)
{
  struct request *request = data;
  strike_off (request);
  if (status == 0)
    answer_result (request, result);
  else
    answer_error (request, error);
  lr_free (result);
  free_request (request);
}

/* ---- beginning ---- */

/* Take back all that have the id which REQUEST names, itself excepted, and answer whether there
   were any.  */
static void
cancel (struct request *request)
{
  struct requests *all = request->all;
  const json_t *wanted = request->arguments.cancel.request;
  bool found = false;
  if (wanted == NULL)
    wanted = id_of (request);
  for (struct request *r = all->first; r != NULL; r = r->next)
    if (wanted != NULL && json_equal (id_of (r), wanted) && lr_cancel (all->connection, r->id) == 0)
      found = true;
  json_t *result = json_new_object ();
  json_add_boolean (result, "cancelled", found);
  answer (all, id_of (request), "result", result);
}

/* Find out what OBJECT asks for.  NULL and *REFUSAL if that is nothing.  */
static const struct batch_operation *
find_operation (const json_t *object, struct refusal *refusal)
{
  if (!json_is_object (object))
    {
      refusal_set (refusal, "", "it is not a JSON object");
      return NULL;
    }
  const char *name = json_string_value (json_object_get (object, "op"));
  if (name == NULL)
    {
      refusal_set (refusal, "op", "op is missing, or no string");
      return NULL;
    }
  const struct batch_operation *operation = batch_operation_find (name);
  if (operation != NULL)
    return operation;
  struct nearest nearest = nearest_start (name, strlen (name));
  for (const struct batch_operation *o = batch_operations; o->name != NULL; o++)
    nearest_consider (&nearest, o->name);
  if (nearest.best != NULL)
    refusal_set (refusal, "op", "there is no op %s (did you mean %s?)", name, nearest.best);
  else
    refusal_set (refusal, "op", "there is no op %s", name);
  return NULL;
}

/* Fill in the arguments from the object.  Returns 0, or -1 and *REFUSAL.  */
static int
read_arguments (struct request *request, struct refusal *refusal)
{
  const struct batch_operation *operation = request->operation;
  struct field_problem problem;
  request->arguments.size = (uint32_t) operation->args_size;
  if (operation->timeout != 0)
    *(uint64_t *) ((char *) &request->arguments + operation->timeout) = request->all->timeout;
  if (operation->set_defaults != NULL)
    operation->set_defaults (&request->arguments);
  if (fields_read (request->object, operation->fields, common_fields, &request->arguments,
                   &request->memory, &problem)
      != 0)
    return refusal_set (refusal, problem.field, "%s", problem.text);
  return operation->prepare != NULL ? operation->prepare (&request->arguments, refusal) : 0;
}

static void
submit (struct request *request)
{
  const struct batch_operation *operation = request->operation;
  struct lr_request submitted =
      LR_REQUEST (.operation = operation->operation, .args = &request->arguments);
  struct lr_error error;
  enlist (request);
  if (lr_submit (request->all->connection, &submitted, end, request, &request->id, &error) == 0)
    return;
  end (request, -1, NULL, &error);
}

/* Carry out REQUEST, whose object is there, or answer that it can't be.  */
static void
begin (struct request *request)
{
  struct refusal refusal;
  request->operation = find_operation (request->object, &refusal);
  if (request->operation == NULL || read_arguments (request, &refusal) != 0)
    answer_refusal (request->all, id_of (request), request->number, &refusal);
  else if (request->operation->operation == 0)
    cancel (request);
  else
    {
      submit (request);
      return;
    }
  free_request (request);
}

void
requests_begin (struct requests *requests, const char *text, size_t size, uint64_t number)
{
  json_error_t problem;
  json_t *object =
      json_loadb (text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &problem);
  if (object == NULL)
    {
      struct refusal refusal;
      refusal_set (&refusal, "", "it is not JSON: %s", problem.text);
      answer_refusal (requests, NULL, number, &refusal);
      return;
    }
  struct request *request = calloc (1, sizeof *request);
  if (request == NULL)
    out_of_memory ();
  request->all = requests;
  request->number = number;
  request->size = size;
  request->object = object;
  begin (request);
}
