/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/content_id.h"

#include <sodium.h>
#include <string.h>

struct rentbus_uuid cli_content_id(struct rentbus_bytes first, struct rentbus_bytes second)
{
    crypto_generichash_state state;
    uint8_t hash[crypto_generichash_BYTES];
    struct rentbus_uuid id;
    crypto_generichash_init(&state, NULL, 0, crypto_generichash_BYTES);
    crypto_generichash_update(&state, first.data, first.length);
    crypto_generichash_update(&state, second.data, second.length);
    crypto_generichash_final(&state, hash, sizeof(hash));
    memcpy(id.bytes, hash, sizeof(id.bytes));
    id.bytes[6] = (uint8_t)(0x80 | (id.bytes[6] & 0x0f));
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    return id;
}
