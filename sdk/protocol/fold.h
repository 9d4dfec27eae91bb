/* SPDX-License-Identifier: MPL-2.0 */
/* Signed numbers as unsigned ones that are small when the number is near 0: 0, -1, 1, -2, 2, …
 * become 0, 1, 2, 3, 4, … */
#ifndef RENTBUS_FOLD_H
#define RENTBUS_FOLD_H

#include <stdint.h>

static inline uint64_t rentbus_fold(int64_t number)
{
    uint64_t doubled = (uint64_t)number << 1;
    return number < 0 ? ~doubled : doubled;
}

static inline int64_t rentbus_unfold(uint64_t folded)
{
    uint64_t half = folded >> 1;
    return (int64_t)(folded & 1 ? ~half : half);
}

#endif
