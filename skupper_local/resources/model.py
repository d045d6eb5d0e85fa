"""The declared resources, one frozen dataclass per kind.

A resource is what a YAML document says, typed. The fields of ``spec`` stand directly on the class under their Python names;
``status`` is kept as it was read, because it is derived and never decides anything. What the type does not know is kept in
``unknown`` (top level), ``unknown_spec`` and ``metadata.unknown``, so that reading and writing a file changes nothing that a
newer version or another tool put there (reference-engine, appendix A, lists the fields).

Some kinds are typed although nothing here acts on them (:func:`~skupper_local.resources.kinds.kept_because` says why): mistakes
in them are found all the same. Any other kind is an :class:`OtherResource`: kept as read, written back as read, and named to
the user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

from skupper_local.resources.problems import Origin

API_VERSION = "skupper.io/v2alpha1"


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Name, namespace (empty: not said), uid (a Site's is the site id), labels and annotations of a resource."""

    name: str
    namespace: str = ""
    uid: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """What every kind has. ``origin`` says where it was read and takes no part in comparisons."""

    kind: ClassVar[str] = ""
    api_version: ClassVar[str] = API_VERSION

    metadata: Metadata
    status: Mapping[str, Any] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)
    unknown_spec: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return self.metadata.name

    @property
    def title(self) -> str:
        """Kind and name, as messages call the resource: ``Listener backend``."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, kw_only=True)
class Site(Resource):
    """The site itself. ``link_access`` other than empty or ``none`` makes it accept links."""

    kind = "Site"

    link_access: str = ""
    edge: bool = False
    ha: bool = False
    default_issuer: str = ""
    service_account: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def accepts_links(self) -> bool:
        """Whether a RouterAccess is made for the site by itself (reference-engine 2.4, step 3)."""
        return self.link_access not in ("", "none")


@dataclass(frozen=True, kw_only=True)
class Listener(Resource):
    """A socket at this site that is connected to the connectors of its routing key. ``host`` is the address bound."""

    kind = "Listener"

    routing_key: str
    host: str
    port: int
    tls_credentials: str = ""
    type: str = ""
    observer: str = ""
    expose_pods_by_name: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Connector(Resource):
    """A server at or near this site, offered to the network under a routing key."""

    kind = "Connector"

    routing_key: str
    port: int
    host: str = ""
    selector: str = ""
    tls_credentials: str = ""
    use_client_cert: bool = False
    verify_hostname: bool = False
    type: str = ""
    expose_pods_by_name: bool = False
    include_not_ready_pods: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """How a MultiKeyListener chooses among its routing keys, which stand in their order.

    ``weights`` holds the weight of each key when new connections are shared by weight, and is empty when all go to the first
    key that can be reached. ``unknown`` is what stands beside the strategy, ``unknown_inside`` what stands in it.
    """

    routing_keys: tuple[str, ...]
    weights: tuple[int, ...] = ()
    unknown: Mapping[str, Any] = field(default_factory=dict)
    unknown_inside: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def weighted(cls, weights: Mapping[str, int], **unknown: Mapping[str, Any]) -> Strategy:
        """By weight; the order of the keys means nothing."""
        keys = tuple(sorted(weights))
        return cls(routing_keys=keys, weights=tuple(weights[key] for key in keys), **unknown)

    @property
    def name(self) -> str:
        """``priority`` or ``weighted``, as in YAML and for the router."""
        return "weighted" if self.weights else "priority"

    @property
    def values(self) -> tuple[int, ...]:
        """The number of each key as the router takes it: its weight, or the higher the earlier (reference-engine 3.2)."""
        return self.weights or tuple(reversed(range(len(self.routing_keys))))


@dataclass(frozen=True, kw_only=True)
class MultiKeyListener(Resource):
    """A socket at this site that is connected to the connectors of several routing keys."""

    kind = "MultiKeyListener"

    host: str
    port: int
    strategy: Strategy
    tls_credentials: str = ""
    require_client_cert: bool = False
    observer: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a site can be dialled: ``name`` is the role (``inter-router`` or ``edge``), ``port`` is written as text in YAML."""

    name: str
    host: str
    port: int
    group: str = ""
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Link(Resource):
    """A link that this site dials. ``cost`` 0 means that none was given, which counts as 1."""

    kind = "Link"

    endpoints: tuple[Endpoint, ...]
    tls_credentials: str = ""
    cost: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)

    def endpoint_for(self, role: str) -> Endpoint | None:
        """The first endpoint of a role, the one that is dialled (reference-engine 3.2)."""
        return next((endpoint for endpoint in self.endpoints if endpoint.name == role), None)


