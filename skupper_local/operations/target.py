"""Which namespace and which platform a command works on.

A site does not change platform by accident: a flag other than the recorded platform is refused and names ``system migrate``,
and the variable, which is set for a whole session, gives way to the record. A wrong value is an error wherever it stands (the
reference takes a wrong value of the variable for Kubernetes: reference-engine 0.1). What a first start takes when nobody says
anything is found out in ``placement``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from skupper_local.errors import InvalidRequestError, SkupperLocalError
from skupper_local.namespace.errors import NamespaceNameInvalidError
from skupper_local.namespace.paths import NamespacePaths
from skupper_local.operations.errors import PlatformMismatchError

VARIABLE = "SKUPPER_PLATFORM"
NAMESPACE_VARIABLE = "SKUPPER_NAMESPACE"


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

    The variable ``SKUPPER_PLATFORM`` is checked here, too: whether a record outweighs it is nothing a wrong value should wait
    for. Raises NamespaceNameInvalidError and PlatformNotSupportedError, which say when a variable is to blame.
    """
    environ = os.environ if environ is None else environ
    try:
        paths = NamespacePaths.of(namespace or environ.get(NAMESPACE_VARIABLE, ""), data_home)
    except NamespaceNameInvalidError as error:
        if namespace:
            raise
        raise _in_variable(error, NAMESPACE_VARIABLE) from None
    require_platform_name(platform)
    if not platform:
        try:
            require_platform_name(environ.get(VARIABLE, ""))
        except InvalidRequestError as error:
            raise _in_variable(error, VARIABLE) from None
    return Target(paths, platform, command)


_Error = TypeVar("_Error", bound=SkupperLocalError)


def _in_variable(error: _Error, variable: str) -> _Error:
    """The same error for a value that was not typed now: who set the variable may have forgotten it."""
    return type(error)(
        f"{error.what}, which the variable {variable} names",
        why=error.why,
        next_step=f"unset {variable}, or set it to another value; a flag of the command outweighs it",
    )


def platform_of(target: Target, environ: Mapping[str, str] | None = None) -> str:
    """The platform the namespace is on, or will be; empty while that is left to the first start.

    Raises PlatformMismatchError and PlatformNotSupportedError.
    """
    from skupper_local.namespace.records import read_platform

    environ = os.environ if environ is None else environ
    recorded = read_platform(target.paths)
    if recorded and target.platform and recorded != target.platform:
        flag = "" if target.namespace == "default" else f" -n {target.namespace}"
        raise PlatformMismatchError(
            f"Namespace {target.namespace} is on platform {recorded}, not {target.platform}",
            why="a started site keeps its platform until it is moved",
            next_step=f"leave -p away, or move the site: skupper-local system migrate --to {target.platform}{flag}",
        )
    chosen = recorded or target.platform or environ.get(VARIABLE, "")
    require_platform_name(chosen)
    return chosen


def require_platform_name(platform: str) -> None:
    """Raise PlatformNotSupportedError for a name that is not a platform's; empty is none at all."""
    if platform:
        from skupper_local.platforms.face import require_platform

        require_platform(platform)
