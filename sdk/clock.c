/* SPDX-License-Identifier: MPL-2.0 */
#include "sdk/clock.h"

#include <limits.h>

int clock_poll_timeout(int64_t at, int64_t now)
{
    if (at == CLOCK_NEVER)
        return -1;
    if (at <= now)
        return 0;
    int64_t milliseconds = (at - now + 999) / 1000;
    return milliseconds < INT_MAX ? (int)milliseconds : INT_MAX;
}
