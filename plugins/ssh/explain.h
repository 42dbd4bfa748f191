/* What ssh says when it fails, as one sentence that keeps its words.  */

#ifndef PLUGINS_SSH_EXPLAIN_H
#define PLUGINS_SSH_EXPLAIN_H

#include <longreach/connector.h>

/* The hook of that name.  */
void ssh_explain (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out);

#endif
