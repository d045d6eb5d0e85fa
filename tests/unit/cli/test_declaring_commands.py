"""create and delete, as typed."""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import stat
from pathlib import Path

import pytest
import yaml

from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import DesiredState, encode_desired_state
from tests.unit.cli.conftest import Run, declare
from tests.unit.operations.test_supplied_secrets import GOOD


def resource(data_home: Path, namespace: str, name: str) -> dict[str, object]:
    text = (data_home / "namespaces" / namespace / "input" / "resources" / f"{name}.yaml").read_text()
    document = yaml.safe_load(text)
    assert isinstance(document, dict)
    return document


def test_a_created_site_stands_in_its_file_and_the_next_step_is_said(skupper: Run, data_home: Path) -> None:
    ran = skupper("site create west --enable-link-access -n west")
    assert ran.status == 0
    assert ran.out == f"File written to {data_home}/namespaces/west/input/resources/Site-west.yaml\n"
    assert ran.err == "next: skupper-local system start -n west\n"
    assert resource(data_home, "west", "Site-west") == {
        "apiVersion": "skupper.io/v2alpha1",
        "kind": "Site",
        "metadata": {"name": "west", "namespace": "west"},
        "spec": {"linkAccess": "default"},
    }


def test_declarations_are_readable_by_their_owner_alone(skupper: Run, data_home: Path) -> None:
    os.umask(0)
    try:
        skupper("site create west -n west")
    finally:
        os.umask(0o022)
    for path in data_home.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_listener_and_connector_have_the_defaults_of_the_reference(skupper: Run, data_home: Path) -> None:
    assert skupper("listener create backend 8080").status == 0
    assert skupper("connector create backend 9090").status == 0
    assert resource(data_home, "default", "Listener-backend")["spec"] == {
        "routingKey": "backend",
        "host": "0.0.0.0",
        "port": 8080,
        "type": "tcp",
    }
    assert resource(data_home, "default", "Connector-backend")["spec"] == {
        "routingKey": "backend",
        "host": "localhost",
        "port": 9090,
        "type": "tcp",
    }


def test_flags_of_listener_and_connector_reach_the_declaration(skupper: Run, data_home: Path) -> None:
    assert skupper("listener create a 1 --routing-key k --host 127.0.0.1 --tls-credentials c").status == 0
    assert skupper("connector create b 2 -r k --host db.example.com --tls-credentials d").status == 0
    assert resource(data_home, "default", "Listener-a")["spec"] == {
        "routingKey": "k",
        "host": "127.0.0.1",
        "port": 1,
        "type": "tcp",
        "tlsCredentials": "c",
    }
    assert resource(data_home, "default", "Connector-b")["spec"] == {
        "routingKey": "k",
        "host": "db.example.com",
        "port": 2,
        "type": "tcp",
        "tlsCredentials": "d",
    }


def test_creating_the_same_again_is_nothing_to_do(skupper: Run) -> None:
    skupper("listener create backend 8080")
    again = skupper("listener create backend 8080")
    assert again.status == 0
    assert "declared already" in again.out


def test_creating_something_else_under_the_name_is_refused_without_force(
    skupper: Run, data_home: Path
) -> None:
    skupper("listener create backend 8080")
    refused = skupper("listener create backend 8081")
    assert refused.status == 2
    assert refused.err.startswith("error [already-declared]: ")
    assert skupper("listener create backend 8081 --force").status == 0
    spec = resource(data_home, "default", "Listener-backend")["spec"]
    assert isinstance(spec, dict)
    assert spec["port"] == 8081


def test_a_second_site_is_refused_and_takes_the_place_of_the_first_with_force(
    skupper: Run, data_home: Path
) -> None:
    skupper("site create west")
    refused = skupper("site create east")
    assert refused.status == 2
    assert "error [site-exists]" in refused.err
    assert skupper("site create east --force").status == 0
    names = sorted(path.name for path in (data_home / "namespaces/default/input/resources").iterdir())
    assert names == ["Site-east.yaml"]


def test_every_wrong_argument_is_named_at_once(skupper: Run, data_home: Path) -> None:
    ran = skupper("listener", "create", "Bad_", "70000", "--host", "a b", "--routing-key", "x y")
    assert ran.status == 2
    for word in ("name", "port", "host", "routing key"):
        assert word in ran.err
    assert not data_home.exists()


