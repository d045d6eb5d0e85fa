"""What a bundle holds, what it is refused for, and that its scripts are what a POSIX shell reads."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from skupper_local.errors import InvalidRequestError, SkupperLocalError
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.operations.bundle import (
    SHELL_SCRIPT,
    Bundle,
    BundleExistsError,
    BundleInputError,
    BundleNameInvalidError,
    generate_bundle,
    render_script,
)
from skupper_local.operations.carried_files import CARRIED, carried_files
from skupper_local.operations.errors import NoSiteError
from skupper_local.operations.target import Target
from skupper_local.pki.certificates import build_ca, encode_certificates
from skupper_local.pki.errors import SuppliedCredentialsIncompleteError
from skupper_local.pki.keys import encode_key, generate_ca_key
from skupper_local.resources import InvalidResourcesError

SITE = "apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: west, uid: one-installation, namespace: x}\n"
LISTENER = (
    "apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {name: web}\n"
    "spec: {routingKey: web, host: 127.0.0.1, port: 8080}\n"
)
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {tls.key: c2VjcmV0}\n"
USED_BY_OTHERS = frozenset(("cffi", "pycparser", "cryptography", "pygments", "markdown-it-py", "mdurl"))
"""Distributions below ours that no carried code needs: of cryptography, and of what rich has for documents."""


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.delenv("SKUPPER_PLATFORM", raising=False)
    return Target(NamespacePaths.of("west", tmp_path / "data"))


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    directory = tmp_path / "declared"
    directory.mkdir()
    (directory / "site.yaml").write_text(SITE)
    (directory / "more.yaml").write_text(LISTENER)
    return directory


def made(target: Target, directory: Path, **wishes: object) -> Bundle:
    return generate_bundle(target, "remote", directory=str(directory), **wishes)  # type: ignore[arg-type]


def content(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        files = ((member.name, archive.extractfile(member)) for member in archive)
        return {name: file.read() for name, file in files if file}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_a_bundle_lies_in_the_data_home_and_only_its_owner_may_read_it(
    target: Target, declared: Path
) -> None:
    bundle = made(target, declared)
    assert bundle.path == target.paths.data_home / "bundles" / "remote.tar.gz"
    assert bundle.path.stat().st_mode & 0o777 == 0o600
    assert (bundle.site, bundle.namespace, bundle.resources, bundle.holds_keys) == ("west", "west", 2, False)


def test_a_bundle_holds_the_declarations_without_the_identity_of_one_installation(
    target: Target, declared: Path
) -> None:
    files = content(made(target, declared).path)
    assert {name for name in files if name.startswith("input/")} == {
        "input/resources/Site-west.yaml",
        "input/resources/Listener-web.yaml",
    }
    assert b"one-installation" not in b"".join(files.values())
    manifest = json.loads(files["bundle.json"])
    assert (manifest["name"], manifest["site"], manifest["namespace"]) == ("remote", "west", "west")


def test_the_same_input_gives_the_same_bytes(target: Target, declared: Path, tmp_path: Path) -> None:
    one, other = (made(target, declared, output=str(tmp_path / name)).path for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()


def test_everything_is_carried_that_the_program_needs_and_nothing_compiled() -> None:
    needed: set[str] = set()
    wanted = ["skupper-local"]
    while wanted:
        for text in importlib.metadata.requires(wanted.pop()) or ():
            requirement = Requirement(text)
            name = normal(requirement.name)
            if name not in needed and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
                needed.add(name)
                wanted.extend({name} - USED_BY_OTHERS)
    assert needed - USED_BY_OTHERS == {normal(name) for name in CARRIED}
    files = carried_files()
    assert not [name for name in files if name.endswith((".so", ".pyc"))]
    for part in ("skupper_local/cli/main.py", "cryptography/x509/__init__.py", "yaml/__init__.py"):
        assert f"lib/{part}" in files
    assert "lib/skupper_local/_assets/units/skupper-site.service.j2" in files
    assert "lib/skupper_local/_assets/templates/bundle/program.sh.j2" in files


def test_licences_of_what_is_carried_come_along() -> None:
    files = carried_files()
    for name in CARRIED:
        own = [file for file in files if normal(file.split("/")[1]).startswith(f"{normal(name)}-")]
        assert any("METADATA" in file for file in own), name


@pytest.mark.parametrize("kind", ["tarball", "shell-script"])
def test_a_bundle_of_the_same_site_is_replaced_and_any_other_file_only_when_asked(
    target: Target, declared: Path, kind: str
) -> None:
    path = made(target, declared, kind=kind).path
    made(target, declared, kind=kind)
    for other in (b"", b"mine", path.read_bytes()[:-3000], b"\x1f\x8bno archive"):
        path.write_bytes(other)
        with pytest.raises(BundleExistsError):
            made(target, declared, kind=kind)
        assert path.read_bytes() == other
    made(target, declared, kind=kind, force=True)
    assert path.stat().st_size > 100_000
    assert made(target, declared, kind=kind).path == path


def test_a_directory_may_be_given_for_the_bundle(target: Target, declared: Path, tmp_path: Path) -> None:
    assert made(target, declared, output=str(tmp_path)).path == tmp_path / "remote.tar.gz"
    assert made(target, declared, output=str(tmp_path / "other")).path == tmp_path / "other"


def test_the_namespace_is_bundled_when_no_directory_is_named(target: Target) -> None:
    with pytest.raises(NoSiteError):
        generate_bundle(target, "remote")
    target.paths.input_resources.mkdir(parents=True)
    (target.paths.input_resources / "site.yaml").write_text(SITE)
    assert generate_bundle(target, "remote").site == "west"


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "a b", "-x", "x" * 200])
def test_a_name_that_is_no_file_name_is_refused(target: Target, declared: Path, name: str) -> None:
    with pytest.raises(BundleNameInvalidError):
        generate_bundle(target, name, directory=str(declared))


def test_a_directory_without_a_site_or_that_is_not_there_is_refused(target: Target, tmp_path: Path) -> None:
    with pytest.raises(BundleInputError, match="cannot be used"):
        made(target, tmp_path / "nowhere")
    with pytest.raises(BundleInputError, match="cannot be used"):
        made(target, tmp_path / ("x" * 300))
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "listener.yaml").write_text(LISTENER)
    with pytest.raises(BundleInputError, match="cannot be made into a bundle"):
        made(target, tmp_path / "alone")


def test_a_place_that_cannot_be_written_is_an_error_in_words(
    target: Target, declared: Path, tmp_path: Path
) -> None:
    with pytest.raises(SkupperLocalError, match="too long"):
        generate_bundle(target, "west", directory=str(declared), output=str(tmp_path / ("x" * 300)))


def test_declarations_that_no_site_could_run_make_no_bundle(target: Target, declared: Path) -> None:
    again = LISTENER.replace("name: web", "name: again").replace("spec: {", "spec: {colour: red, ")
    (declared / "again.yaml").write_text(again)
    with pytest.raises(InvalidResourcesError) as refused:
        made(target, declared)
    assert any("colour" in warning for warning in refused.value.warnings)
    assert not (target.paths.data_home / "bundles").exists()


def test_supplied_credentials_go_along_and_are_looked_at_first(target: Target, declared: Path) -> None:
    home = declared.parent / "input"
    home.mkdir()
    declared.rename(home / "resources")
    issuer = home / "issuers" / "skupper-site-ca"
    issuer.mkdir(parents=True)
    (issuer / "ca.crt").write_text("half of it")
    with pytest.raises(SuppliedCredentialsIncompleteError):
        made(target, home)
    key = generate_ca_key()
    certificate = encode_certificates([build_ca("mine", key, datetime.now(UTC))])
    for name, file in (("ca.crt", certificate), ("tls.crt", certificate), ("tls.key", encode_key(key))):
        (issuer / name).write_bytes(file)
    bundle = made(target, home)
    assert bundle.holds_keys
    assert content(bundle.path)["input/issuers/skupper-site-ca/tls.crt"] == certificate


def test_it_is_said_when_a_secret_goes_along(target: Target, declared: Path) -> None:
    (declared / "secret.yaml").write_text(SECRET)
    assert made(target, declared).holds_keys


@pytest.mark.parametrize("kind", ["tarball", SHELL_SCRIPT])
def test_the_script_is_one_that_a_posix_shell_reads(
    target: Target, declared: Path, tmp_path: Path, kind: str
) -> None:
    path = made(target, declared, kind=kind).path
    text = content(path)["install.sh"] if kind == "tarball" else path.read_bytes()
    script = tmp_path / "install.sh"
    script.write_bytes(text.partition(b"\n__TARBALL_CONTENT__\n")[0] + b"\n")
    checked = subprocess.run(["dash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_copy_that_broke_off_is_refused_before_anything_is_done(target: Target, declared: Path) -> None:
    path = made(target, declared, kind=SHELL_SCRIPT).path
    path.write_bytes(path.read_bytes()[:-1000])
    ran = subprocess.run(["sh", str(path)], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "is damaged or incomplete: copy it here again" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_words_of_a_script_are_quoted() -> None:
    text = render_script("program.sh.j2", command=("/usr/bin/python3", "/a b:c/$(x)'", "m"))
    assert "exec /usr/bin/python3 '/a b:c/$(x)'\"'\"'' m \"$@\"\n" in text


def test_a_wrong_platform_is_refused(target: Target, declared: Path) -> None:
    with pytest.raises(InvalidRequestError):
        made(replace(target, platform="kubernetes"), declared)
