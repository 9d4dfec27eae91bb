#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Prints what the daemon does beside its yardsticks, measured in the same run. RENTBUS_BIN_DIR holds
# the programs; --quick takes fewer rentals.
set -euo pipefail

bin=${RENTBUS_BIN_DIR:?says where the programs are}
rentals=150000
[[ ${1:-} == --quick ]] && rentals=30000
exec "$bin/bench_daemon" "$bin/rentbusd" "$rentals" 3
