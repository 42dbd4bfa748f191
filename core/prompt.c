#include "core/prompt.h"
