"""From declarations to everything a site needs on disk: the choices that are made once, the credentials, the files.

Reading (:func:`prepare`) and writing (:func:`install`) are apart, so that a request can look at the difference in between. All
decisions are made in ``site`` and ``pki``; this module asks the machine for the facts and knows where each file goes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skupper_local import __version__
from skupper_local.entities import Entity, decode_configuration, encode_configuration
from skupper_local.host import addresses, names, ports
from skupper_local.namespace.history import record_generation
from skupper_local.namespace.lock import HeldLock
from skupper_local.namespace.paths import NamespacePaths, list_namespaces
from skupper_local.namespace.records import (
    Choices,
    DesiredState,
    encode_desired_state,
    encode_platform,
    read_choices,
)
from skupper_local.namespace.resource_files import CredentialFiles, read_credential_directories
from skupper_local.namespace.transaction import Change, Transaction
from skupper_local.operations.containers import encode_reach, read_reach
from skupper_local.operations.declarations import read_declarations, same_declaration, versioned_files
from skupper_local.operations.router_choice import RouterChoice, recorded_router
from skupper_local.operations.supplied_secrets import place_in_secret
from skupper_local.pki.credentials import FILES as CREDENTIAL_FILES
from skupper_local.pki.credentials import Credentials, CredentialsSource
from skupper_local.platforms.linux.program import EMBEDDED, version_of_program
from skupper_local.resources import Resource, Secret, encode_resource, file_name, kind_of
from skupper_local.site.certificates import CertificateWanted
from skupper_local.site.configuration import router_configuration
from skupper_local.site.derive import active_resources, derive, ports_wanted
from skupper_local.site.links import static_link_files
from skupper_local.site.model import PortWanted, SiteFacts, SiteModel
from skupper_local.site.reach import Reach
from skupper_local.site.state import SiteState, place_of
from skupper_local.site.status import with_statuses

LINK_ISSUER_PREFIX = "link-issuer-"


@dataclass(frozen=True)
class Prepared:
    """A site ready to be written: its model, the choices to record, credentials by directory, the router's configuration."""

    model: SiteModel
    choices: Choices
    issuers: Mapping[str, Mapping[str, bytes]]
    certificates: Mapping[str, Mapping[str, bytes]]
    configuration: tuple[Entity, ...]
    warnings: tuple[str, ...]

    @property
    def program(self) -> str:
        """The router program as platforms take it: ``embedded`` or an absolute path."""
        return self.choices.router_program or EMBEDDED

    @property
    def router(self) -> RouterChoice:
        """The router this was made for."""
        return recorded_router(self.choices)

    def with_certificates(self, certificates: Mapping[str, Mapping[str, bytes]]) -> Prepared:
        """The same with other certificates."""
        return replace(self, certificates=certificates)

    @property
    def configuration_digest(self) -> str:
        """Names the configuration and the program: a router that was started with another one has to be restarted."""
        return _digest(
            [("configuration", encode_configuration(self.configuration)), ("", self.program.encode())]
        )

    @property
    def credentials_digest(self) -> str:
        """Names the content of every credentials file the router reads."""
        return _digest(
            (f"{name}/{file}", content)
            for name, files in sorted(self.certificates.items())
            for file, content in sorted(files.items())
        )


def choose(
    paths: NamespacePaths,
    state: SiteState,
    router: RouterChoice,
    *,
    held_ports: Collection[int] = (),
    adopting: bool = False,
) -> Choices:
    """Make the choices that are made once; nothing is recorded yet (:func:`reserve_ports`).

    ``held_ports`` are those a running router of this site holds. ``adopting`` says that the reference wrote the configuration
    last: its ports count then, since links name them by now. Raises the errors of ``namespace.records`` and NoFreePortError.
    """
    choices = _with_identity(
        paths, read_choices(paths), state, read_configuration(paths), held_ports, adopting=adopting
    )
    return router.recorded_in(choices)


def reserve_ports(held: HeldLock, choices: Choices) -> None:
    """Record the site's id and ports before anything else: two sites that start together must not find the same ports.

    Everything else of the choices is recorded with the files that are made for it. The caller has held the lock of port
    choices since they were made.
    """
    present = read_choices(held.paths)
    reserved = replace(present, site_id=choices.site_id, ports=choices.ports)
    if reserved != present:
        transaction = held.transaction()
        transaction.write(held.paths.choices, reserved.encode())
        transaction.commit()


