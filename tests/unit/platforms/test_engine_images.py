"""Logins of registries, the stream of a pull, why a pull failed, and archives of images."""

from __future__ import annotations

import base64
import gzip
import io
import json
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skupper_local.platforms.engine import ImagePullError, PullProgress
from skupper_local.platforms.image_archive import (
    DOCKER_FORMAT,
    OCI_FORMAT,
    ArchiveUnusableError,
    archive_format,
    docker_pieces,
    pieces,
)
from skupper_local.platforms.pulling import PullStream, pull_failure
from skupper_local.platforms.registry import Login, registry_of, stored_login
from tests.rig.registry import layer_tar, write_archive, write_oci_archive


@pytest.mark.parametrize(
    ("reference", "registry"),
    [
        ("quay.io/skupper/skupper-router:3", "quay.io"),
        ("localhost/router:1", "localhost"),
        ("127.0.0.1:5000/a/b", "127.0.0.1:5000"),
        ("skupper/router", "docker.io"),
        ("router:1", "docker.io"),
        ("router@sha256:00", "docker.io"),
    ],
)
def test_a_reference_names_its_registry_only_if_its_first_part_could_be_a_host(
    reference: str, registry: str
) -> None:
    assert registry_of(reference) == registry


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def write_logins(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_the_file_that_the_variable_names_is_the_only_one(tmp_path: Path) -> None:
    write_logins(tmp_path / "named.json", {"auths": {"quay.io": auth("named", "x")}})
    write_logins(
        tmp_path / ".docker" / "config.json",
        {"auths": {"quay.io": auth("home", "x"), "b.io": auth("b", "x")}},
    )
    environment = {"HOME": str(tmp_path), "REGISTRY_AUTH_FILE": str(tmp_path / "named.json")}
    login = stored_login("quay.io/a:1", environment)
    assert login is not None
    assert login.user == "named"
    assert stored_login("b.io/a:1", environment) is None


def test_logins_of_podman_come_before_those_of_docker(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    found = []
    for place in (".docker/config.json", ".config/containers/auth.json", "run/containers/auth.json"):
        write_logins(tmp_path / place, {"auths": {"quay.io": auth(place, "x")}})
        login = stored_login("quay.io/a:1", environment)
        found.append(login.user if login else None)
    assert found == [".docker/config.json", ".config/containers/auth.json", "run/containers/auth.json"]


@pytest.mark.parametrize(
    ("key", "reference"),
    [
        ("quay.io", "quay.io/skupper/router:1"),
        ("https://quay.io", "quay.io/skupper/router:1"),
        ("https://quay.io/v2/", "quay.io/skupper/router@sha256:00"),
        ("quay.io/skupper", "quay.io/skupper/router:1"),
        ("quay.io/skupper/router", "quay.io/skupper/router:1"),
        ("https://index.docker.io/v1/", "skupper/router"),
        ("docker.io", "router"),
        ("127.0.0.1:5000", "127.0.0.1:5000/a:1"),
    ],
)
def test_an_entry_is_found_under_each_name_that_tools_give_it(
    key: str, reference: str, tmp_path: Path
) -> None:
    write_logins(tmp_path / "a.json", {"auths": {key: auth("me", "pass:word")}})
    login = stored_login(reference, {"REGISTRY_AUTH_FILE": str(tmp_path / "a.json")})
    assert login is not None
    assert (login.user, login.password) == ("me", "pass:word")


def test_the_most_specific_entry_wins(tmp_path: Path) -> None:
    entries = {
        "quay.io": auth("all", "x"),
        "quay.io/skupper": auth("ours", "x"),
        "quay.io/skup": auth("no", "x"),
    }
    write_logins(tmp_path / "a.json", {"auths": entries})
    environment = {"REGISTRY_AUTH_FILE": str(tmp_path / "a.json")}
    ours, other = (stored_login(name, environment) for name in ("quay.io/skupper/r:1", "quay.io/other/r:1"))
    assert ours is not None
    assert other is not None
    assert (ours.user, other.user) == ("ours", "all")


def test_a_credential_helper_is_asked_for_its_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-box"
    helper.write_text('#!/bin/sh\nread server\nprintf \'{"Username":"%s","Secret":"hush"}\' "$server"\n')
    helper.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    write_logins(tmp_path / "a.json", {"credHelpers": {"quay.io": "box"}})
    environment = {"REGISTRY_AUTH_FILE": str(tmp_path / "a.json")}
    login = stored_login("quay.io/a:1", environment)
    assert login is not None
    assert (login.user, login.password) == ("quay.io", "hush")
    assert stored_login("other.io/a:1", environment) is None


@pytest.mark.parametrize("helper", ["../evil", "none-such", "", 7])
def test_a_helper_that_cannot_be_asked_is_no_login(helper: object, tmp_path: Path) -> None:
    write_logins(tmp_path / "a.json", {"credsStore": helper})
    assert stored_login("quay.io/a:1", {"REGISTRY_AUTH_FILE": str(tmp_path / "a.json")}) is None


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_a_named_file_that_cannot_be_used_is_an_error(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ImagePullError, match="REGISTRY_AUTH_FILE"):
        stored_login("quay.io/a:1", {"REGISTRY_AUTH_FILE": str(path)})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["auths", "quay.io", "auth", "username", "credHelpers"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    ).map(lambda content: {"auths": content})
)
def test_a_file_of_strange_content_is_no_login_and_no_crash(
    tmp_path_factory: pytest.TempPathFactory, content: Any
) -> None:
    path = tmp_path_factory.mktemp("logins") / "a.json"
    path.write_text(json.dumps(content))
    stored_login("quay.io/a:1", {"REGISTRY_AUTH_FILE": str(path)})


def test_a_login_shows_no_secret_when_it_is_printed() -> None:
    assert "hush" not in repr(Login("quay.io", "me", "hush", "hush"))


def test_a_login_goes_to_the_engine_as_engines_read_it() -> None:
    header = json.loads(base64.urlsafe_b64decode(Login("quay.io", "me", "hüsh").header()))
    assert header == {"serveraddress": "quay.io", "username": "me", "password": "hüsh"}


def progress_of(*items: dict[str, Any]) -> tuple[PullStream, list[PullProgress]]:
    seen: list[PullProgress] = []
    stream = PullStream(seen.append)
    for item in items:
        stream.read(json.dumps(item).encode())
    return stream, seen


def downloading(layer: str, current: int, total: int) -> dict[str, Any]:
    return {"status": "Downloading", "id": layer, "progressDetail": {"current": current, "total": total}}


def test_the_bytes_of_all_layers_are_added_up() -> None:
    _, seen = progress_of(
        downloading("a", 10, 100),
        downloading("b", 5, 50),
        {"status": "Download complete", "id": "a", "progressDetail": {}},
        {"status": "Extracting", "id": "a", "progressDetail": {"current": 1, "total": 900}},
    )
    assert [(item.done, item.total) for item in seen] == [(10, 100), (15, 150), (105, 150), (105, 150)]
    assert seen[-1].text == "Extracting"


def test_an_error_in_the_stream_is_the_failure_of_the_pull() -> None:
    stream, seen = progress_of(
        {"status": "Pulling"}, {"errorDetail": {"message": "m"}, "error": "manifest unknown"}
    )
    assert stream.failure == "manifest unknown"
    assert len(seen) == 1


_WORDS = ("status", "id", "progressDetail", "current", "total", "error", "errorDetail")
_ITEMS = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(_WORDS), inner),
)


