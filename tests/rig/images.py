"""The router's images: our own, built from this checkout, and the official one where an archive of it is given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.rig.installed import REPOSITORY

OUR_IMAGE = "localhost/skupper-local-router:test"
OFFICIAL_VARIABLE = "SKROUTERD_ARCHIVE"


def build_our_image(archive: Path, reference: str = OUR_IMAGE) -> Path:
    """Build our image into an archive; returns it. Takes three seconds, no network and no engine."""
    name, _, tag = reference.rpartition(":")
    script = REPOSITORY / "packaging/container/build_image.py"
    words = [sys.executable, str(script), "-o", str(archive), "--name", name, "--tag", tag]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return archive


def official_image() -> Path | None:
    """The archive of the official image that SKROUTERD_ARCHIVE names."""
    named = os.environ.get(OFFICIAL_VARIABLE)
    return Path(named) if named else None
