/* SPDX-License-Identifier: MPL-2.0 */
#include "cli/webhook_signature.h"

#include <sodium.h>
#include <stdio.h>

#define PREFIX "whsec_"
#define BLANKS " \t\r\n"
#define BASE64_SIZE                                                                                \
    sodium_base64_ENCODED_LEN(crypto_auth_hmacsha256_BYTES, sodium_base64_VARIANT_ORIGINAL)

static bool base64_read(struct rentbus_text text, int variant, uint8_t *bytes, size_t *length)
{
    return sodium_base642bin(bytes, WEBHOOK_SECRET_MAX, text.data, text.length, NULL, length, NULL,
                             variant) == 0;
}

static const char *secret_add(struct webhook_secrets *secrets, struct rentbus_text word)
{
    if (!rentbus_text_begins(word, PREFIX))
        return "a secret does not begin with " PREFIX;
    if (secrets->count == WEBHOOK_SECRETS_MAX)
        return "there are more than 8 secrets";
    uint8_t *bytes = secrets->items[secrets->count].bytes;
    size_t *length = &secrets->items[secrets->count].length;
    word.data += strlen(PREFIX);
    word.length -= strlen(PREFIX);
    if (!base64_read(word, sodium_base64_VARIANT_ORIGINAL, bytes, length) &&
        !base64_read(word, sodium_base64_VARIANT_ORIGINAL_NO_PADDING, bytes, length))
        return "a secret is not base64 of 24 to 64 bytes behind " PREFIX;
    if (*length < WEBHOOK_SECRET_MIN)
        return "a secret has less than 24 bytes";
    secrets->count++;
    return NULL;
}

const char *webhook_secrets_parse(struct rentbus_text text, struct webhook_secrets *secrets)
{
    const char *problem = NULL;
    secrets->count = 0;
    while (text.length > 0 && !problem) {
        struct rentbus_text word = {text.data, 0};
        while (word.length < text.length && !memchr(BLANKS, word.data[word.length], strlen(BLANKS)))
            word.length++;
        if (word.length > 0)
            problem = secret_add(secrets, word);
        size_t taken = word.length < text.length ? word.length + 1 : word.length;
        text.data += taken;
        text.length -= taken;
    }
    if (!problem && secrets->count == 0)
        problem = "there is no secret";
    if (problem)
        webhook_secrets_wipe(secrets);
    return problem;
}

void webhook_secrets_wipe(struct webhook_secrets *secrets)
{
    sodium_memzero(secrets, sizeof(*secrets));
}

char *webhook_sign(const struct webhook_secrets *secrets, struct rentbus_text id, int64_t timestamp,
                   struct rentbus_text body, char out[WEBHOOK_SIGNATURE_SIZE])
{
    char time[24];
    char base64[BASE64_SIZE];
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    size_t used = 0;
    int time_length = snprintf(time, sizeof(time), ".%lld.", (long long)timestamp);
    out[0] = '\0';
    for (size_t i = 0; i < secrets->count; i++) {
        crypto_auth_hmacsha256_state state;
        crypto_auth_hmacsha256_init(&state, secrets->items[i].bytes, secrets->items[i].length);
        crypto_auth_hmacsha256_update(&state, (const uint8_t *)id.data, id.length);
        crypto_auth_hmacsha256_update(&state, (const uint8_t *)time, (size_t)time_length);
        crypto_auth_hmacsha256_update(&state, (const uint8_t *)body.data, body.length);
        crypto_auth_hmacsha256_final(&state, mac);
        sodium_memzero(&state, sizeof(state));
        sodium_bin2base64(base64, sizeof(base64), mac, sizeof(mac), sodium_base64_VARIANT_ORIGINAL);
        used += (size_t)snprintf(out + used, WEBHOOK_SIGNATURE_SIZE - used, "%sv1,%s",
                                 i > 0 ? " " : "", base64);
    }
    return out;
}
