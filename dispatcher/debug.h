/* What --debug writes to standard error.  */

#ifndef DISPATCHER_DEBUG_H
#define DISPATCHER_DEBUG_H

#include "protocol/packet.h"

#include <stdbool.h>

extern bool debug_enabled;

/* A packet that came (`<`) or goes (`>`); in a session, with its channel.  */
void debug_packet (char direction, enum packet_id id);
void debug_frame (char direction, uint32_t channel, enum packet_id id);

#endif