def test_deleting_what_is_not_there_says_what_is(skupper: Run) -> None:
    skupper("listener create backend 8080")
    ran = skupper("listener delete frontend")
    assert ran.status == 2
    assert "error [not-declared]" in ran.err
    assert "backend" in ran.err
    assert skupper("listener delete backend").out == "Listener backend deleted\n"


def test_all_declarations_go_at_once(skupper: Run, data_home: Path) -> None:
    skupper("site create west")
    skupper("listener create backend 8080")
    assert skupper("site delete --all").out.splitlines() == ["Listener backend deleted", "Site west deleted"]
    assert list((data_home / "namespaces/default/input").rglob("*.yaml")) == []
    assert skupper("site delete --all").status == 0


@pytest.mark.parametrize("words", ["site delete", "site delete west --all"])
def test_site_delete_wants_either_a_name_or_all(skupper: Run, words: str) -> None:
    assert skupper(words).status == 2


def test_a_deleted_link_takes_its_key_along_unless_another_link_uses_it(
    skupper: Run, data_home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "links.yaml"
    link = (
        "apiVersion: skupper.io/v2alpha1\nkind: Link\nmetadata: {{name: {}}}\nspec:\n  tlsCredentials: key\n"
    )
    link += "  endpoints: [{{name: inter-router, host: h, port: '1'}}]\n"
    data = "".join(f"  {name}: {base64.b64encode(content).decode()}\n" for name, content in GOOD.items())
    secret = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: key}}\ndata:\n{data}"
    file.write_text("---\n".join([link.format("one"), link.format("two"), secret]))
    assert skupper(f"system apply -f {file}").status == 0
    assert skupper("link delete one").out == "Link one deleted\n"
    assert skupper("link delete two").out == "Link two deleted\nSecret key deleted\n"


def test_a_resource_in_a_file_of_the_users_is_left_alone(skupper: Run, data_home: Path) -> None:
    skupper("site create west")
    file = data_home / "namespaces/default/input/resources/mine.yaml"
    text = "# mine\napiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {name: a}\n"
    text += "spec: {routingKey: a, host: 127.0.0.1, port: 1}\n"
    file.write_text(text)
    assert "declared-elsewhere" in skupper("listener delete a").err
    assert "declared-elsewhere" in skupper("listener create a 2 --force").err
    assert file.read_text() == text


MINE = """\
# mine
apiVersion: skupper.io/v2alpha1
kind: Listener
metadata: {name: a}
spec: {routingKey: a, host: 127.0.0.1, port: 1} # as told
"""
BESIDE = """\
---
apiVersion: skupper.io/v2alpha1
kind: Connector
metadata: {name: b}
spec: {routingKey: a, host: 127.0.0.1, port: 2}
"""


@pytest.mark.parametrize("place", ["Listener-a.yaml", "mine/Listener-a.yaml"])
def test_an_update_keeps_comments_and_what_else_the_file_holds(
    skupper: Run, data_home: Path, tmp_path: Path, place: str
) -> None:
    file = data_home / "namespaces/default/input/resources" / place
    file.parent.mkdir(parents=True)
    file.write_text(MINE + BESIDE)
    assert skupper("listener update a --port 3").status == 0
    assert file.read_text() == MINE.replace("port: 1", "port: 3") + BESIDE
    (tmp_path / "a.yaml").write_text(MINE.replace("port: 1", "port: 4").replace("# mine", "# other"))
    assert "Listener a changed" in skupper(f"system apply -f {tmp_path}/a.yaml").out
    assert file.read_text() == MINE.replace("port: 1", "port: 4") + BESIDE


def test_no_command_removes_what_stands_in_the_same_file(
    skupper: Run, data_home: Path, tmp_path: Path
) -> None:
    resources = data_home / "namespaces/default/input/resources"
    resources.mkdir(parents=True)
    file = resources / "Listener-a.yaml"
    file.write_text(MINE + BESIDE)
    ran = skupper("listener delete a")
    assert (ran.status, "declared-elsewhere" in ran.err) == (2, True)
    assert file.read_text() == MINE + BESIDE
    (tmp_path / "both.yaml").write_text(MINE + BESIDE)
    assert skupper(f"system delete -f {tmp_path}/both.yaml").status == 0
    assert not file.exists()


