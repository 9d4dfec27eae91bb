#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""An endpoint that believes only what is signed with a secret of the file, and not long ago:
webhook_receiver.py PORT SECRET_FILE
rentbus lambda webhook hook --url http://127.0.0.1:PORT/ --secret-file SECRET_FILE"""
import base64
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

words = Path(sys.argv[2]).read_text().split()
secrets = [base64.b64decode(word.removeprefix("whsec_")) for word in words]
seen = set()  # an event may come twice: a real one keeps its ids where they last


def signed(id, timestamp, signatures, body):
    if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > 300:
        return False
    content = f"{id}.{timestamp}.".encode() + body
    wanted = [base64.b64encode(hmac.digest(secret, content, "sha256")) for secret in secrets]
    given = [word.removeprefix("v1,").encode() for word in signatures.split()]
    return any(hmac.compare_digest(a, b) for a in wanted for b in given)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        headers = [self.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        good = signed(*headers, body)
        if good and headers[0] not in seen:
            seen.add(headers[0])
            print(json.loads(body)["type"], headers[0], flush=True)
        self.send_response(204 if good else 401)
        self.end_headers()


server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print("listening on", server.server_port, flush=True)
server.serve_forever()
