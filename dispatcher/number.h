/* Numbers in texts.  */

#ifndef DISPATCHER_NUMBER_H
#define DISPATCHER_NUMBER_H

/* The digits in BASE, at most 10, that TEXT begins with, 0 without any; ULONG_MAX stands for
   all that is larger.  *END, if END is not NULL, is what is behind them.  */
unsigned long number_parse (const char *text, unsigned base, const char **end);

#endif
