/* The files that a new connector begins with.  They lie as they are in cli/templates, where they
   are a connector named "sample" that is built and tested as any other; embed.awk makes a table of
   them.  */

#ifndef CLI_TEMPLATES_H
#define CLI_TEMPLATES_H

struct template
{
  const char *folder; /* of cli/templates */
  const char *file;
  const char *const *lines; /* each with its newline, ended by NULL */
};

/* Ended by one without a folder.  */
extern const struct template templates[];

#endif
