#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Prints what the daemon does beside its yardsticks, measured in the same run. RENTBUS_BIN_DIR holds
# the programs; --quick takes fewer rentals and events.
set -euo pipefail

bin=${RENTBUS_BIN_DIR:?says where the programs are}
rentals=150000
events=300000
if [[ ${1:-} == --quick ]]; then
    rentals=30000
    events=60000
fi
printf 'load average before: %s\n' "$(cut -d ' ' -f 1-3 /proc/loadavg)"
"$bin/bench_daemon" "$bin/rentbusd" "$rentals" 3
"$bin/bench_bus" "$bin/rentbusd" "$bin/rentbus" "$events" 3
printf 'load average after: %s\n' "$(cut -d ' ' -f 1-3 /proc/loadavg)"
