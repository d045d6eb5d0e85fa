"""Everything about a site that helps to find out what is wrong with it, in one archive, without a key or a code.

It works when everything is down, because that is when it is wanted: each part is gathered for itself, and what could not be
had is said in ``errors.txt``. Nothing is copied because it lies there. A file of declarations is read and written again
without what is secret in it; a file that cannot be understood is only named, because nobody can say what it holds.
"""

from __future__ import annotations

import io
import json
import os
import platform as this_machine
import stat
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any, ClassVar

from skupper_local import __version__
from skupper_local.errors import InvalidRequestError, SkupperLocalError
from skupper_local.namespace.filesystem import remove_file
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.namespace.records import read_choices
from skupper_local.namespace.resource_files import read_resource_files
from skupper_local.operations.target import Target

REMOVED = "REMOVED"
_LOG_LINES = 5_000
_MOST_FILES = 10_000
_ENDINGS = (".tar.gz", ".tgz")
_CERTIFICATES = ("ca.crt", "tls.crt")
_SECRET_FIELDS = frozenset(("code", "password"))
"""Of a spec or a status, whatever the kind: what lets somebody in."""


class DumpExistsError(InvalidRequestError):
    """The archive would replace a file."""

    code: ClassVar[str] = "dump-exists"


class DumpNotWrittenError(SkupperLocalError):
    """The archive could not be written."""

    code: ClassVar[str] = "dump-not-written"


@dataclass(frozen=True)
class Dumped:
    """Where the archive is, and what could not be had for it."""

    path: Path
    missing: tuple[str, ...]


Part = Callable[[], Iterator[tuple[str, str]]]


def dump(
    target: Target,
    name: str = "",
    *,
    further: Mapping[str, Callable[[], Any]] | None = None,
    now: float | None = None,
) -> Dumped:
    """Write the archive: ``name`` (``.tar.gz`` is added), else ``skupper-dump-<namespace>-<time>.tar.gz`` here, or in the
    directory of that name.

    ``further`` gives more documents by file name. Raises DumpExistsError and DumpNotWrittenError.
    """
    path = _path(name, target.namespace, time.time() if now is None else now)
    if os.path.exists(path):
        raise DumpExistsError(
            f"{path} is there already",
            why="a dump replaces no file",
            next_step="give another name, or none: then the time is in it",
        )
    missing: list[str] = []
    files = dict(_gather(target.paths, further or {}, missing))
    files["errors.txt"] = "".join(f"{line}\n" for line in missing)
    _write(path, f"skupper-dump-{target.namespace}", files)
    return Dumped(path, tuple(missing))


def _path(name: str, namespace: str, now: float) -> Path:
    if not name or os.path.isdir(name):
        moment = time.strftime("%Y%m%d%H%M%S", time.gmtime(now))
        stem = f"skupper-dump-{namespace}-{moment}"
        endings = chain([""], (f"-{number}" for number in count(2)))  # two may be asked for within one second
        paths = (Path(name, f"{stem}{ending}.tar.gz") for ending in endings)
        return next(path for path in paths if not os.path.lexists(path))
    return Path(name if name.endswith(_ENDINGS) else f"{name}.tar.gz")


def _gather(
    paths: NamespacePaths, further: Mapping[str, Callable[[], Any]], missing: list[str]
) -> Iterator[tuple[str, str]]:
    parts: dict[str, Part] = {
        "versions": _versions,
        "files": lambda: _file_list(paths),
        "declarations": lambda: _declarations(paths, missing),
        "records": lambda: _records(paths),
        "certificates": lambda: _certificates(paths),
        "platform": lambda: _platform(paths),
        "log": lambda: _log(paths),
        "router": lambda: _router(paths),
        **{name: _document_part(name, make) for name, make in further.items()},
    }
    for name, part in parts.items():
        try:
            yield from part()
        except SkupperLocalError as error:
            missing.append(f"{name}: {error.what}: {error.why}")
        except Exception as error:
            # The one command that must not fail because something else did.
            missing.append(f"{name}: {type(error).__name__}: {error}")


def _document_part(name: str, make: Callable[[], Any]) -> Part:
    return lambda: iter(((name, _json(make())),))


# Parts.


def _versions() -> Iterator[tuple[str, str]]:
    from importlib import metadata

    lines = [
        f"skupper-local {__version__}",
        f"python {sys.version}",
        f"machine {' '.join(this_machine.uname())}",
    ]
    for package in ("click", "cryptography", "docker", "h11", "jinja2", "podman", "PyYAML", "rich"):
        try:
            lines.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{package} is not installed")
    yield "versions/programs.txt", "\n".join(lines) + "\n"
    release = this_machine.freedesktop_os_release()
    yield "versions/os-release.txt", "".join(f"{key}={value}\n" for key, value in sorted(release.items()))


def _file_list(paths: NamespacePaths) -> Iterator[tuple[str, str]]:
    """Names, modes, owners and sizes of everything: wrong permissions are a cause of trouble themselves."""
    lines = []
    for directory, directories, names in os.walk(paths.home):
        for name in sorted((*directories, *names)):
            path = os.path.join(directory, name)
            found = os.lstat(path)
            shown = os.path.relpath(path, paths.home)
            lines.append(
                f"{stat.filemode(found.st_mode)} {found.st_uid}:{found.st_gid} {found.st_size:>9} {shown}"
            )
            if len(lines) == _MOST_FILES:
                break
    yield "files.txt", "\n".join(lines) + "\n"


