"""The entity types a router shows to management: their attributes and what they extend (router-protocol 7).

The types of the configuration come from the vocabulary in ``skupper_local.entities``, with the attributes only a running
router knows; the others are about the running router alone. The names are those of the reference, so that its tools and ours
can ask for them one by one. A type stands here when this router can tell the truth about it; asking for any other is answered
as the reference answers for a type it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass

from skupper_local import entities
from skupper_local.management_messages import SELF_TYPE, long_type_name, short_type_name

ENTITY = "entity"
CONFIGURATION = "configurationEntity"
OPERATIONAL = "operationalEntity"
MANAGEMENT = "management"

COMMON_ATTRIBUTES = ("name", "identity", "type")
"""Attributes of every entity."""


@dataclass(frozen=True, slots=True)
class ManagedType:
    """One type: ``name`` is short, ``attributes`` are its own, ``located`` says that host and port are in its identity."""

    name: str
    kind: str
    attributes: tuple[str, ...]
    located: bool = False

    @property
    def long_name(self) -> str:
        """The name with its prefix."""
        return long_type_name(self.name)

    @property
    def all_attributes(self) -> tuple[str, ...]:
        """Its own attributes and those of every entity."""
        return (*self.attributes, *COMMON_ATTRIBUTES)

    def extends(self, name: str) -> bool:
        """Whether this is the type ``name`` (short), or that is one of its bases."""
        return name in (self.name, self.kind, ENTITY)

    @property
    def bases(self) -> list[str]:
        """The long names of what it extends, nearest first."""
        return [long_type_name(self.kind), long_type_name(ENTITY)]


def _configured(
    configured: entities.EntityType, only_running: str = "", *, located: bool = False
) -> ManagedType:
    attributes = [
        name
        for name, attribute in configured.attributes.items()
        if name not in COMMON_ATTRIBUTES and not attribute.secret
    ]
    name = short_type_name(configured.long_name)
    return ManagedType(name, CONFIGURATION, (*attributes, *only_running.split()), located)


def _running(name: str, attributes: str) -> ManagedType:
    return ManagedType(name, OPERATIONAL, tuple(attributes.split()))


_TCP_COUNTERS = "connectionsOpened connectionsClosed bytesIn bytesOut"

_TYPES = (
    _configured(entities.ROUTER, "version hostName"),
    _configured(entities.SITE),
    _configured(entities.SSL_PROFILE),
    _configured(entities.PROXY_PROFILE),
    _configured(entities.LISTENER, "operStatus connectionMsg", located=True),
    _configured(entities.CONNECTOR, "failoverUrls connectionStatus connectionMsg", located=True),
    _configured(entities.TCP_LISTENER, f"{_TCP_COUNTERS} operStatus connectionMsg", located=True),
    _configured(entities.TCP_CONNECTOR, f"{_TCP_COUNTERS} operStatus connectionMsg", located=True),
    _configured(entities.LISTENER_ADDRESS, "connectionsOpened"),
    _configured(entities.LOG),
    _configured(entities.ADDRESS),
    _running(
        "router.address",
        "distribution inProcess subscriberCount remoteCount containerCount deliveriesIngress deliveriesEgress"
        " deliveriesTransit deliveriesToContainer deliveriesFromContainer deliveriesIngressRouteContainer"
        " deliveriesEgressRouteContainer deliveriesIngressInterNetwork deliveriesEgressInterNetwork key"
        " remoteHostRouters transitOutstanding trackedDeliveries priority watch",
    ),
    _running(
        "router.node",
        "id protocolVersion instance linkState nextHop validOrigins address routerLink cost lastTopoChange index",
    ),
    _running(
        "connection",
        "adminStatus operStatus protocol container opened active host localSocket dir role meshId isAuthenticated"
        " isEncrypted enableProtocolTrace sasl user ssl sslProto sslCipher sslSsf uptimeSeconds properties"
        " lastDlvSeconds tlsOrdinal groupCorrelationId groupOrdinal reason sslProfile link",
    ),
    _running(
        "routerMetrics",
        "id version addrCount linkCount nodeCount autoLinkCount connectionCount presettledDeliveries"
        " droppedPresettledDeliveries acceptedDeliveries rejectedDeliveries releasedDeliveries modifiedDeliveries"
        " deliveriesIngress deliveriesEgress deliveriesTransit deliveriesIngressRouteContainer"
        " deliveriesEgressRouteContainer deliveriesIngressInterNetwork deliveriesEgressInterNetwork"
        " residentMemoryUsage memoryUsage uptimeSeconds deliveriesStuck deliveriesDelayed10Sec"
        " deliveriesDelayed1Sec connectionCounters",
    ),
)

MANAGED_TYPES: dict[str, ManagedType] = {managed.name: managed for managed in _TYPES}
"""The concrete types by their short names, in the order in which a query over all of them lists them."""

BASE_TYPES = (ENTITY, CONFIGURATION, OPERATIONAL)

SECRETS = frozenset(
    name
    for configured in entities.ENTITY_TYPES.values()
    for name, attribute in configured.attributes.items()
    if attribute.secret
)
"""Attributes that no answer holds."""

_ALIASES = {"address": "router.address"}
"""Names that are no type of the reference's schema; the live addresses are what somebody who types this looks for."""


def resolve_type(name: str) -> str | None:
    """The short name of the type somebody means by its long name, its short name or an alias; ``None`` for no type."""
    short = short_type_name(name)
    if short == SELF_TYPE:
        return MANAGEMENT
    short = _ALIASES.get(short, short)
    return short if short in MANAGED_TYPES or short in BASE_TYPES or short == MANAGEMENT else None


def types_extending(short_name: str) -> list[ManagedType]:
    """The concrete types that are, or extend, a type."""
    return [managed for managed in MANAGED_TYPES.values() if managed.extends(short_name)]
