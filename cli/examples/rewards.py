#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Points for everything that comes back, 10 a piece, in a file for each user; a replay changes
nothing, for a file keeps which events it has counted (in a drill: of $RENTBUS_STATE_DIR):
rentbus lambda run rewards --on RENTAL_RETURN_COMPLETE_EVENT --stream -- ./rewards.py DIRECTORY"""
import json
import os
import sys
from pathlib import Path

directory = os.environ.get("RENTBUS_STATE_DIR") or sys.argv[1]
for line in sys.stdin:
    event = json.loads(line)
    file = Path(directory, event["data"]["rental"]["user_id"].replace("/", "_") + ".json")
    counted = set(json.loads(file.read_text())["events"]) if file.exists() else set()
    counted.add(event["seq"])
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"points": 10 * len(counted), "events": sorted(counted)}))
    new.replace(file)
    print("ack", event["seq"], flush=True)
