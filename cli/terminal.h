/* The terminal at this end, lent to a program at the far side: while it is, each key goes there as
   it is, and nothing is done with it here.

   Whatever ends this program, the terminal is given back as it was: a crash too; only SIGKILL can't
   be helped.  */

#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

/* Lend the terminal that standard input is; does nothing where that is none.  Called again, it
   lends the terminal again, after somebody else has set it.  */
void terminal_enter (void);

/* Give it back, if it is lent.  */
void terminal_leave (void);

bool terminal_is_lent (void);

/* What ends a line on the terminal: also the return to its start, while it is lent.  */
const char *terminal_newline (void);

/* What it is called, for TERM at the far side.  */
const char *terminal_type (void);

/* The size of the terminal that one of the standard descriptors is; 24 lines of 80 columns without
   one.  */
void terminal_get_size (uint32_t *rows, uint32_t *columns);

#endif
