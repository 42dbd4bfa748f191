/* A file as one text.  */

#ifndef DISPATCHER_TEXT_FILE_H
#define DISPATCHER_TEXT_FILE_H

/* All that can be read from FILE, with a NUL behind it, in memory the caller frees; NULL and errno.
 */
char *text_file_read (int file);

#endif
