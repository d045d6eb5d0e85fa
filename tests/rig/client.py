"""The test client: ``python -m tests.rig.client JOB`` runs one job, given as JSON, and prints its result as JSON.

Jobs are the dataclasses below; ``programs.run_job`` starts the process and returns the result. A job never raises for what
the network did: a lost or wrong stream is in its result.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tests.rig import pingpong
from tests.rig.ports import HOST
from tests.rig.request import Kind, Report, Request, receive_exactly
from tests.rig.transfer import receive_stream, send_stream


@dataclass(frozen=True)
class Stream:
    """One transfer through a port: ``rate`` limits the reader (bytes per second), whichever side that is."""

    port: int
    kind: int = Kind.UPLOAD
    seed: int = 1
    length: int = 0
    rate: int = 0
    milliseconds: int = 0
    check: bool = True
    timeout: float = 60.0


@dataclass(frozen=True)
class StreamResult:
    """What became of a stream: ``good`` when every byte arrived, in order, and both ends saw the end of it."""

    good: bool
    count: int
    seconds: float
    error: str = ""


def run_streams(streams: list[Stream]) -> list[StreamResult]:
    """Run the streams at the same time, a thread each."""
    results: list[StreamResult | None] = [None] * len(streams)

    def run(index: int) -> None:
        results[index] = _run_stream(streams[index])

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(streams))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [result or StreamResult(False, 0, 0.0, "the thread died") for result in results]


def _run_stream(stream: Stream) -> StreamResult:
    start = time.monotonic()
    try:
        with socket.create_connection((HOST, stream.port), timeout=stream.timeout) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            count, good = _transfer(connection, stream)
    except OSError as error:
        return StreamResult(False, 0, time.monotonic() - start, f"{type(error).__name__}: {error}")
    return StreamResult(good, count, time.monotonic() - start)


def _transfer(connection: socket.socket, stream: Stream) -> tuple[int, bool]:
    kind = Kind(stream.kind)
    request = Request(kind, stream.seed, stream.length, stream.rate, stream.milliseconds, check=stream.check)
    connection.sendall(request.encode())
    if kind is Kind.ASK:
        report = Report.decode(receive_exactly(connection, Report.SIZE))
        return report.count, report.good
    if kind is Kind.DOWNLOAD:
        received = receive_stream(connection, stream.seed, rate=stream.rate, check=stream.check)
        return received.count, received.good and (received.count == stream.length or stream.milliseconds > 0)
    if kind is Kind.DEAF:
        if connection.recv(1):
            return 0, False
        sent = send_stream(connection, stream.seed, stream.length)
        connection.shutdown(socket.SHUT_WR)
        return sent, True
    if kind is Kind.DUPLEX:
        return _duplex(connection, stream)
    sent = send_stream(
        connection, stream.seed, stream.length, check=stream.check, milliseconds=stream.milliseconds
    )
    connection.shutdown(socket.SHUT_WR)
    return sent, _reported(connection, sent)


def _duplex(connection: socket.socket, stream: Stream) -> tuple[int, bool]:
    received: list[Report] = []

    def receive() -> None:
        with contextlib.suppress(OSError):  # then nothing is in ``received``
            received.append(receive_stream(connection, stream.seed, rate=stream.rate, length=stream.length))

    reader = threading.Thread(target=receive)
    reader.start()
    sent = send_stream(connection, stream.seed, stream.length)
    connection.shutdown(socket.SHUT_WR)
    reader.join()
    good = bool(received) and received[0].good and received[0].count == stream.length
    return sent, _reported(connection, sent) and good


def _reported(connection: socket.socket, sent: int) -> bool:
    report = Report.decode(receive_exactly(connection, Report.SIZE))
    return report.good and report.count == sent and not connection.recv(1)


def _job_streams(streams: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [asdict(result) for result in run_streams([Stream(**stream) for stream in streams])]


_JOBS: dict[str, Callable[..., Any]] = {
    "streams": _job_streams,
    "round_trips": pingpong.round_trips,
    "ping_pong": pingpong.ping_pong,
    "connect_rate": pingpong.connect_rate,
    "churn": pingpong.churn,
    "hold": pingpong.hold,
}


def main() -> None:
    """Run the job given as the only argument."""
    job = json.loads(sys.argv[1])
    result = _JOBS[job.pop("job")](**job)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
