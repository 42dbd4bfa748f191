#include "dispatcher/debug.h"

#include <stdio.h>

bool debug_enabled;

void
debug_packet (char direction, enum packet_id id)
{
  if (debug_enabled)
    dprintf (2, "longreach-dispatcher: %c %s\n", direction, packet_name (id));
}

void
debug_frame (char direction, uint32_t channel, enum packet_id id)
{
  if (debug_enabled)
    dprintf (2, "longreach-dispatcher: %c %lu %s\n", direction, (unsigned long) channel,
             packet_name (id));
}
