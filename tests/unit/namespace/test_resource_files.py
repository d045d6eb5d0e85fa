"""Declarations as they lie on disk: all of them, in a stable order, and nothing ignored in silence."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from skupper_local.namespace import resource_files
from skupper_local.namespace.errors import NamespaceDirectoryError, ResourceFileError, ResourceLimitError
from skupper_local.namespace.resource_files import read_credential_directories, read_resource_files


def test_yaml_files_are_read_recursively_in_a_stable_order(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "sub/c.yaml", "sub/deeper/d.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"name: {name}")
    (tmp_path / "README").write_text("not a declaration")
    found = read_resource_files(tmp_path)
    assert [(file.name, file.text) for file in found.files] == [
        (name, f"name: {name}") for name in ("a.yml", "b.yaml", "sub/c.yaml", "sub/deeper/d.yaml")
    ]
    assert found.files[2].path == tmp_path / "sub" / "c.yaml"
    assert found.passed_over == ()


def test_a_missing_directory_holds_nothing_and_a_file_is_an_error(tmp_path: Path) -> None:
    assert read_resource_files(tmp_path / "missing").files == ()
    (tmp_path / "file").write_text("")
    with pytest.raises(NamespaceDirectoryError):
        read_resource_files(tmp_path / "file")


def test_what_looks_like_a_declaration_and_is_not_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    directory = tmp_path / "resources"
    directory.mkdir()
    os.mkfifo(directory / "pipe.yaml")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(directory / "socket.yaml"))
    (directory / "dangling.yaml").symlink_to("/nowhere")
    (directory / "linked").symlink_to(tmp_path / "elsewhere")
    (directory / "circle").symlink_to(directory)
    (directory / "round").symlink_to("round")
    (directory / "round.yaml").symlink_to("round.yaml")
    found = read_resource_files(directory)
    assert found.files == ()
    assert [item.path.name for item in found.passed_over] == [
        "circle",
        "dangling.yaml",
        "linked",
        "pipe.yaml",
        "round.yaml",
        "socket.yaml",
    ]
    assert all(item.reason for item in found.passed_over)


def test_a_linked_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "original").write_text("kind: Site")
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "site.yaml").symlink_to(tmp_path / "original")
    assert [file.text for file in read_resource_files(tmp_path / "resources").files] == ["kind: Site"]


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfkind: Site")
    assert read_resource_files(tmp_path).files[0].text == "kind: Site"


def test_a_file_that_is_no_text_is_named_when_its_text_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"kind: \xff")
    (file,) = read_resource_files(tmp_path).files
    assert file.content == b"kind: \xff"
    with pytest.raises(ResourceFileError, match=r"a\.yaml"):
        _ = file.text


def test_reading_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_files, "LARGEST_FILE", 1 << 20)
    (tmp_path / "a.yaml").write_bytes(b"x" * ((1 << 20) + 2))
    (file,) = read_resource_files(tmp_path).files
    assert len(file.content) == (1 << 20) + 1
    with pytest.raises(ResourceFileError, match="larger than 1 MiB"):
        _ = file.text
    (tmp_path / "a.yaml").write_bytes(b"x")
    (tmp_path / "b.yaml").write_bytes(b"x")
    monkeypatch.setattr(resource_files, "MOST_FILES", 1)
    with pytest.raises(ResourceLimitError):
        read_resource_files(tmp_path)


def test_directories_are_followed_to_a_bounded_depth(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 17)
    deep.mkdir(parents=True)
    with pytest.raises(ResourceLimitError, match="too deep"):
        read_resource_files(tmp_path)


def test_credentials_are_read_with_all_their_files(tmp_path: Path) -> None:
    for name in ("tls.crt", "tls.key", "connect.json", ".hidden"):
        (tmp_path / "west").mkdir(exist_ok=True)
        (tmp_path / "west" / name).write_text(name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "stray").write_text("")
    found = read_credential_directories(tmp_path)
    assert sorted(found) == ["empty", "west"]
    assert found["empty"].files == {}
    assert found["west"].files == {name: name.encode() for name in ("connect.json", "tls.crt", "tls.key")}
    assert found["west"].path == tmp_path / "west"
    assert read_credential_directories(tmp_path / "missing") == {}
