#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# A small shop, end to end: rentals imported, scans returned, events arriving live, a rental read back
# over HTTP. RENTBUS_BIN_DIR holds the programs. Everything lives in a directory that is removed at
# the end.
set -euo pipefail

bin=${RENTBUS_BIN_DIR:?says where the programs are}
data=$(dirname "${BASH_SOURCE[0]}")/data
work=$(mktemp -d /tmp/rentbus-demo-XXXXXX)
export RENTBUS_DATA=$work/data RENTBUS_API=ipc://$work/api.sock RENTBUS_EVENTS=ipc://$work/events.sock
started=()

finish() {
    local pid
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT

say() {
    printf '\n\033[1m%s\033[0m\n' "$*"
}

show() {
    printf '\033[2m$ %s\033[0m\n' "$*"
    "$@"
}

rentbus() {
    "$bin/rentbus" "$@"
}

# Waits until the file has a line that matches, for 10 seconds at most.
wait_for_line() {
    local deadline=$((SECONDS + 10))
    until grep -q -- "$1" "$2" 2>/dev/null; do
        if ((SECONDS > deadline)); then
            cat "$2" >&2
            exit 1
        fi
        read -rt 0.05 <> <(:) || true
    done
}

say "1. The daemon owns the ledger: $RENTBUS_API"
"$bin/rentbusd" 2>"$work/rentbusd.log" &
started+=($!)
wait_for_line event=ready "$work/rentbusd.log"
show rentbus hello

say "2. Rentals of a shop of reusable containers come in from a SQLite file"
sqlite3 "$work/shop.db" <"$data/reusables.sql"
show rentbus import "$work/shop.db"
show rentbus list --user tpg_u0001

say "3. A subscriber watches the bus while five boxes are scanned at return bins"
"$bin/rentbus" --json watch --since now >"$work/live" 2>"$work/watch.log" &
started+=($!)
# It is listening when it has seen an event: registering a place makes one.
until grep -q LOCATION_ "$work/live"; do
    rentbus location put "bin-$RANDOM" --json >/dev/null
done
: >"$work/scans"
for scan in "$data"/scan_?.json; do
    show rentbus return --event "$scan" || echo "   (exit status $?: a rule said no, and the scan is on record)"
done
wait_for_line 814404a3 "$work/live"
echo
echo "What the subscriber saw:"
jq -r 'select(.type | startswith("RENTAL_")) | "   seq \(.seq)  \(.type)  \(.subject)"' "$work/live"

say "4. The same rental, read back over HTTP"
"$bin/rentbus-http" --listen 127.0.0.1:0 2>"$work/http.log" &
started+=($!)
wait_for_line 'listening on' "$work/http.log"
http=$(grep -o 'http://127.0.0.1:[0-9]*' "$work/http.log" | head -1)
show curl -sS "$http/rentals/2152d14c-708d-4053-9f3f-246fd472f1aa"
echo
show curl -sS -i -X PUT -d '{"return_date": "2025-02-12T09:30:00Z", "location_id": "bin-7"}' \
    "$http/rentals/135f1903-b275-4e7a-b940-638d632c5d28"
echo

say "5. Journal, ledger and archive agree"
show rentbus verify
show rentbus stats --since 2025-02-01T00:00:00Z --until 2025-03-01T00:00:00Z
