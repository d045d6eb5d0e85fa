"""What engines tell of containers, images and logs, read into values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.platforms.inspection import container_facts, image_facts, log_lines, seconds_of

DOCKER: dict[str, Any] = {
    "Id": "abc",
    "Name": "/west-skupper-router",
    "Image": "sha256:1234",
    "RestartCount": 2,
    "State": {
        "Running": True,
        "Restarting": False,
        "Dead": False,
        "Pid": 77,
        "ExitCode": 0,
        "OOMKilled": False,
        "StartedAt": "2026-11-23T05:22:09.569839219Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
        "Health": {"Status": "healthy"},
    },
    "Config": {"Image": "router:1", "Labels": {"application": "skupper-v2"}},
    "HostConfig": {"RestartPolicy": {"Name": "always"}, "NetworkMode": "apps"},
    "NetworkSettings": {
        "Networks": {"apps": {"IPAddress": "172.18.0.2"}, "idle": {"IPAddress": ""}},
        "Ports": {
            "8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18080"}],
            "53/udp": [{"HostPort": "53"}],
            "9/tcp": None,
        },
    },
    "Mounts": [{"Source": "/srv/west/runtime/router", "Destination": "/etc/skupper-router/config"}],
}


def test_a_running_container_of_docker() -> None:
    facts = container_facts(DOCKER)
    assert (facts.name, facts.image, facts.image_id) == ("west-skupper-router", "router:1", "1234")
    assert (facts.running, facts.pid, facts.restarts, facts.health) == (True, 77, 2, "healthy")
    assert facts.since == pytest.approx(1795411329.57, abs=0.01)
    assert facts.ended == 0
    assert facts.addresses == {"apps": "172.18.0.2"}
    assert facts.published == {8080: (("127.0.0.1", 18080),)}
    assert facts.mounted == {"/etc/skupper-router/config": "/srv/west/runtime/router"}


def test_a_container_that_the_engine_is_about_to_start_again_does_not_run() -> None:
    facts = container_facts({**DOCKER, "State": {**DOCKER["State"], "Restarting": True}})
    assert (facts.running, facts.restarting, facts.pid) == (False, True, 0)


def test_podman_writes_names_images_and_time_zones_in_its_own_way() -> None:
    state = {
        "Running": True,
        "StartedAt": "2026-11-23T06:22:09.5+01:00",
        "Pid": 5,
        "Healthcheck": {"Status": "starting"},
    }
    facts = container_facts(
        {"Name": "x", "Image": "1234", "ImageName": "localhost/r:1", "State": state, "Config": {}}
    )
    assert (facts.name, facts.image, facts.image_id, facts.health) == (
        "x",
        "localhost/r:1",
        "1234",
        "starting",
    )
    assert facts.since == pytest.approx(1795411329.5)
    assert facts.restart_policy == "no"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *DOCKER,
                    *DOCKER["State"],
                    "Ports",
                    "Networks",
                    "Labels",
                    "RestartPolicy",
                    "8080/tcp",
                    "HostPort",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from([*DOCKER]), json_values))
def test_an_incomplete_or_strange_answer_never_fails(answer: dict[str, Any]) -> None:
    container_facts(answer)
    image_facts("a:1", answer)


def test_the_digest_of_an_image_is_the_one_of_its_own_repository() -> None:
    answer = {"Id": "sha256:12", "RepoDigests": ["other/x@sha256:aa", "quay.io/s/r@sha256:bb"], "Size": 5}
    assert image_facts("quay.io/s/r:1", answer).digest == "sha256:bb"
    assert image_facts("localhost/new:1", answer).digest == ""


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "", None, 7, "yesterday"])
def test_never_and_nonsense_are_no_time(text: object) -> None:
    assert seconds_of(text) == 0


def frame(stream: int, content: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


@given(st.data(), st.lists(st.binary(max_size=20), max_size=6))
def test_lines_come_whole_however_the_stream_is_cut(data: st.DataObject, parts: list[bytes]) -> None:
    text = b"".join(parts)
    whole = b"".join(frame(1, part) for part in parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    chunks = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    expected = text.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert list(log_lines(chunks)) == [line.decode("utf-8", "replace").rstrip("\r") for line in expected]


def test_output_and_errors_do_not_run_into_each_other() -> None:
    stream = [frame(1, b"one "), frame(2, b"oops\n"), frame(1, b"two\n")]
    assert list(log_lines(stream)) == ["oops", "one two"]


def test_a_line_without_end_is_cut() -> None:
    lines = list(log_lines([frame(1, b"x" * 100_000) for _ in range(3)]))
    assert max(len(line) for line in lines) <= 65_536
    assert sum(len(line) for line in lines) == 300_000


def test_a_report_can_be_written_as_json() -> None:
    assert json.loads(json.dumps(container_facts(DOCKER).labels)) == {"application": "skupper-v2"}
