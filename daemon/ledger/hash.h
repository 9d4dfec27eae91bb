/* SPDX-License-Identifier: MPL-2.0 */
/* A hash of bytes by 64 x 64 -> 128 bit multiplication: fast on short ids, well spread, not
 * cryptographic. */
#ifndef RENTBUS_LEDGER_HASH_H
#define RENTBUS_LEDGER_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t ledger_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t ledger_load(const uint8_t *bytes, size_t length)
{
    uint64_t value = 0;

    memcpy(&value, bytes, length);
    return value;
}

static inline uint64_t ledger_hash(uint64_t seed, const void *data, size_t length)
{
    const uint64_t first = UINT64_C(0x9e3779b97f4a7c15);
    const uint64_t second = UINT64_C(0xd1b54a32d192ed03);
    const uint8_t *bytes = data;
    size_t rest = length;

    for (; rest > 16; rest -= 16, bytes += 16)
        seed = ledger_mix(ledger_load(bytes, 8) ^ first ^ seed, ledger_load(bytes + 8, 8) ^ second);
    if (rest >= 8)
        seed = ledger_mix(ledger_load(bytes, 8) ^ first ^ seed,
                          ledger_load(bytes + rest - 8, 8) ^ second);
    else if (rest > 0)
        seed = ledger_mix(ledger_load(bytes, rest) ^ first ^ seed, second);
    return ledger_mix(seed ^ second, length ^ first);
}

#endif
