"""Facts of this machine that decide whether sites can run on it."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from skupper_local.host import machine


def test_the_room_of_what_is_not_there_yet_is_that_of_its_place(tmp_path: Path) -> None:
    here, there = machine.room_at(str(tmp_path)), machine.room_at(str(tmp_path / "a" / "b"))
    assert here
    assert there
    assert there.path == str(tmp_path)
    assert abs(here.free_bytes - there.free_bytes) < 1 << 30
    assert machine.room_at("") is None


def test_control_groups_are_one_of_the_known_ways_or_absent() -> None:
    assert machine.cgroup_version() in ("v1", "v2", "hybrid", "")


def test_the_clock_is_known_to_be_in_step_or_not_and_nothing_else() -> None:
    assert machine.clock_is_synchronised() in (True, False, None)


def test_subordinate_ids_count_by_name_and_by_number(tmp_path: Path) -> None:
    table = tmp_path / "subuid"
    table.write_text("ada:100000:65536\n1000:300000:10\nbob:1:5\nbroken\nada:x:y\n")
    assert machine.subordinate_ids("ada", 1000, table=str(table)) == 65_546
    assert machine.subordinate_ids("carl", 7, table=str(table)) == 0
    assert machine.subordinate_ids("ada", 1000, table=str(tmp_path / "none")) == 0


def test_a_connection_that_can_be_made_has_no_reason_and_one_that_is_refused_has() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        assert "refused" in machine.can_connect("127.0.0.1", port, 1.0)
        listening.listen()
        assert machine.can_connect("127.0.0.1", port, 1.0) == ""


def test_a_host_that_never_answers_costs_the_given_time_only() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        place = ("127.0.0.1", int(full.getsockname()[1]))
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:  # the queue of connections is full after the first two
            client.setblocking(False)
            client.connect_ex(place)
        began = time.monotonic()
        assert "no answer within 0.2 s" in machine.can_connect(place[0], place[1], 0.2)
        assert time.monotonic() - began < 2
        for client in waiting:
            client.close()
