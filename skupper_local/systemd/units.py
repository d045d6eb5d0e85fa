"""Our unit files: rendered, installed, recognised, removed.

A site's unit has the reference's name, ``skupper-<namespace>.service`` (reference-engine 7.1), so that either program's tools
see it. Whose it is stands in the file: ours names the directory of its namespace in a setting that systemd passes over, and the
reference's names it in its command line. A unit of another directory is never overwritten and never removed.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from skupper_local.assets import carried_program, units_directory
from skupper_local.systemd.errors import UnitForeignError, UnitNotWrittenError
from skupper_local.systemd.manager import Manager
from skupper_local.systemd.quoting import plain, quote, quote_argument, quote_path, unquote

RUNNER = "skupper-local-run"
RUNNER_MODULE = "skupper_local.platforms.runner"

_TEMPLATE = "skupper-site.service.j2"
_MARK = "X-SkupperLocalHome="
_LARGEST = 65_536
_SHARED = ("/tmp/", "/var/tmp/")  # noqa: S108 - directories that a private /tmp would hide

_ALWAYS = (
    *("NoNewPrivileges=yes", "LockPersonality=yes", "MemoryDenyWriteExecute=yes", "RestrictRealtime=yes"),
    *("RestrictSUIDSGID=yes", "RestrictNamespaces=yes", "SystemCallArchitectures=native"),
    *("SystemCallFilter=@system-service", "SystemCallErrorNumber=EPERM"),
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
)
"""Settings that need no privilege. The program starts other programs and opens sockets, nothing more unusual."""

_ISOLATION = (
    *("ProtectSystem=strict", "ProtectHome=read-only", "PrivateDevices=yes", "ProtectKernelTunables=yes"),
    *("ProtectKernelModules=yes", "ProtectKernelLogs=yes", "ProtectControlGroups=yes", "ProtectClock=yes"),
    "ProtectHostname=yes",
)
"""Settings that need namespaces of the kernel: the system's manager always has them, a user's only where a probe works."""

_SYSTEM = (
    *(
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "AmbientCapabilities=",
        "KeyringMode=private",
        "RemoveIPC=yes",
    ),
    "DevicePolicy=closed",
)
"""Settings of the system's manager alone: a router of root keeps only the right to ports below 1024."""

OURS = "ours"
REFERENCE = "the reference's"
FOREIGN = "foreign"
"""Whose a unit file is."""


_SHELL = ("/bin/sh", "-c", 'exec "$0" "$@"')
"""What becomes the program of its arguments."""


@dataclass(frozen=True)
class SiteUnit:
    """What a site's unit says. ``home`` is the namespace directory, ``engine`` ``podman``, ``docker`` or empty.

    ``environment`` is set for the program; ``command`` is its command line.
    """

    namespace: str
    home: Path
    platform: str
    command: tuple[str, ...]
    engine: str = ""
    writable: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The unit's name."""
        return unit_name(self.namespace)


@dataclass(frozen=True)
class InstalledUnit:
    """A unit file of a site that is there: whose it is, which namespace directory it serves, and the program it runs."""

    name: str
    path: Path
    ownership: str
    home: str
    program: str

    @property
    def program_is_there(self) -> bool:
        """Whether the program that it runs still exists."""
        return os.access(self.program, os.X_OK)


def unit_name(namespace: str) -> str:
    """The name of a namespace's unit (reference-engine 7.1)."""
    return f"skupper-{namespace}.service"


def runner_command(namespace: str) -> tuple[str, ...]:
    """How a unit starts our program, by a path that a reinstallation leaves as it is.

    A link in PATH that leads to the installed script (as pipx and packages make them) outlives the environment behind it; the
    script itself outlives the package; the interpreter is the last resort. What a bundle installed has its own way in.
    """
    carried = carried_program(RUNNER)
    if carried:
        return (carried, namespace)
    script = os.path.join(sysconfig.get_path("scripts"), RUNNER)
    if not os.access(script, os.X_OK):
        script = os.path.join(os.path.dirname(sys.executable), RUNNER)
    if not os.access(script, os.X_OK):
        return (sys.executable, "-m", RUNNER_MODULE, namespace)
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        linked = os.path.join(directory, RUNNER)
        if (
            os.path.isabs(linked)
            and os.access(linked, os.X_OK)
            and os.path.realpath(linked) == os.path.realpath(script)
        ):
            return (linked, namespace)
    return (script, namespace)


