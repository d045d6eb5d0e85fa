"""From typed resources to YAML, in the style of the command line (reference-engine, appendix B).

Keys are sorted, collections in block style with list dashes at the parent key's column, texts that some reader could take
for a number or a truth value stand in double quotes, and empty values are left out: a field that holds its default, and
anything empty in ``status``. What came from elsewhere and is merely kept is written back as it was.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

from skupper_local.resources.model import (
    AccessRole,
    ConfigMap,
    Endpoint,
    Metadata,
    OtherResource,
    Resource,
    Secret,
    ServicePort,
    Strategy,
    api_version_of,
    kind_of,
)
from skupper_local.resources.nodes import Scalar, meaning
from skupper_local.resources.schema import SPEC_FIELDS, Form

# Words that Go's YAML reader takes for truth values beside those that PyYAML knows.
_MORE_TRUTH = frozenset(("y", "Y", "n", "N"))
_REMEMBERED = 40
"""Length of the longest text that is remembered: words, no keys."""
# Dates, times and numbers in base 60, which YAML 1.1 knows.
_TIME_LIKE = re.compile(r"[-+]?[0-9]+[-:][-+0-9:_.TtZ ]*")


def document_of(resource: Resource, *, with_status: bool = True) -> dict[str, Any]:
    """The resource as plain maps and lists, empty values dropped at every level: what ``-o json`` prints."""
    document: dict[str, Any] = {"apiVersion": api_version_of(resource), "kind": kind_of(resource)}
    document["metadata"] = _metadata(resource.metadata)
    document.update(resource.unknown)
    if isinstance(resource, OtherResource):
        document.update(resource.body)
    elif isinstance(resource, Secret):
        if resource.type:
            document["type"] = resource.type
        if resource.data:
            document["data"] = _base64(resource.data)
    elif isinstance(resource, ConfigMap):
        if resource.data:
            document["data"] = dict(resource.data)
        if resource.binary_data:
            document["binaryData"] = _base64(resource.binary_data)
    else:
        spec = _spec(resource)
        if spec:
            document["spec"] = spec
    status = without_empty(resource.status) if with_status else None
    if status:
        document["status"] = status
    return document


def encode_document(document: Any) -> str:
    """One plain document as YAML: keys sorted, block style, no leading ``---``, ending with a newline."""
    import yaml

    text: str = yaml.dump(
        document, Dumper=_dumper(), allow_unicode=True, default_flow_style=False, width=2**31 - 1
    )
    return text


def encode_resource(resource: Resource, *, with_status: bool = True) -> str:
    """One resource as YAML, as in its file."""
    return encode_document(document_of(resource, with_status=with_status))


def encode_documents(resources: Iterable[Resource]) -> str:
    """Several resources as one stream, each preceded by ``---`` (static links, reference-engine 5.1)."""
    return "".join(f"---\n{encode_resource(resource)}" for resource in resources)


def without_empty(value: Any) -> Any:
    """The value without empty entries at any level: None, false, 0, empty texts, maps and lists."""
    if isinstance(value, dict):
        kept = ((key, without_empty(item)) for key, item in value.items())
        return {key: item for key, item in kept if item}
    if isinstance(value, (list, tuple)):
        return [without_empty(item) for item in value]
    return value


def _metadata(metadata: Metadata) -> dict[str, Any]:
    known = {
        "name": metadata.name,
        "namespace": metadata.namespace,
        "uid": metadata.uid,
        "labels": dict(metadata.labels),
        "annotations": dict(metadata.annotations),
    }
    return {**metadata.unknown, **{key: value for key, value in known.items() if value}}


def _spec(resource: Resource) -> dict[str, Any]:
    spec: dict[str, Any] = dict(resource.unknown_spec)
    for known in SPEC_FIELDS[type(resource)]:
        value = getattr(resource, known.attribute)
        if not value:
            continue
        match known.form:
            case Form.TEXT_MAP:
                value = dict(value)
            case Form.TEXT_LIST:
                value = list(value)
            case Form.ENDPOINTS:
                value = [_endpoint(endpoint) for endpoint in value]
            case Form.ROLES:
                value = [_role(role) for role in value]
            case Form.PORTS:
                value = [_port(port) for port in value]
            case Form.STRATEGY:
                value = _strategy(value)
        spec[known.key] = value
    return spec


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    known = {
        "name": endpoint.name,
        "host": endpoint.host,
        "port": str(endpoint.port),
        "group": endpoint.group,
    }
    return {**endpoint.unknown, **{key: value for key, value in known.items() if value}}


def _role(role: AccessRole) -> dict[str, Any]:
    return {**role.unknown, "name": role.name, **({"port": role.port} if role.port else {})}


def _port(port: ServicePort) -> dict[str, Any]:
    known = {
        "name": port.name,
        "port": port.port,
        "targetPort": port.target_port,
        "protocol": port.protocol,
    }
    return {**port.unknown, **{key: value for key, value in known.items() if value}}


def _strategy(strategy: Strategy) -> dict[str, Any]:
    keys: Any = list(strategy.routing_keys)
    if strategy.weights:
        keys = dict(zip(strategy.routing_keys, strategy.weights, strict=True))
    return {**strategy.unknown, strategy.name: {**strategy.unknown_inside, "routingKeys": keys}}


def _base64(data: Mapping[str, bytes]) -> dict[str, str]:
    return {key: base64.b64encode(value).decode() for key, value in data.items()}


@cache
def _dumper() -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    class Dumper(base):  # type: ignore[misc]
        """The safe dumper with our quoting; the same object written twice is written out twice."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        style = None
        if "\n" in value:
            style = "|" if _fits_block(value) else '"'
        elif _ambiguous(value) if len(value) > _REMEMBERED else _ambiguous_word(value):
            style = '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper


def _fits_block(value: str) -> bool:
    """Whether a text with several lines (PEM, mostly) survives as a block: printable, and no space where YAML drops it."""
    lines = value.split("\n")
    return not value[0].isspace() and all(line.isprintable() and line == line.rstrip() for line in lines)


@lru_cache(maxsize=4096)
def _ambiguous_word(value: str) -> bool:
    """As :func:`_ambiguous`: keys, types, reasons and times of a thousand resources are the same few words."""
    return _ambiguous(value)


def _ambiguous(value: str) -> bool:
    """Whether a plain text could be read as something else, by our reader, PyYAML's or Go's."""
    if value in _MORE_TRUTH or not isinstance(meaning(Scalar(0, value, plain=True)), str):
        return True
    if _TIME_LIKE.fullmatch(value):
        return True
    if not value[0].isascii() or value[0].isalpha():
        return False
    try:
        float(value.replace("_", ""))
    except ValueError:
        return False
    return True
