#include "dispatcher/inlet.h"

#include "dispatcher/loop.h"
#include "protocol/frame.h"

enum
{
  COMMANDS_GROWTH = 1 << 20, /* bytes: what the windows of all commands have grown by, at most */
  CREDIT_PARTS = 8,          /* of a window: each is given back as soon as it is used */
  CREDIT_AFTER = 250,        /* milliseconds: and whatever was used by then */
  FAST = 1000,               /* milliseconds: whose window lasts for longer needs no larger one */
};

static uint32_t commands_grown;

void
inlet_open (struct inlet *inlet, enum inlet_growth growth)
{
  int64_t now = loop_now ();
  *inlet = (struct inlet){ .open = true,
                           .growth = growth,
                           .left = FRAME_WINDOW_INITIAL,
                           .window = FRAME_WINDOW_INITIAL,
                           .began = now,
                           .given = now };
}

bool
inlet_receive (struct inlet *inlet, size_t size)
{
  if (size > inlet->left)
    return false;
  inlet->left -= (uint32_t) size;
  return true;
}

static bool
may_double (const struct inlet *inlet)
{
  if (inlet->window * 2 > FRAME_WINDOW_MAX)
    return false;
  return inlet->growth == INLET_OF_FILE || inlet->window <= COMMANDS_GROWTH - commands_grown;
}

/* A whole window has been used up.  */
static void
grow (struct inlet *inlet, int64_t now)
{
  if (now - inlet->began <= FAST && may_double (inlet))
    {
      if (inlet->growth == INLET_OF_COMMAND)
        commands_grown += inlet->window;
      inlet->used += inlet->window;
      inlet->window *= 2;
    }
  inlet->passed = 0;
  inlet->began = now;
}

uint32_t
inlet_use (struct inlet *inlet, size_t size, bool keeps_up)
{
  int64_t now = loop_now ();
  if (!inlet->open)
    return 0;
  inlet->used += (uint32_t) size;
  inlet->passed += (uint32_t) size;
  if (inlet->passed >= inlet->window && keeps_up)
    grow (inlet, now);
  if (inlet->used < inlet->window / CREDIT_PARTS && now - inlet->given < CREDIT_AFTER)
    return 0;
  uint32_t credit = inlet->used;
  inlet->left += credit;
  inlet->used = 0;
  inlet->given = now;
  return credit;
}

void
inlet_close (struct inlet *inlet)
{
  if (inlet->open && inlet->growth == INLET_OF_COMMAND)
    commands_grown -= inlet->window - FRAME_WINDOW_INITIAL;
  inlet->open = false;
}
