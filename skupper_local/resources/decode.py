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

from skupper_local.resources.fields import FieldReader, kept_entries
from skupper_local.resources.model import (
    Connector,
    Link,
    Metadata,
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
from skupper_local.resources.schema import KINDS, SPEC_FIELDS, FieldSpec
from skupper_local.resources.settings import server_problem

_METADATA = frozenset(("name", "namespace", "uid", "labels", "annotations"))


@dataclass(frozen=True)
class Decoded:
    """What a source held: the resources that could be read, the problems, and what will have no effect."""

    resources: tuple[Resource, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def require(self) -> tuple[Resource, ...]:
        """The resources; raises :class:`InvalidResourcesError` with all problems when there is one."""
        if self.problems:
            raise InvalidResourcesError(self.problems)
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
    return Decoded(tuple(resources), tuple(problems[:MAX_PROBLEMS]), tuple(warnings[:MAX_PROBLEMS]))


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
        kind = self.required_text(document, "kind", kind_rule)
        api_version = self.required_text(document, "apiVersion", None)
        metadata_node = document.entries.get("metadata")
        if isinstance(metadata_node, Mapping):
            name_node = metadata_node.entries.get("name")
            self.subject = f"{kind} {name_node.text}" if isinstance(name_node, Scalar) else kind
        self.subject = printable(self.subject or kind)
        known = KINDS.get((api_version, kind))
        metadata = self.metadata(document, name_rule if known and known is not Secret else object_name_rule)
        if metadata is None or not kind or not api_version:
            return None
        common: dict[str, Any] = {
            "metadata": metadata,
            "status": self.status(document),
            "origin": Origin(self.source, document.line, self.lines),
        }
        if known is None:
            body = {
                key: plain_value(value)
                for key, value in document.entries.items()
                if key not in ("apiVersion", "kind", "metadata", "status")
            }
            return OtherResource(other_kind=kind, other_api_version=api_version, body=body, **common)
        if known is Secret:
            return self.secret(document, common)
        return self.typed(known, document, common)

    def required_text(self, parent: Mapping, key: str, rule: Callable[[str], str] | None) -> str:
        node = parent.entries.get(key)
        if node is None:
            self.wrong(parent, key, "is missing")
            return ""
        return self.text(node, key, rule) or ""

    def metadata(self, document: Mapping, rule: Callable[[str], str]) -> Metadata | None:
        node = document.entries.get("metadata")
        if not isinstance(node, Mapping):
            self.wrong(node or document, "metadata", "is missing" if node is None else "must be a map")
            return None
        entries = node.entries
        self.note_lines("metadata", node)
        name = entries.get("name")
        if name is None:
            self.wrong(node, "metadata.name", "is missing")
        namespace, uid = entries.get("namespace"), entries.get("uid")
        return Metadata(
            name=self.text(name, "metadata.name", rule) or "" if name else "",
            namespace=self.optional_text(namespace, "metadata.namespace", name_rule),
            uid=self.optional_text(uid, "metadata.uid", None),
            labels=self.text_map(entries.get("labels"), "metadata.labels"),
            annotations=self.text_map(entries.get("annotations"), "metadata.annotations"),
            unknown=kept_entries(node, _METADATA),
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
            spec = Mapping(document.line)
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
        unknown = kept_entries(spec, frozenset(known.key for known in fields))
        for key in unknown:
            self.idle(spec.entries[key], f"spec.{key}", _unknown_field(key, fields))
        if kind is Connector:
            self.server(spec, values)
        if self.problems:
            return None
        resource = kind(
            **common,
            **values,
            unknown=kept_entries(document, frozenset(("apiVersion", "kind", "metadata", "spec", "status"))),
            unknown_spec=unknown,
        )
        self.whole(resource, spec)
        return resource

    def entries(self, node: Mapping, known: FieldSpec, values: dict[str, str]) -> None:
        """The entries of a map of which some have an effect. Empty text says nothing, as an entry that is not there."""
        for key, value in values.items():
            path = f"spec.{known.key}.{key}"
            rule = known.entries.get(key)
            if rule is None:
                self.idle(node.entries[key], path, f"is kept and not acted on: {known.idle}")
            elif value and (broken := rule(value)):
                self.wrong(node.entries[key], path, broken, value=value)

    def whole(self, resource: Resource, spec: Mapping) -> None:
        """The rules that look at more than one field of the same resource."""
        if isinstance(resource, Site) and resource.edge and resource.ha:
            self.wrong(spec.entries["ha"], "spec.ha", "an edge site cannot be highly available")
        if isinstance(resource, Link) and "proxy-configuration" in resource.settings:
            self.wrong(spec.entries["settings"], "spec.settings", "links through a proxy are not supported")

    def server(self, spec: Mapping, values: dict[str, Any]) -> None:
        """A connector names its server by a host, or its containers."""
        host, selector = values.get("host", ""), values.get("selector", "")
        path, rule = server_problem(host, selector, values.get("settings", {}))
        if host and selector:
            self.idle(spec.entries["selector"], "spec.selector", "is kept and not acted on: spec.host counts")
        if rule and not any(self.has_problem(f"spec.{key}") for key in ("host", "selector", "settings")):
            place = spec.entries.get(path.split(".")[1], spec)
            self.wrong(place, path, rule, value=selector if path == "spec.selector" else None)

    def secret(self, document: Mapping, common: dict[str, Any]) -> Secret:
        data: dict[str, bytes] = {}
        for key, node in self.secret_entries(document, "data"):
            try:
                data[key] = base64.b64decode("".join(node.text.split()), validate=True)
            except ValueError:
                self.wrong(node, f"data.{printable(key)}", "must be base64")
        # As Kubernetes does: plain text wins over base64 and is stored as base64.
        for key, node in self.secret_entries(document, "stringData"):
            data[key] = node.text.encode()
        known = frozenset(("apiVersion", "kind", "metadata", "status", "type", "data", "stringData"))
        secret_type = self.optional_text(document.entries.get("type"), "type", None)
        return Secret(**common, type=secret_type, data=data, unknown=kept_entries(document, known))

    def secret_entries(self, document: Mapping, path: str) -> Iterator[tuple[str, Scalar]]:
        """The entries of a Secret, as written; no message ever shows a value."""
        node = document.entries.get(path)
        if node is None or (isinstance(node, Scalar) and meaning(node) is None):
            return
        if not isinstance(node, Mapping):
            self.wrong(node, path, "must be a map of text to text")
            return
        for key, value in node.entries.items():
            broken = data_key_rule(key) or ("" if isinstance(value, Scalar) else "must be text")
            if broken:
                self.wrong(value, f"{path}.{printable(key)}", broken)
            elif isinstance(value, Scalar):
                yield key, value


def _unknown_field(key: str, fields: tuple[FieldSpec, ...]) -> str:
    import difflib

    near = difflib.get_close_matches(key, [known.key for known in fields], n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return f"is not a field of this kind; it is kept and not acted on{meant}"
