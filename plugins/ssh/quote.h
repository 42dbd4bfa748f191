/* Words that pass through a login shell, whichever it is: sh, bash, dash, ksh, mksh, zsh, yash,
   fish, csh and tcsh read what is written here alike.  */

#ifndef PLUGINS_SSH_QUOTE_H
#define PLUGINS_SSH_QUOTE_H

#include <stdbool.h>
#include <stdio.h>

/* Whether WORD can be quoted: it has no control character but tab.  Nothing carries a newline
   through csh, and others are read as keys by some shells.  */
bool quote_can_carry (const char *word);

/* Write WORD, which quote_can_carry, to STREAM as one word of a shell.  */
void quote_word (FILE *stream, const char *word);

#endif
