/* Pseudo-terminals.  */

#ifndef DISPATCHER_TERMINAL_H
#define DISPATCHER_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A new one: *MASTER, which doesn't block, and *SLAVE.  False and errno.  */
bool terminal_open (int *master, int *slave);

/* It takes a line as it is: no byte has a meaning there, and none is shown.  */
void terminal_keep_quiet (int slave);

/* Its size; what doesn't fit the system's type is the largest that does.  */
void terminal_resize (int master, uint32_t rows, uint32_t columns);

/* Signal the process group in the foreground, unless it is OTHER.  */
void terminal_signal (int master, pid_t other, int number);

/* The characters that end the input of the program that reads, LAST being the last one it was sent
   (NUL: none).  Returns how many, at most 2; none where it takes characters as they are.  */
size_t terminal_end_of_input (int master, char last, char characters[2]);

#endif
