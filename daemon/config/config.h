/* SPDX-License-Identifier: MPL-2.0 */
/* The daemon's settings: a flag beats the environment, which beats the file, which beats the
 * default. */
#ifndef RENTBUS_CONFIG_CONFIG_H
#define RENTBUS_CONFIG_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/api/access.h"
#include "daemon/config/address.h"
#include "daemon/engine/chain.h"

#define CONFIG_FILE_DEFAULT "/etc/rentbus/rentbusd.conf"
#define CONFIG_DATA_DEFAULT "/var/lib/rentbus"
#define CONFIG_API_DEFAULT "ipc:///run/rentbus/api.sock"
#define CONFIG_EVENTS_DEFAULT "ipc:///run/rentbus/events.sock"
#define CONFIG_LEDGER_DEFAULT "main"
/* Seconds: a minute, and a year. */
#define CONFIG_STALL_AFTER_DEFAULT 60
#define CONFIG_STALL_AFTER_MAX (INT64_C(366) * 86400)
/* Events between two snapshots: a start replays about a million a second. */
#define CONFIG_SNAPSHOT_EVERY_DEFAULT 1000000
#define CONFIG_SNAPSHOT_EVERY_MAX UINT64_C(1000000000000)
/* Events; what closed and was seen in them is held in memory, some 300 bytes each. */
#define CONFIG_ARCHIVE_LAG_DEFAULT UINT64_C(524288)
#define CONFIG_ARCHIVE_LAG_MIN UINT64_C(1000)
#define CONFIG_ARCHIVE_LAG_MAX UINT64_C(100000000)
#define CONFIG_ENDPOINT_SIZE ADDRESS_SIZE
/* Bytes of a file of settings. */
#define CONFIG_FILE_MAX ((size_t)64 << 10)

enum config_action { CONFIG_RUN, CONFIG_CHECK, CONFIG_HELP, CONFIG_VERSION };

struct config {
    enum config_action action;
    char data[PATH_MAX - 16];
    char api[CONFIG_ENDPOINT_SIZE];
    char events[CONFIG_ENDPOINT_SIZE];
    char ledger[CHAIN_LEDGER_MAX + 1];
    int64_t stall_after;     /* seconds */
    uint64_t snapshot_every; /* events; 0: never */
    uint64_t archive_lag;    /* events */
    struct access access;
};

/* Fills *config from flags, environment and file. 0; 2 for bad flags, 78 for a bad value or file,
 * with what is wrong, and where it was said, printed to stderr. */
int config_read(struct config *config, int argc, char **argv);
/* The help text of the daemon's command line. */
extern const char config_help[];

#endif
