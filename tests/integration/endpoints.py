# SPDX-License-Identifier: MPL-2.0
"""What tests of webhooks are written with: an endpoint that notes what it gets, and its secrets."""
import base64
import hashlib
import hmac
import json
import socketserver
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler

from harness import spawn_cli, wait_until
from lambdas import DEADLINE, LONG_LEASE
from processes import started

# The one of the specification, and another one.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


class Request:
    """A request as it came."""

    def __init__(self, handler):
        self.number = None  # of all, from 0
        self.path = handler.path
        self.headers = handler.headers
        self.body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.peer = handler.client_address
        self.at = time.monotonic()

    @property
    def event(self):
        return json.loads(self.body)

    @property
    def n(self):
        """The number that lambdas.publish() gave the event."""
        return self.event["data"]["n"]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Clients go away in the middle."""


class Endpoint:
    """An HTTP server on a port of its own. `answer` is called with each Request and returns a
    status, or (status, headers, body). Without `listen` nobody answers until listen()."""

    def __init__(self, answer=lambda request: 200, listen=True, certificate=None):
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                request = Request(self)
                with endpoint._lock:
                    request.number = len(endpoint.requests)
                    endpoint.requests.append(request)
                endpoint._write(self, answer(request))

            do_GET = do_POST

            def log_message(self, *words):
                pass

        self.requests = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self._server.server_bind()
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.scheme = "https" if certificate else "http"
        self.port = self._server.server_address[1]
        self._thread = None
        started.append(self)
        if listen:
            self.listen()

    @staticmethod
    def _write(handler, answer):
        status, headers, body = answer if isinstance(answer, tuple) else (answer, {}, b"")
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if isinstance(body, bytes):
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        for piece in [body] if isinstance(body, bytes) else body:
            handler.wfile.write(piece)

    def listen(self):
        self._server.server_activate()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    def until(self, count):
        """Waits for so many requests and returns them."""
        return wait_until(
            lambda: self.requests[:] if len(self.requests) >= count else None,
            DEADLINE,
            f"{count} requests",
        )

    def close(self):
        if self._thread:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def reports(self):
        return []


def secret_file(directory, text=SECRET, mode=0o600, name="secret"):
    path = directory / name
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def signature(secret, request):
    """What the specification wants to see for the request."""
    content = b".".join(
        [request.headers[f"webhook-{name}"].encode() for name in ("id", "timestamp")]
        + [request.body]
    )
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def start(daemon, directory, name, endpoint, *words):
    """`rentbus lambda webhook NAME …` in the background, for events of the type mine."""
    words = words if "--lease" in words else (*LONG_LEASE, *words)
    words = ("--url", endpoint.url, "--on", "mine", "--from", "first", *words)
    env = {"no_proxy": "*"}
    return spawn_cli(daemon, "lambda", "webhook", name, *words, directory=directory, env=env)
