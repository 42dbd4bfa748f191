/* Opening what a URL names, as the options say.  */

#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include "cli/options.h"

#include <longreach/longreach.h>

extern const struct cli_option registry_options[]; /* --plugin-dir, --verbose */
extern const struct cli_option url_options[]; /* -o, --connect-timeout, --keep-alive, --lease */

/* How URL is opened, for who does it without connect_open; LOOP may be NULL.  */
struct lr_open_args connect_args (const char *url, lr_loop *loop);

/* The signal that asks to give up, whether or not somebody was being asked; 0: none.  */
int connect_given_up (void);

/* Each of these returns 0, or an exit status, having reported the failure.  */

/* A registry with the directories that were asked for; lr_registry_free frees it.  */
int connect_registry (lr_registry **registry);

/* The connection is borrowed: connect_end closes it.  At most one is open.  */
int connect_open (const char *url, lr_connection **connection);

/* The same, but where it could be tried and failed nothing is reported: *ERROR says why, and is of
   the kind NONE where something was.  *CONNECTION is set in that case too, unless not even the
   first program could be started.  connect_end in any case.  */
int connect_try (const char *url, lr_connection **connection, struct lr_error *error);

/* The hops of URL, which connect_try was called with, and how far it has come with them.  */
int connect_inspect (const char *url, struct lr_hop_list **result);

/* The loop that the connection belongs to; borrowed until connect_end.  */
lr_loop *connect_loop (void);

/* The name of the host that is connected to, for messages; borrowed until connect_end.  */
const char *connect_host (void);

/* Close what is open, if anything is.  */
void connect_end (void);

#endif
