"""Build the router's image from what this machine has: no engine, no network, no base image.

``python3 packaging/container/build_image.py -o router.tar`` writes an archive that ``podman load``, ``docker load`` and
``skupper-local system load-image`` take. It holds one layer: a Python interpreter with its standard library, the shared
libraries of both, h11, and the part of this program that is the router. There is no shell and no package manager in it.

The same inputs give the same bytes: entries are sorted, times are zero, bytecode is checked by no time stamp.
"""

from __future__ import annotations

import argparse
import compileall
import gzip
import hashlib
import importlib.util
import io
import json
import os
import platform
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
OWN_PROGRAMS = ("entrypoint.py", "health.py")
"""What of this directory is in the image."""

HEALTH_COMMAND = "usr/bin/skupper-router-health"
NAME = "localhost/skupper-local-router"
USER = "10000"
LIBRARY = "opt/skupper-local"

ROUTER_PARTS = (
    *("__init__.py", "errors.py", "entities.py", "management_messages.py", "tls.py"),
    *("amqp", "http", "router"),
)
"""What the router is made of: it knows nothing of sites, so nothing else of the program is needed."""

_LEFT_OUT = frozenset(
    (
        *(
            "__pycache__",
            "test",
            "tests",
            "idlelib",
            "tkinter",
            "turtledemo",
            "ensurepip",
            "lib2to3",
            "pydoc_data",
        ),
        *(
            "site-packages",
            "dist-packages",
            "distutils",
            "sqlite3",
            "curses",
            "dbm",
            "msilib",
            "venv",
            "wsgiref",
        ),
        *("unittest", "xmlrpc"),
    )
)
_LEFT_OUT_MODULES = re.compile(
    r"_test.*\.so|_ctypes_test.*|_tkinter.*|_sqlite3.*|_curses.*|_dbm.*|_gdbm.*|nis\..*|xx.*\.so"
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"}
_NAME_SERVICES = ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2")

_FILES = {
    "etc/passwd": "root:x:0:0:root:/:/sbin/nologin\nrunner:x:10000:10000::/:/sbin/nologin\n",
    "etc/group": "root:x:0:\nrunner:x:10000:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
_DIRECTORIES = (
    "dev",
    "etc",
    "proc",
    "run",
    "sys",
    "tmp",
    "etc/skupper-router/config",
    "etc/skupper-router/runtime/certs",
)


class BuildError(Exception):
    """The image cannot be built from what is here; the text says what is missing."""


def build(output: Path, *, name: str, tag: str) -> str:
    """Write the archive; the image's identity (the digest of its configuration)."""
    with tempfile.TemporaryDirectory(prefix="router-image-") as directory:
        root = Path(directory) / "root"
        root.mkdir()
        _fill(root)
        layer = _layer(root)
    configuration = _configuration(layer, tag)
    _write_archive(output, layer, configuration, f"{name}:{tag}")
    return hashlib.sha256(configuration).hexdigest()


# What is inside.


def _fill(root: Path) -> None:
    for directory in _DIRECTORIES:
        (root / directory).mkdir(parents=True, exist_ok=True)
    for path, text in _FILES.items():
        (root / path).write_text(text, encoding="utf-8")
    interpreter = Path(os.path.realpath(sys.executable))
    library = Path(sysconfig.get_path("stdlib"))
    _copy_interpreter(root, interpreter)
    _copy_library(root, library)
    _copy_router(root)
    binaries = [interpreter, *sorted((root / library.relative_to("/")).rglob("*.so"))]
    _copy_shared_libraries(root, binaries)
    _compile(root)


def _copy_interpreter(root: Path, interpreter: Path) -> None:
    target = root / interpreter.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(interpreter, target)
    target.chmod(0o755)
    link = root / "usr/bin/python3"
    link.parent.mkdir(parents=True, exist_ok=True)
    if link != target:
        link.symlink_to(interpreter)


def _copy_library(root: Path, library: Path) -> None:
    def unwanted(directory: str, names: list[str]) -> set[str]:
        return {
            name
            for name in names
            if name in _LEFT_OUT or name.startswith("config-") or _LEFT_OUT_MODULES.fullmatch(name)
        }

    shutil.copytree(library, root / library.relative_to("/"), ignore=unwanted, symlinks=False)


def _copy_router(root: Path) -> None:
    target = root / LIBRARY
    package = target / "skupper_local"
    package.mkdir(parents=True)
    for part in ROUTER_PARTS:
        source = REPOSITORY / "skupper_local" / part
        if source.is_dir():
            shutil.copytree(source, package / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, package / part)
    for program in OWN_PROGRAMS:
        shutil.copyfile(Path(__file__).resolve().with_name(program), target / program)
    (target / "health.py").chmod(0o755)
    (root / HEALTH_COMMAND).symlink_to(f"/{LIBRARY}/health.py")
    found = importlib.util.find_spec("h11")
    if found is None or not found.submodule_search_locations:
        raise BuildError(
            "h11 is not installed for this interpreter: use the program's own (.venv/bin/python) or pip install h11"
        )
    ignored = shutil.ignore_patterns("__pycache__", "tests", "*.pyi")
    shutil.copytree(found.submodule_search_locations[0], target / "h11", ignore=ignored)


def _copy_shared_libraries(root: Path, binaries: Iterable[Path]) -> None:
    """Everything the dynamic linker would load, and the name services that the C library loads by name."""
    needed: set[str] = set()
    for binary in binaries:
        answer = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False)
        needed.update(re.findall(r"(?:=> |^\s*)(/\S+)", answer.stdout, re.MULTILINE))
    if not needed:
        raise BuildError(
            "ldd names no shared library of the interpreter: is this a dynamically linked Python on Linux?"
        )
    directories = {os.path.dirname(os.path.realpath(path)) for path in needed}
    needed.update(
        os.path.join(directory, name)
        for directory in directories
        for name in _NAME_SERVICES
        if os.path.exists(os.path.join(directory, name))
    )
    for path in sorted(needed):
        target = root / path.lstrip("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            target.chmod(0o755)


def _compile(root: Path) -> None:
    """Bytecode beside the sources: the root is read-only at run time, and compiling at each start would cost a second."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(
        root, quiet=2, stripdir=str(root), prependdir="/", invalidation_mode=mode, maxlevels=20
    )


# The archive.


def _layer(root: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(_tree(root)):
            name = str(path.relative_to(root))
            information = archive.gettarinfo(path, name)
            information.mtime = information.uid = information.gid = 0
            information.uname = information.gname = ""
            executable = information.isdir() or information.issym() or information.mode & 0o100
            information.mode = 0o1777 if name == "tmp" else 0o755 if executable else 0o644
            if information.isreg():
                with path.open("rb") as content:
                    archive.addfile(information, content)
            else:
                archive.addfile(information)
    return buffer.getvalue()


def _tree(root: Path) -> Iterator[Path]:
    for directory, directories, files in os.walk(root):
        for name in (*directories, *files):
            yield Path(directory) / name


def _configuration(layer: bytes, tag: str) -> bytes:
    machine = platform.machine()
    document = {
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "User": USER,
            "Env": [
                "PATH=/usr/bin:/bin",
                f"PYTHONPATH=/{LIBRARY}",
                "PYTHONDONTWRITEBYTECODE=1",
                "PYTHONUNBUFFERED=1",
                f"VERSION={tag}",
            ],
            "Cmd": ["/usr/bin/python3", f"/{LIBRARY}/entrypoint.py"],
            "WorkingDir": "/",
            "ExposedPorts": {"5671/tcp": {}, "45671/tcp": {}, "55671/tcp": {}},
            "Labels": {
                "skupper-local/router": "embedded",
                "org.opencontainers.image.title": "skupper-local-router",
                "org.opencontainers.image.version": tag,
                "org.opencontainers.image.licenses": "Apache-2.0 AND PSF-2.0 AND MIT",
            },
            "StopSignal": "SIGTERM",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "packaging/container/build_image.py"}],
    }
    return json.dumps(document, sort_keys=True).encode()


def _write_archive(output: Path, layer: bytes, configuration: bytes, reference: str) -> None:
    """The format of ``docker save``, which both engines load."""
    configuration_name = f"{hashlib.sha256(configuration).hexdigest()}.json"
    layer_name = f"{hashlib.sha256(layer).hexdigest()}.tar"
    manifest = [{"Config": configuration_name, "RepoTags": [reference], "Layers": [layer_name]}]
    members = [
        (configuration_name, configuration),
        (layer_name, layer),
        ("manifest.json", json.dumps(manifest).encode()),
    ]
    temporary = output.with_name(f".{output.name}.new")
    try:
        with temporary.open("wb") as file:
            if output.name.endswith(".gz"):
                with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as compressed:
                    _write_members(compressed, members)
            else:
                _write_members(file, members)
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)


def _write_members(file: io.IOBase | gzip.GzipFile, members: Iterable[tuple[str, bytes]]) -> None:
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in members:
            information = tarfile.TarInfo(name)
            information.size = len(content)
            information.mode = 0o644
            archive.addfile(information, io.BytesIO(content))


def version() -> str:
    """The version of the program, from its source."""
    text = (REPOSITORY / "skupper_local" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'__version__ = "([^"]+)"', text)
    return found[1] if found else "latest"


def main() -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(
        description="Build the router's container image, offline and without an engine."
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="the archive to write (.tar or .tar.gz)"
    )
    parser.add_argument("--name", default=NAME, help="the image's name (default: %(default)s)")
    parser.add_argument("--tag", default=version(), help="its tag (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        identity = build(arguments.output, name=arguments.name, tag=arguments.tag)
    except (BuildError, OSError) as error:
        print(f"the image could not be built: {error}", file=sys.stderr)
        return 1
    size = arguments.output.stat().st_size / 1_000_000
    print(f"{arguments.name}:{arguments.tag} ({identity[:12]}, {size:.0f} MB) written to {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
