"""Make a bundle: a site's declarations with everything needed to install it on a host that has Python and nothing else.

::

    install.sh        installs, upgrades, removes (in a bundle of type shell-script: in front of the archive)
    bundle.json       name, site, default namespace and platform, version and digest of the program
    input/            resources/, issuers/, certs/: as in a namespace
    lib/              this program, in Python alone

No certificate and no key is made here: the target makes its own, so two installations of one bundle are two sites. What the
declarations hold goes along, keys of links and supplied certificates too; therefore only its owner may read a bundle. The same
input gives the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shlex
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from skupper_local import __version__
from skupper_local.assets import BUNDLE_RECORD, templates_directory
from skupper_local.errors import InvalidRequestError
from skupper_local.namespace.filesystem import PRIVATE_FILE, PRIVATE_PROGRAM, write_atomically
from skupper_local.namespace.resource_files import CredentialFiles, read_credential_directories
from skupper_local.operations.apply import decoded_sources, read_sources
from skupper_local.operations.carried_files import carried_files
from skupper_local.operations.spelling import no_site
from skupper_local.operations.target import Target, platform_of
from skupper_local.pki.credentials import CredentialsSource
from skupper_local.resources import (
    Resource,
    Secret,
    Site,
    encode_resource,
    file_name,
    in_namespace,
    kept_because,
    kind_of,
    meant_otherwise,
)
from skupper_local.site.state import assemble

TARBALL, SHELL_SCRIPT = "tarball", "shell-script"
_ENDING = {TARBALL: ".tar.gz", SHELL_SCRIPT: ".sh"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_MARKER = b"\n__TARBALL_CONTENT__\n"
_GZIP = b"\x1f\x8b"
_KEY = "tls.key"
MANIFEST_VERSION = 1


class BundleNameInvalidError(InvalidRequestError):
    """A bundle cannot have this name."""

    code: ClassVar[str] = "bundle-name-invalid"


class BundleExistsError(InvalidRequestError):
    """The bundle would replace a file."""

    code: ClassVar[str] = "bundle-exists"


class BundleInputError(InvalidRequestError):
    """The directory cannot be made into a bundle."""

    code: ClassVar[str] = "bundle-input"


@dataclass(frozen=True)
class Bundle:
    """What was made. ``holds_keys`` says that private keys are in it; ``platform`` is empty when the target decides."""

    path: Path
    size: int
    site: str
    namespace: str
    platform: str
    resources: int
    holds_keys: bool
    warnings: tuple[str, ...]


def generate_bundle(
    target: Target,
    name: str,
    *,
    directory: str = "",
    kind: str = TARBALL,
    output: str = "",
    force: bool = False,
) -> Bundle:
    """Write the bundle ``name`` of the namespace's declarations, or of those in ``directory``.

    ``directory`` holds files of resources, or ``resources``, ``issuers`` and ``certs`` as ``input/`` of a namespace does.
    ``output`` is a file or a directory, else ``bundles/`` in the data home. Raises the errors above, and those of
    declarations that cannot be started.
    """
    if not _NAME.fullmatch(name):
        raise BundleNameInvalidError(
            f"{name!r} cannot be the name of a bundle",
            why="a name has letters, digits, dots, hyphens and underscores, at most 128, and begins with a letter or digit",
            next_step="give another name, and the place with -o",
        )
    path = _path(target, name, kind, output)
    platform = platform_of(target)
    resources, issuers, certificates, warnings = _read(target, directory)
    site = next(item for item in resources if isinstance(item, Site))
    if os.path.exists(path) and not force and _site_in(path) != site.name:
        raise BundleExistsError(
            f"{path} is there already",
            why=f"it is no bundle of site {site.name}, and nothing else is replaced unasked",
            next_step="give another name, or --force to replace it",
        )
    program = carried_files()
    files = {f"input/resources/{file_name(item)}": encode_resource(item).encode() for item in resources}
    for part, found in (("issuers", issuers), ("certs", certificates)):
        for credentials in found.values():
            files.update(
                {
                    f"input/{part}/{credentials.name}/{file}": content
                    for file, content in credentials.files.items()
                }
            )
    manifest = {
        "version": MANIFEST_VERSION,
        "name": name,
        "site": site.name,
        "namespace": target.namespace,
        "platform": platform,
        "program": __version__,
        "digest": _digest(program)[:16],
    }
    files[BUNDLE_RECORD] = (json.dumps(manifest, indent=2) + "\n").encode()
    files.update(program)
    if kind == TARBALL:
        files["install.sh"] = render_script("install.sh.j2", site=site.name, payload_digest="").encode()
        content, mode = _archive(files), PRIVATE_FILE
    else:
        content, mode = _self_extracting(site.name, _archive(files)), PRIVATE_PROGRAM
    write_atomically(path, content, mode)
    keys = any(isinstance(item, Secret) for item in resources) or any(
        _KEY in found.files for found in (*issuers.values(), *certificates.values())
    )
    return Bundle(
        path, len(content), site.name, target.namespace, platform, len(resources), keys, tuple(warnings)
    )


def render_script(template: str, **values: object) -> str:
    """The text of a shell script in ``templates/bundle``; its ``quoted`` filter makes one word of any text."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_directory() / "bundle"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no HTML; each value goes through the shell's quoting
    )
    environment.filters["quoted"] = lambda value: shlex.quote(str(value))
    return environment.get_template(template).render(**values)


