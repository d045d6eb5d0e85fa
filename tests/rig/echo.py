"""The echo service: ``python -m tests.rig.echo PORT`` sends back what it gets, for thousands of connections in one thread.

Meant for small messages: what cannot be sent at once is kept until the socket takes it, so a peer that never reads costs
memory here, not correctness.
"""

from __future__ import annotations

import resource
import select
import socket
import sys

from tests.rig.ports import HOST


class EchoServer:
    """An epoll loop over one listening socket and its connections."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server((HOST, port), backlog=4096)
        self._listener.setblocking(False)
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)
        self._connections: dict[int, socket.socket] = {}
        self._unsent: dict[int, bytes] = {}

    def run(self) -> None:
        """Serve for ever."""
        listener = self._listener.fileno()
        while True:
            for fd, event in self._poll.poll():
                if fd == listener:
                    self._accept()
                elif event & select.EPOLLOUT:
                    self._flush(fd)
                else:
                    self._echo(fd)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections[connection.fileno()] = connection
            self._poll.register(connection, select.EPOLLIN)

    def _echo(self, fd: int) -> None:
        connection = self._connections[fd]
        try:
            data = connection.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(fd)
            return
        try:
            sent = connection.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(fd)
            return
        if sent < len(data):
            self._unsent[fd] = data[sent:]
            self._poll.modify(fd, select.EPOLLOUT)

    def _flush(self, fd: int) -> None:
        try:
            sent = self._connections[fd].send(self._unsent[fd])
        except BlockingIOError:
            return
        except OSError:
            self._close(fd)
            return
        self._unsent[fd] = self._unsent[fd][sent:]
        if not self._unsent[fd]:
            del self._unsent[fd]
            self._poll.modify(fd, select.EPOLLIN)

    def _close(self, fd: int) -> None:
        self._poll.unregister(fd)
        self._connections.pop(fd).close()
        self._unsent.pop(fd, None)


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    EchoServer(int(sys.argv[1])).run()
