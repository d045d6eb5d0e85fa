"""Where everything of a site is on disk.

The layout is the reference's (reference-engine 1.1 and 1.3), so that either program can take a namespace over from the
other. What only this program needs lies in ``internal/``, which the reference leaves alone apart from ``scripts/`` and
``snapshot/``, or beside ``namespaces/``, never inside it: the reference counts each directory there as a site.

A name is validated before it becomes a path: :meth:`NamespacePaths.of` is the only way in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skupper_local.namespace.errors import NamespaceNameInvalidError, explain

DEFAULT_NAMESPACE = "default"

#: reference-engine 2.3, rule R; the length is what a directory entry and a host name label can bear.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LONGEST_NAME = 63


def data_home(environ: Mapping[str, str] | None = None, *, uid: int | None = None) -> Path:
    """The directory that holds ``namespaces/``.

    ``XDG_DATA_HOME`` when it is set and absolute (the specification says to ignore anything else), otherwise
    ``/var/lib/skupper`` for root and ``~/.local/share/skupper`` for everybody else (reference-engine 1.1). ``platformdirs`` is
    not asked: it takes a relative ``XDG_DATA_HOME`` as it is and knows no system directory for root.
    """
    environ = os.environ if environ is None else environ
    configured = environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(configured):
        return Path(configured) / "skupper"
    if (os.getuid() if uid is None else uid) == 0:
        return Path("/var/lib/skupper")
    home = environ.get("HOME", "") or os.path.expanduser("~")
    return Path(home) / ".local" / "share" / "skupper"


def validate_namespace_name(name: str) -> str:
    """The namespace meant by ``name`` (empty means ``default``), or :class:`NamespaceNameInvalidError`."""
    name = name or DEFAULT_NAMESPACE
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise NamespaceNameInvalidError(
            f"{name[:_LONGEST_NAME]!r} is not a valid namespace name",
            why=f"a namespace name has up to {_LONGEST_NAME} lower-case letters, digits and '-', no '-' at either end",
            next_step="choose another name, for instance: -n west",
        )
    return name


def usual_site_name(namespace: str) -> str:
    """A name for the site of a namespace that has none, for a line that can be typed as it is."""
    return "my-site" if namespace == "default" else namespace


@dataclass(frozen=True)
class NamespacePaths:
    """Every path of one namespace. Nothing here touches the file system."""

    data_home: Path
    name: str

    @classmethod
    def of(cls, name: str = "", home: Path | None = None) -> NamespacePaths:
        """The paths of a namespace; an empty name means ``default``. Raises :class:`NamespaceNameInvalidError`."""
        return cls(data_home() if home is None else home, validate_namespace_name(name))

    @property
    def namespaces(self) -> Path:
        return self.data_home / "namespaces"

    @property
    def home(self) -> Path:
        return self.namespaces / self.name

    # What the user declares.

    @property
    def input_resources(self) -> Path:
        return self.home / "input" / "resources"

    @property
    def input_issuers(self) -> Path:
        """User supplied CAs, one directory each."""
        return self.home / "input" / "issuers"

    @property
    def input_certs(self) -> Path:
        """User supplied certificates, one directory each."""
        return self.home / "input" / "certs"

    # What a start or a reload makes of it.

    @property
    def runtime(self) -> Path:
        return self.home / "runtime"

    @property
    def runtime_resources(self) -> Path:
        return self.runtime / "resources"

    @property
    def runtime_router(self) -> Path:
        return self.runtime / "router"

    @property
    def router_config(self) -> Path:
        return self.runtime_router / "skrouterd.json"

    @property
    def runtime_certs(self) -> Path:
        return self.runtime / "certs"

    @property
    def runtime_issuers(self) -> Path:
        return self.runtime / "issuers"

    @property
    def runtime_links(self) -> Path:
        """Links to hand to other sites."""
        return self.runtime / "links"

    # What the reference keeps for itself.

    @property
    def internal(self) -> Path:
        return self.home / "internal"

    @property
    def platform(self) -> Path:
        return self.internal / "platform.yaml"

    @property
    def snapshot(self) -> Path:
        """The declarations exactly as they were loaded at the last start or reload."""
        return self.internal / "snapshot"

    @property
    def scripts(self) -> Path:
        return self.internal / "scripts"

    @property
    def sources_backup(self) -> Path:
        return self.home / "sources.backup.tar.gz"

    # What only this program keeps.

    @property
    def transaction(self) -> Path:
        return self.internal / "transaction"

    @property
    def choices(self) -> Path:
        """Router program, ports, site id: chosen once and kept."""
        return self.internal / "choices.json"

    @property
    def reach(self) -> Path:
        """From where the router was started to see the world; not there for one on the machine's own network."""
        return self.internal / "reach.json"

    @property
    def history(self) -> Path:
        """Earlier generations of the declarations."""
        return self.internal / "history"

    @property
    def router_record(self) -> Path:
        """What whoever keeps the router starts it with."""
        return self.internal / "router.json"

    @property
    def desired_state(self) -> Path:
        return self.internal / "desired-state.json"

    @property
    def run(self) -> Path:
        """Process records of the supervisor and the router; written by the supervisor alone."""
        return self.internal / "run"

    @property
    def log(self) -> Path:
        """The router's log and its older parts."""
        return self.internal / "log"

    # What lies beside the namespaces.

    @property
    def lock(self) -> Path:
        """Outside the namespace: it exists before the namespace does, and teardown can hold it to the end."""
        return self.data_home / "locks" / f"{self.name}.lock"

    @property
    def removed(self) -> Path:
        """Where a namespace is moved, in one step, before it is deleted file by file."""
        return self.data_home / f"removed-{self.name}"

    def exists(self) -> bool:
        """Whether something of a site is there: declarations, a runtime, a recorded platform or an unfinished change.

        Raises NotReadableError and its like where nobody may look: that is not the same as nothing being there.
        """
        return any(_is_there(part) for part in self._parts())

    def has_directory(self) -> bool:
        """Whether anything stands in the namespace's place. Raises NotReadableError and its like where nobody may look."""
        return _is_there(self.home)

    def _parts(self) -> tuple[Path, ...]:
        return (self.home / "input", self.runtime, self.platform, self.transaction / "commit.json")


def _is_there(path: Path) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise explain(error, f"cannot look at {path}", path, reading=True) from error
    return True


def list_namespaces(home: Path | None = None) -> tuple[NamespacePaths, ...]:
    """The namespaces of this user that hold something of a site, by name. Other files and directories are passed over."""
    home = data_home() if home is None else home
    directory = home / "namespaces"
    try:
        names = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise explain(error, f"cannot list {directory}", directory, reading=True) from error
    found = (
        NamespacePaths(home, name) for name in names if len(name) <= _LONGEST_NAME and _NAME.fullmatch(name)
    )
    return tuple(paths for paths in found if any(_may_be_there(part) for part in paths._parts()))


def _may_be_there(path: Path) -> bool:
    """What nobody may look at is listed too: it is somebody's site, and whoever asks for it is told what is wrong."""
    try:
        os.lstat(path)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
