"""A command line that cannot be taken is answered with one that can."""

from __future__ import annotations

import json
import shlex

import pytest

from skupper_local.cli.main import cli
from skupper_local.cli.mistyped import ELSEWHERE, walk
from tests.unit.cli.conftest import Run
from tests.unit.cli.lines import parses


def next_line(err: str) -> str:
    """What stands behind ``next:``, without the words that say it is an example."""
    (line,) = [line for line in err.splitlines() if line.startswith("  next: ")]
    return line.removeprefix("  next: ").removeprefix("for example: ")


MEANT = {
    # a word with a slip, glued words, swapped words, a word of another program, a word of another group
    "lisener status": "listener status",
    "listenercreate web 80": "listener create web 80",
    "listener-create web 80": "listener create web 80",
    "listenerscreate web 80": "listener create web 80",
    "system generatebundle x": "system generate-bundle x",
    "listener craete web 80 --host 127.0.0.1": "listener create web 80 --host 127.0.0.1",
    "-n west listener craete web 80": "listener create -n west web 80",
    "create listener web 80": "listener create web 80",
    "delete listener web": "listener delete web",
    "get listeners": "listener status",
    "listener list": "listener status",
    "link rm west": "link delete west",
    "status": "system status",
    "start -n west": "system start -n west",
    "site start": "system start",
    "site reload -n west": "system reload -n west",
    "apply -f x.yaml": "system apply -f x.yaml",
    "debug check": "system check",
    "listener web": "listener status web",
    "service backend -n west": "",
    "-n west service backend": "service status -n west backend",
    "help listener create": "listener create --help",
    "help": "--help",
    # an option with a slip, a choice with a slip, a word too many, an option left away
    "listener create web 80 --hst 127.0.0.1": "listener create web 80 --host 127.0.0.1",
    "listener create web 80 --hst=127.0.0.1": "listener create web 80 --host=127.0.0.1",
    "site create west --enable-link-acess": "site create west --enable-link-access",
    "site create --name west": "site create west",
    "listener create web --port 80 --host 127.0.0.1": "listener create web 80 --host 127.0.0.1",
    "listener create --port=80 --name=web": "listener create web 80",
    "listener create --name web 80 -n west": "listener create web 80 -n west",
    "listener create web 80 --wait redy": "listener create web 80 --wait ready",
    "listener create web 80 --wait=redy": "listener create web 80 --wait=ready",
    "listener create web 80 81": "listener create web 80",
    "system apply x.yaml": "system apply -f x.yaml",
    "system delete listener web -n west": "listener delete web -n west",
    "system migrate podman": "system migrate --to podman",
    "up x.yaml -n west": "up -f x.yaml -n west",
    "demo now": "demo",
    "listener status web more": "listener status web",
    "system start west": "system start -n west",
    "system status west -o json": "system status -n west -o json",
    "system teardown west --force": "system teardown -n west --force",
    "system teardown --force west -n east": "",
    "system stop west": "system stop -n west",
}


@pytest.mark.parametrize(("typed", "meant"), MEANT.items(), ids=str)
def test_the_line_that_was_meant_is_said_and_can_be_typed(skupper: Run, typed: str, meant: str) -> None:
    ran = skupper(typed)
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.startswith("error [usage]: ") or "json" in typed
    if not meant:
        assert next_line(ran.err).endswith(" --help")
    elif "json" not in typed:
        assert next_line(ran.err) == f"skupper-local {meant}"
    else:
        assert json.loads(ran.err)["error"]["next"] == f"skupper-local {meant}"
    assert not meant or parses(f"skupper-local {meant}")


