/* One hop of a target, told to a person or as JSON.  */

#ifndef CLI_HOP_H
#define CLI_HOP_H

#include "cli/json.h"

#include <longreach/longreach.h>

/* The number of hop INDEX of COUNT, and where it leads: "2 of 3: docker, to db".  Without newline.
 */
void hop_print_title (const struct lr_hop_info *hop, size_t index, size_t count);

/* A line "    LABEL: TEXT"; nothing for NULL.  */
void hop_print_detail (const char *label, const char *text);

/* Its connector, and the command that is run.  */
void hop_print_plan (const struct lr_hop_info *hop);

/* An object with these; more can be added.  */
json_t *hop_as_json (const struct lr_hop_info *hop);

#endif
