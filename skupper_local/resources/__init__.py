"""The declared resources (``skupper.io/v2alpha1``): their types, YAML in and out, and the rules for one resource alone.

Rules between resources live in :mod:`skupper_local.site`. Everything here is pure: text in, values out.
"""

from skupper_local.resources.decode import Decoded, decode_documents
from skupper_local.resources.encode import document_of, encode_document, encode_documents, encode_resource
from skupper_local.resources.model import (
    AccessRole,
    Connector,
    Endpoint,
    Link,
    Listener,
    Metadata,
    OtherResource,
    Resource,
    RouterAccess,
    Secret,
    Site,
    api_version_of,
    file_name,
    file_name_for,
    in_namespace,
    kind_of,
)
from skupper_local.resources.problems import InvalidResourcesError, Origin, Problem, printable, shown
from skupper_local.resources.rules import (
    host_rule,
    is_ip,
    kind_rule,
    name_rule,
    object_name_rule,
    port_rule,
    routing_key_rule,
)

__all__ = [
    "AccessRole",
    "Connector",
    "Decoded",
    "Endpoint",
    "InvalidResourcesError",
    "Link",
    "Listener",
    "Metadata",
    "Origin",
    "OtherResource",
    "Problem",
    "Resource",
    "RouterAccess",
    "Secret",
    "Site",
    "api_version_of",
    "decode_documents",
    "document_of",
    "encode_document",
    "encode_documents",
    "encode_resource",
    "file_name",
    "file_name_for",
    "host_rule",
    "in_namespace",
    "is_ip",
    "kind_of",
    "kind_rule",
    "name_rule",
    "object_name_rule",
    "port_rule",
    "printable",
    "routing_key_rule",
    "shown",
]
