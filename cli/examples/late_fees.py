#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""A fee for every rental that is overdue, as an event of its own:
rentbus lambda run late-fees --on RENTAL_EXPIRED_EVENT --publish -- ./late_fees.py"""
import json
import sys

rental = json.load(sys.stdin)["data"]["rental"]
fee = {"user_id": rental["user_id"], "rental_id": rental["id"], "cents": 50}
print(json.dumps({"type": "fee.late", "subject": rental["user_id"], "data": fee}))
