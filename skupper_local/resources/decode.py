"""From YAML or JSON text to typed resources, with every problem named.

One pass over the node tree: a document is dispatched on ``apiVersion`` and ``kind``, its ``spec`` is read by the table in
:mod:`~skupper_local.resources.schema`, and whatever the table does not know is kept. A field that is wrong does not stop the
reading of the next one. A type is never guessed: ``port: "8080"`` is a problem, because the reference would drop it in
silence (reference-engine 2.1).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from skupper_local.resources.fields import FieldReader, closest
from skupper_local.resources.kinds import kind_meant, other_kind_meant
from skupper_local.resources.model import (
    Certificate,
    ConfigMap,
    Connector,
    Metadata,
    MultiKeyListener,
    OtherResource,
    Resource,
    Secret,
    Site,
)
from skupper_local.resources.nodes import (
    MAX_PROBLEMS,
    Mapping,
    Node,
    Scalar,
    Sequence,
    meaning,
    plain_value,
    read_nodes,
)
from skupper_local.resources.problems import InvalidResourcesError, Origin, Problem, printable, shown
from skupper_local.resources.rules import data_key_rule, kind_rule, name_rule, object_name_rule
from skupper_local.resources.schema import KINDS, OBJECT_KINDS, SPEC_FIELDS, FieldSpec
from skupper_local.resources.settings import server_problem

_HEADER = frozenset(("apiVersion", "kind", "metadata", "status"))
_METADATA = frozenset(("name", "namespace", "uid", "labels", "annotations"))
_KUBERNETES_METADATA = frozenset(
    (
        *(
            "creationTimestamp",
            "deletionGracePeriodSeconds",
            "deletionTimestamp",
            "finalizers",
            "generateName",
        ),
        *("generation", "managedFields", "ownerReferences", "resourceVersion", "selfLink"),
    )
)
"""What a cluster writes into ``metadata``: kept, and no mistake of anybody's."""


