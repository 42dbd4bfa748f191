# shellcheck shell=bash
# Completion of longreach for bash 4 and later.
#
# Subcommands, options and operands are read from the command's own --help, and schemas from
# "longreach plugins", so that this file can't disagree with them.  Which subcommands take options
# before the URL only is not in --help, and stands here.

# Put the words up to the cursor into _words.  Readline breaks words at ':' and '=' too: a piece
# that follows another without a space belongs to the same word.
_longreach_split ()
{
  local line=${COMP_LINE:0:COMP_POINT} index piece
  _words=()
  for ((index = 0; index <= COMP_CWORD; index++)); do
    piece=${COMP_WORDS[index]}
    # What stands right of the cursor does not count.
    while [[ $piece && ${line#"${line%%[![:blank:]]*}"} != "$piece"* ]]; do
      piece=${piece%?}
    done
    if ((index > 0)) && [[ $line && $line != [[:blank:]]* ]]; then
      _words[${#_words[@]} - 1]+=$piece
    else
      _words+=("$piece")
    fi
    line=${line#"${line%%[![:blank:]]*}"}
    line=${line#"$piece"}
  done
}

_longreach_subcommands ()
{
  "$1" --help 2> /dev/null | sed -n '/^Subcommands:/,/^$/s/^  \([a-z][^ ]*\) .*/\1/p'
}

# The first column of the table; indented lines are details of the one above.
_longreach_schemas ()
{
  "$1" plugins 2> /dev/null | sed -n '1d; s/^\([[:alpha:]][^[:blank:]]*\).*/\1/p' | sort -u
}

# The options that the --help text $1 explains: "--name", "--name=ARG", "-o" or "-o=ARG" a line.
_longreach_options ()
{
  local line
  local both='^ {2,6}(-[^- ]), (--[^ =]+)(=[^ ]+)? '
  local long='^ {2,6}(--[^ =]+)(=[^ ]+)? '
  local short='^ {2,6}(-[^- ]) ([^ ]+) '
  while IFS= read -r line; do
    if [[ $line =~ $both ]]; then
      printf '%s\n' "${BASH_REMATCH[1]}${BASH_REMATCH[3]}" "${BASH_REMATCH[2]}${BASH_REMATCH[3]}"
    elif [[ $line =~ $long ]]; then
      printf '%s\n' "${BASH_REMATCH[1]}${BASH_REMATCH[2]}"
    elif [[ $line =~ $short ]]; then
      printf '%s\n' "${BASH_REMATCH[1]}=${BASH_REMATCH[2]}"
    fi
  done <<< "$1"
}

# Offer those of the lines $1 that begin with $2, the word at the cursor, with $3 after each.
_longreach_offer ()
{
  local candidate kept=''
  # Readline replaces only what follows the last ':' or '='.
  if [[ $2 == *[:=]* ]]; then
    kept=${2%"${2##*[:=]}"}
  fi
  while IFS= read -r candidate; do
    if [[ $candidate && $candidate$3 == "$2"* ]]; then
      candidate+=$3
      COMPREPLY+=("${candidate#"$kept"}")
    fi
  done <<< "$1"
}

# Families of checks, and each check.
_longreach_checks ()
{
  "$1" conformance --list 2> /dev/null | sed -n 's|^\([a-z]*\)/\([^:]*\):.*|\1\n\1/\2|p' | sort -u
}

# Complete $3 as what --help calls $2; $1 is the command.
_longreach_complete_as ()
{
  case $2 in
    URL)
      compopt -o nospace
      _longreach_offer "$(_longreach_schemas "$1")" "$3" :
      ;;
    '[SCHEMA]') _longreach_offer "$(_longreach_schemas "$1")" "$3" '' ;;
    '[SUBCOMMAND]') _longreach_offer "$(_longreach_subcommands "$1")" "$3" '' ;;
    'FAMILY[/NAME]') _longreach_offer "$(_longreach_checks "$1")" "$3" '' ;;
    LOCAL | LOCAL...) compopt -o default ;;
    DIR) compopt -o dirnames ;;
  esac
}

# Offer options that begin with $2, out of the lines $1: a '=' is left to be followed by its argument.
_longreach_offer_options ()
{
  local option names='' with_argument=''
  while IFS= read -r option; do
    case $option in
      --*=*) with_argument+=${option%%=*}$'\n' ;;
      *) names+=${option%%=*}$'\n' ;;
    esac
  done <<< "$1"
  _longreach_offer "$with_argument" "$2" =
  if ((${#COMPREPLY[@]} > 0)); then
    compopt -o nospace
  fi
  _longreach_offer "$names" "$2" ''
}

# The name of the argument of option $2, by the lines $1; empty if it has none.
_longreach_argument ()
{
  local option
  while IFS= read -r option; do
    if [[ $option == "$2="* ]]; then
      printf '%s\n' "${option#*=}"
      return
    fi
  done <<< "$1"
}

# Complete the words after subcommand ${_words[1]}; $1 is the command.
_longreach_after_subcommand ()
{
  local help options argument usage ended='' options_first='' dashes_skipped=''
  local -i index given=0 last=${#_words[@]}-1
  local -a operands
  help=$("$1" "${_words[1]}" --help 2> /dev/null) || return
  options=$(_longreach_options "$help")
  case ${_words[1]} in
    run | shell | chmod) options_first=yes ;;
  esac

  for ((index = 2; index < last; index++)); do
    if [[ $ended || ${_words[index]} != -?* ]]; then
      if [[ $options_first && $given = 1 && ! $dashes_skipped && ${_words[index]} == -- ]]; then
        dashes_skipped=yes
      else
        given+=1
      fi
      ended+=$options_first
    elif [[ ${_words[index]} == -- ]]; then
      ended=yes
    else
      argument=$(_longreach_argument "$options" "${_words[index]}")
      if [[ $argument ]]; then
        index+=1
        if ((index == last)); then
          _longreach_complete_as "$1" "$argument" "${_words[last]}"
          return
        fi
      fi
    fi
  done

  if [[ ! $ended && ${_words[last]} == --*=* ]]; then
    argument=$(_longreach_argument "$options" "${_words[last]%%=*}")
    _longreach_complete_as "$1" "$argument" "${_words[last]#*=}"
  elif [[ ! $ended && ${_words[last]} == -* ]]; then
    _longreach_offer_options "$options" "${_words[last]}"
  else
    usage=${help%%$'\n'*}
    usage=${usage#"Usage: longreach ${_words[1]} "}
    read -ra operands <<< "${usage#'[OPTION]... '}"
    if ((given < ${#operands[@]})); then
      _longreach_complete_as "$1" "${operands[given]}" "${_words[last]}"
    elif [[ $usage == *...* ]]; then
      # One more of what there can be several of, or what comes last.
      _longreach_complete_as "$1" "$(grep -o '[^ ]*\.\.\.' <<< "$usage" | tail -n 1)" "${_words[last]}"
      _longreach_complete_as "$1" "${operands[-1]}" "${_words[last]}"
    fi
  fi
}

_longreach ()
{
  local -a _words
  COMPREPLY=()
  _longreach_split
  if ((${#_words[@]} <= 2)); then
    _longreach_offer "$(_longreach_subcommands "$1")"$'\n--help\n--version' "${_words[1]}" ''
  else
    _longreach_after_subcommand "$1"
  fi
}

complete -F _longreach longreach
