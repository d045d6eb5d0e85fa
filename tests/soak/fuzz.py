"""Fuzzing a listening router: a hundred kinds of hostile peer, while its other link carries traffic.

The victim must end every such connection by itself soon after the peer is done, keep answering /healthz, keep its memory and
its descriptors, and must not disturb the connections that run over its link to another router meanwhile.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.rig.certificates import Credentials
from tests.rig.network import Network
from tests.rig.ports import HOST, free_port
from tests.rig.programs import echo_service, run_job
from tests.rig.routers import Program
from tests.soak.hostile_inputs import HostileInput, hostile_input, hostile_request
from tests.soak.outcome import MEGABYTE, Outcome, expect_files_closed, expect_healthy

PATIENCE = 10.0
"""Seconds within which the victim must end the connection of a peer that has ended its own side."""

TOO_MANY = 20
"""Violations after which there is nothing more to learn."""

ALLOWED_GROWTH = 64 * MEGABYTE
_WORKERS = 6


class _Background:
    """Twenty connections that ping-pong over the victim's link until stopped."""

    def __init__(self, port: int, outcome: Outcome) -> None:
        self._port = port
        self._outcome = outcome
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._done.is_set():
            try:
                result = run_job("ping_pong", port=self._port, connections=20, seconds=3.0)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                self._outcome.violations.append(f"the traffic over the other link failed: {error}")
                return
            self._outcome.count("messages over the other link meanwhile", result["count"])
            self._outcome.expect(
                result["broken"] == 0, f"{result['broken']} of 20 connections over the other link broke"
            )
            self._outcome.expect(result["count"] > 0, "no message passed over the other link for 3 seconds")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


class _Peer:
    """Sends hostile inputs to the victim's ports, each on a connection of its own."""

    def __init__(self, seed: int, plain: int, tls: int, http: int, credentials: Credentials) -> None:
        self._seed = seed
        self._plain, self._tls, self._http = plain, tls, http
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.load_verify_locations(credentials.ca)
        self._context.load_cert_chain(credentials.certificate, credentials.key)

    def attack(self, number: int) -> str | None:
        """Send the input with this number; returns what the victim did wrong."""
        match number % 20:
            case 0:
                hostile, port, wrap = hostile_request(self._seed, number), self._http, False
            case 1:
                hostile, port, wrap = hostile_input(self._seed, number), self._tls, False
            case 2:
                hostile, port, wrap = hostile_input(self._seed, number, mechanism="EXTERNAL"), self._tls, True
            case _:
                hostile, port, wrap = hostile_input(self._seed, number), self._plain, False
        try:
            connection = socket.create_connection((HOST, port), timeout=PATIENCE)
        except OSError as error:
            return f"input {number} ({hostile.idea}): no connection: {error}"
        with connection:
            try:
                self._send(connection, hostile, wrap=wrap)
            except TimeoutError:
                return f"input {number} ({hostile.idea}): the connection was still open after {PATIENCE} s"
            except OSError:
                return None  # the victim ended the connection, as it may
        return None

    def _send(self, connection: socket.socket, hostile: HostileInput, *, wrap: bool) -> None:
        if wrap:
            connection = self._context.wrap_socket(connection)
        with connection:
            connection.settimeout(PATIENCE)
            for number, step in enumerate(hostile.steps):
                if number:
                    _read_answers(connection)
                connection.sendall(step)
            if isinstance(connection, ssl.SSLSocket):
                connection.unwrap()
            else:
                connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):
                pass


def _read_answers(connection: socket.socket) -> None:
    """Read what the victim has to say to what it got so far: until it is quiet for a moment."""
    connection.settimeout(0.01)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        connection.settimeout(PATIENCE)


def _numbers(seconds: float, inputs: int | None) -> Iterator[int]:
    end = time.monotonic() + seconds
    number = 0
    while number < inputs if inputs is not None else time.monotonic() < end:
        yield number
        number += 1


def fuzz(
    program: Program, directory: Path, seconds: float, seed: int, *, inputs: int | None = None
) -> Outcome:
    """Send hostile inputs for ``seconds``, or exactly ``inputs`` of them."""
    outcome = Outcome("fuzz")
    with echo_service() as echo, Network(directory) as network:
        network.add("quiet", program)
        victim = network.add("victim", program)
        network.link("victim", "quiet")
        network.expose("quiet", "echo", echo)
        background_port = network.consume("victim", "echo")
        plain = free_port()
        victim.configuration.listen(plain, None, name="open")
        credentials = network.client_credentials("hostile")
        assert credentials
        network.start()
        router = victim.process
        peer = _Peer(seed, plain, victim.access_port, router.http_port, credentials)
        files = router.open_files()
        with _Background(background_port, outcome):
            _attack(peer, outcome, _numbers(seconds * 0.1, None if inputs is None else inputs // 10), 0)
            warm = router.resident_bytes()
            done = int(outcome.counts.get("hostile inputs", 0))
            _attack(peer, outcome, _numbers(seconds * 0.9, None if inputs is None else inputs - done), done)
        time.sleep(1)
        outcome.counts["memory growth, MB"] = round((router.resident_bytes() - warm) / MEGABYTE, 1)
        outcome.expect(
            router.resident_bytes() - warm < ALLOWED_GROWTH,
            f"the victim grew by {(router.resident_bytes() - warm) / MEGABYTE:.0f} MB",
        )
        expect_files_closed(outcome, router, files)
        expect_healthy(outcome, network)
        after = run_job("churn", port=background_port, rate=50.0, seconds=1.0)
        outcome.expect(after["lost"] == 0, f"after the fuzzing connections are lost: {after['errors']}")
    return outcome


def _attack(peer: _Peer, outcome: Outcome, numbers: Iterator[int], offset: int) -> None:
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None or len(outcome.violations) >= TOO_MANY:
                return
            violation = peer.attack(offset + number)
            with lock:
                outcome.count("hostile inputs")
                if violation:
                    outcome.violations.append(violation)

    threads = [threading.Thread(target=work) for _ in range(_WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