def prepare(
    paths: NamespacePaths,
    state: SiteState,
    choices: Choices,
    *,
    platform: str,
    reach: Reach | None = None,
    added_hosts: Mapping[str, tuple[str, ...]] | None = None,
    further: Collection[CertificateWanted] = (),
) -> Prepared:
    """Derive the site and every credential it needs; nothing is written.

    ``reach`` is from where the router sees the world (None: as it was when the files were last written).
    ``added_hosts`` asks for hosts in the server certificates beside those asked for before, ``further`` for certificates
    beside those of the site. Raises the errors of ``site`` and ``pki``.
    """
    if added_hosts:
        merged = {
            name: tuple(dict.fromkeys((*choices.added_hosts.get(name, ()), *hosts)))
            for name, hosts in added_hosts.items()
        }
        choices = replace(choices, added_hosts={**choices.added_hosts, **merged})
    issuers = read_credential_directories(paths.runtime_issuers)
    new_issuers = (wanted.name for wanted in further if wanted.name.startswith(LINK_ISSUER_PREFIX))
    link_issuers = {name for name in issuers if name.startswith(LINK_ISSUER_PREFIX)}.union(new_issuers)
    hostname = names.hostname()
    accepts_links = state.site.accepts_links or bool(state.router_accesses)
    facts = SiteFacts(
        site_id=choices.site_id,
        platform=platform,
        version=__version__,
        home=str(paths.home),
        ports=choices.ports,
        hostname=hostname,
        hostname_addresses=names.resolve(hostname) if hostname and accepts_links else (),
        addresses=tuple(address.text for address in addresses.usable_addresses() if not address.temporary),
        added_hosts=choices.added_hosts,
        link_issuers=tuple(sorted(link_issuers)),
        router_kind=recorded_router(choices).kind,
        router_version=_router_version(choices, state),
        reach=read_reach(paths) if reach is None else reach,
        supplied_hosts=_supplied_hosts(paths, state),
        issuers_there=frozenset((*issuers, *read_credential_directories(paths.input_issuers))),
    )
    model = derive(state, facts)
    choices = replace(choices, router_id=model.router_id)
    return _with_credentials(paths, model, choices, issuers, further)


def install(
    held: HeldLock,
    prepared: Prepared,
    *,
    platform: str,
    desired: DesiredState | None = None,
    further: Mapping[Path, bytes] | None = None,
) -> tuple[Change, ...]:
    """Write all of it; see :func:`installation`. Returns what changed."""
    return installation(held, prepared, platform=platform, desired=desired, further=further).commit()


def installation(
    held: HeldLock,
    prepared: Prepared,
    *,
    platform: str,
    desired: DesiredState | None = None,
    further: Mapping[Path, bytes] | None = None,
) -> Transaction:
    """All of it as one transaction, to be committed or looked at. ``desired`` records what the user wants of the router,
    ``further`` are files that have to agree with the rest.
    """
    paths = held.paths
    model = prepared.model
    transaction = held.transaction()
    transaction.write(paths.router_config, encode_configuration(prepared.configuration))
    transaction.replace_directory(paths.runtime_certs, _flat(prepared.certificates))
    for (
        name,
        files,
    ) in prepared.issuers.items():  # never the whole directory: no CA is ever removed by a reload
        transaction.replace_directory(paths.runtime_issuers / name, files)
    transaction.replace_directory(paths.runtime_links, _static_links(prepared))
    transaction.replace_directory(paths.runtime_resources, _runtime_resources(paths, model))
    snapshot = {file_name(item): encode_resource(item).encode() for item in model.state.resources()}
    transaction.replace_directory(paths.snapshot, snapshot)
    transaction.write(paths.platform, encode_platform(platform))
    transaction.write(paths.choices, prepared.choices.encode())
    reach = model.facts.reach
    if reach != Reach() or paths.reach.exists():
        transaction.write(paths.reach, encode_reach(reach))
    if desired:
        transaction.write(paths.desired_state, encode_desired_state(desired))
    for path, content in (further or {}).items():
        transaction.write(path, content)
    record_generation(transaction, paths, versioned_files(paths), time.time())
    return transaction


def read_configuration(paths: NamespacePaths) -> tuple[Entity, ...]:
    """The router's configuration on disk; empty when there is none that can be read (it is always made anew)."""
    try:
        return tuple(decode_configuration(paths.router_config.read_bytes()))
    except (OSError, ValueError):
        return ()


# Choices.


