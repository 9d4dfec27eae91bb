/* SPDX-License-Identifier: MPL-2.0 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <sysexits.h>

#include "daemon/config/config.h"
#include "daemon/config/principal.h"
#include "daemon/server/server.h"
#include "sdk/protocol/time.h"

static void print(const struct config *config)
{
    char stall_after[RENTBUS_DURATION_TEXT_SIZE];
    rentbus_duration_format(config->stall_after, stall_after);
    printf("data = \"%s\"\napi = \"%s\"\nevents = \"%s\"\nledger = \"%s\"\nstall_after = \"%s\"\n"
           "snapshot_every = \"%" PRIu64 "\"\narchive_lag = \"%" PRIu64 "\"\n",
           config->data, config->api, config->events, config->ledger, stall_after,
           config->snapshot_every, config->archive_lag);
    principal_print(&config->access, stdout);
}

int main(int argc, char **argv)
{
    struct config config;
    int status = config_read(&config, argc, argv);
    if (status)
        return status;
    switch (config.action) {
    case CONFIG_HELP:
        fputs(config_help, stdout);
        return 0;
    case CONFIG_VERSION:
        puts("rentbusd " RENTBUS_VERSION);
        return 0;
    case CONFIG_CHECK:
        print(&config);
        return 0;
    case CONFIG_RUN:
        break;
    }
    if (sodium_init() < 0) {
        fputs("rentbusd: libsodium does not start\n", stderr);
        return EX_OSERR;
    }
    return server_run(&config);
}
