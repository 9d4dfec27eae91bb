/* SPDX-License-Identifier: MPL-2.0 */
/* What the command line says of an endpoint: where it is, and what a request carries. */
#ifndef CLI_WEBHOOK_SETTINGS_H
#define CLI_WEBHOOK_SETTINGS_H

#include "cli/command_line.h"
#include "cli/webhook_curl.h"
#include "cli/webhook_signature.h"

/* How long an answer may take, and requests under way are waited for at the end. */
#define WEBHOOK_TIMEOUT_DEFAULT_MS 20000
/* Files of secrets and of headers, in bytes. */
#define WEBHOOK_FILE_MAX 8192
#define WEBHOOK_HEADERS_MAX 32

struct webhook_settings {
    const struct webhook_curl *curl;
    const char *url;    /* borrowed from argv */
    const char *cacert; /* borrowed from argv; NULL: the certificates of the system */
    struct webhook_secrets secrets;
    char *headers[WEBHOOK_HEADERS_MAX]; /* "Name: value"; owned */
    size_t header_count;
};

/* Reads and checks --url, --secret-file, --header and --cacert. Release it unless this fails. */
enum cli_exit webhook_settings_read(const struct cli *cli, const struct cli_line *line,
                                    struct webhook_settings *settings)
    __attribute__((warn_unused_result));
/* Wipes the secrets, too. */
void webhook_settings_release(struct webhook_settings *settings);

/* NULL, or what is wrong with a header "Name: value" that is to be added. Pure. */
const char *webhook_header_check(struct rentbus_text header);

#endif
