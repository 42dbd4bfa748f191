/* Text of unknown origin, made fit for a terminal.  */

#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Print SIZE bytes with control characters, and bytes that are not UTF-8, as \xNN.  */
void text_print_escaped (FILE *stream, const char *data, size_t size);

/* Print TEXT on standard output: escaped if that is a terminal, else as it is.  NULL prints
   nothing.  */
void text_print (const char *text);

/* Print WORD so that a shell reads it back as it is: quoted where it must be, and escaped as above,
   which only shows a word that could not be typed.  */
void text_print_quoted (FILE *stream, const char *word);

#endif
