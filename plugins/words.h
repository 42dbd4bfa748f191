/* Words that most connectors' commands begin with.  */

#ifndef PLUGINS_WORDS_H
#define PLUGINS_WORDS_H

#include <longreach/connector.h>

/* Add the program that the option `program` of HOP names, with its arguments, or else PROGRAM.  */
void add_program (const lr_hop *hop, const char *program, lr_command *out);

/* Add one word, made of three parts.  */
void add_joined (lr_command *out, const char *start, const char *middle, const char *end);

#endif
