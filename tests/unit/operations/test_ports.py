"""Whether the sockets of a site can be opened, before anything is touched."""

from __future__ import annotations

import contextlib
import os
import socket

import pytest

from skupper_local.operations.errors import OpenFilesLimitError, PortInUseError
from skupper_local.operations.ports import Socket, require_free, require_open_files


def test_every_port_that_is_taken_is_named_with_its_holder_and_the_way_out() -> None:
    with contextlib.ExitStack() as open_sockets:
        listening = [open_sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        taken = sorted(item.getsockname()[1] for item in listening)
        wanted = {Socket("127.0.0.1", port): f"listener l{port}" for port in taken}
        with pytest.raises(PortInUseError) as caught:
            require_free(wanted, ())
        require_free(wanted, wanted)  # a router of this site holds them
    assert caught.value.what.endswith(": " + ", ".join(map(str, taken)))
    assert caught.value.why.count(f"process {os.getpid()} (") == 3
    assert all(
        f"listener l{port}: 127.0.0.1:{port}: address already in use" in caught.value.why for port in taken
    )
    assert all(f"sport = :{port}" in caught.value.next_step for port in taken)


def test_more_sockets_than_files_are_refused_with_both_numbers_and_the_way_out() -> None:
    wanted = [Socket("127.0.0.1", port) for port in range(20_000, 21_000)]
    require_open_files(wanted, 1100)
    with pytest.raises(OpenFilesLimitError) as caught:
        require_open_files(wanted, 1024)
    assert "1000 sockets" in caught.value.what
    assert "1024 files" in caught.value.what
    assert "ulimit" in caught.value.next_step


def test_a_listener_on_all_interfaces_takes_two_sockets() -> None:
    wanted = [Socket("", port) for port in range(20_000, 20_500)]
    require_open_files(wanted, 1100)
    with pytest.raises(OpenFilesLimitError):
        require_open_files(
            [*wanted, Socket("::", 1), *(Socket("0.0.0.0", port) for port in range(100))], 1100
        )
