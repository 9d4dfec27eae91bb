/* SPDX-License-Identifier: MPL-2.0 */
/* Signatures of webhooks as the Standard Webhooks specification has them: HMAC-SHA256 over
 * "id.timestamp.body". Pure. */
#ifndef CLI_WEBHOOK_SIGNATURE_H
#define CLI_WEBHOOK_SIGNATURE_H

#include <rentbus/rentbus.h>

/* Bytes of a secret, at least and at most, behind its base64. */
#define WEBHOOK_SECRET_MIN 24
#define WEBHOOK_SECRET_MAX 64
/* Secrets that are good at the same time, while they are being replaced. */
#define WEBHOOK_SECRETS_MAX 8
/* A signature is "v1," and the base64 of 32 bytes; blanks stand between, a NUL at the end. */
#define WEBHOOK_SIGNATURE_SIZE (WEBHOOK_SECRETS_MAX * 48)

/* Give it to webhook_secrets_wipe() when done. */
struct webhook_secrets {
    size_t count;
    struct {
        size_t length;
        uint8_t bytes[WEBHOOK_SECRET_MAX];
    } items[WEBHOOK_SECRETS_MAX];
};

/* Reads secrets, each "whsec_" and base64, with blanks or line ends between. NULL, or what is wrong
 * with them, which says nothing of the secrets themselves. */
const char *webhook_secrets_parse(struct rentbus_text text, struct webhook_secrets *secrets)
    __attribute__((warn_unused_result));
void webhook_secrets_wipe(struct webhook_secrets *secrets);

/* A signature of each secret. `timestamp` is in seconds since 1970. Returns `out`; "" without a
 * secret. */
char *webhook_sign(const struct webhook_secrets *secrets, struct rentbus_text id, int64_t timestamp,
                   struct rentbus_text body, char out[WEBHOOK_SIGNATURE_SIZE]);

#endif