def test_a_file_that_has_the_name_and_holds_another_declaration_is_not_written_over(
    skupper: Run, data_home: Path
) -> None:
    resources = data_home / "namespaces/default/input/resources"
    resources.mkdir(parents=True)
    file = resources / "Listener-x.yaml"
    for text in (MINE, "kind: ["):
        file.write_text(text)
        ran = skupper("listener create x 8080")
        assert (ran.status, "declared-elsewhere" in ran.err) == (2, True)
        assert file.read_text() == text


def test_apply_is_all_or_nothing(skupper: Run, data_home: Path, tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    good = "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: west}\n"
    bad = (
        "apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {name: a}\nspec: {host: h, port: 99999}\n"
    )
    file.write_text(f"{good}---\n{bad}")
    ran = skupper(f"system apply -f {file}")
    assert ran.status == 2
    assert f"{file}:" in ran.err
    assert not data_home.exists()


def test_apply_tells_a_second_site_with_every_other_contradiction(
    skupper: Run, data_home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "site.yaml"
    sites = "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: one}\n---\n"
    sites += "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: two}\n"
    file.write_text(sites)
    ran = skupper(f"system apply -f {file}")
    assert ran.status == 2
    assert f"{file}:5: Site two: is a second site: {file}:1 declares Site one" in ran.err
    assert not list((data_home / "namespaces/default/input/resources").glob("*.yaml"))
    skupper("site create west")
    listeners = "".join(
        f"---\napiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {{name: {name}}}\n"
        "spec: {routingKey: a, host: 127.0.0.1, port: 1}\n"
        for name in "ab"
    )
    file.write_text("apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: east}\n" + listeners)
    ran = skupper(f"system apply -f {file}")
    assert ran.status == 2
    assert f"{file}:1: Site east: is a second site" in ran.err
    assert f"{file}:13: Listener b: spec.port" in ran.err
    assert "--force" not in ran.err  # which apply does not have


def test_a_port_that_is_taken_is_named_with_its_line(skupper: Run, data_home: Path) -> None:
    resources = data_home / "namespaces/default/input/resources"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert skupper("site create west").status == 0
        (resources / "web.yaml").write_text(
            "apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {name: web}\nspec:\n"
            f"  routingKey: web\n  host: 127.0.0.1\n  port: {port}\n"
        )
        ran = skupper("system start -p linux")
    assert ran.status == 1
    assert f"Listener web ({resources}/web.yaml:7): 127.0.0.1:{port}: address already in use" in ran.err


def test_apply_counts_what_was_added_changed_and_unchanged(skupper: Run, tmp_path: Path) -> None:
    file = tmp_path / "site.yml"
    site = "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: west, namespace: elsewhere}\n"
    listener = "apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {name: a}\n"
    spec = "spec: {routingKey: a, host: 127.0.0.1, port: %d}\n"
    file.write_text(f"{site}---\n{listener}{spec % 1}")
    assert skupper(f"system apply -f {file}").out.splitlines() == [
        "Site west added",
        "Listener a added",
        "Custom resources are applied: 2 added, 0 changed, 0 unchanged",
    ]
    file.write_text(f"{site}---\n{listener}{spec % 2}")
    assert skupper(f"system apply -f {file}").out.splitlines() == [
        "Site west unchanged",
        "Listener a changed",
        "Custom resources are applied: 0 added, 1 changed, 1 unchanged",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("none.yaml", None),
        ("x.txt", "a"),
        ("empty.yaml", ""),
        ("latin.yaml", "\xe9"),
        ("broken.yaml", "{"),
        ("twice.yaml", "---\napiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: a}\n" * 2),
        (
            "sites.yaml",
            (
                "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: a}\n---\n"
                "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: b}\n"
            ),
        ),
    ],
)
def test_a_file_that_cannot_be_applied_is_refused_with_two(
    skupper: Run, data_home: Path, tmp_path: Path, name: str, content: str | None
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_text(content, encoding="latin-1")
    ran = skupper(f"system apply -f {file}")
    assert ran.status == 2
    assert ran.err.startswith("error [")
    assert not list(data_home.rglob("*.yaml"))


def test_errors_are_json_when_results_are(skupper: Run) -> None:
    ran = skupper("listener status none -o json")
    error = json.loads(ran.err)["error"]
    assert error["code"] == "not-declared"
    assert error["exitStatus"] == ran.status == 2
    assert ran.out == ""


def test_what_cannot_stand_beside_what_is_declared_is_refused_at_once(skupper: Run, data_home: Path) -> None:
    skupper("site create west")
    skupper("listener create a 8080 --host 127.0.0.1")
    skupper("listener create many 9000 --host 0.0.0.0 --routing-keys a,b")
    kept = {path.name for path in data_home.rglob("*.yaml")}
    for words in (
        "listener create b 8080 --host 0.0.0.0",
        "listener create b 9000 --host 127.0.0.1",
        "listener create b 9000 --host 127.0.0.1 --routing-keys c,d",
        "listener update many --port 8080",
        "reach b 9000",
    ):
        ran = skupper(words)
        assert (ran.status, ran.out) == (2, ""), words
        assert "only one of them can be bound" in ran.err
        assert "command line" in ran.err
    assert {path.name for path in data_home.rglob("*.yaml")} == kept
    assert resource(data_home, "default", "MultiKeyListener-many")["spec"]["port"] == 9000  # type: ignore[index]


def test_what_was_wrong_before_does_not_stand_in_the_way_of_mending_it(skupper: Run, data_home: Path) -> None:
    skupper("site create west")
    skupper("listener create a 8080")
    file = data_home / "namespaces" / "default" / "input" / "resources" / "Listener-a.yaml"
    file.with_name("Listener-b.yaml").write_text(file.read_text().replace("name: a\n", "name: b\n"))
    file.with_name("Listener-c.yaml").write_text(file.read_text().replace("name: a\n", "name: c\n"))
    assert skupper("connector create d 1234").status == 0
    assert skupper("listener update b --port 8081").status == 0
    assert skupper("system start").status == 2
    assert skupper("listener update c --port 8082").status == 0


def test_parts_that_make_no_whole_yet_may_be_declared_one_by_one(skupper: Run, tmp_path: Path) -> None:
    """A connector before its site, a link before its Secret: only a start needs all of it."""
    file = tmp_path / "link.yaml"
    file.write_text(
        "apiVersion: skupper.io/v2alpha1\nkind: Link\nmetadata: {name: one}\n"
        "spec: {tlsCredentials: key, endpoints: [{name: inter-router, host: h, port: '1'}]}\n"
    )
    for words in (f"system apply -f {file}", "connector create a 80", "site create west"):
        assert skupper(words).status == 0, words


def test_a_listener_on_an_ipv4_address_in_the_form_of_ipv6_is_refused(skupper: Run) -> None:
    ran = skupper("listener create a 8080 --host ::ffff:127.0.0.1")
    assert ran.status == 2
    assert "declare 127.0.0.1" in ran.err


def test_a_link_is_not_given_credentials_that_are_not_there(
    skupper: Run, data_home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "link.yaml"
    file.write_text(
        "apiVersion: skupper.io/v2alpha1\nkind: Link\nmetadata: {name: one}\n"
        "spec: {tlsCredentials: key, endpoints: [{name: inter-router, host: h, port: '1'}]}\n"
    )
    assert skupper(f"system apply -f {file}").status == 0
    for name in ("absent", ""):
        ran = skupper("link", "update", "one", "--tls-credentials", name)
        assert ran.status == 2
        assert "--tls-credentials" in ran.err
    (data_home / "namespaces" / "default" / "input" / "certs" / "mine").mkdir(parents=True)
    assert skupper("link update one --tls-credentials mine").status == 0
    assert resource(data_home, "default", "Link-one")["spec"]["tlsCredentials"] == "mine"  # type: ignore[index]


def test_an_update_says_anew_where_the_server_of_a_connector_is(skupper: Run, data_home: Path) -> None:
    def spec() -> object:
        return resource(data_home, "default", "Connector-web")["spec"]

    skupper("connector create web 80 --host web.example")
    assert skupper("connector update web --container web").status == 0
    assert spec() == {"routingKey": "web", "port": 80, "type": "tcp", "settings": {"container": "web"}}
    assert skupper("connector update web --selector app=web").status == 0
    assert "app=web" in str(spec())
    assert "settings" not in spec()  # type: ignore[operator]
    assert skupper("connector update web --host localhost").status == 0
    assert spec() == {"routingKey": "web", "host": "localhost", "port": 80, "type": "tcp"}
    ran = skupper("connector update web --host localhost --container web")
    assert ran.status == 2
    assert "Give one of --host, --container" in ran.err


def test_a_port_that_is_taken_at_present_is_said_when_it_is_declared(skupper: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        ran = skupper(f"listener create a {port} --host 127.0.0.1")
        assert ran.status == 0
        assert (
            f"Listener a: port {port} cannot be bound at present: address already in use by process"
            in ran.err
        )
        file = tmp_path / "b.yaml"
        file.write_text(skupper(f"listener generate b {port} --host 127.0.0.1").out)
        skupper("listener delete a")
        assert f"Listener b: port {port} cannot be bound at present" in skupper(f"system apply -f {file}").err
    assert "cannot be bound" not in skupper("listener update b --routing-key c").err


def test_a_start_tells_empty_credentials_of_a_link_and_a_broken_declaration_together(
    skupper: Run, data_home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "link.yaml"
    file.write_text(
        "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: west}\n---\n"
        "apiVersion: skupper.io/v2alpha1\nkind: Link\nmetadata: {name: east}\n"
        "spec: {tlsCredentials: east, endpoints: [{name: inter-router, host: h, port: '1'}]}\n"
    )
    assert skupper(f"system apply -f {file}").status == 0
    inputs = data_home / "namespaces/default/input"
    for name, content in {**GOOD, "tls.key": b""}.items():
        place = inputs / "certs/east" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    ran = skupper("system start -p linux")
    assert ran.status == 2
    assert "Link east: spec.tlsCredentials" in ran.err
    assert "input/certs/east must hold tls.key" in ran.err
    issuer = inputs / "issuers/skupper-site-ca"
    issuer.mkdir(parents=True)
    (inputs / "resources/broken.yaml").write_text("kind: [")
    ran = skupper("system start -p linux")
    assert ran.status == 2
    for said in (
        "broken.yaml:1",
        "must hold tls.key",
        f"{issuer}: ca.crt, tls.crt, tls.key missing or empty",
    ):
        assert said in ran.err


def started(data_home: Path, state: DesiredState) -> None:
    """As after a start, and a stop if that is the state wanted."""
    paths = NamespacePaths.of("default", data_home)
    paths.router_config.parent.mkdir(parents=True)
    paths.router_config.write_text("[]")
    paths.desired_state.parent.mkdir(parents=True, exist_ok=True)
    paths.desired_state.write_bytes(encode_desired_state(state))


def test_what_is_changed_of_a_stopped_site_is_brought_into_effect_by_a_start(
    skupper: Run, data_home: Path
) -> None:
    declare(skupper, "site create west", "listener create a 1 --host 127.0.0.1")
    started(data_home, DesiredState.STOPPED)
    for words in ("listener create b 2 --host 127.0.0.1", "site update --enable-link-access"):
        assert skupper(words).err == "next: skupper-local system start\n"
    assert skupper("listener delete b").err == ""
    assert skupper("site delete west").err == ""


def test_a_site_that_is_deleted_while_it_runs_is_not_to_be_reloaded(skupper: Run, data_home: Path) -> None:
    """A reload would be refused: there is no site to bring into effect."""
    declare(skupper, "site create west", "listener create a 1 --host 127.0.0.1")
    started(data_home, DesiredState.RUNNING)
    assert skupper("listener delete a").err == (
        "next: skupper-local system reload (the router still runs with it)\n"
    )
    said = skupper("site delete west").err
    assert said.startswith("next: skupper-local site create ")
    assert "skupper-local system teardown" in said
    assert skupper("listener create b 2 --host 127.0.0.1").err.startswith("next: skupper-local site create ")


@pytest.mark.parametrize(
    ("site", "update", "said"),
    [
        ("--edge", "--enable-link-access", "--no-edge"),
        ("--enable-link-access", "--edge", "--disable-link-access"),
    ],
)
def test_an_edge_site_with_links_is_answered_with_the_flag_that_is_missing(
    skupper: Run, site: str, update: str, said: str
) -> None:
    declare(skupper, f"site create west {site}")
    ran = skupper(f"site update {update}")
    assert ran.status == 2
    assert f"Site: {update}: " in ran.err
    assert f"add {said}" in ran.err
    assert skupper(f"site update {update} {said}").status == 0


def test_an_interrupted_question_says_that_nothing_was_removed(
    skupper: Run, data_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    declare(skupper, "site create west")
    monkeypatch.setattr("sys.stdin", Terminal(""))
    ran = skupper("system teardown")
    assert ran.status == 130
    assert ran.err.endswith("Nothing was removed\n")
    assert (data_home / "namespaces/default").exists()