def _with_identity(
    paths: NamespacePaths,
    present: Choices,
    state: SiteState,
    configured: Iterable[Entity],
    held_ports: Collection[int],
    *,
    adopting: bool,
) -> Choices:
    site_id = present.site_id or site_id_in(configured) or state.site.metadata.uid or str(uuid.uuid4())
    adopted = _adopted_ports(configured)
    known = {**present.ports, **adopted} if adopting else {**adopted, **present.ports}
    fixed = {*held_ports, *adopted.values()}
    ports_chosen = _choose_ports(paths, present, ports_wanted(state), known, held_ports, fixed)
    return replace(present, site_id=site_id, ports=ports_chosen)


def _choose_ports(
    paths: NamespacePaths,
    present: Choices,
    wanted: Iterable[PortWanted],
    ports_known: Mapping[str, int],
    held_ports: Collection[int],
    fixed: Collection[int],
) -> dict[str, int]:
    """Ports are kept for ever once a router was told to listen there (``fixed``), because links that were handed out name them.
    Until then, and the local one always, since it is nobody else's business, they give way when somebody has taken them."""
    chosen = dict(present.ports)
    reserved: set[int] | None = None
    for item in wanted:
        known = ports_known.get(item.key, 0)
        local = item.host != ""
        gone = known in item.avoid or (
            (local or known not in fixed) and known not in held_ports and not ports.is_free(known, item.host)
        )
        if known and not gone:
            chosen[item.key] = known
            continue
        if reserved is None:
            reserved = _reserved_elsewhere(paths)
        taken = reserved | item.avoid | {port for key, port in chosen.items() if key != item.key}
        chosen[item.key] = ports.next_free(item.first, taken=taken)
    return chosen


def _reserved_elsewhere(paths: NamespacePaths) -> set[int]:
    """Ports that other namespaces of this user have chosen, running or not."""
    found: set[int] = set()
    for other in list_namespaces(paths.data_home):
        if other.name != paths.name:
            with contextlib.suppress(Exception):  # a damaged record of another site is that site's trouble
                found.update(read_choices(other).ports.values())
    return found


def site_id_in(configured: Iterable[Entity]) -> str:
    """The site id in a configuration of the reference (reference-engine 2.6 and 3.2)."""
    for entity in configured:
        if entity.type == "router":
            metadata = str(entity.attributes.get("metadata", ""))
            try:
                return str(json.loads(metadata)["id"])
            except (ValueError, TypeError, KeyError):
                return "" if metadata.startswith("{") else metadata
    return ""


def router_id_in(configured: Iterable[Entity]) -> str:
    """The id of the router that a configuration is for; empty where there is none."""
    return next((str(item.attributes.get("id", "")) for item in configured if item.type == "router"), "")


def _adopted_ports(configured: Iterable[Entity]) -> dict[str, int]:
    """Ports in a configuration of the reference, by the names under which they are kept: ``west-edge`` is ``west/edge``."""
    found: dict[str, int] = {}
    for entity in configured:
        role = str(entity.attributes.get("role", ""))
        name = str(entity.attributes.get("name", ""))
        port = str(entity.attributes.get("port", ""))
        if entity.type == "listener" and name.endswith(f"-{role}") and port.isdecimal():
            found[f"{name.removesuffix(f'-{role}')}/{role}"] = int(port)
    return found


# Credentials.


def _with_credentials(
    paths: NamespacePaths,
    model: SiteModel,
    choices: Choices,
    issuers: Mapping[str, CredentialFiles],
    further: Collection[CertificateWanted],
) -> Prepared:
    from skupper_local.pki.issue import CredentialsFound, issue_certificates

    now = datetime.now(UTC)
    wanted_names = {item.name for item in model.certificates}
    existing = CredentialsFound(_sources(issuers), _sources(read_credential_directories(paths.runtime_certs)))
    supplied = CredentialsFound(
        {**_secrets(model, ca=True), **_supplied(read_credential_directories(paths.input_issuers))},
        {**_secrets(model, ca=False), **_supplied(read_credential_directories(paths.input_certs))},
    )
    of_links = {
        copy.secret: supplied.certificates[copy.secret].files
        for copy in model.copies
        if copy.secret and copy.secret not in model.state.secrets
    }
    supplied = replace(
        supplied,
        certificates={
            name: source
            for name, source in supplied.certificates.items()
            if name not in of_links or name in wanted_names
        },
    )
    issued = issue_certificates((*model.certificates, *further), existing, now, supplied=supplied)
    certificates = {name: _files(item) for name, item in issued.certificates.items()}
    for copy in model.copies:
        if copy.secret:
            secret = model.state.secrets.get(copy.secret)
            certificates[copy.profile] = dict(secret.data if secret else of_links[copy.secret])
        else:
            certificates[copy.profile] = {"ca.crt": certificates[copy.certificate]["ca.crt"]}
    return Prepared(
        model=model,
        choices=choices,
        issuers={name: _files(item) for name, item in issued.issuers.items()},
        certificates=certificates,
        configuration=tuple(router_configuration(model)),
        warnings=(*(str(warning) for warning in model.warnings), *issued.warnings),
    )


