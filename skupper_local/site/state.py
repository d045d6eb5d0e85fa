"""The declared site: all resources of a namespace together, and the rules between them.

The rules are the reference's (reference-engine 2.1 and 2.3) and those that it lacks although breaking them cannot work: an
edge site that accepts links, two resources of one name in two files, a listener on the port of the link access. Every
broken rule is reported, with the place it was declared at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from skupper_local.resources import (
    Connector,
    InvalidResourcesError,
    Link,
    Listener,
    OtherResource,
    Problem,
    Resource,
    RouterAccess,
    Secret,
    Site,
    in_namespace,
    kind_of,
    printable,
    shown,
)
from skupper_local.site.certificates import LOCAL_CA, RESERVED, SERVICE_CA
from skupper_local.site.sockets import DEFAULT_PORTS, Socket, SocketTable

LOCAL_ACCESS = "skupper-local"
"""The RouterAccess that every site gets for its own tools."""

LINK_FILES = ("ca.crt", "tls.crt", "tls.key")
"""What the Secret of a link must hold."""

Kind = TypeVar("Kind", bound=Resource)


@dataclass(frozen=True)
class SiteState:
    """The resources of one namespace that hold together, each kind by name and sorted by it."""

    namespace: str
    site: Site
    listeners: Mapping[str, Listener]
    connectors: Mapping[str, Connector]
    links: Mapping[str, Link]
    router_accesses: Mapping[str, RouterAccess]
    secrets: Mapping[str, Secret]
    others: tuple[OtherResource, ...] = ()

    def supplying_secrets(self) -> dict[str, Secret]:
        """The Secrets that may supply a certificate of their name: those that no link uses."""
        of_links = {link.tls_credentials for link in self.links.values()}
        return {name: secret for name, secret in self.secrets.items() if name not in of_links}

    def resources(self) -> tuple[Resource, ...]:
        """All of them, as declared: what ``internal/snapshot`` holds."""
        return (
            self.site,
            *self.listeners.values(),
            *self.connectors.values(),
            *self.links.values(),
            *self.router_accesses.values(),
            *self.secrets.values(),
            *self.others,
        )


@dataclass(frozen=True)
class Assembled:
    """The outcome of :func:`assemble`: ``state`` is None exactly when there is a problem."""

    state: SiteState | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def require(self) -> SiteState:
        """The state; raises :class:`InvalidResourcesError` with all problems when there is one."""
        if self.state is None:
            raise InvalidResourcesError(self.problems, what="The declarations do not make a site")
        return self.state


def assemble(resources: Iterable[Resource], *, namespace: str) -> Assembled:
    """Check the rules between resources and put them together.

    A resource without a namespace counts as declared in ``namespace``; every other namespace is a problem.
    """
    assembly = _Assembly(namespace)
    assembly.sort_out(resources)
    assembly.check_site()
    assembly.check_accesses()
    assembly.check_links()
    assembly.check_credentials()
    assembly.check_sockets()
    assembly.name_others()
    return assembly.result()


def problem_at(resource: Resource, path: str, value: object, rule: str) -> Problem:
    """A problem of a resource, at the place where it was declared."""
    origin = resource.origin
    said = "" if value is None else shown(value)
    subject = printable(resource.title)
    if origin is None:
        return Problem("", 0, subject, path, said, rule)
    return Problem(origin.source, origin.line_of(path), subject, path, said, rule)


def place_of(resource: Resource) -> str:
    """Where a resource was declared, for the middle of a sentence."""
    return f"{resource.origin.source}:{resource.origin.line}" if resource.origin else "another declaration"


@dataclass(eq=False, repr=False)
class _Assembly:
    namespace: str
    by_title: dict[tuple[str, str], Resource] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def wrong(self, resource: Resource, path: str, value: object, rule: str) -> None:
        self.problems.append(problem_at(resource, path, value, rule))

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
        if not sites:
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
            secret = secrets.get(link.tls_credentials)
            if secret is None:
                self.wrong(
                    link, "spec.tlsCredentials", link.tls_credentials, "no Secret of that name is declared"
                )
            else:
                missing = [name for name in LINK_FILES if not secret.data.get(name)]
                if missing:
                    rule = f"must hold {', '.join(missing)}, which {link.title} needs"
                    self.wrong(secret, "data", None, rule)
            if link.endpoint_for(role) is None:
                self.warn(
                    link, "spec.endpoints", None, f"holds no endpoint named {role}, so nothing can be dialled"
                )

    def check_credentials(self) -> None:
        named: list[tuple[Resource, str]] = [
            *((listener, listener.tls_credentials) for listener in self.kind(Listener).values()),
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
        """No two sockets on one port. Listeners open theirs only while their key is reachable, so those may overlap."""
        fixed = SocketTable()
        for access in self.kind(RouterAccess).values():
            for index, role in enumerate(access.roles):
                socket = Socket(access.bind_host, role.port or DEFAULT_PORTS.get(role.name, 0), access.title)
                other = fixed.in_the_way(socket)
                if other:
                    self.wrong(
                        access, f"spec.roles[{index}]", socket.port, f"is a port of {other.owner} already"
                    )
                fixed.add(socket)
        texts: dict[tuple[str, int], Listener] = {}
        table = SocketTable()
        for listener in self.kind(Listener).values():
            socket = Socket(listener.host, listener.port, f"{listener.title} ({place_of(listener)})")
            same = texts.setdefault((listener.host, listener.port), listener)
            other = table.in_the_way(socket)
            held = fixed.in_the_way(socket)
            if held:
                self.wrong(listener, "spec.port", listener.port, f"is a port of {held.owner}")
            if same is not listener:
                rule = f"{same.title} ({place_of(same)}) has the same host and port"
                self.wrong(listener, "spec.port", listener.port, rule)
            elif other:
                rule = f"{other.owner} has this port on {other.host}: only one of them can be open at a time"
                self.warn(listener, "spec.port", listener.port, rule)
            table.add(socket)

    def name_others(self) -> None:
        for resource in self.by_title.values():
            if isinstance(resource, OtherResource):
                self.warn(resource, "", None, "is kept and not yet acted on")

    def result(self) -> Assembled:
        problems, warnings = tuple(self.problems), tuple(self.warnings)
        if problems:
            return Assembled(None, problems, warnings)
        others = (resource for resource in self.by_title.values() if isinstance(resource, OtherResource))
        state = SiteState(
            namespace=self.namespace,
            site=next(iter(self.kind(Site).values())),
            listeners=self.kind(Listener),
            connectors=self.kind(Connector),
            links=self.kind(Link),
            router_accesses=self.kind(RouterAccess),
            secrets=self.kind(Secret),
            others=tuple(sorted(others, key=lambda resource: (kind_of(resource), resource.name))),
        )
        return Assembled(state, (), warnings)