@given(st.binary(max_size=60) | _ITEMS.map(lambda value: json.dumps(value).encode()))
def test_a_strange_line_of_a_stream_does_no_harm(line: bytes) -> None:
    PullStream(lambda _: None).read(line)


@pytest.mark.parametrize(
    ("words", "expected_why", "expected_step"),
    [
        ("manifest unknown: manifest unknown", "no such image or tag", "check the name"),
        (
            "unauthorized: access to the requested resource is not authorized",
            "a login is needed",
            "podman login quay.io",
        ),
        (
            "pull access denied for x, repository does not exist or may require 'docker login': denied",
            "does not exist, or one has to be logged in",
            "podman login quay.io",
        ),
        (
            "unable to retrieve auth token: invalid username/password",
            "does not accept the stored login",
            "log in again",
        ),
        ("dial tcp: lookup quay.io: no such host", "cannot be resolved", "load-image"),
        ("dial tcp 10.0.0.1:443: connect: connection refused", "cannot be reached", "load-image"),
        ("net/http: TLS handshake timeout", "cannot be reached", "load-image"),
        ("tls: failed to verify certificate: x509: unknown authority", "not trusted", "certs.d"),
        ("toomanyrequests: rate limit", "no more for now", "podman login"),
        ("write /var/lib/x: no space left on device", "no space is left", "df -h"),
        (
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            "kind of processor",
            "built for it",
        ),
        (
            'short-name "r" did not resolve to an alias and no unqualified-search registries',
            "has no registry",
            "quay.io",
        ),
        ("the moon is full", "the moon is full", "repeat"),
        ("", "no such image", "check the name"),
    ],
)
def test_a_failed_pull_says_what_to_type(words: str, expected_why: str, expected_step: str) -> None:
    error = pull_failure("podman", "quay.io/skupper/router:1", "quay.io", words, logged_in="")
    assert expected_why in error.why
    assert expected_step in error.next_step
    assert "skupper-local system check" in error.next_step
    assert words in error.why


