"""Starting the load programs: the two services and the client, each a process of its own."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.rig.client import Stream, StreamResult
from tests.rig.ports import HOST, free_port

_ROOT = Path(__file__).resolve().parents[2]


def wait_until_accepts(port: int, seconds: float = 20.0) -> float:
    """Wait until something accepts connections on the port; returns after how many seconds it did."""
    start = time.monotonic()
    while True:
        try:
            with socket.create_connection((HOST, port), timeout=1.0):
                return time.monotonic() - start
        except OSError:
            if time.monotonic() - start > seconds:
                raise TimeoutError(f"nothing accepts on port {port} after {seconds} s") from None
            time.sleep(0.01)


def wait_until_refuses(port: int, seconds: float = 20.0) -> float:
    """Wait until connections to the port are refused; returns after how many seconds they were."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        try:
            with socket.create_connection((HOST, port), timeout=1.0):
                time.sleep(0.05)
        except ConnectionRefusedError:
            return time.monotonic() - start
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"port {port} still accepts after {seconds} s")


@contextlib.contextmanager
def _service(module: str) -> Iterator[int]:
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", module, str(port)], cwd=_ROOT) as process:
        try:
            wait_until_accepts(port)
            yield port
        finally:
            process.kill()


def stream_service() -> contextlib.AbstractContextManager[int]:
    """Run the stream service; gives its port."""
    return _service("tests.rig.service")


def echo_service() -> contextlib.AbstractContextManager[int]:
    """Run the echo service; gives its port."""
    return _service("tests.rig.echo")


def _command(job: str, **arguments: Any) -> list[str]:
    return [sys.executable, "-m", "tests.rig.client", json.dumps({"job": job, **arguments})]


class Job:
    """A job of the test client that runs meanwhile; ``result`` waits for it."""

    def __init__(self, job: str, **arguments: Any) -> None:
        self._process = subprocess.Popen(
            _command(job, **arguments), cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def result(self, timeout: float = 120.0) -> Any:
        """What the job printed; ``RuntimeError`` if it failed, ``TimeoutExpired`` if it hangs."""
        try:
            output, errors = self._process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise
        if self._process.returncode:
            raise RuntimeError(f"the load program failed: {errors.strip()}")
        return json.loads(output)

    @property
    def running(self) -> bool:
        """Whether it is still at work."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it; its connections are reset."""
        self._process.kill()
        self._process.communicate()


def run_job(job: str, timeout: float = 120.0, **arguments: Any) -> Any:
    """Run one job of the test client and return its result."""
    return Job(job, **arguments).result(timeout)


def start_streams(streams: list[Stream]) -> Job:
    """Start these streams, all at once."""
    return Job("streams", streams=[asdict(stream) for stream in streams])


def stream_results(job: Job, timeout: float = 120.0) -> list[StreamResult]:
    """The results of streams started by ``start_streams``."""
    return [StreamResult(**result) for result in job.result(timeout)]


def run_streams(streams: list[Stream], timeout: float = 120.0) -> list[StreamResult]:
    """Run these streams, all at once, in a process of their own."""
    return stream_results(start_streams(streams), timeout)


@contextlib.contextmanager
def held_connections(port: int, connections: int) -> Iterator[None]:
    """Keep this many used but idle connections open."""
    process = subprocess.Popen(
        _command("hold", port=port, connections=connections),
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        if process.stdout.readline() != "open\n":
            _, errors = process.communicate(timeout=10)
            raise RuntimeError(f"the idle connections could not be opened: {errors.strip()}")
        yield
        process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
