"""What a site should be and how it is: resources and facts in, router configuration, certificates and statuses out.

Data flows one way: :func:`assemble` checks the rules between resources and gives a :class:`SiteState`; :func:`derive` adds the
facts of the machine and gives a :class:`SiteModel`; :func:`router_configuration` renders it; :func:`plan` compares two
renderings; :func:`with_statuses` compares what is declared with what the router answers. All pure.
"""

from skupper_local.site.certificates import CertificateWanted, CredentialsCopy, Purpose
from skupper_local.site.configuration import router_configuration
from skupper_local.site.derive import active_resources, derive, ports_wanted
from skupper_local.site.differences import DIFFERENCES, Difference, Scope
from skupper_local.site.links import (
    GeneratedLink,
    InvalidInvitationError,
    NoLinkAccessError,
    covers,
    default_host,
    generated_link,
    link_documents,
    offered_hosts,
    static_link_files,
)
from skupper_local.site.model import Access, PortWanted, SiteFacts, SiteModel
from skupper_local.site.observed import OBSERVED_TYPES, REMOTE_TYPES, ObservedRouter, RemoteRouter, observe
from skupper_local.site.plan import Plan, plan
from skupper_local.site.state import Assembled, SiteState, assemble
from skupper_local.site.status import LinkRow, link_rows, with_statuses

__all__ = [
    "DIFFERENCES",
    "OBSERVED_TYPES",
    "REMOTE_TYPES",
    "Access",
    "Assembled",
    "CertificateWanted",
    "CredentialsCopy",
    "Difference",
    "GeneratedLink",
    "InvalidInvitationError",
    "LinkRow",
    "NoLinkAccessError",
    "ObservedRouter",
    "Plan",
    "PortWanted",
    "Purpose",
    "RemoteRouter",
    "Scope",
    "SiteFacts",
    "SiteModel",
    "SiteState",
    "active_resources",
    "assemble",
    "covers",
    "default_host",
    "derive",
    "generated_link",
    "link_documents",
    "link_rows",
    "observe",
    "offered_hosts",
    "plan",
    "ports_wanted",
    "router_configuration",
    "static_link_files",
    "with_statuses",
]
