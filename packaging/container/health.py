#!/usr/bin/python3
"""Whether the router in this container answers: exit status 0 if it does, 1 if not.

It asks what the router's configuration offers: ``/healthz`` of an HTTP listener, else the ``normal`` listener, which must speak
AMQP (over TLS with the site's client credentials, where it has an sslProfile). A site manager may as well ask in its own way.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

CONFIGURATION = "/tmp/skrouterd.json"  # noqa: S108 - a directory of this container alone
CLIENT = "skupper-local-client"
"""The directory of the site's client credentials, beside those of the listener."""

SECONDS = 5.0
_SASL = b"AMQP\x03\x01\x00\x00"


def answers(entities: list[Any]) -> bool:
    """Whether the router of this configuration answers. Raises OSError when nothing accepts or the answer does not come."""
    listeners = [values for kind, values in entities if kind == "listener"]
    profiles = {values.get("name"): values for kind, values in entities if kind == "sslProfile"}
    web = next((item for item in listeners if item.get("http") and item.get("healthz", True)), None)
    if web and not web.get("sslProfile"):
        with _connected(web) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return b" 200 " in _received(connection, 64).split(b"\r\n")[0]
    local = next((item for item in listeners if item.get("role") == "normal" and not item.get("http")), None)
    if local is None:
        raise OSError("the configuration has no listener that could be asked")
    profile = profiles.get(local.get("sslProfile"))
    with _connected(local) as plain:
        if profile is None:
            return _speaks_amqp(plain)
        client = Path(profile["caCertFile"]).parent.parent / CLIENT
        with _context(profile, client).wrap_socket(plain) as connection:
            # Without credentials of a client the router ends the connection now; it has answered, which was the question.
            return not client.is_dir() or _speaks_amqp(connection)


def _speaks_amqp(connection: socket.socket) -> bool:
    connection.sendall(_SASL)
    return _received(connection, len(_SASL)) == _SASL


def _connected(listener: dict[str, Any]) -> socket.socket:
    host = listener.get("host") or "127.0.0.1"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what a listener may say
    port = {"amqp": 5672, "amqps": 5671}.get(str(listener.get("port"))) or int(listener.get("port", 5672))
    return socket.create_connection((host, port), timeout=SECONDS)


def _context(profile: dict[str, Any], client: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the same machine, and a CA of this site
    context.load_verify_locations(profile["caCertFile"])
    if client.is_dir():
        context.load_cert_chain(client / "tls.crt", client / "tls.key")
    return context


def _received(connection: socket.socket, length: int) -> bytes:
    answer = b""
    while len(answer) < length and (part := connection.recv(length - len(answer))):
        answer += part
    return answer


def main() -> int:
    """Ask; the exit status."""
    try:
        with open(CONFIGURATION, encoding="utf-8") as file:
            entities = json.load(file)
        if answers(entities):
            return 0
        print("the router does not answer as it should", file=sys.stderr)
    except (OSError, ValueError, KeyError) as error:
        print(f"the router does not answer: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
