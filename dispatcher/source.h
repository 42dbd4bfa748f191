/* Files that are read for the client.  */

#ifndef DISPATCHER_SOURCE_H
#define DISPATCHER_SOURCE_H

#include "dispatcher/request.h"

#include <sys/stat.h>

/* Open PATH for reading, without waiting for anybody, and describe it; -1 and errno.  */
int source_open (const char *path, struct stat *info);

/* It could not be opened.  */
void source_answer_failed (struct request *request, int errnum, const char *path);

#endif
