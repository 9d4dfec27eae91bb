#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Prints what rentbus does beside its yardsticks, measured in the same run. RENTBUS_BIN_DIR holds the
# programs; --quick takes less of everything.
set -euo pipefail

bin=${RENTBUS_BIN_DIR:?says where the programs are}
printf 'load average before: %s\n' "$(cut -d ' ' -f 1-3 /proc/loadavg)"
"$bin/bench_rentbus" "$@" "$bin"
printf 'load average after: %s\n' "$(cut -d ' ' -f 1-3 /proc/loadavg)"