@pytest.mark.parametrize(
    ("typed", "what"),
    [
        ("listener create", "Missing argument NAME"),
        ("listener create web", "Missing argument PORT"),
        ("listener create web http", "Invalid value for PORT: 'http' is not a port number"),
        ("listener create web 8080/tcp", "'8080/tcp' is not a port number: give 8080 alone"),
        (
            "connector create web localhost:8080",
            "not a port number: give them apart, as 8080 --host localhost",
        ),
        ("expose http://server:80", "65535: give them apart, as 80 --host server"),
        ("expose 0", "'0' is not a port number from 1 to 65535"),
        ("reach key x", "Invalid value for PORT: 'x' is not"),
        (
            "system start --timeout soon",
            "Invalid value for --timeout: 'soon' is not a whole number from 1 to",
        ),
        ("system rollback 0", "Invalid value for GENERATION: '0' is not a whole number of 1 or more"),
        ("system logs --tail -5", "'-5' is not a whole number of -1 or more"),
        ("system apply", "Missing option -f or --filename FILE|DIR|-"),
        ("system install --image", "Option '--image' requires an argument"),
        ("completion", "Missing argument {bash|zsh|fish}"),
        ("connector create web 80 --container a --host b", "Give one of --host, --container"),
    ],
)
def test_where_nobody_can_know_what_was_meant_an_example_that_can_be_typed_is_named(
    skupper: Run, typed: str, what: str
) -> None:
    ran = skupper(typed)
    assert ran.status == 2
    assert what in ran.err.splitlines()[0]
    assert next_line(ran.err) != ""
    assert "next: for example: skupper-local" in ran.err
    assert parses(next_line(ran.err))
    assert "  usage: skupper-local " in ran.err
    assert ran.err.rstrip().endswith("--help")


def test_options_before_a_wrong_command_are_kept_and_odd_words_quoted(skupper: Run) -> None:
    ran = skupper("-n", "west", "craete", "listener", "a b", "80")
    assert "Did you mean listener create?" not in ran.err or parses(next_line(ran.err))
    ran = skupper("listener", "create", "web", "80", "--routing-kay", "it's one")
    assert shlex.split(next_line(ran.err))[-1] == "it's one"


def test_a_command_of_many_groups_names_them_all(skupper: Run) -> None:
    ran = skupper("create")
    assert "Did you mean connector create or listener create or site create?" in ran.err


@pytest.mark.parametrize("typed", sorted(ELSEWHERE))
def test_what_is_done_otherwise_here_is_said_with_the_reason(skupper: Run, typed: str) -> None:
    assert tuple(typed.split()) not in {path for path, _ in walk(cli, "skupper-local")}
    ran = skupper(typed)
    assert ran.status == 2
    assert f"  why: {ELSEWHERE[typed].why}\n" in ran.err
    for line in ELSEWHERE[typed].next_step.splitlines():
        assert parses(line[line.index("skupper-local ") :])


def test_a_wrong_command_line_is_json_when_json_was_asked_for(skupper: Run) -> None:
    ran = skupper("listener statsu -o json")
    error = json.loads(ran.err)["error"]
    assert error["next"] == "skupper-local listener status -o json"
    assert error["why"].startswith("usage: skupper-local listener ")
    assert (error["code"], error["exitStatus"]) == ("usage", 2)
    error = json.loads(skupper("listener create web -o json").err)["error"]
    assert parses(error["next"])


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("demo -n west", "about no single namespace"),
        ("-n west namespace list", "about no single namespace"),
        ("namespace list --namespace west", "about no single namespace"),
        ("-p linux demo", "about no single platform"),
    ],
)
def test_a_flag_that_means_nothing_to_a_command_is_refused_with_the_reason(
    skupper: Run, typed: str, why: str
) -> None:
    ran = skupper(typed)
    assert ran.status == 2
    assert why in ran.err


@pytest.mark.parametrize(
    "typed",
    [
        "listener create",
        "listener create web http",
        "system start --timeout soon",
        "listener status --nonsense",
    ],
)
@pytest.mark.parametrize("flag", ["-n west", "--namespace=west", "-nwest"])
def test_an_example_is_about_the_namespace_that_was_named(skupper: Run, typed: str, flag: str) -> None:
    for words in (f"{typed} {flag}", f"{flag} {typed}"):
        ran = skupper(words)
        assert "next: for example: skupper-local " in ran.err
        assert "-n west" in next_line(ran.err)
        assert parses(next_line(ran.err))


@pytest.mark.parametrize(
    "typed",
    ["listener delete", "site delete", "system delete", "system uninstall x", "link delete a b"],
)
def test_no_example_of_a_deletion_is_named(skupper: Run, typed: str) -> None:
    ran = skupper(typed)
    assert ran.status == 2
    assert "for example" not in ran.err
    assert " --help" in next_line(ran.err) or "--force" in next_line(ran.err)


def test_a_removal_that_needs_a_yes_is_the_same_line_with_it(skupper: Run) -> None:
    skupper("site create west -n west")
    ran = skupper("system teardown -n west")
    assert ran.status == 2
    assert next_line(ran.err) == "skupper-local system teardown -n west --force"