@dataclass(frozen=True, kw_only=True)
class AccessRole:
    """A role that a RouterAccess accepts, and its port; 0 means the role's usual port."""

    name: str
    port: int = 0
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RouterAccess(Resource):
    """The place where remote routers (``inter-router``, ``edge``) or local tools (``normal``) connect to the site's router."""

    kind = "RouterAccess"

    roles: tuple[AccessRole, ...]
    bind_host: str = ""
    tls_credentials: str = ""
    issuer: str = ""
    subject_alternative_names: tuple[str, ...] = ()
    generate_tls_credentials: bool = False
    access_type: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def accepts_links(self) -> bool:
        """Whether remote routers may connect here."""
        return any(role.name in ("inter-router", "edge") for role in self.roles)


@dataclass(frozen=True, kw_only=True)
class AccessGrant(Resource):
    """Permission to redeem tokens for links to this site: how often (0: once) and how long (empty: the default)."""

    kind = "AccessGrant"

    redemptions_allowed: int = 0
    expiration_window: str = ""
    code: str = field(default="", repr=False)
    issuer: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AccessToken(Resource):
    """What is exchanged for a link, once: where, with which secret code, and which CA vouches for that place."""

    kind = "AccessToken"

    url: str
    code: str = field(repr=False)
    ca: str
    link_cost: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Certificate(Resource):
    """Credentials to be made: a CA (``signing``), a server's or a client's, the latter two signed by the CA named ``ca``."""

    kind = "Certificate"

    subject: str
    ca: str = ""
    hosts: tuple[str, ...] = ()
    client: bool = False
    server: bool = False
    signing: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ServicePort:
    """A port of a SecuredAccess; ``target_port`` 0 means the same port."""

    name: str
    port: int
    target_port: int = 0
    protocol: str = ""
    unknown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SecuredAccess(Resource):
    """Secure access to pods, from outside of a cluster."""

    kind = "SecuredAccess"

    selector: Mapping[str, str]
    ports: tuple[ServicePort, ...]
    access_type: str = ""
    certificate: str = ""
    issuer: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AttachedConnector(Resource):
    """Pods in another namespace of a cluster than the site's, offered to the network by the site."""

    kind = "AttachedConnector"

    site_namespace: str
    selector: str
    port: int
    tls_credentials: str = ""
    use_client_cert: bool = False
    type: str = ""
    include_not_ready_pods: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AttachedConnectorBinding(Resource):
    """The site's half of an AttachedConnector: the namespace it is in, and the routing key for it."""

    kind = "AttachedConnectorBinding"

    connector_namespace: str
    routing_key: str
    expose_pods_by_name: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ConfigMap(Resource):
    """Texts (``data``) and bytes (``binary_data``) by name. Nothing of the site is configured by one."""

    kind = "ConfigMap"
    api_version = "v1"

    data: Mapping[str, str] = field(default_factory=dict)
    binary_data: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Secret(Resource):
    """Credentials by file name (``ca.crt``, ``tls.crt``, ``tls.key``, ...). The content never shows in ``repr``."""

    kind = "Secret"
    api_version = "v1"

    type: str = ""
    data: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class OtherResource(Resource):
    """A kind that is not known. ``body`` is the document without ``metadata`` and ``status``, as read."""

    other_kind: str
    other_api_version: str
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.other_kind} {self.name}"


AnyResource = TypeVar("AnyResource", bound=Resource)


def kind_of(resource: Resource) -> str:
    """The kind as written in the document."""
    return resource.other_kind if isinstance(resource, OtherResource) else resource.kind


def api_version_of(resource: Resource) -> str:
    """The ``apiVersion`` as written in the document."""
    return resource.other_api_version if isinstance(resource, OtherResource) else resource.api_version


def in_namespace(resource: AnyResource, namespace: str) -> AnyResource:
    """The same resource, declared in ``namespace``."""
    return replace(resource, metadata=replace(resource.metadata, namespace=namespace))


def file_name(resource: Resource) -> str:
    """The name of the resource's file in a resources directory, ``<Kind>-<name>.yaml`` (reference-engine 1.4)."""
    return file_name_for(kind_of(resource), resource.name)


def file_name_for(kind: str, name: str) -> str:
    """As :func:`file_name`, for a kind and a name."""
    return f"{kind}-{name}.yaml"
