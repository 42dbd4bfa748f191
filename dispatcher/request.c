#include "dispatcher/request.h"

#include "dispatcher/errand.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct request_kind *const kinds[] = {
  &alive_kind,
  &command_kind,
  &stat_kind,
  &upload_kind,
  &download_kind,
  &spawn_kind,
  &spawn_asking_kind,
  &write_kind,
  &read_kind,
  &resolve_user_kind,
  &resolve_group_kind,
  &query_user_kind,
  &query_group_kind,
  &getenv_kind,
  &list_kind,
  &make_directory_kind.request,
  &remove_kind.request,
  &rename_kind.request,
  &link_kind.request,
  &read_link_kind.request,
  &set_attributes_kind.request,
  &make_temporary_kind.request,
  &file_system_kind.request,
  &put_tree_kind,
  &get_tree_kind,
};

const struct request_kind *
request_kind_find (enum packet_id id)
{
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (kinds[i]->id == id)
      return kinds[i];
  return NULL;
}

void
request_handle (struct request *request)
{
  const struct packet_field *bad = packet_field_with_nul (request->packet);
  if (bad == NULL)
    {
      request->kind->handle (request);
      return;
    }
  if (request->kind->abandon != NULL)
    request->kind->abandon (request);
  answer_invalid_field (request, bad->name, "contains a NUL byte");
}

void
request_cancel (struct request *request)
{
  if (request->kind->cancel != NULL)
    {
      request->kind->cancel (request);
      return;
    }
  request->kind->abandon (request);
  answer_os_error (request, ECANCELED, "cannot finish %s", packet_name (request->packet->id));
}

void
request_hurry (struct request *request)
{
  if (request->kind->hurry != NULL)
    request->kind->hurry (request);
  else
    request_cancel (request);
}

bool
request_lasts (const struct packet *packet)
{
  (void) packet;
  return true;
}

void
request_send (struct request *request, const struct packet *packet)
{
  request->front->send (request, packet);
}

void
answer_with_contents (struct request *request, const struct packet *packet,
                      struct contents *contents)
{
  request->front->answer (request, packet, contents);
}

void
answer (struct request *request, const struct packet *packet)
{
  answer_with_contents (request, packet, NULL);
}

void
answer_ok (struct request *request)
{
  answer (request, &(struct packet){ .id = PACKET_OK });
}

void
answer_os_error (struct request *request, int errnum, const char *format, ...)
{
  char message[1024];
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (message, sizeof message, format, arguments);
  va_end (arguments);
  struct packet packet = { .id = PACKET_OS_ERROR };
  packet.os_error.errnum = errnum;
  packet.os_error.strerror = packet_text (strerror (errnum));
  packet.os_error.msg = packet_text (message);
  answer (request, &packet);
}

void
answer_invalid_field (struct request *request, const char *field, const char *format, ...)
{
  char message[1024];
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (message, sizeof message, format, arguments);
  va_end (arguments);
  struct packet packet = { .id = PACKET_INVALID_FIELD };
  packet.invalid_field.field = packet_text (field);
  packet.invalid_field.error_message = packet_text (message);
  answer (request, &packet);
}

void
answer_process_error (struct request *request, const char *what, int errnum)
{
  char message[256];
  struct packet packet = { .id = PACKET_PROCESS_ERROR };
  snprintf (message, sizeof message, "%s: %s", what, strerror (errnum));
  packet.process_error.message = packet_text (message);
  answer (request, &packet);
}

void
answer_not_found (struct request *request, const char *field, const char *kind, const char *name)
{
  if (errno != 0)
    answer_os_error (request, errno, "cannot look up %s %s", kind, name);
  else
    answer_invalid_field (request, field, "no such %s: %s", kind, name);
}
