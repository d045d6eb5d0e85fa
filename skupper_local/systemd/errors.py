"""What can go wrong with systemd, in words for the person at the keyboard."""

from __future__ import annotations

from typing import ClassVar

from skupper_local.errors import SkupperLocalError


class ManagerFailedError(SkupperLocalError):
    """systemd did not do what it was told, or did not answer in time."""

    code: ClassVar[str] = "systemd-failed"


class UnitForeignError(SkupperLocalError):
    """A unit of the wanted name is there and belongs to somebody else."""

    code: ClassVar[str] = "unit-foreign"


class UnitNotWrittenError(SkupperLocalError):
    """The unit file could not be written or removed."""

    code: ClassVar[str] = "unit-not-written"


class LingeringError(SkupperLocalError):
    """Lingering of a user could not be switched on or off."""

    code: ClassVar[str] = "lingering-unchanged"