@dataclass(frozen=True)
class Decoded:
    """What a source held: the resources that could be read, the problems, and what will have no effect."""

    resources: tuple[Resource, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def require(self) -> tuple[Resource, ...]:
        """The resources; raises :class:`InvalidResourcesError` with all problems when there is one."""
        if self.problems:
            raise InvalidResourcesError(self.problems, warnings=self.warnings)
        return self.resources


def decode_documents(text: str | bytes, source: str) -> Decoded:
    """Read all resources in ``text``: YAML or JSON, several documents, ``kind: List`` expanded.

    ``source`` is the name shown in problems (a path, or ``-``). Never raises for bad input: what is wrong stands in
    ``problems``, and the resources that are right are returned beside them.
    """
    tree = read_nodes(text)
    problems = [
        Problem(source, found.line, "", "", shown(found.value) if found.value else "", found.rule)
        for found in tree.problems
    ]
    warnings: list[Problem] = []
    resources: list[Resource] = []
    for document in _documents(tree.documents):
        reading = _DocumentReader(source)
        resource = reading.resource(document)
        problems.extend(reading.problems)
        warnings.extend(reading.warnings)
        if resource is not None and not reading.problems:
            resources.append(resource)
        if len(problems) >= MAX_PROBLEMS:
            break
    in_order = sorted(problems[: MAX_PROBLEMS - 1], key=lambda problem: problem.line)
    if len(problems) >= MAX_PROBLEMS:
        in_order.append(Problem(source, 0, "", "", "", "has more problems than these; the rest is not told"))
    return Decoded(tuple(resources), tuple(in_order), tuple(warnings[:MAX_PROBLEMS]))


def _documents(nodes: list[Node]) -> Iterator[Node]:
    """The documents, with those in lists in place of the list. Nesting ends at the parser's depth limit."""
    for node in nodes:
        items = _list_items(node)
        if items is None:
            yield node
        else:
            yield from _documents(items)


def _list_items(node: Node) -> list[Node] | None:
    if not isinstance(node, Mapping):
        return None
    kind, items = node.entries.get("kind"), node.entries.get("items")
    if isinstance(kind, Scalar) and kind.text.endswith("List") and isinstance(items, Sequence):
        return items.items
    return None


class _DocumentReader(FieldReader):
    """One document on its way to a resource, and what was found wrong on it."""

    def resource(self, document: Node) -> Resource | None:
        if not isinstance(document, Mapping):
            self.wrong(document, "", "must be a resource: a map with apiVersion, kind and metadata")
            return None
        self.subject = _subject(document)
        if _text_of(document, "kind") == "List":  # one whose items are a list has been taken apart
            items = document.entries.get("items")
            self.wrong(items or document, "items", "must be a list of resources" if items else "is missing")
            return None
        kind = self.required_text(document, "kind", _kind_rule)
        api_version = self.required_text(document, "apiVersion", None)
        known = KINDS.get((api_version, kind))
        if self.problems:  # what the header may have meant, so that the mistakes below it are found as well
            known = known or kind_meant(_text_of(document, "kind"))
        metadata = self.metadata(
            document, name_rule if known and known not in OBJECT_KINDS else object_name_rule
        )
        common: dict[str, Any] = {
            "metadata": metadata,
            "status": self.status(document),
            "origin": Origin(self.source, document.line, self.lines),
        }
        if known is None:
            return self.other(document, kind, api_version, common)
        if known is Secret:
            return self.secret(document, common)
        if known is ConfigMap:
            return self.config_map(document, common)
        return self.typed(known, document, common)

    def other(
        self, document: Mapping, kind: str, api_version: str, common: dict[str, Any]
    ) -> OtherResource | None:
        """A kind that is not known is kept as it is."""
        if self.problems:
            return None
        meant = other_kind_meant(api_version, kind)
        if meant:
            self.idle(document.entries["kind"], "kind", meant)
        body = {key: plain_value(value) for key, value in document.entries.items() if key not in _HEADER}
        return OtherResource(other_kind=kind, other_api_version=api_version, body=body, **common)

    def required_text(self, parent: Mapping, key: str, rule: Callable[[str], str] | None) -> str:
        node = parent.entries.get(key)
        if node is None or (isinstance(node, Scalar) and meaning(node) is None):
            self.wrong(node or parent, key, "is missing")
            return ""
        text = self.text(node, key, rule)
        if text == "":
            self.wrong(node, key, "is missing")
        return text or ""

    def metadata(self, document: Mapping, rule: Callable[[str], str]) -> Metadata | None:
        node = document.entries.get("metadata")
        if not isinstance(node, Mapping):
            self.wrong(node or document, "metadata", "is missing" if node is None else "must be a map")
            return None
        entries = node.entries
        self.note_lines("metadata", node)
        name = entries.get("name")
        if name is None or (isinstance(name, Scalar) and meaning(name) is None):
            self.wrong(name or node, "metadata.name", "is missing")
            name = None
        namespace, uid = entries.get("namespace"), entries.get("uid")
        return Metadata(
            name=self.text(name, "metadata.name", rule) or "" if name else "",
            namespace=self.optional_text(namespace, "metadata.namespace", name_rule),
            uid=self.optional_text(uid, "metadata.uid", None),
            labels=self.text_map(entries.get("labels"), "metadata.labels"),
            annotations=self.text_map(entries.get("annotations"), "metadata.annotations"),
            unknown=self.kept(node, "metadata", _METADATA, silent=_KUBERNETES_METADATA),
        )

    def status(self, document: Mapping) -> dict[str, Any]:
        node = document.entries.get("status")
        if node is None or (isinstance(node, Scalar) and meaning(node) is None):
            return {}
        if not isinstance(node, Mapping):
            self.wrong(node, "status", "must be a map")
            return {}
        return {key: plain_value(value) for key, value in node.entries.items()}

    def typed(self, kind: type[Resource], document: Mapping, common: dict[str, Any]) -> Resource | None:
        fields = SPEC_FIELDS[kind]
        spec = document.entries.get("spec")
        if spec is None or (isinstance(spec, Scalar) and meaning(spec) is None):
            spec = Mapping(document.line if spec is None else spec.line)
        if not isinstance(spec, Mapping):
            self.wrong(spec, "spec", "must be a map")
            return None
        self.note_lines("spec", spec)
        values: dict[str, Any] = {}
        for known in fields:
            node = spec.entries.get(known.key)
            value = None if node is None else self.value(known, node, f"spec.{known.key}")
            if known.required and not value and not self.has_problem(f"spec.{known.key}"):
                self.wrong(node or spec, f"spec.{known.key}", "is missing")
            if value and known.entries and isinstance(node, Mapping):
                self.entries(node, known, value)
            elif value and known.idle and node is not None:
                self.idle(node, f"spec.{known.key}", f"is kept and not acted on: {known.idle}")
            if value is not None:
                values[known.attribute] = value
        unknown = self.kept(spec, "spec", frozenset(known.key for known in fields))
        unknown_beside = self.kept(document, "", _HEADER | {"spec"})
        if kind is Connector:
            self.server(spec, values)
        self.whole(kind, spec, values)
        if self.problems:
            return None
        return kind(**common, **values, unknown=unknown_beside, unknown_spec=unknown)

    def entries(self, node: Mapping, known: FieldSpec, values: dict[str, str]) -> None:
        """The entries of a map of which some have an effect. Empty text says nothing, as an entry that is not there."""
        for key, value in values.items():
            path = f"spec.{known.key}.{key}"
            rule = known.entries.get(key)
            if rule is None:
                near = closest(key, known.entries)
                self.idle(node.entries[key], path, f"is kept and not acted on: {known.idle}{near}")
            elif value and (broken := rule(value)):
                self.wrong(node.entries[key], path, broken, value=value)

    def whole(self, kind: type[Resource], spec: Mapping, values: dict[str, Any]) -> None:
        """The rules that look at more than one field of the same resource."""
        if kind is Site and values.get("edge") and values.get("ha"):
            self.wrong(spec.entries["ha"], "spec.ha", "an edge site cannot be highly available")
        if (
            kind is MultiKeyListener
            and values.get("require_client_cert")
            and not values.get("tls_credentials")
        ):
            rule = "needs spec.tlsCredentials: without TLS no client shows a certificate"
            self.wrong(spec.entries["requireClientCert"], "spec.requireClientCert", rule)
        if kind is Certificate:
            self.certificate(spec, values)

    def certificate(self, spec: Mapping, values: dict[str, Any]) -> None:
        """A certificate has one purpose; all but CAs are signed by another."""
        purposes = [name for name in ("signing", "server", "client") if values.get(name)]
        for name in purposes[1:]:
            rule = f"excludes spec.{purposes[0]}: a certificate has one purpose; declare two"
            self.wrong(spec.entries[name], f"spec.{name}", rule)
        unclear = any(self.has_problem(f"spec.{name}") for name in ("signing", "server", "client", "ca"))
        if not purposes and not unclear:
            self.wrong(spec, "spec", "must say what the certificate is for: signing, server or client: true")
        if "signing" in purposes and values.get("ca"):
            why = "is kept and not acted on: a CA made here signs itself; put an intermediate CA into input/issuers"
            self.idle(spec.entries["ca"], "spec.ca", why)
        elif purposes and "signing" not in purposes and not values.get("ca") and not unclear:
            self.wrong(spec.entries.get("ca", spec), "spec.ca", "is missing: it names the CA that signs")
        if purposes == ["client"] and values.get("hosts"):
            why = "is kept and not acted on: the holder of a client's certificate must not pose as a host"
            self.idle(spec.entries["hosts"], "spec.hosts", why)

    def server(self, spec: Mapping, values: dict[str, Any]) -> None:
        """A connector names its server by a host, or its containers."""
        host, selector = values.get("host", ""), values.get("selector", "")
        path, rule = server_problem(host, selector, values.get("settings", {}))
        if host and selector:
            self.idle(spec.entries["selector"], "spec.selector", "is kept and not acted on: spec.host counts")
        if rule and not any(self.has_problem(f"spec.{key}") for key in ("host", "selector", "settings")):
            place = spec.entries.get(path.split(".")[1], spec)
            self.wrong(place, path, rule, value=selector if path == "spec.selector" else None)

    def secret(self, document: Mapping, common: dict[str, Any]) -> Secret | None:
        data: dict[str, bytes] = {}
        for key, node in self.secret_entries(document, "data"):
            try:
                data[key] = base64.b64decode("".join(node.text.split()), validate=True)
            except ValueError:
                self.wrong(node, f"data.{printable(key)}", "must be base64")
        # As Kubernetes does: plain text wins over base64 and is stored as base64.
        for key, node in self.secret_entries(document, "stringData"):
            data[key] = node.text.encode()
        secret_type = self.optional_text(document.entries.get("type"), "type", None)
        unknown = self.kept(
            document, "", _HEADER | {"type", "data", "stringData"}, silent=frozenset(("immutable",))
        )
        return None if self.problems else Secret(**common, type=secret_type, data=data, unknown=unknown)

    def config_map(self, document: Mapping, common: dict[str, Any]) -> ConfigMap | None:
        data = {key: node.text for key, node in self.secret_entries(document, "data")}
        binary: dict[str, bytes] = {}
        for key, node in self.secret_entries(document, "binaryData"):
            if key in data:
                self.wrong(node, f"binaryData.{printable(key)}", "is a key of data as well")
            try:
                binary[key] = base64.b64decode("".join(node.text.split()), validate=True)
            except ValueError:
                self.wrong(node, f"binaryData.{printable(key)}", "must be base64")
        unknown = self.kept(document, "", _HEADER | {"data", "binaryData"}, silent=frozenset(("immutable",)))
        return None if self.problems else ConfigMap(**common, data=data, binary_data=binary, unknown=unknown)

    def secret_entries(self, document: Mapping, path: str) -> Iterator[tuple[str, Scalar]]:
        """The entries of a Secret or ConfigMap, as written; no message ever shows a value."""
        node = document.entries.get(path)
        if node is None or (isinstance(node, Scalar) and meaning(node) is None):
            return
        if not isinstance(node, Mapping):
            self.wrong(node, path, "must be a map of text to text")
            return
        self.note_lines(path, node)
        for key, value in node.entries.items():
            self.lines[f"data.{key}"] = value.line  # of plain text, which is read last and wins
            broken = data_key_rule(key) or _no_text(value)
            if broken:
                self.wrong(value, f"{path}.{printable(key)}", broken)
            elif isinstance(value, Scalar):
                yield key, value


def _no_text(value: Node) -> str:
    """What is wrong with an entry of a Secret or ConfigMap that is not text; Kubernetes refuses it, too."""
    if not isinstance(value, Scalar):
        return "must be text"
    said = meaning(value)
    return "" if said is None or isinstance(said, str) else "must be text; put it in quotes"


def _text_of(document: Mapping, key: str) -> str:
    node = document.entries.get(key)
    return node.text if isinstance(node, Scalar) else ""


def _subject(document: Mapping) -> str:
    """Kind and name, for messages, as far as they are said."""
    metadata = document.entries.get("metadata")
    name = _text_of(metadata, "name") if isinstance(metadata, Mapping) else ""
    return printable(f"{_text_of(document, 'kind')} {name}".strip())


def _kind_rule(kind: str) -> str:
    broken = kind_rule(kind)
    meant = kind_meant(kind) if broken else None
    return f"{broken} (did you mean {meant.kind}?)" if meant else broken
