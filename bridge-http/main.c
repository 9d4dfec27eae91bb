/* SPDX-License-Identifier: MPL-2.0 */
#include <stdio.h>

#include "bridge-http/bridge.h"

static struct http_bridge bridge;

int main(int argc, char **argv)
{
    struct http_options options;
    char message[HTTP_OPTIONS_MESSAGE_SIZE];
    enum http_exit code = http_options_read(argc, argv, &options, message);
    if (code != HTTP_EXIT_OK) {
        fprintf(stderr, "rentbus-http: %s\n", message);
        if (code == HTTP_EXIT_USAGE)
            fputs("Try rentbus-http --help.\n", stderr);
        return code;
    }
    if (options.help || options.version) {
        printf("%s", options.help ? http_usage : "rentbus-http " RENTBUS_VERSION "\n");
        return fflush(stdout) == 0 ? HTTP_EXIT_OK : HTTP_EXIT_SYSTEM;
    }
    code = http_bridge_open(&bridge, &options);
    if (code == HTTP_EXIT_OK)
        code = http_bridge_run(&bridge);
    http_bridge_close(&bridge);
    return code;
}
