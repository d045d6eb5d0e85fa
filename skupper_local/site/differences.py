"""Where a site of ours differs from the reference's on purpose: the one list.

Two sites with the same declarations, one of each kind, have the same router configuration as a set of entities and the same
certificates, apart from what stands here. ``scope`` says where the difference shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Scope(Enum):
    """Where a difference shows."""

    CONFIGURATION = "router configuration"
    CREDENTIALS = "credentials"
    RULES = "what is accepted"
    STATUS = "statuses"


@dataclass(frozen=True)
class Difference:
    """``what`` we do in place of the reference, and ``why``."""

    name: str
    scope: Scope
    what: str
    why: str


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "router-id",
        Scope.CONFIGURATION,
        "the router's id is <site>-<first 8 characters of the site id>",
        "the reference's carries the time of rendering, so every reload looks like another router to the network",
    ),
    Difference(
        "site-name",
        Scope.CONFIGURATION,
        "the site entity carries the plain name of the site, except where skrouterd has another entity of that name",
        "other sites see a name and not a name with a timestamp",
    ),
    Difference(
        "ports-kept",
        Scope.CONFIGURATION,
        "ports that the site chooses are chosen once and never taken from a declared listener or access",
        "the reference searches again at each reload, and links made before then point to nothing",
    ),
    Difference(
        "default-role-port",
        Scope.CONFIGURATION,
        "a role without a port has the usual port everywhere: listener, endpoints, links",
        'the reference opens the usual port but advertises port "0" and makes no link for it',
    ),
    Difference(
        "engine-networks",
        Scope.CONFIGURATION,
        "a router in an engine network (network in the Site's settings; always under rootless Docker) binds its sockets to "
        "all addresses of its container, publishes them where they are declared, and takes localhost in a connector for the "
        "machine",
        "the reference knows the host's network only, which rootless Docker does not have; it keeps the setting",
    ),
    Difference(
        "containers-followed",
        Scope.CONFIGURATION,
        "a connector without a host follows the containers that its selector, or a container or workload in its settings, "
        "names: one tcpConnector for each of them",
        "the reference ignores selectors and settings without Kubernetes, and does not start a site whose connector has no "
        "host",
    ),
    Difference(
        "container-limits",
        Scope.RULES,
        "cpus and memory in the Site's settings limit the router's container, and are refused by name where there is none",
        "the reference keeps them without effect",
    ),
    Difference(
        "connector-trust-files",
        Scope.CREDENTIALS,
        "a connector over TLS without a client certificate finds its ca.crt under <credentials>-profile",
        "the reference configures that profile and writes no file for it, so the router does not start",
    ),
    Difference(
        "router-logging",
        Scope.CONFIGURATION,
        "the Site's setting router-logging (or routerLogging) makes the log entities, as the reference does on "
        "Kubernetes; levels that routers no longer have become the nearest one",
        "the reference ignores it on local systems and always writes ROUTER_CORE error+",
    ),
    Difference(
        "data-connections",
        Scope.CONFIGURATION,
        "the Site's setting router-data-connection-count (or routerDataConnections) becomes dataConnectionCount",
        "the reference ignores it on local systems",
    ),
    Difference(
        "proxies",
        Scope.CONFIGURATION,
        "a link with the setting proxy-configuration goes through the proxy that the Secret of that name describes; the "
        "router reads the password from runtime/certs/<Secret>-proxy/password",
        "the reference renders a profile without host and port, which leads nowhere",
    ),
    Difference(
        "several-targets",
        Scope.CONFIGURATION,
        "a connector that names containers has a tcpConnector for each place where one of them is reached",
        "the reference knows hosts alone on local systems",
    ),
    Difference(
        "least-power",
        Scope.CREDENTIALS,
        "a certificate is for servers or for clients and never for both; those of clients name no host",
        "the holder of a link's certificate could otherwise pose as the site",
    ),
    Difference(
        "credentials-of-connectors",
        Scope.CREDENTIALS,
        "the generated credentials of a connector are a client's",
        "the reference makes them a server's, in the name of the server the connector talks to",
    ),
    Difference(
        "link-access-names",
        Scope.CREDENTIALS,
        "the server certificate of a link access names the host name and the addresses a remote can use, and localhost "
        "and 127.0.0.1 when the access can be reached there; no link-local addresses, unless the site was the reference's "
        "and its certificate named them",
        "every name in the certificate leads here, sites on one machine can be linked, and links that the reference "
        "gave away stay valid",
    ),
    Difference(
        "listener-names",
        Scope.CREDENTIALS,
        "the certificate of a TLS listener on all interfaces names the machine; listeners that name the same credentials "
        "share one certificate with the hosts of all",
        "the reference names 0.0.0.0, which no client calls, and the last user of a name replaces the others",
    ),
    Difference(
        "link-trust-bundle",
        Scope.CREDENTIALS,
        "a link access trusts its issuer and the CA of each generated link that is not revoked",
        "removing a CA from the bundle revokes one link; a reload by the reference drops the bundle",
    ),
    Difference(
        "authorities-on-demand",
        Scope.CREDENTIALS,
        "a CA is made when something is signed by it",
        "the reference makes all three at once; two of them are idle on most sites",
    ),
    Difference(
        "declared-certificates",
        Scope.CREDENTIALS,
        "a Certificate of the same name as credentials that the site needs gives them its subject, its hosts and, for "
        "listeners and connectors, its CA; one that cannot serve the purpose is refused, as is one of no purpose, of two, "
        "or without a CA",
        "the reference replaces it in silence, skips the purposeless and signs the one without a CA with its own key",
    ),
    Difference(
        "supplied-credentials",
        Scope.CREDENTIALS,
        "a supplied set that is incomplete, does not belong together, has expired or lacks the root of its CA is an "
        "error, and one that nothing names a warning; a connector that shows no certificate needs ca.crt alone",
        "the reference passes over incomplete sets in silence and takes everything else",
    ),
    Difference(
        "supplied-server-certificate",
        Scope.CREDENTIALS,
        "a supplied server certificate decides under which hosts an access is offered, and its ca.crt grows by the CAs of "
        "links that were generated for it",
        "a link must verify on both sides",
    ),
    Difference(
        "short-subjects",
        Scope.CREDENTIALS,
        "a common name ends after 64 characters",
        "X.509 allows no more; names of resources may be longer",
    ),
    Difference(
        "secrets-of-links",
        Scope.CREDENTIALS,
        "the Secret of a link never supplies a certificate of the site itself",
        "the reference takes any Secret of the right name, and a link named like the site would replace its server certificate",
    ),
    Difference(
        "every-problem",
        Scope.RULES,
        "all problems are reported at once, with file, line, field, value and rule, and a wrong type is one of them",
        "the reference stops at the first rule and drops fields of a wrong type in silence",
    ),
    Difference(
        "stricter-declarations",
        Scope.RULES,
        "refused: ports above 65535, a type other than tcp, an unknown observer, names above 200 characters, a resource "
        "declared twice, an edge site that accepts links, sockets on one port whose addresses overlap, a link without an "
        "endpoint for this site or through a proxy that no Secret describes, a routing key twice in one listener, client "
        "certificates required without TLS, credentials with a name that the site itself uses, and what the chosen router "
        "cannot do",
        "none of them can work",
    ),
    Difference(
        "kinds-without-effect",
        Scope.RULES,
        "kinds that nothing here acts on are checked, kept, named in a warning, and never Ready",
        "the reference drops AttachedConnector and its binding, and keeps the others without a word",
    ),
    Difference(
        "strategies-can-change",
        Scope.RULES,
        "a MultiKeyListener may change from priority to weighted and back",
        "the reference refuses it; its listener has to be removed and declared again",
    ),
    Difference(
        "lists-expanded",
        Scope.RULES,
        "kind: List is read as the resources in it, and anchors and aliases of YAML are refused",
        "kubectl prints lists; aliases make a small file a large value",
    ),
    Difference(
        "namespace-not-said",
        Scope.RULES,
        "a resource without a namespace belongs to the namespace it is found in",
        "the reference counts it as declared in 'default' and refuses it anywhere else",
    ),
    Difference(
        "true-status",
        Scope.STATUS,
        "statuses come from the router's own answers; when it does not answer nothing is Ready",
        "the reference says Running before anything was started and never takes it back without a controller",
    ),
    Difference(
        "local-access-status",
        Scope.STATUS,
        "RouterAccess skupper-local becomes Ready",
        "the reference leaves it 'Not Resolved' for ever",
    ),
    Difference(
        "own-endpoints",
        Scope.STATUS,
        "a RouterAccess lists its own endpoints, under a host that can be dialled",
        "the reference gives each access the endpoints of all, with an empty host",
    ),
)