def render_unit(unit: SiteUnit, manager: Manager) -> str:
    """The text of the unit file. A user's manager is asked once which namespace settings it can apply."""
    system = manager.of_system
    engine_units = [f"{unit.engine}.socket", f"{unit.engine}.service"] if unit.engine else []
    return render(
        _TEMPLATE,
        namespace=unit.namespace,
        platform=unit.platform,
        home=str(unit.home),
        environment=dict(unit.environment),
        command=_startable(unit.command),
        wants=["network-online.target"] if system else [],
        after=[*(["network-online.target"] if system else []), *engine_units],
        hardening=_hardening(unit, manager),
    )


def _startable(command: tuple[str, ...]) -> tuple[str, ...]:
    """systemd takes no program with a quote or a backslash in its path (systemd.service(5)); as an argument it takes any."""
    return (*_SHELL, *command) if set(command[0]) & set("\"'\\") else command


def _program_in(start: str) -> str:
    """The program of an ``ExecStart=``."""
    first, *further = _SHELL
    shell = " ".join((quote(first), *map(quote_argument, further), ""))
    if start.startswith(shell):
        return unquote(start.removeprefix(shell)).replace("$$", "$")
    return unquote(start)


def _hardening(unit: SiteUnit, manager: Manager) -> list[str]:
    settings = list(_ALWAYS)
    if manager.of_system:
        settings += _SYSTEM
    elif not _can_isolate(unit, manager):
        return settings
    settings += [*_ISOLATION, *(f"ReadWritePaths={quote_path(str(path))}" for path in unit.writable)]
    if unit.engine:  # its socket may be anywhere, and the container's process belongs to somebody else
        return settings
    if manager.of_system:
        settings.append("ProtectProc=invisible")
    if not any(str(path).startswith(_SHARED) for path in (unit.home, *unit.writable)):
        settings.append("PrivateTmp=yes")
    return settings


