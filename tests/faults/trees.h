/* The trees of files that a conversation copies, and what has to hold of a copy, however it ended.
 */

#ifndef TESTS_FAULTS_TREES_H
#define TESTS_FAULTS_TREES_H

#include <stdbool.h>
#include <stddef.h>

/* Names are chosen so that a flipped bit makes none that lies elsewhere.  */
#define TREE "tree"
#define PLANTED "planted"
#define PICKED "picked"

enum
{
  TREE_DIRECTORIES = 3,
  TREE_FILES = 6, /* names */
  TREE_LINKS = 2,
};

/* Make TREE, and the directories that copies of it go into, in which there is something already. */
void make_trees (void);

/* Whether TREE is as it was made; else what is wrong is in PROBLEM.  */
bool is_tree (char *problem, size_t size);

/* Whether the copy at TARGET has only what belongs there, each file and link whole; what was there
   is there as long as nothing has taken its place.  COMPLETE: it has all of TREE.  */
bool is_copy (const char *target, bool complete, char *problem, size_t size);

#endif
