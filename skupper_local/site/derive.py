"""Declared state and facts of the machine in, everything the site consists of out.

The steps are the reference's (reference-engine 2.4 and 4.3): the access for local tools, the access for links if the site
declares one, then credentials for accesses, links, listeners and connectors. Where the outcome differs on purpose,
:mod:`skupper_local.site.differences` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from skupper_local.entities import Entity
from skupper_local.resources import (
    AccessRole,
    Certificate,
    InvalidResourcesError,
    Metadata,
    Problem,
    Resource,
    RouterAccess,
)
from skupper_local.resources.settings import CONTAINER_SETTINGS, HOST_NETWORK, NETWORK
from skupper_local.site.capabilities import beyond_router, declared_by, without_effect
from skupper_local.site.certificates import (
    LOCAL_CA,
    LOCAL_CLIENT,
    LOCAL_SERVER,
    SERVICE_CA,
    SITE_CA,
    CertificateWanted,
    CredentialsCopy,
    Purpose,
    authority,
    client,
    declared_for,
    distinct,
    merged,
    proxy_credentials,
    server,
    subject_of,
)
from skupper_local.site.configuration import PLATFORM_LINUX, router_configuration
from skupper_local.site.model import Access, PortWanted, SiteFacts, SiteModel
from skupper_local.site.reach import can_be_published
from skupper_local.site.sockets import (
    DEFAULT_PORTS,
    LOOPBACK_NAMES,
    Socket,
    SocketTable,
    is_loopback,
    is_offerable,
    is_unspecified,
)
from skupper_local.site.state import LOCAL_ACCESS, SiteState, problem_at

_LOCAL_HOST = "127.0.0.1"
_LOCAL_PORT = 5671


def ports_wanted(state: SiteState) -> tuple[PortWanted, ...]:
    """The ports to find before :func:`derive`: for local tools, and two more when the site accepts links by itself."""
    declared = [listener.port for listener in state.all_listeners]
    for access in state.router_accesses.values():
        declared += [role.port or DEFAULT_PORTS[role.name] for role in access.roles]
    avoid = frozenset(declared)
    wanted = [PortWanted(_port_key(LOCAL_ACCESS, "normal"), _LOCAL_PORT, _LOCAL_HOST, avoid)]
    if _has_automatic_access(state):
        name = state.site.name
        wanted += [PortWanted(_port_key(name, role), port, "", avoid) for role, port in DEFAULT_PORTS.items()]
    return tuple(wanted)


def derive(state: SiteState, facts: SiteFacts) -> SiteModel:
    """Make every choice.

    ``facts.ports`` must hold every port of :func:`ports_wanted`. Raises InvalidResourcesError for what can be seen only now:
    names and ports of declarations that meet those of the site itself, or a router that cannot do what is declared.
    """
    derivation = _Derivation(state, facts)
    model = SiteModel(
        state=state,
        facts=facts,
        accesses=derivation.accesses(),
        certificates=derivation.certificates(),
        copies=derivation.copies(),
        warnings=tuple(derivation.warnings()),
    )
    configuration = router_configuration(model)
    derivation.check(model, configuration)
    if derivation.problems:
        raise InvalidResourcesError(
            sorted(derivation.problems, key=lambda problem: (problem.source, problem.line)),
            what="The declarations do not make a site that can run here",
        )
    return replace(model, warnings=(*model.warnings, *without_effect(model, configuration)))


def active_resources(model: SiteModel) -> tuple[Resource, ...]:
    """The declared resources and the generated ones (RouterAccess, Certificate): what ``runtime/resources`` holds.

    Without statuses of this moment: give them to :func:`~skupper_local.site.with_statuses` before they are written.
    """
    state = model.state
    accesses = {access.name: access.resource for access in model.accesses}
    site = replace(state.site, metadata=replace(state.site.metadata, uid=model.facts.site_id))
    generated = {wanted.name: _certificate_resource(wanted, state.namespace) for wanted in model.certificates}
    declared = (item for item in state.certificates.values() if item.name not in generated)
    return (
        site,
        *state.all_listeners,
        *state.connectors.values(),
        *state.links.values(),
        *accesses.values(),
        *state.secrets.values(),
        *generated.values(),
        *declared,
        *state.others,
    )


_ALL_INTERFACES = ("0.0.0.0", "::")  # noqa: S104 - names in a certificate
"""Which the reference names when nothing is said about the address to bind."""


def access_hosts(access: RouterAccess, facts: SiteFacts) -> tuple[str, ...]:
    """The names in the server certificate of a link access, in the order in which they are offered.

    What the user wrote and the address bound come first. An access on all interfaces for which the user wrote nothing gets
    what a remote can use: the host name and the addresses of this machine. What was asked for later is added. Where this
    machine can reach the access under its loopback names they are added, so that sites on one machine can be linked. A host
    name that does not lead here from here comes last: others may know better. The addresses that mean all interfaces follow:
    to a client they mean its own machine, and the reference's tools link sites on one machine by them.
    """
    bound = access.bind_host
    everywhere = is_unspecified(bound)
    declared = [name for name in access.subject_alternative_names if not is_unspecified(name)]
    addresses = [address for address in facts.addresses if is_offerable(address)] if everywhere else [bound]
    loopback = LOOPBACK_NAMES if everywhere or is_loopback(bound) else ()
    added = facts.added_hosts.get(access.name, ())
    itself = () if not everywhere else (bound,) if bound else _ALL_INTERFACES
    if declared:
        return distinct((*declared, *(() if everywhere else addresses), *added, *loopback, *itself))
    known = [facts.hostname] if hostname_leads_here(facts, addresses) else []
    unknown = [facts.hostname] if facts.hostname and everywhere else []
    return distinct((*known, *addresses, *added, *loopback, *unknown, *itself))


def hostname_leads_here(facts: SiteFacts, addresses: Iterable[str]) -> bool:
    """Whether the host name resolves to one of these addresses and not just to the loopback."""
    return bool(facts.hostname) and not set(facts.hostname_addresses).isdisjoint(addresses)


def _has_automatic_access(state: SiteState) -> bool:
    """A RouterAccess named like the site takes the place of the automatic one (reference-engine 2.4, step 3)."""
    return state.site.accepts_links and state.site.name not in state.router_accesses


def _port_key(access: str, role: str) -> str:
    return f"{access}/{role}"


def _certificate_resource(wanted: CertificateWanted, namespace: str) -> Certificate:
    """A Certificate as the reference writes it to ``runtime/resources`` (reference-engine, appendix A)."""
    return Certificate(
        metadata=Metadata(name=wanted.name, namespace=namespace),
        ca=wanted.issuer,
        subject=wanted.subject,
        hosts=wanted.hosts,
        client=wanted.purpose is Purpose.CLIENT,
        server=wanted.purpose is Purpose.SERVER,
        signing=wanted.purpose is Purpose.CA,
        status={"message": "OK"},
    )


@dataclass(eq=False, repr=False)
class _Derivation:
    state: SiteState
    facts: SiteFacts
    problems: list[Problem] = field(default_factory=list)

    # Accesses.

    def accesses(self) -> tuple[Access, ...]:
        made = [self.link_access(access, declared=True) for access in self.state.router_accesses.values()]
        if _has_automatic_access(self.state):
            made.append(self.link_access(self.automatic_access(), declared=False))
        return (self.local_access(), *made)

    def local_access(self) -> Access:
        port = self.facts.ports[_port_key(LOCAL_ACCESS, "normal")]
        resource = RouterAccess(
            origin=self.state.site.origin,
            metadata=Metadata(name=LOCAL_ACCESS, namespace=self.state.namespace),
            roles=(AccessRole(name="normal", port=port),),
            bind_host=_LOCAL_HOST,
            tls_credentials=LOCAL_SERVER,
            issuer=LOCAL_CA,
        )
        return Access(
            resource=resource,
            declared=False,
            ports={"normal": port},
            credentials=LOCAL_SERVER,
            client_credentials=LOCAL_CLIENT,
            issuer=LOCAL_CA,
            hosts=(_LOCAL_HOST, "localhost"),
        )

    def automatic_access(self) -> RouterAccess:
        name = self.state.site.name
        return RouterAccess(
            origin=self.state.site.origin,  # the Site asks for it
            metadata=Metadata(name=name, namespace=self.state.namespace),
            roles=tuple(
                AccessRole(name=role, port=self.facts.ports[_port_key(name, role)]) for role in DEFAULT_PORTS
            ),
        )

    def link_access(self, access: RouterAccess, *, declared: bool) -> Access:
        credentials = access.tls_credentials or access.name
        supplied = self.facts.supplied_hosts.get(credentials)
        hosts = access_hosts(access, self.facts) if supplied is None else supplied
        roles = tuple(replace(role, port=role.port or DEFAULT_PORTS[role.name]) for role in access.roles)
        active = replace(access, roles=roles, tls_credentials=credentials)
        if not declared:
            active = replace(active, subject_alternative_names=hosts)
        return Access(
            resource=active,
            declared=declared,
            ports={role.name: role.port for role in roles},
            credentials=credentials,
            client_credentials=f"client-{credentials}",
            issuer=access.issuer or SITE_CA,
            hosts=hosts,
            supplied=supplied is not None,
        )

    # Credentials.

    def certificates(self) -> tuple[CertificateWanted, ...]:
        """Every certificate of the site: CAs first. What a Certificate declares joins what the site needs of the same name."""
        leaves: dict[str, CertificateWanted] = {}
        needed = (*self.access_certificates(), *self.service_certificates(), *self.declared_certificates())
        for resource, wanted in needed:
            known = leaves.get(wanted.name)
            if known is None:
                together: CertificateWanted | None = wanted
            elif isinstance(resource, Certificate):
                together = declared_for(known, wanted)
            else:
                together = merged(known, wanted)
            if together is None and known and wanted.name in self.facts.supplied_hosts:
                # What the user supplied may serve both; whether it does for the first is checked when it is taken.
                together = replace(known, used_by=distinct((*known.used_by, *wanted.used_by)))
            if together:
                leaves[wanted.name] = together
            elif known:
                path = "metadata.name" if isinstance(resource, Certificate) else "spec.tlsCredentials"
                what = f"are a {known.purpose.value}'s, signed by {known.issuer}"
                rule = f"names credentials of {', '.join(known.used_by)}, which {what}"
                self.problems.append(problem_at(resource, path, wanted.name, rule))
        made = self.made_authorities()
        issuers: dict[str, list[str]] = {}
        for leaf in leaves.values():
            if leaf.issuer in made:
                issuers.setdefault(leaf.issuer, []).extend(leaf.used_by)
        for declared in self.state.certificates.values():
            if declared.signing:
                issuers.setdefault(declared.name, []).append(declared.title)
        for name in issuers.keys() & leaves.keys():
            resource = self.state.certificates.get(name, self.state.site)
            rule = f"is the name of a CA and of the credentials of {', '.join(leaves[name].used_by)}"
            self.problems.append(problem_at(resource, "metadata.name", name, rule))
        return (*(self.authority(name, users) for name, users in issuers.items()), *leaves.values())

    def made_authorities(self) -> set[str]:
        """The CAs that are made when something is signed by them; any other has to be supplied as files."""
        declared = (item.name for item in self.state.certificates.values() if item.signing)
        accesses = (access.issuer for access in self.state.router_accesses.values() if access.issuer)
        return {SITE_CA, SERVICE_CA, LOCAL_CA, *declared, *accesses, *self.state.secrets}

    def authority(self, name: str, users: list[str]) -> CertificateWanted:
        """A CA, under the subject that a Certificate of its name declares."""
        declared = self.state.certificates.get(name)
        wanted = authority(name, *distinct(users))
        return replace(wanted, subject=subject_of(declared.subject)) if declared else wanted

    def declared_certificates(self) -> Iterable[tuple[Resource, CertificateWanted]]:
        """Certificates of servers and clients that are declared as such; their CA may be declared, supplied, or the site's."""
        for item in self.state.certificates.values():
            if item.server:
                yield item, server(item.name, item.subject, item.hosts, issuer=item.ca, used_by=item.title)
            elif item.client:
                wanted = client(item.name, issuer=item.ca, used_by=item.title)
                yield item, replace(wanted, subject=subject_of(item.subject))

    def access_certificates(self) -> Iterable[tuple[Resource, CertificateWanted]]:
        for access in self.accesses():
            resource, user = access.resource, access.resource.title
            trust = self.facts.link_issuers if resource.accepts_links else ()
            subject = access.name if resource.accepts_links else _LOCAL_HOST
            yield (
                resource,
                server(
                    access.credentials, subject, access.hosts, issuer=access.issuer, trust=trust, used_by=user
                ),
            )
            yield (
                resource,
                client(
                    access.client_credentials, issuer=access.issuer, peer=access.credentials, used_by=user
                ),
            )

    def service_certificates(self) -> Iterable[tuple[Resource, CertificateWanted]]:
        for listener in self.state.all_listeners:
            name = listener.tls_credentials
            if name:
                hosts = self.listener_hosts(listener.name, listener.host)
                subject = listener.name if is_unspecified(listener.host) else listener.host
                yield listener, server(name, subject, hosts, issuer=SERVICE_CA, used_by=listener.title)
        for connector in self.state.connectors.values():
            name = connector.tls_credentials
            if name:
                trust_only = not connector.use_client_cert
                wanted = client(name, issuer=SERVICE_CA, trust_only=trust_only, used_by=connector.title)
                yield connector, wanted

    def listener_hosts(self, name: str, host: str) -> tuple[str, ...]:
        """Under which names clients of a listener may call it: the host bound, or every name of the machine; and in an engine
        network the router's names there."""
        reach = self.facts.reach
        there = (reach.router_name, name) if reach.router_name else ()
        if not is_unspecified(host):
            return distinct((host, *(LOOPBACK_NAMES if is_loopback(host) else ()), *there))
        named = (self.facts.hostname,) if self.facts.hostname else ()
        return distinct((*named, *filter(is_offerable, self.facts.addresses), *LOOPBACK_NAMES, *there))

    def copies(self) -> tuple[CredentialsCopy, ...]:
        wanted: dict[str, CredentialsCopy] = {}
        for link in self.state.links.values():
            copy = CredentialsCopy(f"{link.tls_credentials}-profile", secret=link.tls_credentials)
            wanted[copy.profile] = copy
        for proxy in self.state.proxies:
            wanted[proxy_credentials(proxy)] = CredentialsCopy(proxy_credentials(proxy), secret=proxy)
        for connector in self.state.connectors.values():
            name = connector.tls_credentials
            if name and not connector.use_client_cert:
                copy = CredentialsCopy(f"{name}-profile", certificate=name)
                if wanted.setdefault(copy.profile, copy) != copy:
                    rule = "is also the name of a link's credentials; give one of them another name"
                    self.problems.append(problem_at(connector, "spec.tlsCredentials", name, rule))
        return tuple(wanted.values())

    def check_directories(self, model: SiteModel) -> None:
        """Certificates and copies share the names of one directory."""
        users = {wanted.name: wanted.used_by for wanted in model.certificates if wanted.issuer}
        for copy in model.copies:
            if copy.profile in users:
                source = f"Secret {copy.secret}" if copy.secret else f"the CA of {copy.certificate}"
                rule = f"is where the router finds {source} as well; rename the credentials of {', '.join(users[copy.profile])}"
                resource: Resource = self.state.certificates.get(copy.profile, self.state.site)
                self.problems.append(problem_at(resource, "metadata.name", copy.profile, rule))

    # What can be seen only now.

    def warnings(self) -> Iterable[Problem]:
        for connector in self.state.connectors.values():
            if why := self.facts.reach.warning(connector):
                yield problem_at(connector, "", None, why)

    def check(self, model: SiteModel, configuration: Sequence[Entity]) -> None:
        self.problems += beyond_router(model, configuration)
        self.check_directories(model)
        self.check_issuers()
        self.check_container()
        self.check_ports(model)
        if not self.problems:
            self.check_names(model)

    def check_issuers(self) -> None:
        """What is signed needs a CA; a certificate that the user supplied was signed already."""
        if self.facts.issuers_there is None:
            return
        there = self.made_authorities() | self.facts.issuers_there
        for item in self.state.certificates.values():
            if not item.signing and item.ca not in there and item.name not in self.facts.supplied_hosts:
                rule = (
                    "no such CA: it is not one of the site's, no Certificate with signing: true declares it, "
                    f"and there is no input/issuers/{item.ca}"
                )
                self.problems.append(problem_at(item, "spec.ca", item.ca, rule))

    def check_container(self) -> None:
        """What a Site says of its router's container needs one; what is published needs an address."""
        site = self.state.site
        if self.facts.platform == PLATFORM_LINUX:
            for key in CONTAINER_SETTINGS:
                value = site.settings.get(key, "")
                if value and (key, value) != (NETWORK, HOST_NETWORK):
                    rule = "has no meaning on platform linux, where the router runs in no container"
                    self.problems.append(problem_at(site, f"spec.settings.{key}", value, rule))
        if self.facts.reach.network:
            bound: list[tuple[Resource, str, str]] = [
                (listener, "spec.host", listener.host) for listener in self.state.all_listeners
            ]
            bound += [
                (access, "spec.bindHost", access.bind_host) for access in self.state.router_accesses.values()
            ]
            for resource, path, host in bound:
                if not can_be_published(host):
                    rule = "must be an address: the port is published there by the engine"
                    self.problems.append(problem_at(resource, path, host, rule))

    def check_ports(self, model: SiteModel) -> None:
        """Ports the site chose for itself before a declaration came and took the same.

        In an engine network each port is there once: every socket is bound to all addresses of the container.
        """
        reach = self.facts.reach
        table = SocketTable()
        for access in model.accesses:
            for role, port in access.ports.items():
                if not access.declared:
                    bound = reach.access_bound(access.resource.bind_host)
                    table.add(Socket(bound, port, f"{access.resource.title} ({role})"))
        if reach.network:
            self.check_ports_once(model)
        declared: list[tuple[Resource, str, Socket]] = [
            (listener, "spec.port", Socket(reach.bound(listener.host), listener.port, ""))
            for listener in self.state.all_listeners
        ]
        for access in model.accesses:
            if access.declared:
                bound = reach.access_bound(access.resource.bind_host)
                sockets = (Socket(bound, port, "") for port in access.ports.values())
                declared += [(access.resource, "spec.roles", socket) for socket in sockets]
        for resource, path, socket in declared:
            other = table.in_the_way(socket)
            if other:
                rule = f"is the port that the site chose for {other.owner}; declare another one"
                self.problems.append(problem_at(resource, path, socket.port, rule))

    def check_ports_once(self, model: SiteModel) -> None:
        owners: dict[int, str] = {
            port: access.resource.title
            for access in model.accesses
            if access.declared
            for port in access.ports.values()
        }
        for listener in self.state.all_listeners:
            owner = owners.setdefault(listener.port, listener.title)
            if owner != listener.title:
                rule = (
                    f"is a port of {owner}; in an engine network each port is there once, whatever the host"
                )
                self.problems.append(problem_at(listener, "spec.port", listener.port, rule))

    def check_names(self, model: SiteModel) -> None:
        """Entities of all types share one space of names in skrouterd (router-protocol 11)."""
        first: dict[str, Entity] = {}
        for entity in router_configuration(model):
            if not entity.name or entity.type == "site":
                continue
            other = first.setdefault(entity.name, entity)
            if other.type != entity.type:
                users = (declared_by(model, other), declared_by(model, entity))
                resource = next((user for user in users if user is not self.state.site), self.state.site)
                rule = (
                    f"the router would have both a {other.type} and a {entity.type} of this name; "
                    "rename the link, the access or the credentials"
                )
                self.problems.append(problem_at(resource, "metadata.name", entity.name, rule))
