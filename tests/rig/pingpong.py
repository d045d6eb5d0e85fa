"""Jobs of the test client against the echo service: round trips, many connections at once, short connections, idle ones.

Times are seconds; every function returns plain values for JSON.
"""

from __future__ import annotations

import resource
import select
import socket
import sys
import threading
import time
from typing import Any

from tests.rig.ports import HOST
from tests.rig.request import receive_exactly


def _connect(port: int, timeout: float = 20.0) -> socket.socket:
    connection = socket.create_connection((HOST, port), timeout=timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _quantile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def round_trips(port: int, seconds: float, size: int = 64) -> dict[str, Any]:
    """One connection, one message of ``size`` bytes at a time."""
    message = bytes(range(256))[:size]
    times: list[float] = []
    with _connect(port) as connection:
        connection.settimeout(None)
        for _ in range(50):  # the first ones pay for caches and windows
            connection.sendall(message)
            receive_exactly(connection, size)
        end = time.perf_counter() + seconds
        now = time.perf_counter()
        while now < end:
            connection.sendall(message)
            receive_exactly(connection, size)
            after = time.perf_counter()
            times.append(after - now)
            now = after
    return {"count": len(times), "p50": _quantile(times, 0.5), "p99": _quantile(times, 0.99)}


def ping_pong(port: int, connections: int, seconds: float, size: int = 64) -> dict[str, Any]:
    """``connections`` connections at once, each with one message on its way; ``broken`` counts those that did not last."""
    _raise_file_limit()
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    sent_at: dict[int, float] = {}
    missing: dict[int, int] = {}
    message = bytes(range(256))[:size]
    broken = 0
    for _ in range(connections):
        try:
            connection = _connect(port)
            connection.sendall(message)
            receive_exactly(connection, size)
        except OSError:
            broken += 1
            continue
        connection.setblocking(False)
        sockets[connection.fileno()] = connection
        poll.register(connection, select.EPOLLIN)
    start = time.perf_counter()
    for fd, connection in sockets.items():
        sent_at[fd] = time.perf_counter()
        missing[fd] = size
        connection.send(message)
    times: list[float] = []
    end = start + seconds
    last = start
    open_connections = len(sockets)
    while (last < end) and open_connections:
        for fd, _event in poll.poll(1.0):
            connection = sockets[fd]
            try:
                data = connection.recv(missing[fd])
            except OSError:
                data = b""
            if not data:
                broken += 1
                open_connections -= 1
                poll.unregister(fd)
                continue
            missing[fd] -= len(data)
            if missing[fd]:
                continue
            now = time.perf_counter()
            times.append(now - sent_at[fd])
            sent_at[fd] = now
            missing[fd] = size
            connection.send(message)
        last = time.perf_counter()
    silent = sum(1 for fd in sockets if last - sent_at[fd] > 5.0)
    for connection in sockets.values():
        connection.close()
    return {
        "count": len(times),
        "rate": len(times) / seconds,
        "p50": _quantile(times, 0.5),
        "p99": _quantile(times, 0.99),
        "broken": broken + silent,
    }


def _short_connection(port: int, size: int = 64) -> None:
    """Connect, send, receive, end the stream, see its end; raises ``OSError`` if any of it fails."""
    message = bytes(range(256))[:size]
    with _connect(port) as connection:
        connection.sendall(message)
        if receive_exactly(connection, size) != message:
            raise ConnectionError("wrong bytes came back")
        connection.shutdown(socket.SHUT_WR)
        if connection.recv(1):
            raise ConnectionError("bytes came back after the last one")


def connect_rate(port: int, seconds: float, workers: int = 1) -> dict[str, Any]:
    """New connections per second, ``workers`` of them at a time, each opened, used once and closed."""
    counts = [0] * workers
    end = time.perf_counter() + seconds

    def work(index: int) -> None:
        while time.perf_counter() < end:
            _short_connection(port, 1)
            counts[index] += 1

    start = time.perf_counter()
    threads = [threading.Thread(target=work, args=(index,)) for index in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"count": sum(counts), "rate": sum(counts) / (time.perf_counter() - start)}


def churn(port: int, rate: float, seconds: float, workers: int = 24) -> dict[str, Any]:
    """Short connections at a given rate, whatever becomes of the earlier ones; ``lost`` are those that failed."""
    lock = threading.Lock()
    times: list[float] = []
    errors: list[str] = []
    number = 0
    total = int(rate * seconds)
    start = time.monotonic()

    def work() -> None:
        nonlocal number
        while True:
            with lock:
                if number >= total:
                    return
                due = start + number / rate
                number += 1
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            begin = time.monotonic()
            try:
                _short_connection(port)
            except OSError as error:
                with lock:
                    errors.append(f"{type(error).__name__}: {error}")
                continue
            with lock:
                times.append(time.monotonic() - begin)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "count": total,
        "lost": len(errors),
        "errors": sorted(set(errors))[:5],
        "seconds": time.monotonic() - start,
        "p50": _quantile(times, 0.5),
        "p99": _quantile(times, 0.99),
    }


def hold(port: int, connections: int) -> dict[str, Any]:
    """Open connections, use each once, say so on standard output, and hold them until standard input ends."""
    _raise_file_limit()
    held: list[socket.socket] = []
    for _ in range(connections):
        connection = _connect(port)
        connection.sendall(b"x")
        receive_exactly(connection, 1)
        held.append(connection)
    print("open", flush=True)
    sys.stdin.read()
    for connection in held:
        connection.close()
    return {"count": len(held)}
