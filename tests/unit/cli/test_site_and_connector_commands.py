"""What ``site`` says of the router's container, and the containers a ``connector`` follows, as typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.cli.conftest import Run


def spec(data_home: Path, name: str) -> dict[str, Any]:
    file = data_home / "namespaces" / "default" / "input" / "resources" / f"{name}.yaml"
    found: dict[str, Any] = yaml.safe_load(file.read_text())["spec"]
    return found


def test_a_site_says_where_its_router_s_container_goes_and_what_it_may_use(
    skupper: Run, data_home: Path
) -> None:
    assert skupper("site create west --network apps --cpus 0.5 --memory 256m").status == 0
    assert spec(data_home, "Site-west")["settings"] == {"network": "apps", "cpus": "0.5", "memory": "256m"}


def test_an_update_keeps_what_it_is_not_told_to_change(skupper: Run, data_home: Path) -> None:
    skupper("site create west --enable-link-access --network apps --cpus 2")
    assert skupper("site update west --memory 1g").status == 0
    assert spec(data_home, "Site-west") == {
        "linkAccess": "default",
        "settings": {"network": "apps", "cpus": "2", "memory": "1g"},
    }
    assert skupper("site", "update", "--cpus", "", "--disable-link-access").status == 0
    assert spec(data_home, "Site-west") == {
        "linkAccess": "none",
        "settings": {"network": "apps", "memory": "1g"},
    }
    again = skupper("site update west --disable-link-access")
    assert again.status == 0
    assert "declared already" in again.out


def test_an_update_keeps_fields_it_does_not_know_and_a_stored_kind_of_link_access(
    skupper: Run, data_home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(
        "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: west}\n"
        "spec: {linkAccess: route, color: red, settings: {mine: x}}\n"
    )
    skupper(f"system apply -f {file}")
    assert skupper("site update --enable-link-access --cpus 1").status == 0
    found = spec(data_home, "Site-west")
    assert found == {"linkAccess": "route", "color": "red", "settings": {"mine": "x", "cpus": "1"}}


def test_only_a_site_that_is_declared_can_be_updated(skupper: Run) -> None:
    none = skupper("site update --cpus 1")
    assert none.status == 2
    assert "error [not-declared]" in none.err
    skupper("site create west")
    other = skupper("site update east --cpus 1")
    assert other.status == 2
    assert "there is: west" in other.err


@pytest.mark.parametrize("flag", ["--network apps", "--cpus 1", "--memory 64m"])
@pytest.mark.parametrize("command", ["site create west", "site update west"])
def test_settings_of_a_container_are_refused_by_name_on_linux(skupper: Run, flag: str, command: str) -> None:
    if command.startswith("site update"):
        skupper("site create west")
    refused = skupper(f"{command} {flag} -p linux")
    assert refused.status == 2
    assert flag.split()[0] in refused.err
    assert "linux" in refused.err


@pytest.mark.parametrize(
    "flag", ["--cpus 0", "--cpus many", "--memory 1", "--memory 1.5g", "--network none", "--network a/b"]
)
def test_settings_that_cannot_be_are_refused(skupper: Run, data_home: Path, flag: str) -> None:
    refused = skupper(f"site create west {flag}")
    assert refused.status == 2
    assert flag.split()[0].removeprefix("--") in refused.err
    assert not data_home.exists()


@pytest.mark.parametrize(
    ("flag", "wanted"),
    [
        ("--container web_1", {"settings": {"container": "web_1"}}),
        ("--workload compose/web", {"settings": {"workload": "compose/web"}}),
        ("--selector app=web,tier=a.b", {"selector": "app=web,tier=a.b"}),
    ],
)
def test_a_connector_names_containers_in_place_of_a_host(
    skupper: Run, data_home: Path, flag: str, wanted: dict[str, Any]
) -> None:
    assert skupper(f"connector create web 8080 {flag}").status == 0
    assert spec(data_home, "Connector-web") == {
        "routingKey": "web",
        "port": 8080,
        "type": "tcp",
        **wanted,
    }
    shown = skupper("connector status")
    assert shown.out.splitlines()[1].split()[-1] == "yet"
    words = {"--container": "container web_1", "--workload": "workload compose/web"}
    assert words.get(flag.split()[0], "app=web,tier=a.b") in shown.out


@pytest.mark.parametrize(
    "flags",
    [
        "--host h --container c",
        "--selector a=b --workload compose/c",
        "--container c --selector a=b --host h",
    ],
)
def test_a_connector_has_its_server_in_one_place(skupper: Run, data_home: Path, flags: str) -> None:
    assert skupper(f"connector create web 8080 {flags}").status == 2
    assert not data_home.exists()


@pytest.mark.parametrize(
    "flag", ["--container -x", "--container a/b", "--selector app", "--workload deployment/x"]
)
def test_containers_that_cannot_be_named_are_refused(skupper: Run, data_home: Path, flag: str) -> None:
    words = flag.split()
    refused = skupper("connector", "create", "web", "8080", f"{words[0]}={words[1]}")
    assert refused.status == 2
    assert words[0].removeprefix("--") in refused.err
    assert not data_home.exists()
