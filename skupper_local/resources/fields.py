"""Reading single fields: a node in, a value of the declared form out, or a problem.

A reader never raises and never guesses: it notes what is wrong with the node and gives back nothing, so that the next field
is read as well. It belongs to one document, and knows its source and subject for the messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from skupper_local.resources.model import AccessRole, Endpoint, ServicePort, Strategy
from skupper_local.resources.nodes import Mapping, Node, Scalar, Sequence, meaning, plain_value
from skupper_local.resources.problems import Problem, printable, shown
from skupper_local.resources.rules import (
    endpoint_host_rule,
    port_rule,
    role_port_rule,
    routing_key_rule,
    weight_rule,
)
from skupper_local.resources.schema import FieldSpec, Form

Rule = Callable[[Any], str] | None

MOST_KEYS = 256
"""Routing keys of one MultiKeyListener (reference-engine, appendix A)."""


@dataclass(eq=False, repr=False)
class FieldReader:
    """Reads the fields of one document; ``lines`` collects where each field stands."""

    source: str
    subject: str = ""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)

    def wrong(self, node: Node, path: str, rule: str, *, value: object = None) -> None:
        """Note that a field breaks a rule."""
        said = "" if value is None else shown(value)
        place = printable(path, limit=120)
        self.problems.append(Problem(self.source, node.line, self.subject, place, said, rule))

    def idle(self, node: Node, path: str, why: str) -> None:
        """Note that a field is kept and has no effect."""
        place = printable(path, limit=120)
        self.warnings.append(Problem(self.source, node.line, self.subject, place, "", why))

    def note_lines(self, path: str, node: Mapping) -> None:
        """Remember where the entries of a map stand."""
        self.lines[path] = node.line
        self.lines.update((f"{path}.{key}", value.line) for key, value in node.entries.items())

    def has_problem(self, path: str) -> bool:
        """Whether something is wrong with a field or inside it."""
        return any(
            problem.field == path or problem.field.startswith((f"{path}.", f"{path}["))
            for problem in self.problems
        )

    # Single values.

    def value(self, known: FieldSpec, node: Node, path: str) -> Any:
        """A field in its declared form; None when it says nothing or is wrong."""
        match known.form:
            case Form.TEXT:
                return self.optional_text(node, path, known.rule, secret=known.secret)
            case Form.INTEGER:
                return self.integer(node, path, known.rule)
            case Form.FLAG:
                return self.flag(node, path)
            case Form.TEXT_MAP:
                return self.text_map(node, path)
            case Form.TEXT_LIST:
                return self.text_list(node, path, known.rule)
            case Form.ENDPOINTS:
                return self.endpoints(node, path)
            case Form.ROLES:
                return self.roles(node, path)
            case Form.STRATEGY:
                return self.strategy(node, path)
            case Form.PORTS:
                return self.ports(node, path)

    def optional_text(self, node: Node | None, path: str, rule: Rule, *, secret: bool = False) -> str:
        """Text, or ``""`` when the field is absent, null or empty."""
        if node is None or (isinstance(node, Scalar) and meaning(node) in (None, "")):
            return ""
        return self.text(node, path, rule, secret=secret) or ""

    def text(self, node: Node, path: str, rule: Rule, *, secret: bool = False) -> str | None:
        """Text that keeps its rule. What YAML takes for a number or a truth value is none."""
        if not isinstance(node, Scalar):
            self.wrong(node, path, "must be text")
            return None
        value = meaning(node)
        if not isinstance(value, str):
            said = None if value is None or secret else node.text
            rule_text = "must be text" if value is None else "must be text; put it in quotes"
            self.wrong(node, path, rule_text, value=said)
            return None
        broken = rule(value) if rule else ""
        if broken:
            self.wrong(node, path, broken, value=None if secret else value)
            return None
        return value

    def integer(self, node: Node, path: str, rule: Rule) -> int | None:
        """A whole number that keeps its rule; None also when the value is null."""
        value = meaning(node) if isinstance(node, Scalar) else node
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            quoted = isinstance(node, Scalar) and not node.plain and node.text.isdecimal()
            rule_text = "must be a whole number; leave out the quotes" if quoted else "must be a whole number"
            self.wrong(node, path, rule_text, value=node.text if isinstance(node, Scalar) else None)
            return None
        broken = rule(value) if rule else ""
        if broken:
            self.wrong(node, path, broken, value=value)
            return None
        return value

    def flag(self, node: Node, path: str) -> bool | None:
        """True or false; None also when the value is null."""
        value = meaning(node) if isinstance(node, Scalar) else node
        if value is None or isinstance(value, bool):
            return value
        self.wrong(node, path, "must be true or false", value=node.text if isinstance(node, Scalar) else None)
        return None

    def text_map(self, node: Node | None, path: str) -> dict[str, str]:
        """A map of text to text, in which null stands for empty text."""
        if node is None or (isinstance(node, Scalar) and meaning(node) is None):
            return {}
        if not isinstance(node, Mapping):
            self.wrong(node, path, "must be a map of text to text")
            return {}
        self.note_lines(path, node)
        read: dict[str, str] = {}
        for key, value in node.entries.items():
            if isinstance(value, Scalar) and meaning(value) is None:
                read[key] = ""
                continue
            text = self.text(value, f"{path}.{key}", None)
            if text is not None:
                read[key] = text
        return read

    def items(self, node: Node, path: str) -> list[Node]:
        """The items of a list."""
        if isinstance(node, Sequence):
            self.lines.update((f"{path}[{index}]", item.line) for index, item in enumerate(node.items))
            return node.items
        if not (isinstance(node, Scalar) and meaning(node) is None):
            self.wrong(node, path, "must be a list")
        return []

    def text_list(self, node: Node, path: str, rule: Rule) -> tuple[str, ...]:
        """A list of texts that each keep the rule."""
        read = (
            self.text(item, f"{path}[{index}]", rule) for index, item in enumerate(self.items(node, path))
        )
        return tuple(text for text in read if text is not None)

    def endpoints(self, node: Node, path: str) -> tuple[Endpoint, ...]:
        """The endpoints of a link."""
        read: list[Endpoint] = []
        for index, item in enumerate(self.items(node, path)):
            place = f"{path}[{index}]"
            if not isinstance(item, Mapping):
                self.wrong(item, place, "must be a map with name, host and port")
                continue
            self.note_lines(place, item)
            read.append(
                Endpoint(
                    name=self.required_part(item, place, "name", None),
                    host=self.required_part(item, place, "host", endpoint_host_rule),
                    port=self.endpoint_port(item, place),
                    group=self.optional_text(item.entries.get("group"), f"{place}.group", None),
                    unknown=self.kept(item, place, frozenset(("name", "host", "port", "group"))),
                )
            )
        return tuple(read)

    def required_part(self, parent: Mapping, place: str, key: str, rule: Rule) -> str:
        """A text that an item of a list must have."""
        node = parent.entries.get(key)
        value = self.optional_text(node, f"{place}.{key}", rule)
        if not value and not self.has_problem(f"{place}.{key}"):
            self.wrong(node or parent, f"{place}.{key}", "is missing")
        return value

    def endpoint_port(self, parent: Mapping, place: str) -> int:
        """Endpoint ports are text in YAML (reference-engine, appendix A); a number is understood as well."""
        node = parent.entries.get("port")
        path = f"{place}.port"
        if node is None:
            self.wrong(parent, path, "is missing")
            return 0
        text = node.text if isinstance(node, Scalar) else ""
        port = int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else 0
        if port_rule(port):
            self.wrong(node, path, port_rule(port), value=text)
        return port

    def roles(self, node: Node, path: str) -> tuple[AccessRole, ...]:
        """The roles of an access."""
        read: list[AccessRole] = []
        for index, item in enumerate(self.items(node, path)):
            place = f"{path}[{index}]"
            if not isinstance(item, Mapping):
                self.wrong(item, place, "must be a map with name and port")
                continue
            self.note_lines(place, item)
            port = item.entries.get("port")
            read.append(
                AccessRole(
                    name=self.required_part(item, place, "name", None),
                    port=(self.integer(port, f"{place}.port", role_port_rule) or 0) if port else 0,
                    unknown=self.kept(item, place, frozenset(("name", "port"))),
                )
            )
        return tuple(read)

    def ports(self, node: Node, path: str) -> tuple[ServicePort, ...]:
        """The ports of a secured access."""
        read: list[ServicePort] = []
        for index, item in enumerate(self.items(node, path)):
            place = f"{path}[{index}]"
            if not isinstance(item, Mapping):
                self.wrong(item, place, "must be a map with name and port")
                continue
            self.note_lines(place, item)
            entries = item.entries
            if "port" not in entries:
                self.wrong(item, f"{place}.port", "is missing")
            target = entries.get("targetPort")
            read.append(
                ServicePort(
                    name=self.required_part(item, place, "name", None),
                    port=(self.integer(entries["port"], f"{place}.port", port_rule) or 0)
                    if "port" in entries
                    else 0,
                    target_port=(self.integer(target, f"{place}.targetPort", role_port_rule) or 0)
                    if target
                    else 0,
                    protocol=self.optional_text(entries.get("protocol"), f"{place}.protocol", None),
                    unknown=self.kept(item, place, frozenset(("name", "port", "targetPort", "protocol"))),
                )
            )
        return tuple(read)

    def strategy(self, node: Node, path: str) -> Strategy | None:
        """How a listener chooses among several keys: exactly one of ``priority`` and ``weighted``."""
        if not isinstance(node, Mapping):
            self.wrong(node, path, "must be a map with priority or weighted")
            return None
        self.note_lines(path, node)
        given = {
            name: inner
            for name in ("priority", "weighted")
            if (inner := node.entries.get(name)) is not None
            and not (isinstance(inner, Scalar) and meaning(inner) is None)
        }
        for name, inner in given.items():
            if not isinstance(inner, Mapping):
                self.wrong(inner, f"{path}.{name}", "must be a map with routingKeys")
        if len(given) != 1:
            self.wrong(node, path, "must hold exactly one of priority and weighted")
        keys: tuple[str, ...] = ()
        weights: dict[str, int] = {}
        inside: dict[str, Any] = {}
        for name, inner in given.items():
            if not isinstance(inner, Mapping):
                continue
            place = f"{path}.{name}.routingKeys"
            self.note_lines(f"{path}.{name}", inner)
            listed = inner.entries.get("routingKeys")
            if listed is None:
                self.wrong(inner, place, "is missing")
            elif name == "priority":
                keys = self.text_list(listed, place, routing_key_rule)
                self.check_number_of_keys(listed, place)
                self.check_once(listed, place)
            else:
                weights = self.weights(listed, place)
                self.check_number_of_keys(listed, place)
            inside = self.kept(inner, f"{path}.{name}", frozenset(("routingKeys",)))
        unknown = self.kept(node, path, frozenset(("priority", "weighted")))
        if self.has_problem(path):
            return None
        if weights:
            return Strategy.weighted(weights, unknown=unknown, unknown_inside=inside)
        return Strategy(routing_keys=keys, unknown=unknown, unknown_inside=inside)

    def weights(self, node: Node, path: str) -> dict[str, int]:
        """A map of routing keys to whole numbers."""
        if not isinstance(node, Mapping):
            self.wrong(node, path, "must be a map of routing keys to weights")
            return {}
        weights = {}
        for key, value in node.entries.items():
            place = f"{path}.{key}"
            broken = routing_key_rule(key)
            if broken:
                self.wrong(value, path, f"a routing key {broken}", value=key)
            weight = self.integer(value, place, weight_rule)
            if weight is None and not self.has_problem(printable(place, limit=120)):
                self.wrong(value, place, "must be a whole number")
            weights[key] = weight or 0
        return weights

    def check_number_of_keys(self, node: Node, path: str) -> None:
        """At least one routing key, and not more than there can be."""
        if self.has_problem(path):
            return
        count = 0
        if not isinstance(node, Scalar):
            count = len(node.items if isinstance(node, Sequence) else node.entries)
        if not count:
            self.wrong(node, path, "must hold at least one routing key")
        elif count > MOST_KEYS:
            self.wrong(node, path, f"must hold at most {MOST_KEYS} routing keys", value=count)

    def check_once(self, node: Node, path: str) -> None:
        """No text twice in a list."""
        seen: set[str] = set()
        for index, item in enumerate(node.items if isinstance(node, Sequence) else ()):
            if isinstance(item, Scalar):
                if item.text in seen:
                    self.wrong(item, f"{path}[{index}]", "stands twice in the same list", value=item.text)
                seen.add(item.text)

    def kept(
        self, node: Mapping, path: str, known: frozenset[str], *, silent: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        """The entries that the type does not know, each named in a warning unless it is ``silent``."""
        entries = kept_entries(node, known)
        for key in entries:
            if key not in silent:
                place = f"{path}.{key}" if path else key
                self.idle(node.entries[key], place, unknown_field(key, known))
        return entries


def kept_entries(node: Mapping, known: frozenset[str]) -> dict[str, Any]:
    """The entries that the type does not know. A null says nothing and is left out, as Kubernetes does."""
    if node.entries.keys() <= known:
        return {}
    values = ((key, plain_value(value)) for key, value in node.entries.items() if key not in known)
    return {key: value for key, value in values if value is not None}


def unknown_field(key: str, known: Iterable[str]) -> str:
    """What to say about a field that no type knows: which one may have been meant."""
    return f"is not a field of this kind; it is kept and not acted on{closest(key, known)}"


def closest(key: str, known: Iterable[str]) -> str:
    """A question after the key that may have been meant, in parentheses; empty if none is like it."""
    import difflib

    near = difflib.get_close_matches(key, tuple(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
