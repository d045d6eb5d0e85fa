"""A site of one user of a test host, kept by a unit of the systemd there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.rig.hosts import MiniHost

UNIT = "skupper-west.service"


class UnitSite:
    """A namespace of one user."""

    def __init__(
        self,
        host: MiniHost,
        user: str,
        environment: Mapping[str, str] | None = None,
        namespace: str = "west",
    ) -> None:
        self.host, self.user, self.environment = host, user, environment or {}
        self.namespace, self.unit = namespace, f"skupper-{namespace}.service"

    @property
    def user_words(self) -> tuple[str, ...]:
        """What tells systemd's programs that the user's manager is meant."""
        return () if self.user == "root" else ("--user",)

    def run(self, words: str, status: int = 0) -> str:
        """Run a command of the program, which must end with that status; returns all it printed."""
        ran = self.host.run(
            "skupper-local",
            *words.split(),
            "-n",
            self.namespace,
            user=self.user,
            environment=self.environment,
        )
        assert ran.returncode == status, f"{words}: {ran.stdout}{ran.stderr}"
        return ran.stdout + ran.stderr

    def systemctl(self, *words: str) -> str:
        """Tell this user's manager something; returns what it said."""
        return self.host.run("systemctl", *self.user_words, *words, user=self.user).stdout.strip()

    def properties(self, *names: str) -> dict[str, str]:
        """Properties of the unit."""
        lines = self.systemctl("show", self.unit, *(f"--property={name}" for name in names)).splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def active(self) -> str:
        """The unit's ActiveState."""
        return self.properties("ActiveState")["ActiveState"]

    @property
    def runner(self) -> int:
        """The process that the unit runs; 0 for none."""
        return int(self.properties("MainPID")["MainPID"])

    def status(self) -> dict[str, Any]:
        """``system status``."""
        found: dict[str, Any] = json.loads(self.run("system status -o json"))
        return found

    @property
    def router(self) -> int:
        """The router's process; 0 for none."""
        pid: int = self.status()["pid"]
        return pid

    @property
    def runs(self) -> bool:
        """Whether the router answers."""
        return bool(self.status()["status"] == "running")

    def runs_anew(self, former: int) -> bool:
        """Whether another router than that process runs, and its unit is up."""
        status = self.status()
        return status["status"] == "running" and status["pid"] not in (0, former) and self.active == "active"

    def kill(self, signal: str, pid: int) -> None:
        """Send a signal to a process of the host."""
        assert pid > 0
        self.host.ok("kill", f"-{signal}", str(pid))

    def wait(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Until the condition is so."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.systemctl("status", self.unit) + self.run(
                "system status"
            )
            time.sleep(0.1)

    def resident(self) -> int:
        """Kilobytes of memory that the unit's program has."""
        lines = self.host.path(f"/proc/{self.runner}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

    def complaints(self) -> str:
        """What ``systemd-analyze verify`` has against the unit."""
        ran = self.host.run("systemd-analyze", *self.user_words, "verify", self.unit, user=self.user)
        return "".join(line for line in (ran.stdout + ran.stderr).splitlines() if self.unit in line)