def _router_version(choices: Choices, state: SiteState) -> str:
    """The version of a router program, where something that is declared depends on it."""
    program = recorded_router(choices).program
    depends = program and (state.multi_key_listeners or state.proxies)
    return version_of_program(program) if depends else ""


def _supplied_hosts(paths: NamespacePaths, state: SiteState) -> dict[str, tuple[str, ...]]:
    """The hosts in the certificates that the user supplied, as Secrets or as files, by the name of the credentials."""
    from skupper_local.pki.certificates import hosts_of

    supplied: dict[str, Mapping[str, bytes]] = {
        **{name: secret.data for name, secret in state.supplying_secrets().items()},
        **{name: item.files for name, item in read_credential_directories(paths.input_certs).items()},
    }
    return {name: hosts_of(files["tls.crt"]) for name, files in supplied.items() if files.get("tls.crt")}


def _sources(directories: Mapping[str, CredentialFiles]) -> dict[str, CredentialsSource]:
    return {
        name: CredentialsSource(str(item.path), item.files)
        for name, item in directories.items()
        if item.files
    }


def _supplied(directories: Mapping[str, CredentialFiles]) -> dict[str, CredentialsSource]:
    """Of what a user supplied a directory that holds nothing counts too: it is incomplete."""
    return {name: CredentialsSource(str(item.path), item.files) for name, item in directories.items()}


def _secrets(model: SiteModel, *, ca: bool) -> dict[str, CredentialsSource]:
    """Secrets that bear the name of a certificate the site wants stand for it (reference-engine 4.2)."""
    wanted = {item.name for item in model.certificates if (item.purpose.value == "ca") == ca}
    return {
        name: CredentialsSource(
            f"Secret {name} ({place_of(secret)})",
            secret.data,
            {file: place_in_secret(secret, file) for file in CREDENTIAL_FILES},
        )
        for name, secret in model.state.supplying_secrets().items()
        if name in wanted
    }


def _files(credentials: Credentials) -> dict[str, bytes]:
    return credentials.files()


# Files.


def _flat(directories: Mapping[str, Mapping[str, bytes]]) -> dict[str, bytes]:
    return {
        f"{name}/{file}": content for name, files in directories.items() for file, content in files.items()
    }


def _static_links(prepared: Prepared) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for access in prepared.model.link_accesses:
        credentials = prepared.certificates[access.client_credentials]
        for name, text in static_link_files(prepared.model, access, credentials).items():
            files[name] = text.encode()
    return files


def _runtime_resources(paths: NamespacePaths, model: SiteModel) -> dict[str, bytes]:
    """The active resources. Those that are as they were keep the statuses they have, so that a reload which changes nothing
    writes nothing: what the router says of them is recorded afterwards anyway."""
    before = {_key(item): item for item in read_declarations(paths.runtime_resources).resources}
    active = [item for item in active_resources(model) if not _is_link_key(item, model)]
    carried = [replace(item, status=_status_before(item, before)) for item in active]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    judged = with_statuses(carried, None, site_id=model.facts.site_id, now=now, reach=model.facts.reach)
    found: dict[str, bytes] = {}
    for old, new in zip(carried, judged, strict=True):
        former = before.get(_key(new))
        same = former is not None and same_declaration(former, new, paths.name)
        found[file_name(new)] = encode_resource(old if same else new).encode()
    return found


def _status_before(item: Resource, before: Mapping[tuple[str, str], Resource]) -> Mapping[str, Any]:
    former = before.get(_key(item))
    return former.status if former and former.status else item.status


def _is_link_key(resource: Resource, model: SiteModel) -> bool:
    """Keys are kept where they are used, not once more beside the resources."""
    return isinstance(resource, Secret) and any(copy.secret == resource.name for copy in model.copies)


def _key(resource: Resource) -> tuple[str, str]:
    return kind_of(resource), resource.name


def _digest(parts: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(f"{len(name)}:{len(content)}:{name}".encode())
        digest.update(content)
    return digest.hexdigest()


def runtime_directories(paths: NamespacePaths) -> tuple[Path, ...]:
    """What a failed reload puts back."""
    return (
        paths.runtime_router,
        paths.runtime_certs,
        paths.runtime_links,
        paths.runtime_resources,
        paths.snapshot,
        paths.history,
    )
