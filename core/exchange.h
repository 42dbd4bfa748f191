/* Exchanges: a call as a channel of a session.  */

#ifndef CORE_EXCHANGE_H
#define CORE_EXCHANGE_H

#include "core/call.h"
#include "core/session.h"

/* Ask for what CALL wants.  It is ended (connection_end_call) when it is answered, or can't be
   asked for.  */
void exchange_begin (struct session *session, struct lr_call *call);

#endif
