"""Test hosts: a real systemd as PID 1 in namespaces of its own, with its own users, engines and network.

A host is an overlay over a tree of files, usually those of this very machine, so nothing has to be downloaded; what it writes
is thrown away with it, and only with it: a reboot keeps it. Hosts on one ``Lan`` reach each other and nothing else. All of it
needs root, util-linux, iproute2, systemd, libpam-systemd and dbus-user-session.

    with Lan() as lan, MiniHost("west", lan=lan, users=("ada",)) as west, MiniHost("east", lan=lan) as east:
        west.ok("systemctl", "--user", "is-system-running", user="ada")
        east.ok("ping", "-c1", "west")
        west.reboot()

Everything a host runs is in one control group and dies with it, also when the test process is killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from tests.rig.requirements import why_no_system_tests

_BOOT = Path(__file__).with_name("host-boot.sh")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SUBNET = "10.77.0"
INSTALLED = "/opt/skupper-local"
"""Where hosts have the program under test; its commands are linked in /usr/local/bin."""

FIRST_USER = 20_001
"""Numbers of a host's users: none of this machine, where somebody may end all processes of one."""

BOOT_SECONDS = 60.0
SHUTDOWN_SECONDS = 60.0
COMMAND_SECONDS = 120.0

_ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
"""A shell line that enters the control group named by $0 and becomes the command that follows."""

_KEEP = (
    'mount -t tmpfs -o mode=755 tmpfs "$0" && echo && cat >/dev/null; '
    'if [ -e "$1" ]; then echo 1 >"$1/cgroup.kill"; fi'
)

_AS_USER = (
    'u=$1; shift; id=$(id -u "$u"); exec setpriv --reuid "$u" --regid "$(id -g "$u")" --init-groups '
    'env -C "/home/$u" HOME="/home/$u" USER="$u" LOGNAME="$u" XDG_RUNTIME_DIR="/run/user/$id" '
    'DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$id/bus" "$@"'
)


def command(*words: str, timeout: float = COMMAND_SECONDS) -> str:
    """Run a program of this machine; it must succeed. Returns what it printed."""
    ran = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
    assert ran.returncode == 0, f"{' '.join(words)}: {ran.stdout}{ran.stderr}"
    return ran.stdout


def unique(name: str) -> str:
    """A name that no other test process of this machine uses."""
    return f"{os.environ.get('RIG_PREFIX', 'rig')}{os.getpid()}-{name}"


def obstacle_to_hosts() -> str:
    """Why this machine cannot run test hosts; empty when it can."""
    return why_no_system_tests()


