"""Make a link that another site can apply to link to this one: ``link generate``.

What is printed verifies: a host that the server certificate does not name yet is added to it first, and the running router
reads the new certificate. Every name has a small CA of its own, which the access trusts from then on; each call signs a new
client certificate with it, and no client key stays here.
"""

from __future__ import annotations

from dataclasses import dataclass

from skupper_local.namespace.lock import lock_namespace
from skupper_local.namespace.records import read_choices
from skupper_local.namespace.resource_files import read_credential_directories
from skupper_local.operations.adoption import made_by_reference
from skupper_local.operations.declarations import read_declarations
from skupper_local.operations.errors import SiteNotStartedError
from skupper_local.operations.lifecycle import Deed, refresh_credentials
from skupper_local.operations.placement import recorded_placement
from skupper_local.operations.preparation import prepare
from skupper_local.operations.spelling import no_site
from skupper_local.operations.target import Target, platform_of
from skupper_local.resources import Link, Secret, name_rule, shown
from skupper_local.site.links import InvalidInvitationError, generated_link, link_to, secret_of
from skupper_local.site.model import Access, SiteModel
from skupper_local.site.state import assemble

_PATIENCE = 60.0


@dataclass(frozen=True)
class Generated:
    """What to hand over; the Secret is None where the other site has credentials already. ``running`` tells whether
    anybody would answer at present."""

    secret: Secret | None
    link: Link
    host: str
    added_host: bool
    deed: Deed
    running: bool

    @property
    def documents(self) -> tuple[Secret | Link, ...]:
        """The documents in the order in which they are read."""
        return (self.secret, self.link) if self.secret else (self.link,)


def generate_link(
    target: Target, *, name: str = "", host: str = "", cost: int = 1, tls_credentials: str = ""
) -> Generated:
    """A link to this site. With ``tls_credentials`` it names credentials that the other site has already, signed by a CA that
    the access trusts, and no Secret is made. Raises SiteNotStartedError, and the errors of ``site.generated_link``."""
    rule = name_rule(tls_credentials) if tls_credentials else ""
    if rule:
        raise InvalidInvitationError(
            f"A link cannot have the credentials {shown(tls_credentials)}",
            why=rule,
            next_step="Choose another name.",
        )
    platform_of(target)
    if not target.paths.exists():
        raise no_site(target.paths)
    with lock_namespace(target.paths, command=target.command, patience=_PATIENCE) as held:
        paths = held.paths
        # As it was when it was started: changes made since then wait for a reload.
        resources = read_declarations(paths.snapshot).require()
        if made_by_reference(paths):
            raise SiteNotStartedError(
                f"The site of namespace {paths.name} is still run by the reference's skupper",
                why="a new link has a CA of its own, which a router of ours trusts and the reference's does not",
                next_step=f"skupper-local system reload -n {paths.name} takes it over; links given away stay valid",
            )
        placement = recorded_placement(paths)
        if not resources or placement is None:
            raise SiteNotStartedError(
                f"The site of namespace {paths.name} has not been started",
                why="its certificates are made at the first start",
                next_step=f"skupper-local system start -n {paths.name}",
            )
        supplied = {
            name: item.filled for name, item in read_credential_directories(paths.input_certs).items()
        }
        state = assemble(resources, namespace=paths.name, supplied=supplied).require()
        choices = read_choices(paths)
        before = prepare(paths, state, choices, platform=placement.platform)
        wanted = generated_link(before.model, name=name, host=host, cost=cost)
        added = {} if wanted.verifies else {wanted.access.name: (wanted.host,)}
        prepared = prepare(
            paths,
            state,
            choices,
            platform=placement.platform,
            added_hosts=added,
            further=() if tls_credentials else (wanted.issuer, wanted.client),
        )
        credentials = prepared.certificates.get(wanted.client.name)
        kept = {item: files for item, files in prepared.certificates.items() if item != wanted.client.name}
        deed, running = refresh_credentials(held, prepared.with_certificates(kept))
    access = _access(prepared.model, wanted.access.name)
    link = link_to(access, name=wanted.name, host=wanted.host, cost=cost, tls_credentials=tls_credentials)
    secret = secret_of(wanted.name, credentials) if credentials else None
    return Generated(secret, link, wanted.host, bool(added), deed, running)


def _access(model: SiteModel, name: str) -> Access:
    return next(access for access in model.link_accesses if access.name == name)