def _path(target: Target, name: str, kind: str, output: str) -> Path:
    file = name if name.endswith(_ENDING[kind]) else name + _ENDING[kind]
    if not output:
        return target.paths.data_home / "bundles" / file
    given = Path(output)
    return given / file if os.path.isdir(given) or output.endswith("/") else given


def _site_in(path: Path) -> str:
    """The site of a bundle that lies there; empty for any other file. A bundle is made of declarations, so that a newer one may
    take its place: whoever makes it again, as the reference's Ansible modules do, loses nothing."""
    try:
        content = path.read_bytes()
        archive = content if content.startswith(_GZIP) else content.partition(_MARKER)[2]
        with tarfile.open(fileobj=io.BytesIO(archive)) as found:
            record = found.extractfile(BUNDLE_RECORD)
            return str(json.load(record)["site"]) if record else ""
    except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error, tarfile.TarError):
        return ""


def _read(
    target: Target, directory: str
) -> tuple[tuple[Resource, ...], dict[str, CredentialFiles], dict[str, CredentialFiles], list[str]]:
    """Resources that make a site, each without what belongs to one installation, and the supplied credentials."""
    if directory:
        home = Path(directory)
        if not os.path.isdir(home):
            raise BundleInputError(
                f"{directory} cannot be used",
                why="it is no directory" if os.path.exists(home) else "there is no such directory",
                next_step="give the directory that holds the declarations: --input DIR",
            )
        resources_in = home / "resources" if (home / "resources").is_dir() else home
        issuers_in, certificates_in = home / "issuers", home / "certs"
    else:
        paths = target.paths
        resources_in, issuers_in, certificates_in = (
            paths.input_resources,
            paths.input_issuers,
            paths.input_certs,
        )
        if not resources_in.is_dir():
            raise no_site(paths)
    resources, warnings = decoded_sources(read_sources(str(resources_in)))
    if not any(isinstance(item, Site) for item in resources):
        raise BundleInputError(
            f"{resources_in} cannot be made into a bundle",
            why="no Site is among its resources",
            next_step="declare one: skupper-local site generate NAME prints it",
        )
    warnings.extend(
        f"{item.title}: {kept_because(item)}"
        for item in resources
        if kept_because(item) and not meant_otherwise(item)
    )
    bare = tuple(
        replace(item, metadata=replace(item.metadata, uid="", namespace=""), status={}) for item in resources
    )
    issuers = read_credential_directories(issuers_in)
    certificates = read_credential_directories(certificates_in)
    assemble(
        (in_namespace(item, target.namespace) for item in resources),
        namespace=target.namespace,
        supplied={name: item.files for name, item in certificates.items()},
    ).require(noticed=warnings)
    _require_credentials(issuers, "CA")
    _require_credentials(certificates, "certificate", trust_only=True)
    return tuple(sorted(bare, key=lambda item: (kind_of(item), item.name))), issuers, certificates, warnings


def _require_credentials(
    found: Mapping[str, CredentialFiles], kind: str, *, trust_only: bool = False
) -> None:
    """What the target would refuse is refused here, where it can be mended."""
    from skupper_local.pki.pairs import read_supplied, trust_of

    for item in found.values():
        source = CredentialsSource(str(item.path), item.files)
        if trust_only and set(item.files) == {"ca.crt"}:
            trust_of(source)
        else:
            read_supplied(source, kind)


def _digest(files: Mapping[str, bytes]) -> str:
    parts = hashlib.sha256()
    for name, content in sorted(files.items()):
        parts.update(f"{name}\0{len(content)}\0".encode() + content)
    return parts.hexdigest()


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", filename="", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, content in sorted(files.items()):
            information = tarfile.TarInfo(name)
            information.size = len(content)
            information.mode = 0o755 if name == "install.sh" else PRIVATE_FILE
            archive.addfile(information, io.BytesIO(content))
    return buffer.getvalue()


def _self_extracting(site: str, archive: bytes) -> bytes:
    script = render_script(
        "install.sh.j2",
        site=site,
        payload_digest=hashlib.sha256(archive).hexdigest(),
        marker_bytes=repr(_MARKER),
    )
    return script.encode().rstrip(b"\n") + _MARKER + archive
