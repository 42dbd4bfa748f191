/* An sshd of our own, on a free port of 127.0.0.1, for as long as this process lives.  */

#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

/* It is in a configuration for ssh by two names: SERVER directly, SERVER_DELAYED through the
   relay.  */
#define SERVER "near"
#define SERVER_DELAYED "delayed"

/* Start it, and leave the path of that configuration in CONFIG, of PATH_MAX bytes.  */
void server_start (char *config);

void server_stop (void);

#endif
