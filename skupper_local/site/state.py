"""The declared site: all resources of a namespace together, and the rules between them.

The rules are the reference's (reference-engine 2.1 and 2.3) and those that it lacks although breaking them cannot work: an
edge site that accepts links, two resources of one name in two files, two listeners that cannot be bound at the same time, a
link that leads nowhere, through a proxy that nobody describes. Every broken rule is reported, with the place it was declared
at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from skupper_local.resources import (
    Certificate,
    Connector,
    InvalidResourcesError,
    Link,
    Listener,
    MultiKeyListener,
    Problem,
    Resource,
    RouterAccess,
    Secret,
    Site,
    host_rule,
    in_namespace,
    kept_because,
    kind_of,
    meant_otherwise,
    port_rule,
    printable,
    shown,
)
from skupper_local.resources.router_settings import PROXY, proxy_wanted
from skupper_local.site.certificates import LOCAL_CA, RESERVED, SERVICE_CA
from skupper_local.site.sockets import DEFAULT_PORTS, Socket, SocketTable, ipv4_within

LOCAL_ACCESS = "skupper-local"
"""The RouterAccess that every site gets for its own tools."""

LINK_FILES = ("ca.crt", "tls.crt", "tls.key")
"""What the Secret of a link must hold."""

PROXY_HOST, PROXY_PORT, PROXY_USER, PROXY_PASSWORD = "host", "port", "username", "password"
"""What the Secret of a proxy holds: where it is, and if it asks for it, a name and a password (concepts 5)."""
_LONGEST_PASSWORD = 199
"""Bytes that skrouterd reads of a password file."""

Kind = TypeVar("Kind", bound=Resource)


@dataclass(frozen=True)
class SiteState:
    """The resources of one namespace that hold together, each kind by name and sorted by it.

    ``others`` are those that nothing here acts on, of kinds that are known or not.
    """

    namespace: str
    site: Site
    listeners: Mapping[str, Listener]
    connectors: Mapping[str, Connector]
    links: Mapping[str, Link]
    router_accesses: Mapping[str, RouterAccess]
    secrets: Mapping[str, Secret]
    multi_key_listeners: Mapping[str, MultiKeyListener] = field(default_factory=dict)
    certificates: Mapping[str, Certificate] = field(default_factory=dict)
    others: tuple[Resource, ...] = ()

    @property
    def all_listeners(self) -> tuple[Listener | MultiKeyListener, ...]:
        """Every socket that applications connect to, whatever the number of its routing keys."""
        return (*self.listeners.values(), *self.multi_key_listeners.values())

    @property
    def proxies(self) -> tuple[str, ...]:
        """The names of the Secrets that describe proxies of links."""
        return tuple(dict.fromkeys(filter(None, map(proxy_wanted, self.links.values()))))

    def supplying_secrets(self) -> dict[str, Secret]:
        """The Secrets that may supply a certificate of their name: those that no link uses."""
        of_links = {link.tls_credentials for link in self.links.values()} | set(self.proxies)
        return {name: secret for name, secret in self.secrets.items() if name not in of_links}

    def resources(self) -> tuple[Resource, ...]:
        """All of them, as declared: what ``internal/snapshot`` holds."""
        return (
            self.site,
            *self.listeners.values(),
            *self.connectors.values(),
            *self.multi_key_listeners.values(),
            *self.links.values(),
            *self.router_accesses.values(),
            *self.certificates.values(),
            *self.secrets.values(),
            *self.others,
        )


@dataclass(frozen=True)
class Assembled:
    """The outcome of :func:`assemble`: ``state`` is None exactly when there is a problem."""

    state: SiteState | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def require(self, *, noticed: Iterable[object] = ()) -> SiteState:
        """The state; raises :class:`InvalidResourcesError` with all problems when there is one.

        The error carries the warnings too, after those ``noticed`` before: a mistake is often understood only beside them.
        """
        if self.state is None:
            raise InvalidResourcesError(
                self.problems,
                what="The declarations do not make a site",
                warnings=dict.fromkeys([*map(str, noticed), *map(str, self.warnings)]),
            )
        return self.state


def assemble(
    resources: Iterable[Resource],
    *,
    namespace: str,
    broken: Iterable[Problem] = (),
    supplied: Mapping[str, Collection[str]] | None = None,
) -> Assembled:
    """Check the rules between resources and put them together.

    A resource without a namespace counts as declared in ``namespace``; every other namespace is a problem. ``broken`` are the
    problems of documents that could not be read: they are told together with those found here, and nothing is called missing
    that may stand in one of them. ``supplied`` are the directories of credentials below ``input/certs`` by name, with the names
    of their files.
    """
    assembly = _Assembly(namespace, problems=list(broken), supplied=supplied or {})
    assembly.incomplete = bool(assembly.problems)
    assembly.check(resources)
    assembly.name_others()
    return assembly.result()


def contradictions(resources: Iterable[Resource], *, namespace: str) -> tuple[Problem, ...]:
    """What can never be right about these resources together, whatever is declared beside them later."""
    assembly = _Assembly(namespace, incomplete=True)
    assembly.check(resources)
    return tuple(assembly.problems)


def problem_at(resource: Resource, path: str, value: object, rule: str) -> Problem:
    """A problem of a resource, at the place where it was declared."""
    origin = resource.origin
    said = "" if value is None else shown(value)
    subject = printable(resource.title)
    if origin is None:
        return Problem("", 0, subject, path, said, rule)
    return Problem(origin.source, origin.line_of(path), subject, path, said, rule)


def place_of(resource: Resource, path: str = "") -> str:
    """Where a resource, or one of its fields, was declared, for the middle of a sentence."""
    if resource.origin is None:
        return "another declaration"
    return f"{resource.origin.source}:{resource.origin.line_of(path)}".removesuffix(":0")


@dataclass(eq=False, repr=False)
class _Assembly:
    namespace: str
    by_title: dict[tuple[str, str], Resource] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    incomplete: bool = False
    supplied: Mapping[str, Collection[str]] = field(default_factory=dict)

    def check(self, resources: Iterable[Resource]) -> None:
        self.sort_out(resources)
        self.check_site()
        self.check_accesses()
        self.check_links()
        self.check_proxies()
        self.check_credentials()
        self.check_sockets()

    def wrong(self, resource: Resource, path: str, value: object, rule: str) -> None:
        self.problems.append(problem_at(resource, path, value, rule))

    def missing(self, resource: Resource, path: str, value: object, rule: str) -> None:
        """A problem, unless what is missing may stand in a document that could not be read."""
        if not self.incomplete:
            self.wrong(resource, path, value, rule)

    def warn(self, resource: Resource, path: str, value: object, rule: str) -> None:
        self.warnings.append(problem_at(resource, path, value, rule))

    def kind(self, kind: type[Kind]) -> dict[str, Kind]:
        """All resources of a kind, by name."""
        found = {resource.name: resource for resource in self.by_title.values() if isinstance(resource, kind)}
        return dict(sorted(found.items()))

    def sort_out(self, resources: Iterable[Resource]) -> None:
        for resource in resources:
            said = resource.metadata.namespace
            if said not in ("", self.namespace):
                self.wrong(
                    resource,
                    "metadata.namespace",
                    said,
                    f"must be {self.namespace}, the namespace of the site",
                )
            title = (kind_of(resource), resource.name)
            if title in self.by_title:
                rule = f"is declared already in {place_of(self.by_title[title])}"
                self.wrong(resource, "metadata.name", resource.name, rule)
            else:
                self.by_title[title] = in_namespace(resource, self.namespace)

    def check_site(self) -> None:
        sites = [resource for resource in self.by_title.values() if isinstance(resource, Site)]
        if not sites and not self.incomplete:
            self.problems.append(Problem(self.namespace, 0, "", "", "", "no Site is declared"))
        for site in sites[1:]:
            self.wrong(site, "", None, f"is a second site: {place_of(sites[0])} declares {sites[0].title}")
        for site in sites:
            if site.edge and site.accepts_links:
                self.wrong(
                    site, "spec.linkAccess", site.link_access, "must be none: an edge site accepts no links"
                )

    def check_accesses(self) -> None:
        edge = any(site.edge for site in self.kind(Site).values())
        for access in self.kind(RouterAccess).values():
            if access.name == LOCAL_ACCESS:
                self.wrong(
                    access, "metadata.name", access.name, "is the name of the access that every site has"
                )
            if edge:
                self.wrong(access, "", None, "cannot be declared: an edge site accepts no links")
            seen: set[str] = set()
            for index, role in enumerate(access.roles):
                path = f"spec.roles[{index}].name"
                if role.name not in DEFAULT_PORTS:
                    self.wrong(access, path, role.name, "must be inter-router or edge")
                elif role.name in seen:
                    self.wrong(access, path, role.name, "stands twice in the same access")
                seen.add(role.name)

    def check_links(self) -> None:
        secrets = self.kind(Secret)
        role = "edge" if any(site.edge for site in self.kind(Site).values()) else "inter-router"
        for link in self.kind(Link).values():
            name = link.tls_credentials
            secret = secrets.get(name)
            if secret is None and name in self.supplied:
                missing = [file for file in LINK_FILES if file not in self.supplied[name]]
                if missing:
                    rule = f"input/certs/{name} must hold {', '.join(missing)}"
                    self.wrong(link, "spec.tlsCredentials", name, rule)
            elif secret is None:
                rule = f"no Secret of that name is declared, and there is no directory input/certs/{name}"
                self.missing(link, "spec.tlsCredentials", name, rule if name else "names no credentials")
            else:
                missing = [name for name in LINK_FILES if not secret.data.get(name)]
                if missing:
                    rule = f"must hold {', '.join(missing)}, which {link.title} needs"
                    self.wrong(secret, "data", None, rule)
            if link.endpoint_for(role) is None and self.kind(Site):
                rule = f"must hold an endpoint named {role}, in which role this site dials"
                self.wrong(link, "spec.endpoints", None, rule)

    def check_proxies(self) -> None:
        """A link through a proxy needs a Secret that says where the proxy is. No value of it appears in a message."""
        secrets = self.kind(Secret)
        checked: set[str] = set()
        for link in self.kind(Link).values():
            name = proxy_wanted(link)
            if not name or name in checked:
                continue
            secret = secrets.get(name)
            if secret is None:
                rule = "no Secret of that name is declared; it holds host and port of the proxy"
                self.missing(link, f"spec.settings.{PROXY}", name, rule)
                continue
            checked.add(name)
            host, port, user, password = (
                secret.data.get(key, b"").decode("utf-8", "replace")
                for key in (PROXY_HOST, PROXY_PORT, PROXY_USER, PROXY_PASSWORD)
            )
            if host_rule(host.lower()):
                self.wrong(
                    secret,
                    f"data.{PROXY_HOST}",
                    None,
                    f"{host_rule(host.lower())}: {link.title} goes through it",
                )
            if port_rule(int(port) if port.isascii() and port.isdecimal() and len(port) <= 5 else 0):
                self.wrong(
                    secret,
                    f"data.{PROXY_PORT}",
                    None,
                    f"must be a port from 1 to 65535: {link.title} goes through it",
                )
            if bool(user) != bool(password):
                self.wrong(
                    secret, "data", None, f"must hold both {PROXY_USER} and {PROXY_PASSWORD}, or neither"
                )
            if "\n" in password.removesuffix("\n") or not user.isprintable():
                self.wrong(secret, "data", None, f"{PROXY_USER} and {PROXY_PASSWORD} must be one line each")
            if ":" in user:
                self.wrong(
                    secret, f"data.{PROXY_USER}", None, "must hold no ':', which ends a user name in HTTP"
                )
            if len(password.encode()) > _LONGEST_PASSWORD:
                self.wrong(
                    secret, f"data.{PROXY_PASSWORD}", None, f"must have at most {_LONGEST_PASSWORD} bytes"
                )

    def check_credentials(self) -> None:
        named: list[tuple[Resource, str]] = [
            *((listener, listener.tls_credentials) for listener in self.kind(Listener).values()),
            *((listener, listener.tls_credentials) for listener in self.kind(MultiKeyListener).values()),
            *((connector, connector.tls_credentials) for connector in self.kind(Connector).values()),
            *((access, access.tls_credentials or access.name) for access in self.kind(RouterAccess).values()),
        ]
        for resource, name in named:
            if name in RESERVED:
                self.wrong(resource, "spec.tlsCredentials", name, "is a name that the site itself uses")
        for access in self.kind(RouterAccess).values():
            if access.issuer in (SERVICE_CA, LOCAL_CA):
                self.wrong(
                    access,
                    "spec.issuer",
                    access.issuer,
                    "signs for another purpose and cannot sign for links",
                )

    def check_sockets(self) -> None:
        """No two sockets on one port of one address.

        Routers open the sockets of listeners only while a key of theirs can be reached; two that exclude each other would then
        be open by chance, one or the other.
        """
        table = SocketTable()
        for access in self.kind(RouterAccess).values():
            roles = {role.name: index for index, role in reversed(tuple(enumerate(access.roles)))}
            for index in sorted(roles.values()):  # a role that stands there twice is told as such
                role = access.roles[index]
                port = role.port or DEFAULT_PORTS.get(role.name, 0)
                self.check_socket(table, access, f"spec.roles[{index}]", access.bind_host, port)
        listeners: list[Listener | MultiKeyListener] = [
            *self.kind(Listener).values(),
            *self.kind(MultiKeyListener).values(),
        ]
        for listener in listeners:
            self.check_socket(table, listener, "spec.port", listener.host, listener.port)

    def check_socket(self, table: SocketTable, resource: Resource, path: str, host: str, port: int) -> None:
        mapped = ipv4_within(host)
        if mapped:
            field = "spec.bindHost" if isinstance(resource, RouterAccess) else "spec.host"
            self.wrong(
                resource,
                field,
                host,
                f"is an IPv4 address in the form of IPv6; no socket listens there: declare {mapped}",
            )
        socket = Socket(host, port, f"{resource.title} ({place_of(resource)})")
        other = table.in_the_way(socket)
        apart = table.in_the_other_family(socket)
        if other:
            on = f" on {other.host}" if other.host else " on all addresses"
            self.wrong(
                resource, path, port, f"is the port of {other.owner}{on}; only one of them can be bound"
            )
        elif apart:
            rule = f"is also the port of {apart.owner}; that works only where :: means IPv6 alone"
            self.warn(resource, path, port, rule)
        table.add(socket)

    def name_others(self) -> None:
        for resource in self.by_title.values():
            why = kept_because(resource)
            if why and not meant_otherwise(resource):  # that was told when it was read
                self.warn(resource, "", None, why)

    def result(self) -> Assembled:
        problems, warnings = tuple(self.problems), tuple(self.warnings)
        if problems:
            in_order = sorted(problems, key=lambda problem: (problem.source, problem.line))
            return Assembled(None, tuple(in_order), warnings)
        others = (resource for resource in self.by_title.values() if kept_because(resource))
        state = SiteState(
            namespace=self.namespace,
            site=next(iter(self.kind(Site).values())),
            listeners=self.kind(Listener),
            connectors=self.kind(Connector),
            links=self.kind(Link),
            router_accesses=self.kind(RouterAccess),
            secrets=self.kind(Secret),
            multi_key_listeners=self.kind(MultiKeyListener),
            certificates=self.kind(Certificate),
            others=tuple(sorted(others, key=lambda resource: (kind_of(resource), resource.name))),
        )
        return Assembled(state, (), warnings)