def _declarations(paths: NamespacePaths, missing: list[str]) -> Iterator[tuple[str, str]]:
    from skupper_local.resources import decode_documents, document_of, encode_document

    for directory in (paths.input_resources, paths.runtime_resources, paths.snapshot, paths.runtime_links):
        for file in read_resource_files(directory).files:
            shown = f"{directory.relative_to(paths.home)}/{file.name}"
            decoded = decode_documents(file.content, shown)
            if decoded.problems:
                problem = decoded.problems[0]  # without its value, which nobody can say is harmless
                missing.append(
                    f"{shown}: not copied, as it cannot be understood: line {problem.line}: {problem.rule}"
                )
                continue
            documents = (without_secrets(document_of(item)) for item in decoded.resources)
            yield shown, "---\n".join(encode_document(document) for document in documents)


def without_secrets(document: dict[str, Any]) -> dict[str, Any]:
    """A resource without what is secret in it: the data of a Secret, codes and passwords of any kind."""
    if document.get("kind") == "Secret":
        return {
            key: dict.fromkeys(value, REMOVED)
            if key in ("data", "stringData") and isinstance(value, dict)
            else value
            for key, value in document.items()
        }
    found = _redacted(document)
    assert isinstance(found, dict)
    return found


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: REMOVED
            if key.lower() in _SECRET_FIELDS and not isinstance(item, (dict, list))
            else _redacted(item)
            for key, item in value.items()
        }
    return [_redacted(item) for item in value] if isinstance(value, list) else value


def _records(paths: NamespacePaths) -> Iterator[tuple[str, str]]:
    """The router's configuration and our records: they name files of keys and hold none."""
    for path in (
        paths.router_config,
        paths.platform,
        paths.choices,
        paths.desired_state,
        paths.router_record,
    ):
        try:
            yield str(path.relative_to(paths.home)), path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue


def _certificates(paths: NamespacePaths) -> Iterator[tuple[str, str]]:
    """Certificates are public; the key beside them is never opened."""
    for directory in (paths.runtime_certs, paths.runtime_issuers, paths.input_certs, paths.input_issuers):
        for path in sorted(directory.glob("*/*")):
            if path.name in _CERTIFICATES and path.is_file():
                text = path.read_text(encoding="utf-8", errors="replace")
                if "PRIVATE KEY" not in text:
                    yield str(path.relative_to(paths.home)), text


def _platform(paths: NamespacePaths) -> Iterator[tuple[str, str]]:
    """How the router is, as its platform sees it: container, unit, process."""
    from skupper_local.operations.adoption import site_platform
    from skupper_local.platforms.container import container_name
    from skupper_local.platforms.engine import engine_of
    from skupper_local.systemd.manager import Manager
    from skupper_local.systemd.units import installed_unit, unit_name

    manager = Manager()
    unit = installed_unit(paths.name, manager)
    if unit is not None:
        yield f"unit/{unit.name}", unit.path.read_text(encoding="utf-8", errors="replace")
        yield "unit/state.json", _json(asdict(manager.state(unit.name)))
        yield "unit/journal.txt", "\n".join(manager.journal(unit_name(paths.name), _LOG_LINES)) + "\n"
    found = site_platform(paths)
    if found is None:
        return
    placement, platform = found
    yield (
        "platform.json",
        _json({"placement": asdict(placement), "router": asdict(platform.inspect(paths.home))}),
    )
    if placement.platform == "linux":
        return
    engine = engine_of(placement.platform, placement.endpoint, os.environ)
    try:
        yield "engine.json", _json(asdict(engine.facts()))
        container = engine.container(container_name(paths.name))
        if container is not None:
            yield "container.json", _json(asdict(container))
        image = engine.image(read_choices(paths).image)
        if image is not None:
            yield "image.json", _json(asdict(image))
    finally:
        engine.close()


def _log(paths: NamespacePaths) -> Iterator[tuple[str, str]]:
    from skupper_local.operations.adoption import site_platform

    found = site_platform(paths)
    if found is not None:
        yield "logs/router.txt", "\n".join(found[1].log(paths.home, _LOG_LINES)) + "\n"


def _router(paths: NamespacePaths) -> Iterator[tuple[str, str]]:
    """What the router says of itself, if it answers."""
    from skupper_local.operations.router import ask_everything

    if not paths.router_config.exists():
        return
    for kind, entities in ask_everything(paths).items():
        yield f"router/{kind.removeprefix('io.skupper.router.')}.json", _json(_redacted(entities))


# The archive.


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, default=str) + "\n"


def _write(path: Path, root: str, files: Mapping[str, str]) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, text in sorted(files.items()):
                content = text.encode("utf-8", "replace")
                information = tarfile.TarInfo(f"{root}/{name}")
                information.size = len(content)
                information.mode = 0o600
                information.mtime = int(time.time())
                archive.addfile(information, io.BytesIO(content))
    except OSError as error:
        if not isinstance(
            error, FileExistsError
        ):  # half an archive helps nobody, and would be in the way next time
            with suppress(OSError):
                remove_file(path)
        raise DumpNotWrittenError(
            f"{path} could not be written",
            why=error.strerror or str(error),
            next_step="name a file in a directory that has room and that you may write to: skupper-local debug dump FILE",
        ) from error
