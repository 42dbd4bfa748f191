/* What programs on the way to the far side ask, as ssh does for a password: asked at the terminal.
 */

#ifndef CLI_PROMPT_H
#define CLI_PROMPT_H

#include <longreach/longreach.h>

/* Who asks; NULL where there is no terminal.  It runs outside of the library's blocking calls.  */
lr_prompt_callback *prompt_callback (void);

/* From now on the same question is asked once, and answered alike when it comes again: for who
   opens many connections to one place.  */
void prompt_remember (void);

/* The index of the hop that was the last to ask something, from 0; -1: none has.  */
int prompt_last_hop (void);

/* The signal with which somebody has given up who was asked; 0: nobody.  Then the connection is to
   be closed, and the question forgotten, and with it all answers that are remembered.  */
int prompt_given_up (void);
void prompt_forget (void);

#endif