class Lan:
    """A network of its own: one bridge, a network namespace per host, nothing in the machine's network."""

    def __init__(self) -> None:
        self._switch = unique("switch")
        self.addresses: dict[str, str] = {}
        self.hosts: list[MiniHost] = []

    def __enter__(self) -> Lan:
        _add_namespace(self._switch)
        command("ip", "-n", self._switch, "link", "add", "br0", "type", "bridge")
        command("ip", "-n", self._switch, "link", "set", "br0", "up")
        return self

    def attach(self, host: MiniHost) -> str:
        """Plug a host in, so that it and the others know each other by name; returns the name of its network namespace."""
        namespace = self.namespace(host.name)
        self.hosts.append(host)
        for other in self.hosts:
            other.learn_neighbours()
        return namespace

    def namespace(self, name: str) -> str:
        """Make a network namespace and plug it in; returns its name. The name must not have been used on this network."""
        number = len(self.addresses) + 1
        namespace, port, address = unique(name), f"p{number}", f"{_SUBNET}.{number}"
        _add_namespace(namespace)
        self.addresses[name] = address
        switch = self._switch
        command(
            *("ip", "-n", switch, "link", "add", port, "type", "veth"),
            *("peer", "name", "eth0", "netns", namespace),
        )
        command("ip", "-n", switch, "link", "set", port, "master", "br0", "up")
        command("ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        command("ip", "-n", namespace, "link", "set", "eth0", "up")
        command("ip", "-n", namespace, "route", "add", "default", "dev", "eth0")
        return namespace

    def unplug(self, name: str) -> None:
        """Cut the cable of a host."""
        command("ip", "-n", unique(name), "link", "set", "eth0", "down")

    def plug(self, name: str) -> None:
        """Mend the cable of a host."""
        command("ip", "-n", unique(name), "link", "set", "eth0", "up")
        command("ip", "-n", unique(name), "route", "replace", "default", "dev", "eth0")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in (*map(unique, self.addresses), self._switch):
            _remove_namespace(name)


def _add_namespace(name: str) -> None:
    command("ip", "netns", "add", name)
    command("ip", "-n", name, "link", "set", "lo", "up")


def _remove_namespace(name: str) -> None:
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


class MiniHost:
    """A host with a real systemd. ``start`` or ``with`` boots it; ``down`` or the end of ``with`` throws it away.

    ``tree`` is a directory with a system in it. ``lan`` is the network the host is on: None for one of its own without any
    neighbour. ``binds`` are directories of this machine by the path they have inside, writable. ``program`` is one that
    ``installed.install_program`` made: its commands are in every user's PATH. ``users`` are made with a home and a lingering
    manager.
    """

    def __init__(
        self,
        name: str,
        *,
        lan: Lan | None = None,
        tree: Path = Path("/"),
        binds: Mapping[str, Path] | None = None,
        program: Path | None = None,
        users: Iterable[str] = (),
    ) -> None:
        self.name, self.lan, self.tree = name, lan, tree
        self._binds = dict(binds or {})
        self._program = program
        if program:
            self._binds[INSTALLED] = program
        self._users: dict[str, int] = dict.fromkeys(users, 0)
        self._directory = Path(tempfile.mkdtemp(prefix=unique(name) + "-", dir="/run"))
        self._group = cgroup_root() / unique(name)
        self._keeper: subprocess.Popen[bytes] | None = None
        self._boot: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._network = ""

    # Life

    def start(self) -> MiniHost:
        """Make the host and boot it; returns when systemd says that it is up and every user's manager runs."""
        try:
            if self.lan:
                self._network = self.lan.attach(self)
            else:
                self._network = unique(self.name)
                _add_namespace(self._network)
            # The files that outlive a reboot are on a file system that only the keeper sees, and go with it. It ends, and
            # with it everything of the host, when its standard input does: also when this process is killed.
            self._keeper = subprocess.Popen(
                [
                    *("unshare", "--mount", "--propagation", "private", "sh", "-c", _KEEP),
                    *(str(self._directory), str(self._group)),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert self._keeper.stdout
            assert self._keeper.stdout.readline() == b"\n", "no file system for a test host"
            self._power_on()
            if self._program:
                self.ok("sh", "-c", f"ln -s {INSTALLED}/bin/skupper-local* /usr/local/bin/")
            for user in list(self._users):
                self.add_user(user)
        except BaseException:
            self.down()
            raise
        return self

    def _power_on(self) -> None:
        assert self._keeper is not None
        for group in (self._group, self._group / "init.scope"):
            group.mkdir(parents=True, exist_ok=True)
        resolv = self._directory.with_suffix(".resolv")
        resolv.write_text("")
        environment = {
            "PATH": _SYSTEM_PATH,
            "LANG": "C.UTF-8",
            "NAME": self.name,
            "TREE": str(self.tree),
            "STATE": str(self._directory),
            "HOSTS": self._hosts(),
            "BINDS": " ".join(f"{source}:{target}" for target, source in self._binds.items()),
            "RESOLV": str(resolv),
        }
        with self.log.open("ab") as log:
            self._boot = subprocess.Popen(
                [
                    *("sh", "-c", _ENTER, str(self._group), "setsid"),
                    *("nsenter", "--mount", f"--target={self._keeper.pid}"),
                    *("nsenter", f"--net=/run/netns/{self._network}"),
                    *("unshare", "--fork", "--kill-child=KILL", "--pid", "--mount", "--uts", "--ipc"),
                    *("--cgroup", "--propagation", "slave", "bash", "-s"),
                ],
                stdin=_BOOT.open("rb"),
                stdout=log,
                stderr=log,
                env=environment,
            )
        deadline = time.monotonic() + BOOT_SECONDS
        state = ""
        while state not in ("running", "degraded"):
            text = self.log.read_text(errors="replace")
            assert self._boot.poll() is None, f"the test host {self.name} did not boot: {text[-2000:]}"
            assert time.monotonic() < deadline, (
                f"the test host {self.name} is {state or 'not up'} after {BOOT_SECONDS} s: {text}"
            )
            time.sleep(0.02)
            self._leader = _only_child(self._boot.pid)
            if self._leader:
                state = self._enter("systemctl", "is-system-running").stdout.strip()

    def _hosts(self) -> str:
        neighbours = self.lan.addresses if self.lan else {self.name: "127.0.1.1"}
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        lines += [f"{address} {name}" for name, address in neighbours.items()]
        return "\n".join(lines) + "\n"

    def learn_neighbours(self) -> None:
        """Write the names of all hosts of the network into /etc/hosts."""
        if self._leader:
            self.path("/etc/hosts").write_text(self._hosts())

    @property
    def log(self) -> Path:
        """What the boot printed."""
        return self._directory.with_suffix(".log")

    def add_user(self, user: str) -> None:
        """Make an ordinary user with a home and a lingering manager, or wait for the manager of one that exists."""
        script = (
            'id "$1" >/dev/null 2>&1 || useradd -m -s /bin/bash -u "$2" "$1"; '
            '[ -d "/home/$1" ] || { cp -a /etc/skel "/home/$1" && chown -R "$1:" "/home/$1"; }; '
            'loginctl enable-linger "$1" && systemctl start network-online.target; '
            'for i in $(seq 500); do [ -S "/run/user/$(id -u "$1")/bus" ] && exit 0; sleep .02; done; exit 1'
        )
        self.ok("chmod", "755", "/home")
        self._users.setdefault(user, 0)
        number = FIRST_USER + list(self._users).index(user)
        self.ok("sh", "-c", script, "sh", user, str(number))
        self._users[user] = int(self.ok("id", "-u", user))

    def reboot(self, *, orderly: bool = True) -> None:
        """Down and up again with the same files; ``orderly=False`` is a power cut."""
        if orderly:
            self._enter("systemctl", "--no-block", "poweroff")
            assert self._boot is not None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._boot.wait(SHUTDOWN_SECONDS)
        self._power_off()
        self._power_on()
        for user in self._users:
            self.add_user(user)

    def _power_off(self) -> None:
        """End whatever the host runs, at once."""
        if not self._group.exists():
            return
        (self._group / "cgroup.kill").write_text("1")
        if self._boot is not None:
            with contextlib.suppress(ProcessLookupError):
                self._boot.send_signal(signal.SIGKILL)
            self._boot.wait(10)
        deadline = time.monotonic() + 10
        while "populated 1" in (self._group / "cgroup.events").read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        for directory, _, _ in os.walk(self._group, topdown=False):
            with contextlib.suppress(OSError):
                Path(directory).rmdir()
        self._boot, self._leader = None, 0

    def down(self) -> None:
        """Throw the host away."""
        self._power_off()
        if self._keeper is not None:
            self._keeper.communicate(timeout=30)
            self._keeper = None
        with contextlib.suppress(OSError):
            self._group.parent.rmdir()
        if self.lan:
            self.lan.hosts.remove(self)
        else:
            _remove_namespace(self._network)
        for path in (self.log, self._directory.with_suffix(".resolv")):
            path.unlink(missing_ok=True)
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> MiniHost:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    # Use

    @property
    def address(self) -> str:
        """The host's address on its network."""
        return self.lan.addresses[self.name] if self.lan else "127.0.0.1"

    def path(self, inside: str | Path) -> Path:
        """A file of the host as this process reaches it; valid until the next reboot. Symbolic links that are absolute lead
        astray."""
        return Path(f"/proc/{self._leader}/root") / str(inside).lstrip("/")

    def uid(self, user: str) -> int:
        """The number of a user that was made with the host or by :meth:`add_user`."""
        return 0 if user == "root" else self._users[user]

    def words(
        self, *words: str, user: str = "root", environment: Mapping[str, str] | None = None
    ) -> list[str]:
        """The command of this machine that runs ``words`` in the host as that user, as if logged in."""
        outer = ["nsenter", f"--target={self._leader}", "--all", "env", "-i", "-C", "/"]
        outer += [f"PATH={_SYSTEM_PATH}", "LANG=C.UTF-8", "TERM=dumb"]
        given = [f"{name}={value}" for name, value in (environment or {}).items()]
        if user == "root":
            group = self._group / "init.scope"
            return ["sh", "-c", _ENTER, str(group), *outer, "HOME=/root", *given, *words]
        uid = self._users[user]
        group = self._group / f"user.slice/user-{uid}.slice/user@{uid}.service/init.scope"
        return [
            "sh",
            "-c",
            _ENTER,
            str(group),
            *outer,
            "sh",
            "-c",
            _AS_USER,
            "sh",
            user,
            "env",
            *given,
            *words,
        ]

    def _enter(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*words), capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )

    def run(
        self,
        *words: str,
        user: str = "root",
        text: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the host to its end. ``text`` is its standard input."""
        return subprocess.run(
            self.words(*words, user=user, environment=environment),
            input=text,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def ok(
        self,
        *words: str,
        user: str = "root",
        text: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> str:
        """As :meth:`run`, and it must succeed; returns what it printed."""
        ran = self.run(*words, user=user, text=text, environment=environment, timeout=timeout)
        assert ran.returncode == 0, f"{' '.join(words)}: status {ran.returncode}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def launch(
        self, *words: str, user: str = "root", environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command in the host and do not wait. It ends with the host at the latest."""
        return subprocess.Popen(
            self.words(*words, user=user, environment=environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def cgroup_root() -> Path:
    """Where control groups (version 2) of test hosts are made: beside those of a hybrid machine, or in the only tree."""
    unified = Path("/sys/fs/cgroup/unified")
    return (unified if unified.is_dir() else Path("/sys/fs/cgroup")) / "skupper-local-tests"


def _only_child(pid: int) -> int:
    """The child of a process that waits for one; 0 before there is one."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    return 0
