#include "dispatcher/mode.h"

#include "dispatcher/number.h"

#include <string.h>

bool
mode_parse (const char *text, mode_t most, mode_t *mode)
{
  size_t length = strlen (text);
  if (length < 1 || length > 4 || strspn (text, "01234567") != length)
    return false;
  *mode = (mode_t) number_parse (text, 8, NULL);
  return *mode <= most;
}

/* ---- symbols ---- */

enum
{
  ALL = 07777,
  SET_IDS = 06000,
  SEARCH = 0111,
};

struct symbol
{
  char letter;
  mode_t bits;
};

static const struct symbol classes[] = {
  { 'u', 04700 }, { 'g', 02070 }, { 'o', 01007 }, { 'a', ALL }, { 0, 0 }
};
static const struct symbol permissions[] = { { 'r', 0444 },    { 'w', 0222 },  { 'x', SEARCH },
                                             { 's', SET_IDS }, { 't', 01000 }, { 0, 0 } };

/* 0: LETTER is none of SYMBOLS.  */
static mode_t
bits_of (const struct symbol *symbols, char letter)
{
  while (symbols->letter != '\0' && symbols->letter != letter)
    symbols++;
  return symbols->bits;
}

static bool
is_operator (char letter)
{
  return letter == '+' || letter == '-' || letter == '=';
}

/* What the class of LETTER has in MODE, for all three.  */
static mode_t
copy_of (char letter, mode_t mode)
{
  mode &= bits_of (classes, letter) & 0777;
  return ((mode >> 6 | mode >> 3 | mode) & 7) * SEARCH;
}

/* The permissions that TEXT begins with, as *BITS, and of these the ones that it names, as *NAMED.
   What is behind them is returned.  */
static const char *
read_permissions (const char *text, bool is_directory, mode_t mode, mode_t *bits, mode_t *named)
{
  mode_t more;
  *bits = *named = 0;
  if (*text == 'u' || *text == 'g' || *text == 'o')
    {
      *bits = copy_of (*text, mode);
      return text + 1;
    }
  while ((more = bits_of (permissions, *text)) != 0 || *text == 'X')
    {
      if (*text == 'X' && (is_directory || (mode & SEARCH) != 0))
        more = SEARCH;
      *bits |= more;
      text++;
    }
  *named = *bits;
  return text;
}

/* Carry out the operator at TEXT, with what is behind it, for the bits of WHO; NULL: there is
   something else behind it.  */
static const char *
operate (const char *text, mode_t who, bool is_directory, mode_t *mode)
{
  mode_t bits, named;
  char sign = *text++;
  if (*text >= '0' && *text <= '7')
    {
      unsigned long number = number_parse (text, 8, &text);
      if (who != 0 || number > ALL || (*text != ',' && *text != '\0'))
        return NULL;
      bits = (mode_t) number;
      named = ALL;
    }
  else
    text = read_permissions (text, is_directory, *mode, &bits, &named);
  if (who == 0)
    who = ALL;
  /* Those of a directory change only where they are named.  */
  who &= ~(is_directory ? SET_IDS & ~named : 0);
  bits &= who;
  if (sign == '=')
    *mode &= ~who;
  *mode = sign == '-' ? *mode & ~bits : *mode | bits;
  return text;
}

/* Carry out the clause that TEXT begins with; NULL: it begins with none.  */
static const char *
carry_out (const char *text, bool is_directory, mode_t *mode)
{
  mode_t who = 0, class;
  for (; (class = bits_of (classes, *text)) != 0; text++)
    who |= class;
  if (!is_operator (*text))
    return NULL;
  do
    text = operate (text, who, is_directory, mode);
  while (text != NULL && is_operator (*text));
  return text;
}

bool
mode_change (const char *text, bool is_directory, mode_t *mode)
{
  text = carry_out (text, is_directory, mode);
  while (text != NULL && *text == ',')
    text = carry_out (text + 1, is_directory, mode);
  return text != NULL && *text == '\0';
}