def test_a_refusal_names_the_user_who_is_logged_in() -> None:
    error = pull_failure("docker", "quay.io/a:1", "quay.io", "unauthorized", logged_in="anna")
    assert "user anna" in error.why


def test_both_formats_of_archives_are_recognised(tmp_path: Path) -> None:
    write_archive(tmp_path / "d.tar", "localhost/r:1")
    write_oci_archive(tmp_path / "o.tar", "localhost/r:1")
    (tmp_path / "d.tar.gz").write_bytes(gzip.compress((tmp_path / "d.tar").read_bytes()))
    found = [archive_format(tmp_path / name) for name in ("d.tar", "o.tar", "d.tar.gz")]
    assert found == [DOCKER_FORMAT, OCI_FORMAT, DOCKER_FORMAT]


def test_a_compressed_archive_is_handed_on_uncompressed(tmp_path: Path) -> None:
    write_archive(tmp_path / "d.tar", "localhost/r:1")
    plain = (tmp_path / "d.tar").read_bytes()
    (tmp_path / "d.tar.gz").write_bytes(gzip.compress(plain))
    assert b"".join(pieces(tmp_path / "d.tar.gz")) == plain


def test_an_oci_archive_becomes_docker_s_with_the_same_content(tmp_path: Path) -> None:
    write_oci_archive(tmp_path / "o.tar", "localhost/r:1")
    with tarfile.open(fileobj=io.BytesIO(b"".join(docker_pieces(tmp_path / "o.tar")))) as tar:
        listing = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        configuration = json.load(tar.extractfile(listing[0]["Config"]))  # type: ignore[arg-type]
        layer = tar.extractfile(listing[0]["Layers"][0])
        assert layer is not None
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer.read()))) as inner:
            names = inner.getnames()
    assert listing[0]["RepoTags"] == ["localhost/r:1"]
    assert configuration["os"] == "linux"
    assert "etc/kind" in names


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no such file"),
        (b"", "empty"),
        (b"hello" * 1_000, "not a tar archive"),
        (layer_tar({"x": b"y" * 5_000})[:2_000], "cut off"),
        (gzip.compress(layer_tar({"x": b"y"}))[:40], "cut off"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 100, "zstd"),
        (layer_tar({"x": b"y"}), "no images in it"),
    ],
)
def test_a_file_that_is_no_archive_of_images_is_called_what_it_is(
    content: bytes | None, reason: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(ArchiveUnusableError, match=reason):
        archive_format(tmp_path / "a.tar")


@pytest.mark.parametrize(
    "index",
    [
        b"[]",
        b"{}",
        b"{",
        b'{"manifests": [{"digest": "sha256:00"}]}',
        b'{"manifests": [{"digest": 7}]}',
        b'{"manifests": 7}',
    ],
)
def test_an_oci_archive_whose_parts_do_not_fit_together_is_refused(index: bytes, tmp_path: Path) -> None:
    (tmp_path / "o.tar").write_bytes(layer_tar({"index.json": index}))
    with pytest.raises(ArchiveUnusableError):
        list(docker_pieces(tmp_path / "o.tar"))
