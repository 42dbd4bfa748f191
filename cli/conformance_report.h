/* How the checks of a far side are told: in one of three forms, of which the first is for people.
 */

#ifndef CLI_CONFORMANCE_REPORT_H
#define CLI_CONFORMANCE_REPORT_H

#include "conformance/conformance.h"

/* A form prints on standard output; only where files are made is told on standard error, unless the
   form has a line for it.  */
struct conformance_form
{
  /* The checks that ONLY, as in the settings, leaves, without trying them.  */
  void (*list) (const char *const *only);
  void (*place) (const struct conformance_place *place);
  void (*result) (const struct conformance_result *result);
  void (*end) (struct conformance_summary *summary);
  /* It has ended early, because of REASON, which is reported besides.  */
  void (*bail_out) (const char *reason);
};

extern const struct conformance_form conformance_table;
extern const struct conformance_form conformance_json;
extern const struct conformance_form conformance_tap;

#endif
