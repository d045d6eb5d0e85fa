"""What a dump holds, and what it never holds."""

from __future__ import annotations

import base64
import tarfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from skupper_local.namespace.paths import NamespacePaths
from skupper_local.operations.dump import DumpExistsError, DumpNotWrittenError, dump
from skupper_local.operations.target import Target

SITE = "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: west}\n"
SECRET = "hunter-two-hunter-two"
CODED = base64.b64encode(SECRET.encode()).decode()


@pytest.fixture
def target(tmp_path: Path) -> Target:
    paths = NamespacePaths.of("west", tmp_path / "data")
    paths.input_resources.mkdir(parents=True)
    (paths.input_resources / "Site-west.yaml").write_text(SITE)
    return Target(paths)


def content(path: Path) -> dict[str, str]:
    """The files of an archive below its one directory."""
    with tarfile.open(path) as archive:
        found = {}
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            found[member.name.partition("/")[2]] = file.read().decode()
    return found


def test_a_dump_of_a_site_that_never_ran_has_what_there_is(target: Target, tmp_path: Path) -> None:
    dumped = dump(target, str(tmp_path / "out"))
    assert dumped.path == tmp_path / "out.tar.gz"
    assert dumped.path.stat().st_mode & 0o777 == 0o600
    found = content(dumped.path)
    assert "kind: Site" in found["input/resources/Site-west.yaml"]
    assert "skupper-local " in found["versions/programs.txt"]
    assert "input/resources/Site-west.yaml" in found["files.txt"]


@pytest.mark.parametrize(
    "document",
    [
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\ndata: {{tls.key: {CODED}, other: {CODED}}}\n",
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{tls.key: {SECRET}}}\n",
        (
            "apiVersion: skupper.io/v2alpha1\nkind: AccessToken\nmetadata: {name: s}\n"
            f"spec: {{url: 'https://h:1/x', code: {SECRET}, ca: pem}}\n"
        ),
        (
            "apiVersion: skupper.io/v2alpha1\nkind: AccessGrant\nmetadata: {name: s}\n"
            f"spec: {{code: {SECRET}}}\nstatus: {{code: {SECRET}}}\n"
        ),
        f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\ndata: [{SECRET}\n",
        f"apiVersion: else/v1\nkind: Other\nmetadata: {{name: s}}\nspec: {{deep: [{{Code: {SECRET}}}]}}\n",
    ],
)
def test_no_secret_and_no_code_gets_into_it(target: Target, tmp_path: Path, document: str) -> None:
    (target.paths.input_resources / "s.yaml").write_text(document)
    for directory in (target.paths.runtime_certs / "c", target.paths.input_certs / "c"):
        directory.mkdir(parents=True)
        (directory / "tls.key").write_text(SECRET)
        (directory / "tls.crt").write_text(f"-----BEGIN PRIVATE KEY-----\n{SECRET}")
        (directory / "ca.crt").write_text("public")
    found = content(dump(target, str(tmp_path / "out.tgz")).path)
    text = "".join(found.values())
    assert SECRET not in text
    assert CODED not in text
    assert found["runtime/certs/c/ca.crt"] == "public"


def test_what_cannot_be_had_is_said_and_the_rest_is_there(target: Target, tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("the moon is in the way")

    dumped = dump(target, str(tmp_path / "out"), further={"check.json": fail, "more.json": lambda: {"a": 1}})
    found = content(dumped.path)
    assert any("the moon is in the way" in line for line in dumped.missing)
    assert "the moon is in the way" in found["errors.txt"]
    assert '"a": 1' in found["more.json"]


def test_a_dump_replaces_no_file_and_says_where_it_could_not_write(target: Target, tmp_path: Path) -> None:
    (tmp_path / "out.tar.gz").write_text("mine")
    with pytest.raises(DumpExistsError):
        dump(target, str(tmp_path / "out"))
    assert (tmp_path / "out.tar.gz").read_text() == "mine"
    with pytest.raises(DumpNotWrittenError):
        dump(target, str(tmp_path / "missing" / "out"))
    with pytest.raises(DumpNotWrittenError, match="too long"):
        dump(target, str(tmp_path / ("x" * 300)))


def test_nothing_is_left_of_a_dump_for_which_there_was_no_room(
    target: Target, tmp_path: Path, little_room: Callable[[int], AbstractContextManager[None]]
) -> None:
    with little_room(300), pytest.raises(DumpNotWrittenError, match="File too large"):
        dump(target, str(tmp_path / "out"))
    assert content(dump(target, str(tmp_path / "out")).path)


def test_without_a_name_namespace_and_time_are_in_it(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(dump(target, now=0.0).path) == "skupper-dump-west-19700101000000.tar.gz"
    assert str(dump(target, now=0.0).path) == "skupper-dump-west-19700101000000-2.tar.gz"
    assert str(dump(target, now=0.0).path) == "skupper-dump-west-19700101000000-3.tar.gz"
