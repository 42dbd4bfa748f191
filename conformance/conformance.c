#include "conformance/conformance.h"

#include "conformance/checks.h"
#include "conformance/target.h"
#include "conformance/trial.h"

#include <string.h>

struct row
{
  struct conformance_check check;
  uint64_t needs;
  void (*function) (struct trial *);
};

#define N(need) NEED (need)
#define CHECK(family_, name_, needs_, why_)                                                        \
  { { #family_, #name_, why_ }, needs_, check_##family_##_##name_ },
static const struct row rows[] = {
#include "conformance/checks.def"
};
#undef CHECK
#undef N

enum
{
  ROW_COUNT = sizeof rows / sizeof rows[0],
};

const struct conformance_check *
conformance_check_at (size_t index)
{
  return index < ROW_COUNT ? &rows[index].check : NULL;
}

int
conformance_is_wanted (const struct conformance_check *check, const char *const *only)
{
  size_t length = strlen (check->family);
  if (only == NULL || only[0] == NULL)
    return 1;
  for (; *only != NULL; only++)
    if (strncmp (*only, check->family, length) == 0
        && ((*only)[length] == '\0'
            || ((*only)[length] == '/' && strcmp (*only + length + 1, check->name) == 0)))
      return 1;
  return 0;
}

/* What a failed check leaves behind may be a connection that isn't usable any more, which is not
   the next one's fault.  */
static void
drop_connection (struct target *target)
{
  lr_close (target->connection);
  target->connection = NULL;
}

static int
try_all (struct target *target, struct conformance_summary *summary, struct lr_error *error)
{
  for (size_t i = 0; i < ROW_COUNT && !target_is_stopped (target); i++)
    {
      struct trial trial;
      const struct row *row = &rows[i];
      struct conformance_result result = { .check = &row->check };
      uint64_t start = now ();
      if (!conformance_is_wanted (&row->check, target->settings->only))
        continue;
      result.sentence = target_lacks (target, row->needs);
      if (result.sentence != NULL)
        result.outcome = CONFORMANCE_NOT_APPLICABLE;
      else
        {
          if (target_connect (target, error) != 0)
            return target_is_stopped (target) ? 0 : -1;
          trial_carry_out (&trial, target, &row->check, row->function);
          /* What it says then is nobody's fault.  */
          if (target_is_stopped (target))
            return 0;
          result.outcome = trial.outcome;
          result.sentence = trial.outcome == CONFORMANCE_PASSED ? NULL : trial.sentence;
          if (trial.outcome == CONFORMANCE_FAILED)
            drop_connection (target);
        }
      result.duration_ms = now () - start;
      if (result.outcome == CONFORMANCE_PASSED)
        summary->passed++;
      else if (result.outcome == CONFORMANCE_FAILED)
        summary->failed++;
      else
        summary->not_applicable++;
      target->settings->report (target->settings->data, &result);
    }
  return 0;
}

int
conformance_run (lr_registry *registry, const struct conformance_settings *settings,
                 struct conformance_summary *summary, struct lr_error *error)
{
  struct target target = { .registry = registry, .settings = settings };
  memset (summary, 0, sizeof *summary);
  int status = target_open (&target, error);
  if (status == 0)
    status = try_all (&target, summary, error);
  target_close (&target);
  strcpy (summary->remains, target.remains);
  return status;
}
