"""The test service: ``python -m tests.rig.service PORT`` answers the requests of ``request.py`` until it is terminated.

One thread per connection; reading and writing of big buffers release the interpreter lock, so that a few bulk streams use
the machine and not the interpreter.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

from tests.rig.ports import HOST
from tests.rig.request import Kind, Report, Request, receive_exactly
from tests.rig.transfer import receive_stream, send_stream

_reports: dict[int, Report] = {}


def _serve(connection: socket.socket) -> None:
    with connection:
        try:
            request = Request.decode(receive_exactly(connection, Request.SIZE))
            _answer(connection, request)
        except (OSError, ValueError):
            return


def _send(connection: socket.socket, request: Request) -> None:
    send_stream(
        connection, request.seed, request.length, check=request.check, milliseconds=request.milliseconds
    )


def _send_beside(connection: socket.socket, request: Request) -> None:
    with contextlib.suppress(OSError):  # the reader of the same connection sees the same end
        _send(connection, request)


def _receive(connection: socket.socket, request: Request) -> Report:
    return receive_stream(connection, request.seed, rate=request.rate, check=request.check)


def _answer(connection: socket.socket, request: Request) -> None:
    match request.kind:
        case Kind.UPLOAD:
            connection.sendall(_receive(connection, request).encode())
        case Kind.DOWNLOAD:
            _send(connection, request)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):  # until the client has everything and closes
                pass
        case Kind.DUPLEX:
            sender = threading.Thread(target=_send_beside, args=(connection, request), daemon=True)
            sender.start()
            report = _receive(connection, request)
            sender.join()
            connection.sendall(report.encode())
        case Kind.DEAF:
            connection.shutdown(socket.SHUT_WR)
            _reports[request.seed] = _receive(connection, request)
        case Kind.ASK:
            connection.sendall(_reports.get(request.seed, Report(0, False)).encode())


def main() -> None:
    """Listen and serve until terminated."""
    listener = socket.create_server((HOST, int(sys.argv[1])), backlog=1024)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
