"""What the system tests need of a Debian machine, and getting it: ``python -m tests.rig.requirements`` before the tests.

As root it says what it will install and installs that, nothing when all is there. No daemon is started and no unit is enabled
by it: a machine on which tests ran once must not come up with engines that nobody asked for. ``SYSTEM=0`` asks for nothing, and
so does an ordinary user; what cannot run then is skipped with the reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = {
    "podman": "podman",
    "runc": "runc",
    "slirp4netns": "slirp4netns",
    "newuidmap": "uidmap",
    "/usr/libexec/podman/catatonit /usr/bin/catatonit": "catatonit",
    "/usr/lib/podman/netavark /usr/libexec/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns /usr/libexec/podman/aardvark-dns": "aardvark-dns",
    "dockerd": "docker.io",
    "rootlesskit": "rootlesskit",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "busybox": "busybox-static",
    "/lib/systemd/systemd": "systemd",
    "/lib/x86_64-linux-gnu/security/pam_systemd.so /lib/aarch64-linux-gnu/security/pam_systemd.so": "libpam-systemd",
    "/usr/lib/systemd/user/dbus.socket": "dbus-user-session",
    "ip": "iproute2",
    "pgrep": "procps",
    "curl": "curl",
    "unshare": "util-linux",
    "/usr/bin/python3": "python3",
}
"""Debian packages by what they are needed for: a program in PATH, or files of which one has to be there."""

_POLICY = Path("/usr/sbin/policy-rc.d")
_UNIT_DIRECTORIES = (Path("/etc/systemd/system"), Path("/etc/systemd/user"))
_FORBID = "#!/bin/sh\n# Packages for tests are being installed: start nothing.\nexit 101\n"


def missing_packages() -> list[str]:
    """The Debian packages that are not there, in alphabetical order."""
    return sorted(
        package
        for needed, package in PROGRAMS.items()
        if not any(Path(one).exists() if "/" in one else shutil.which(one) for one in needed.split())
    )


def why_no_system_tests() -> str:
    """Why engines and hosts cannot be tested here; empty when they can."""
    if os.environ.get("SYSTEM") == "0":
        return "SYSTEM=0 leaves out what needs root, engines and systemd"
    if os.geteuid() != 0:
        return "engines and hosts of a test's own need root"
    if missing := missing_packages():
        return f"missing Debian packages: {' '.join(missing)} (make test installs them)"
    return ""


def _links() -> set[Path]:
    return {path for directory in _UNIT_DIRECTORIES for path in directory.rglob("*") if path.is_symlink()}


@contextmanager
def nothing_is_started() -> Iterator[None]:
    """Packages that are installed meanwhile neither start nor enable anything."""
    before = _links()
    own_policy = not _POLICY.exists()
    if own_policy:
        _POLICY.write_text(_FORBID)
        _POLICY.chmod(0o755)
    kept_policy = _POLICY.read_text()
    if not own_policy:
        _POLICY.write_text(_FORBID)
    try:
        yield
    finally:
        if own_policy:
            _POLICY.unlink()
        else:
            _POLICY.write_text(kept_policy)
        for link in sorted(_links() - before):
            link.unlink()


def install(packages: list[str]) -> None:
    """Install Debian packages. Raises CalledProcessError when apt does not succeed."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    options = ("-q", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3")
    with nothing_is_started():
        # One dead source among several is no reason to stop: the packages may come from another.
        subprocess.run(["apt-get", *options, "update"], env=environment, stdout=sys.stderr, check=False)
        subprocess.run(
            ["apt-get", *options, "install", "-y", "--no-install-recommends", *packages],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            check=True,
        )


def main() -> int:
    """Install what is missing; 1 when that failed."""
    missing = missing_packages()
    if os.environ.get("SYSTEM") == "0" or os.geteuid() != 0 or not missing:
        return 0
    if not shutil.which("apt-get"):
        print(f"not a Debian machine: tests that need {' '.join(missing)} will be skipped")
        return 0
    print(f"tests need Debian packages that are not here; installing {' '.join(missing)}", flush=True)
    print("no daemon is started and no unit enabled; make test SYSTEM=0 does without", flush=True)
    try:
        install(missing)
    except subprocess.CalledProcessError as error:
        print(f"error: {' '.join(error.cmd)} failed with status {error.returncode}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
