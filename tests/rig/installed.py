"""What test hosts are made of and is worth keeping: the program installed as a person would have it, and Debian trees.

Both are for a host's own ``/usr/bin/python3`` and readable by every user, unlike a virtual environment in a checkout under
``/root``. What takes long is kept in ``RIG_CACHE``, else in ``skupper-local-tests`` among the user's caches.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.rig.hosts import INSTALLED, command

REPOSITORY = Path(__file__).resolve().parents[2]
TREE_PACKAGES = (
    *(
        "systemd",
        "systemd-sysv",
        "dbus-user-session",
        "libpam-systemd",
        "libnss-systemd",
        "iproute2",
        "procps",
    ),
    *("podman", "crun", "runc", "uidmap", "slirp4netns", "passt", "netavark", "aardvark-dns", "nftables"),
    *("iptables", "catatonit", "ca-certificates", "curl", "python3", "python3-venv"),
)
DOWNLOAD_SECONDS = 600.0


def cache_directory() -> Path:
    """Where slow things are kept between runs."""
    named = os.environ.get("RIG_CACHE")
    home = pwd.getpwuid(os.getuid()).pw_dir  # tests set HOME to a directory of their own
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path(home) / ".cache") / "skupper-local-tests"
    directory = Path(named) if named else usual
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _cached(name: str, inputs: object, make: Callable[[Path], None]) -> Path:
    """The directory of that name for these inputs: there already, or made whole by ``make``."""
    digest = hashlib.sha256(repr(inputs).encode()).hexdigest()[:12]
    directory = cache_directory() / f"{name}-{digest}"
    if not directory.is_dir():
        new = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
        try:
            make(new)
            new.chmod(0o755)
            if not directory.is_dir():  # else another run was faster
                new.rename(directory)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return directory


def debian_tree(suite: str = "trixie") -> Path:
    """A tree with systemd, Podman, Python and nothing of this machine; 20 s and a network the first time."""

    def make(directory: Path) -> None:
        command(
            *("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"),
            f"--include={','.join(TREE_PACKAGES)}",
            '--aptopt=Apt::Install-Recommends "false"',
            *(f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale")),
            *(suite, str(directory)),
            timeout=DOWNLOAD_SECONDS,
        )

    return _cached(f"debian-{suite}", TREE_PACKAGES, make)


def python_version(tree: Path = Path("/")) -> str:
    """The version of a tree's own Python, as in ``3.11``."""
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    entered = () if tree == Path("/") else ("chroot", str(tree))
    return command(*entered, "/usr/bin/python3", "-I", "-c", script).strip()


def _pip(*words: str) -> None:
    command(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words),
        timeout=DOWNLOAD_SECONDS,
    )


def install_program(directory: Path, version: str) -> Path:
    """Install this checkout into ``directory``, which hosts with that version of Python find at ``hosts.INSTALLED``.

    Returns the directory. It is a virtual environment made by hand: that Python need not run here.
    """
    project: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    dependencies: list[str] = project["dependencies"]

    def fetch(target: Path) -> None:
        _pip("--target", str(target), f"--python-version={version}", "--only-binary=:all:", *dependencies)

    kept = _cached(f"python-{version}", dependencies, fetch)
    packages = directory / f"lib/python{version}/site-packages"
    directory.chmod(0o755)
    packages.parent.mkdir(parents=True)
    subprocess.run(["cp", "-a", "--reflink=auto", kept, packages], check=True)
    _pip("--no-deps", "--no-compile", "--upgrade", "--target", str(packages), str(REPOSITORY))
    shutil.rmtree(packages / "bin", ignore_errors=True)

    programs = directory / "bin"
    programs.mkdir()
    (programs / "python").symlink_to("/usr/bin/python3")
    (programs / "python3").symlink_to("python")
    (directory / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n"
    )
    for name, place in project["scripts"].items():
        module, function = place.split(":")
        script = programs / name
        script.write_text(
            f"#!{INSTALLED}/bin/python\nimport sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"
        )
        script.chmod(0o755)
    return directory
