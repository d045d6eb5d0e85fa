"""Traffic that must arrive whole, and logs that must stay clean, whatever routers are in between."""

from __future__ import annotations

import time

from tests.rig.client import Stream, StreamResult
from tests.rig.network import Network
from tests.rig.programs import run_job, run_streams
from tests.rig.request import Kind
from tests.rig.routers import RouterProcess

MEGABYTE = 1_000_000


def assert_whole(results: list[StreamResult]) -> None:
    """Every byte of every stream arrived."""
    assert not [result for result in results if not result.good], results


def streams_of_every_kind(port: int, length: int, seed: int) -> list[Stream]:
    """An upload, a download and both at once."""
    kinds = (Kind.UPLOAD, Kind.DOWNLOAD, Kind.DUPLEX)
    return [Stream(port, kind, seed=seed + index, length=length) for index, kind in enumerate(kinds)]


def assert_half_close_is_kept_apart(port: int, service: int, seed: int) -> None:
    """The server ends its stream first; what the client sends afterwards still arrives, as the server itself says."""
    length = 3 * MEGABYTE + 7
    assert_whole(run_streams([Stream(port, Kind.DEAF, seed=seed, length=length)]))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        [report] = run_streams([Stream(service, Kind.ASK, seed=seed)])
        if report.count == length:
            assert report.good
            return
        time.sleep(0.1)
    raise AssertionError(f"the service did not get the stream: {report}")


def wait_until_serves(port: int, seconds: float = 30.0) -> None:
    """Wait until a small stream passes. A router that accepts may still have lost what is behind it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        [result] = run_streams([Stream(port, Kind.UPLOAD, length=1000, timeout=2.0)])
        if result.good:
            return
        time.sleep(0.1)
    raise AssertionError(f"no stream passes port {port} after {seconds} s: {result}")


def wait_until_echoes(port: int, seconds: float = 30.0) -> None:
    """Wait until a short connection passes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = run_job("churn", port=port, rate=20.0, seconds=0.5, workers=1)
        if result["lost"] == 0:
            return
    raise AssertionError(f"no connection passes port {port} after {seconds} s: {result}")


def assert_short_connections(port: int, count: int = 200) -> None:
    """Short connections one after the other and side by side, none lost."""
    result = run_job("churn", port=port, rate=200.0, seconds=count / 200, workers=8)
    assert result["lost"] == 0, result


def assert_traffic(
    network: Network, stream: int, echo: int, *, service: int, length: int = 20 * MEGABYTE
) -> None:
    """All sorts of traffic through a stream port and an echo port of the network; ``service``: the stream service itself."""
    assert_whole(run_streams(streams_of_every_kind(stream, length, seed=stream)))
    assert_half_close_is_kept_apart(stream, service, seed=stream)
    assert_short_connections(echo)
    idle = run_job("ping_pong", port=echo, connections=50, seconds=1.0)
    assert idle["broken"] == 0, idle
    assert idle["count"] > 100, idle
    assert_no_complaints(network)


def assert_no_complaints(network: Network) -> None:
    """No router logged anything of level WARNING or above."""
    complaints = {name: node.process.complaints() for name, node in network.nodes.items()}
    assert not any(complaints.values()), complaints


def assert_clean_farewell(leaving: RouterProcess, staying: RouterProcess) -> None:
    """A router that is told to stop closes its links, so that its neighbour has nothing to complain about."""
    assert leaving.stop() == 0
    time.sleep(0.3)
    assert staying.complaints() == []
