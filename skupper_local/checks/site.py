"""One site: its declarations, its router, its ports, its links' hosts, its certificates, who can read its keys."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

from skupper_local.checks.model import Group, Result, Subject, failed, ok, skipped, warning
from skupper_local.errors import SkupperLocalError
from skupper_local.host import machine, names, ports
from skupper_local.namespace.records import DesiredState, read_desired_state
from skupper_local.namespace.resource_files import read_resource_files

_ANSWER_SECONDS = 3.0
_MOST_HOSTS = 20
_SOON_DAYS = 30
_VERY_SOON_DAYS = 7
_LOOKUP_SECONDS = 2.0
_CONNECT_SECONDS = 2.0
_CODES = (
    *(
        "declarations",
        "router-program",
        "router-answers",
        "ports",
        "link-host-resolves",
        "link-host-reachable",
    ),
    *("certificate-days", "permissions"),
)


def declarations(subject: Subject) -> Iterator[Result]:
    """What is declared can be read."""
    from skupper_local.resources import decode_documents

    if not subject.has_site:
        yield skipped("declarations", f"namespace {subject.paths.name}", _absent(subject))
        return
    fix = f"correct it and type: skupper-local system reload -n {subject.paths.name}"
    try:
        files = read_resource_files(subject.paths.input_resources)
    except SkupperLocalError as error:
        yield failed("declarations", error.what, error.why, error.next_step)
        return
    problems = [
        problem for file in files.files for problem in decode_documents(file.content, str(file.path)).problems
    ]
    if problems:
        yield failed("declarations", f"{len(problems)} mistakes in the declarations", str(problems[0]), fix)
    elif not files.files:
        from skupper_local.namespace.paths import usual_site_name

        step = f"skupper-local site create {usual_site_name(subject.paths.name)} -n {subject.paths.name}"
        yield failed("declarations", "nothing is declared", f"{subject.paths.input_resources} is empty", step)
    else:
        count = len(files.files)
        yield ok("declarations", f"{count} file{'s' if count > 1 else ''} of declarations can be read")


def router_program(subject: Subject) -> Iterator[Result]:
    """On ``linux``: the router that was chosen, or would be, can be run."""
    from skupper_local.platforms.linux.program import EMBEDDED, require_program

    if subject.platform != "linux":
        return
    program = subject.program or EMBEDDED
    try:
        require_program(program)
    except SkupperLocalError as error:
        yield failed("router-program", error.what, error.why, error.next_step)
    else:
        yield ok("router-program", f"the router is {program}")


def router_answers(subject: Subject) -> Iterator[Result]:
    """A router that should run answers; of one that does not run the ports can be bound."""
    from skupper_local.platforms.readiness import ask_router

    if not subject.has_site or not subject.paths.router_config.exists():
        yield skipped(
            "router-answers", "the router", _absent(subject) if subject.pre else "the site was never started"
        )
        return
    name = subject.paths.name
    reason = ask_router(subject.paths.router_config, subject.paths.runtime_certs, _ANSWER_SECONDS)
    if not reason:
        yield ok("router-answers", "the router answers on its local listener")
        yield ok("ports", "its ports are its own")
        return
    try:
        stopped = read_desired_state(subject.paths) is DesiredState.STOPPED
    except SkupperLocalError as error:
        yield failed("router-answers", error.what, error.why, error.next_step)
        return
    if stopped:
        yield ok("router-answers", "the router was stopped by its user")
    else:
        fix = f"skupper-local system start -n {name}\nto see why: skupper-local system logs -n {name}"
        yield failed("router-answers", "the router does not answer", reason, fix)
    yield from _ports(subject)


def _ports(subject: Subject) -> Iterator[Result]:
    blocked: dict[tuple[str, int], str] = {}
    for kind, attributes in _entities(subject):
        port = str(attributes.get("port", ""))
        if kind not in ("listener", "tcpListener") or not port.isdecimal():
            continue
        host = str(attributes.get("host", ""))
        problem = ports.bind_problem(host, int(port))
        if problem:
            blocked[host, int(port)] = problem
    if not blocked:
        yield ok("ports", "every port of the site is free")
        return
    holders = ports.holders_of({number for _, number in blocked})
    own = _own_process(subject)
    blocked = {
        key: problem
        for key, problem in blocked.items()
        if not own or not holders.get(key[1], "").startswith(f"process {own} ")
    }
    if not blocked:
        yield ok("ports", "its ports are its own")
        return
    for (host, number), problem in blocked.items():
        fix = f"end what holds it (ss -ltnp 'sport = :{number}'), or declare another port"
        by = f" by {holders[number]}" if number in holders else ""
        yield failed("ports", f"port {host or '*'}:{number} cannot be opened", f"{problem}{by}", fix)


def _own_process(subject: Subject) -> int:
    """The process of the site's own router; 0 if none runs or nobody can tell. One that does not answer holds its ports."""
    from skupper_local.platforms.face import Placement, platform_at

    placement = Placement(subject.platform, keeper=subject.keeper, endpoint=subject.endpoint)
    with suppress(SkupperLocalError):
        return platform_at(placement).inspect(subject.paths.home).pid
    return 0


