"""The entity types a router shows to management: their attributes and what they extend (router-protocol 7).

The names are those of the reference, so that its tools and ours can ask for them one by one. A type stands here when this
router can tell the truth about it; asking for any other is answered as the reference answers for a type it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass

from skupper_local.management_messages import SELF_TYPE, long_type_name, short_type_name

ENTITY = "entity"
CONFIGURATION = "configurationEntity"
OPERATIONAL = "operationalEntity"
MANAGEMENT = "management"

COMMON_ATTRIBUTES = ("name", "identity", "type")
"""Attributes of every entity."""


@dataclass(frozen=True, slots=True)
class EntityType:
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


def _type(name: str, kind: str, attributes: str, *, located: bool = False) -> EntityType:
    return EntityType(name, kind, tuple(attributes.split()), located)


_TYPES = (
    _type(
        "router",
        CONFIGURATION,
        "id mode area version hostName helloIntervalSeconds helloMaxAgeSeconds raIntervalSeconds"
        " raIntervalFluxSeconds remoteLsMaxAgeSeconds workerThreads saslConfigDir saslConfigName timestampsInUTC"
        " timestampFormat defaultDistribution metadata dataConnectionCount dropTcpConnections vanId",
    ),
    _type("network", CONFIGURATION, "networkId tenantId"),
    _type("site", CONFIGURATION, "location provider version platform namespace"),
    _type(
        "sslProfile",
        CONFIGURATION,
        "ciphers protocols caCertFile certFile privateKeyFile uidFormat uidNameMappingFile ordinal"
        " oldestValidOrdinal",
    ),
    _type("proxyProfile", CONFIGURATION, "host port username"),
    _type(
        "listener",
        CONFIGURATION,
        "host port socketAddressFamily role cost sslProfile saslMechanisms authenticatePeer requireEncryption"
        " requireSsl maxFrameSize maxSessions maxSessionFrames idleTimeoutSeconds initialHandshakeTimeoutSeconds"
        " stripAnnotations linkCapacity failoverUrls healthz metrics websockets http httpRootDir"
        " messageLoggingComponents policyVhost openProperties operStatus connectionMsg",
        located=True,
    ),
    _type(
        "connector",
        CONFIGURATION,
        "host port socketAddressFamily role cost sslProfile proxyProfile saslMechanisms allowRedirect"
        " maxFrameSize maxSessions maxSessionFrames idleTimeoutSeconds stripAnnotations linkCapacity"
        " verifyHostname saslUsername messageLoggingComponents failoverUrls connectionStatus connectionMsg"
        " policyVhost openProperties",
        located=True,
    ),
    _type(
        "tcpListener",
        CONFIGURATION,
        "address host backlog port multiAddressStrategy siteId connectionsOpened connectionsClosed bytesIn"
        " bytesOut sslProfile authenticatePeer operStatus connectionMsg observer",
        located=True,
    ),
    _type(
        "tcpConnector",
        CONFIGURATION,
        "address host port siteId processId connectionsOpened connectionsClosed bytesIn bytesOut sslProfile"
        " verifyHostname operStatus connectionMsg",
        located=True,
    ),
    _type("listenerAddress", CONFIGURATION, "address value listener connectionsOpened"),
    _type("log", CONFIGURATION, "module enable includeTimestamp includeSource outputFile"),
    _type("router.config.address", CONFIGURATION, "prefix pattern distribution priority"),
    _type(
        "router.address",
        OPERATIONAL,
        "distribution inProcess subscriberCount remoteCount containerCount deliveriesIngress deliveriesEgress"
        " deliveriesTransit deliveriesToContainer deliveriesFromContainer deliveriesIngressRouteContainer"
        " deliveriesEgressRouteContainer deliveriesIngressInterNetwork deliveriesEgressInterNetwork key"
        " remoteHostRouters transitOutstanding trackedDeliveries priority watch",
    ),
    _type(
        "router.node",
        OPERATIONAL,
        "id protocolVersion instance linkState nextHop validOrigins address routerLink cost lastTopoChange index",
    ),
    _type(
        "connection",
        OPERATIONAL,
        "adminStatus operStatus protocol container opened active host localSocket dir role meshId isAuthenticated"
        " isEncrypted enableProtocolTrace sasl user ssl sslProto sslCipher sslSsf uptimeSeconds properties"
        " lastDlvSeconds tlsOrdinal groupCorrelationId groupOrdinal reason",
    ),
    _type(
        "routerMetrics",
        OPERATIONAL,
        "id version addrCount linkCount nodeCount autoLinkCount connectionCount presettledDeliveries"
        " droppedPresettledDeliveries acceptedDeliveries rejectedDeliveries releasedDeliveries modifiedDeliveries"
        " deliveriesIngress deliveriesEgress deliveriesTransit deliveriesIngressRouteContainer"
        " deliveriesEgressRouteContainer deliveriesIngressInterNetwork deliveriesEgressInterNetwork"
        " residentMemoryUsage memoryUsage uptimeSeconds deliveriesStuck deliveriesDelayed10Sec"
        " deliveriesDelayed1Sec connectionCounters",
    ),
)

ENTITY_TYPES: dict[str, EntityType] = {entity_type.name: entity_type for entity_type in _TYPES}
"""The concrete types by their short names, in the order in which a query over all of them lists them."""

BASE_TYPES = (ENTITY, CONFIGURATION, OPERATIONAL)

_ALIASES = {"address": "router.address"}
"""Names that are no type of the reference's schema; the live addresses are what somebody who types this looks for."""


def resolve_type(name: str) -> str | None:
    """The short name of the type somebody means by its long name, its short name or an alias; ``None`` for no type."""
    short = short_type_name(name)
    if short == SELF_TYPE:
        return MANAGEMENT
    short = _ALIASES.get(short, short)
    return short if short in ENTITY_TYPES or short in BASE_TYPES or short == MANAGEMENT else None


def types_extending(short_name: str) -> list[EntityType]:
    """The concrete types that are, or extend, a type."""
    return [entity_type for entity_type in ENTITY_TYPES.values() if entity_type.extends(short_name)]
