"""Which namespace and which platform a command works on.

The platform, first match wins: the flag; what the namespace has recorded; ``SKUPPER_PLATFORM``; ``linux``. A flag other than
the recorded one is refused, because a site does not change platform by accident; the variable, which is set for a whole
session, gives way to the record. A wrong value is an error wherever it stands (the reference takes a wrong value of the
variable for Kubernetes: reference-engine 0.1).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from skupper_local.namespace.paths import NamespacePaths
from skupper_local.operations.errors import PlatformMismatchError

DEFAULT_PLATFORM = "linux"


@dataclass(frozen=True)
class Target:
    """What a command works on. ``platform`` is the flag, empty when it was not given; ``command`` is what was typed."""

    paths: NamespacePaths
    platform: str = ""
    command: str = "skupper-local"

    @property
    def namespace(self) -> str:
        """The namespace's name."""
        return self.paths.name


def find_target(
    namespace: str = "",
    platform: str = "",
    *,
    command: str = "skupper-local",
    environ: Mapping[str, str] | None = None,
    data_home: Path | None = None,
) -> Target:
    """The target meant by the flags (empty: not given) and the environment.

    Raises NamespaceNameInvalidError and PlatformNotSupportedError.
    """
    environ = os.environ if environ is None else environ
    paths = NamespacePaths.of(namespace or environ.get("SKUPPER_NAMESPACE", ""), data_home)
    _require_supported(platform)
    return Target(paths, platform, command)


def platform_of(target: Target, environ: Mapping[str, str] | None = None) -> str:
    """The name of the platform the namespace is on, or will be. Raises PlatformMismatchError, PlatformNotSupportedError."""
    from skupper_local.namespace.records import read_platform

    environ = os.environ if environ is None else environ
    recorded = read_platform(target.paths)
    if recorded and target.platform and recorded != target.platform:
        raise PlatformMismatchError(
            f"Namespace {target.namespace} is on platform {recorded}, not {target.platform}",
            why="a started site keeps its platform",
            next_step=f"leave -p away, or remove the site first: skupper-local system teardown -n {target.namespace}",
        )
    chosen = recorded or target.platform or environ.get("SKUPPER_PLATFORM", "") or DEFAULT_PLATFORM
    _require_supported(chosen)
    return chosen


def _require_supported(platform: str) -> None:
    if platform and platform != DEFAULT_PLATFORM:
        from skupper_local.platforms.face import platform_named

        platform_named(platform)