def links(subject: Subject) -> Iterator[Result]:
    """The hosts that this site dials can be found and reached."""
    if not subject.has_site:
        return
    targets = sorted(
        {
            (str(attributes.get("host", "")), str(attributes.get("port", "")))
            for kind, attributes in _entities(subject)
            if kind == "connector"
        }
    )
    if not targets:
        yield skipped("link-host-resolves", "hosts of links", "this site dials none")
        return
    with ThreadPoolExecutor(max_workers=10) as pool:
        for results in pool.map(_look_at_host, targets[:_MOST_HOSTS]):
            yield from results


def _look_at_host(target: tuple[str, str]) -> list[Result]:
    host, port = target
    found = names.resolve(host, seconds=_LOOKUP_SECONDS)
    if not found:
        cause = f"no resolver knew it within {_LOOKUP_SECONDS:g} s"
        fix = f"look at the name and the resolver (getent hosts {host}), or let the other site offer another host in its link"
        return [failed("link-host-resolves", f"{host} cannot be resolved", cause, fix)]
    results = [ok("link-host-resolves", f"{host} is {', '.join(found[:2])}")] if host not in found else []
    reason = (
        machine.can_connect(host, int(port), _CONNECT_SECONDS) if port.isdecimal() else "no port is given"
    )
    if reason:
        fix = f"is that site running, and does a firewall let port {port} through? From here: nc -vz {host} {port}"
        return [*results, failed("link-host-reachable", f"{host}:{port} cannot be reached", reason, fix)]
    return [*results, ok("link-host-reachable", f"{host}:{port} accepts connections")]


def certificates(subject: Subject) -> Iterator[Result]:
    """No certificate of the site ends soon."""
    from skupper_local.namespace.resource_files import read_credential_directories
    from skupper_local.pki.certificates import describe
    from skupper_local.pki.errors import UnreadableCredentialsError

    if not subject.has_site:
        return
    now = datetime.now(UTC)
    least: tuple[int, str] | None = None
    found: list[Result] = []
    try:
        directories = [
            item
            for parent in (subject.paths.runtime_issuers, subject.paths.runtime_certs)
            for item in read_credential_directories(parent).values()
        ]
    except SkupperLocalError as error:
        yield failed("certificate-days", error.what, error.why, error.next_step)
        return
    for item in directories:
        pem = item.files.get("tls.crt") or item.files.get("ca.crt")
        if not pem:
            continue
        fix = (
            f"skupper-local certificate status {item.name} -n {subject.paths.name} says more; what this program made is renewed"
            f" by skupper-local system reload -n {subject.paths.name}"
        )
        try:
            description = describe(pem, now)
        except UnreadableCredentialsError as error:
            found.append(failed("certificate-days", f"{item.name} cannot be read", str(error), fix))
            continue
        days = description.days_left
        least = min(least or (days, item.name), (days, item.name))
        ends = f"{item.name} ends in {days} days"
        if days < 0:
            ago = f"{-days - 1} days ago" if days < -1 else "less than a day ago"
            found.append(
                failed("certificate-days", f"{item.name} expired {ago}", "nobody accepts it any more", fix)
            )
        elif days <= _VERY_SOON_DAYS:
            found.append(failed("certificate-days", ends, "links and tools fail after that", fix))
        elif days < _SOON_DAYS:
            found.append(warning("certificate-days", ends, "it is not valid after that", fix))
    yield from found
    if least and not found:
        yield ok(
            "certificate-days", f"{len(directories)} certificates; {least[1]} ends first, in {least[0]} days"
        )
    elif not directories:
        yield skipped("certificate-days", "certificates", "they are made at the first start")


def permissions(subject: Subject) -> Iterator[Result]:
    """Keys are their owner's alone."""
    if not subject.has_site:
        return
    open_files = [path for path in _secret_files(str(subject.paths.home)) if _others_can_read(path)]
    if open_files:
        more = f" and {len(open_files) - 1} more" if len(open_files) > 1 else ""
        fix = f"skupper-local system reload -n {subject.paths.name} makes them private; whoever may have read them has the keys"
        yield failed(
            "permissions", f"{open_files[0]}{more} can be read by others", "it holds a private key", fix
        )
    else:
        yield ok("permissions", "keys can be read by their owner only")


def _secret_files(home: str) -> Iterator[str]:
    for directory, _, files in os.walk(home):
        for name in files:
            if name == "tls.key" or name.startswith(("Secret-", "link-", "AccessToken-")):
                yield os.path.join(directory, name)


def _others_can_read(path: str) -> bool:
    """Its own mode decides, and that of every directory above it that others would have to pass through."""
    try:
        if not stat.S_IMODE(os.stat(path).st_mode) & 0o077:
            return False
        while (path := os.path.dirname(path)) not in ("/", ""):
            if not stat.S_IMODE(os.stat(path).st_mode) & 0o011:
                return False
    except OSError:
        return False
    return True


def _entities(subject: Subject) -> list[tuple[str, dict[str, object]]]:
    try:
        found = json.loads(subject.paths.router_config.read_bytes())
        return [(str(kind), dict(attributes)) for kind, attributes in found]
    except (OSError, ValueError, TypeError):
        return []


def _absent(subject: Subject) -> str:
    return "only the machine is looked at (--pre)" if subject.pre else "there is no site in it"


GROUP = Group(
    "site",
    _CODES,
    (declarations, router_program, router_answers, links, certificates, permissions),
)
