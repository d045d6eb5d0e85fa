"""Which checks explain which error of a platform: what the command line names below such an error.

A test holds the table to the errors that ``platforms`` and ``systemd`` define, and to the codes that checks answer with.
"""

from __future__ import annotations

_SYSTEMD = ("systemd-manager",)
_ENGINE = ("engine-socket", "engine-reachable")

EXPLAINED_BY: dict[str, tuple[str, ...]] = {
    "container-foreign": ("container",),
    "container-limits-unsupported": ("cgroups",),
    "engine-failed": ("engine-reachable", "engine-storage", "rootless-ids"),
    "engine-refused": _ENGINE,
    "engine-unreachable": (*_ENGINE, "engine-socket-unit"),
    "image-archive-not-loaded": ("engine-storage", "image-present"),
    "image-missing": ("image-present",),
    "image-not-pulled": ("image-present", "engine-storage", "clock"),
    "lingering-unchanged": ("lingering",),
    "network-missing": ("engine-network",),
    "platform-not-supported": (),
    "port-in-use": ("ports",),
    "router-choice-invalid": ("router-program",),
    "router-not-ready": ("router-answers", "ports"),
    "router-not-started": ("router-answers", "router-program", "unit-installed"),
    "router-not-stopped": ("router-answers",),
    "router-program-missing": ("router-program",),
    "router-record-unusable": ("unit-installed", "data-directory"),
    "systemd-failed": _SYSTEMD,
    "systemd-unreachable": (*_SYSTEMD, "lingering"),
    "unit-foreign": ("unit-installed",),
    "unit-not-written": (*_SYSTEMD, "data-directory"),
}
"""Checks by the code of an error."""