def _can_isolate(unit: SiteUnit, manager: Manager) -> bool:
    """Asked once for a unit, by trying: the answer stands in the unit file from then on."""
    try:
        present = (manager.unit_directory() / unit.name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        present = ""
    if _MARK in present:
        return f"\n{_ISOLATION[0]}\n" in present
    return manager.probe((*_ALWAYS, *_ISOLATION))


def installed_unit(namespace: str, manager: Manager) -> InstalledUnit | None:
    """The unit file of a namespace's name, whoever made it."""
    return _read(manager.unit_directory() / unit_name(namespace), namespace)


def installed_units(manager: Manager) -> tuple[InstalledUnit, ...]:
    """Every unit of a site in this user's unit directory, by name; those of other programs are not listed."""
    try:
        names = sorted(path.name for path in manager.unit_directory().glob("skupper-*.service"))
    except OSError:
        return ()
    found = (
        _read(manager.unit_directory() / name, name.removeprefix("skupper-").removesuffix(".service"))
        for name in names
    )
    return tuple(unit for unit in found if unit is not None and unit.ownership != FOREIGN)


def moved_units(manager: Manager) -> tuple[InstalledUnit, ...]:
    """Our units whose program is gone: they would fail at the next boot."""
    return tuple(
        unit for unit in installed_units(manager) if unit.ownership == OURS and not unit.program_is_there
    )


def require_ours(unit: InstalledUnit | None, home: Path) -> None:
    """Raise UnitForeignError for a unit that belongs to another directory."""
    if unit is None or (unit.ownership != FOREIGN and _same(unit.home, home)):
        return
    owner = f"it belongs to the site in {unit.home}" if unit.home else "it was made by another program"
    raise UnitForeignError(
        f"The unit {unit.name} is there and is not this site's",
        why=f"{unit.path}: {owner}",
        next_step="use another namespace (-n), start without systemd (--without-systemd), or remove that unit if nobody needs "
        "it; skupper-local system check explains it",
    )


def install_unit(unit: SiteUnit, manager: Manager) -> bool:
    """Write the unit file if it differs from the one there; whether it did. Raises UnitForeignError, UnitNotWrittenError."""
    found = installed_unit(unit.namespace, manager)
    require_ours(found, unit.home)
    try:
        text = render_unit(unit, manager)
    except ValueError as error:
        raise UnitNotWrittenError(
            f"Cannot write the unit {unit.name}",
            why=str(error),
            next_step="use a data home of another name (XDG_DATA_HOME), or start without systemd (--without-systemd); "
            "skupper-local system check says more",
        ) from error
    path = manager.unit_directory() / unit.name
    with suppress(OSError):
        if found is not None and path.read_text(encoding="utf-8", errors="replace") == text:
            return False
    _write(path, text)
    return True


def unit_text(unit: InstalledUnit) -> str:
    """What stands in a unit file; empty when it is gone."""
    with suppress(OSError):
        return unit.path.read_text(encoding="utf-8", errors="surrogateescape")
    return ""


def put_unit_back(unit: InstalledUnit, text: str) -> None:
    """Write a unit file again as it was, in place of whatever has its name now. Raises UnitNotWrittenError."""
    _write(unit.path, text)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    try:
        os.makedirs(path.parent, mode=0o755, exist_ok=True)
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644
        )
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise _not_written("write", path, error) from error


def remove_unit(namespace: str, home: Path, manager: Manager) -> bool:
    """Remove the unit file if it is this namespace's; whether it was there. Raises UnitNotWrittenError."""
    found = installed_unit(namespace, manager)
    if found is None or found.ownership == FOREIGN or not _same(found.home, home):
        return False
    try:
        os.unlink(found.path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _not_written("remove", found.path, error) from error
    return True


def _read(path: Path, namespace: str) -> InstalledUnit | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read(_LARGEST).splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return InstalledUnit(path.name, path, FOREIGN, "", "")
    marks = [unquote(line.removeprefix(_MARK)) for line in lines if line.startswith(_MARK)]
    starts = [line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")]
    program = _program_in(starts[0]) if starts else ""
    if marks:
        return InstalledUnit(path.name, path, OURS, marks[0], program)
    home = _home_in_reference(starts, namespace)
    return InstalledUnit(path.name, path, REFERENCE if home else FOREIGN, home, program)


def _home_in_reference(starts: Iterable[str], namespace: str) -> str:
    """The namespace directory in a command line of the reference: its start script, or the router's configuration."""
    for start in starts:
        for tail in ("/internal/scripts/start.sh", "/runtime/router/skrouterd.json"):
            for word in start.split():
                if word.endswith(f"/namespaces/{namespace}{tail}"):
                    return word.removesuffix(tail)
    return ""


def _same(home: str, other: Path) -> bool:
    return bool(home) and os.path.realpath(home) == os.path.realpath(other)


def _not_written(verb: str, path: Path, error: OSError) -> UnitNotWrittenError:
    return UnitNotWrittenError(
        f"Cannot {verb} the unit {path.name}",
        why=f"{path}: {error.strerror}",
        next_step="make room or give yourself the right to write there; skupper-local system check says more",
    )


def render(template: str, **values: object) -> str:
    """The text of a template in ``units/``; a value that it uses and that is missing is an error. Raises ValueError."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(units_directory()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - unit files are no HTML; each value goes through a filter of its own
    )
    environment.filters.update(quoted=quote, argument=quote_argument, path=quote_path, plain=plain)
    return environment.get_template(template).render(**values)
