"""The web server of the demonstration: ``python -m skupper_local.operations.hello_server PORT DIRECTORY TEXT``.

It answers every GET on 127.0.0.1 with the text, until it is terminated or the directory is gone: so that whoever removes a
demonstration that was kept removes the server too.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def _handler(text: str) -> type[BaseHTTPRequestHandler]:
    class Hello(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            body = f"{text}\n".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nobody reads its log."""

    return Hello


def main(port: int, directory: str, text: str) -> None:
    """Serve. Prints one line when it listens."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(text))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("listening", flush=True)
    while os.path.isdir(directory):
        time.sleep(0.5)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
