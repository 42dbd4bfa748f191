/* What can become of a line between a client and a dispatcher.  */

#ifndef TESTS_FAULTS_CUT_H
#define TESTS_FAULTS_CUT_H

enum cut_side
{
  FROM_CLIENT,
  FROM_DISPATCHER,
  CUT_SIDES,
};

/* What happens behind so many bytes of one direction.  */
enum cut
{
  CUT_CLOSE, /* all of it is closed */
  CUT_HALF,  /* this direction is closed, the other one goes on */
  CUT_DROP,  /* what comes is taken, and goes nowhere */
  CUT_STALL, /* nothing is taken any more */
  CUT_PAUSE, /* for a moment nothing is taken */
  CUT_FLIP,  /* one bit of the next byte is another */
  CUTS,
};

#endif
