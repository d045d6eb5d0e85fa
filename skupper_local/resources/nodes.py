"""YAML text to a tree of nodes that know their line, within bounds.

The tree is built from the parser's events, without recursion, so a hostile file costs what its size allows and no more:
depth, documents and problems are bounded, anchors and aliases are refused (they are how a small file becomes a large
value), and a key that stands twice in a map is a problem, not a silent replacement. JSON is read by the same parser, being
YAML in flow style.

Plain scalars get their meaning from :func:`meaning`, in the core of YAML 1.1 that the reference's parser shares: a text
that *looks* like a number or a truth value is one unless it is quoted.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64
MAX_DOCUMENTS = 10_000
MAX_PROBLEMS = 500


@dataclass(slots=True, eq=False, repr=False)
class Scalar:
    """A single value. ``plain`` when it stands unquoted and untagged, so that its text decides what it means."""

    line: int
    text: str
    plain: bool = False


@dataclass(slots=True, eq=False, repr=False)
class Sequence:
    """A list."""

    line: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False, repr=False)
class Mapping:
    """A map. The line of each entry is that of its key."""

    line: int
    entries: dict[str, Node] = field(default_factory=dict)


Node: TypeAlias = Scalar | Sequence | Mapping


@dataclass(frozen=True)
class NodeProblem:
    """What is wrong with the text itself, before any meaning."""

    line: int
    value: str
    rule: str


@dataclass
class NodeTree:
    """The documents of a text, in order, empty ones left out."""

    documents: list[Node] = field(default_factory=list)
    problems: list[NodeProblem] = field(default_factory=list)


_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"))
_FALSE = frozenset(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"))
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0[0-7_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+)")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})")
_LONGEST_NUMBER = 64
_TEXT_TAGS = frozenset(("!", "tag:yaml.org,2002:str"))
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
)


def meaning(scalar: Scalar) -> str | int | float | bool | None:
    """The value of a scalar."""
    text = scalar.text
    if not scalar.plain:
        return text
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if len(text) > _LONGEST_NUMBER or not (text[0].isdecimal() or text[0] in "+-."):
        return text
    return _number(text)


def _number(text: str) -> str | int | float:
    if _INTEGER.fullmatch(text):
        digits = text.replace("_", "")
        sign = -1 if digits.startswith("-") else 1
        digits = digits.lstrip("+-")
        if digits[:2] in ("0x", "0o", "0b"):
            return sign * int(digits, 0) if len(digits) > 2 else text
        return sign * int(digits, 8 if digits.startswith("0") else 10)
    if text.isascii() and _FLOAT.fullmatch(text):
        digits = text.replace("_", "").lower()
        return float(digits.replace(".", "") if digits[-3:] in ("inf", "nan") else digits)
    return text


def plain_value(node: Node) -> Any:
    """The node as plain maps, lists and values. Depth is bounded already."""
    if isinstance(node, Scalar):
        return meaning(node)
    if isinstance(node, Sequence):
        return [plain_value(item) for item in node.items]
    return {key: plain_value(value) for key, value in node.entries.items()}


def read_nodes(text: str | bytes) -> NodeTree:
    """Parse ``text``. What comes before a syntax error is kept; nothing can be read after it."""
    if len(text) > MAX_BYTES:
        return NodeTree(problems=[NodeProblem(0, "", f"must have at most {MAX_BYTES >> 20} MiB")])
    if isinstance(text, str):
        return _Builder().build(_without_surrogates(text))
    try:
        return _Builder().build(_without_surrogates(text.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        return NodeTree(problems=[NodeProblem(line, "", "must be UTF-8 text")])


def _without_surrogates(text: str) -> str:
    """JSON writes a character beyond U+FFFF as two escapes, which YAML does not know."""
    if "\\u" not in text or text.lstrip()[:1] not in ("{", "["):
        return text
    return _SURROGATES.sub(lambda found: found[1] + json.loads(f'"{found[2]}"'), text)


def _why(text: str, error: Any) -> str:
    """What the parser found; it calls a tab, and what has a meaning of its own, a character that starts no token."""
    mark, said = error.problem_mark, str(error.problem or error.context)
    if mark is None or "cannot start any token" not in said:
        return said
    lines = text.split("\n")
    found = lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""
    if found == "\t":
        return "a tab stands where YAML wants spaces"
    return f"a value that begins with {found} must stand in quotes" if found in ("@", "`", "%") else said


class _UnreadableError(Exception):
    """The rest of the text cannot be read."""


class _Builder:
    """Turns the parser's events into nodes with a stack of the collections that are open."""

    def __init__(self) -> None:
        self.tree = NodeTree()
        self.open: list[Sequence | Mapping] = []
        self.keys: list[tuple[str, int] | None] = []  # per open collection: the key that waits for its value

    def build(self, text: str) -> NodeTree:
        import yaml  # 25 ms, paid only by commands that read a file

        loader: Any = None
        try:
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
            while loader.check_event():
                self.take(loader.get_event())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = min(mark.line, text.count("\n")) + 1 if mark else 0  # a mark may stand after the last line
            self.break_off(line, _why(text, error))
        except (yaml.YAMLError, UnicodeError) as error:
            position = getattr(error, "position", None)
            line = text.count("\n", 0, position) + 1 if isinstance(position, int) else 0
            self.break_off(line, getattr(error, "reason", error))
        except _UnreadableError:
            self.drop_unfinished()
        finally:
            if loader is not None:
                loader.dispose()
        return self.tree

    def break_off(self, line: int, why: object) -> None:
        self.drop_unfinished()
        self.tree.problems.append(NodeProblem(line, "", f"is not valid YAML: {why}"))

    def drop_unfinished(self) -> None:
        """Forget the document that is open: what it lacks is no problem of its own."""
        if self.open and self.tree.documents:
            self.tree.documents.pop()

    def complain(self, line: int, value: str, rule: str) -> None:
        self.tree.problems.append(NodeProblem(line, value, rule))
        if len(self.tree.problems) >= MAX_PROBLEMS:
            raise _UnreadableError

    def take(self, event: Any) -> None:
        # By name, because naming the classes would import yaml with this module.
        line = event.start_mark.line + 1
        match type(event).__name__:
            case "ScalarEvent":
                self.check(event, line)
                tag = event.tag
                plain = event.implicit[0] if tag is None else tag not in _TEXT_TAGS
                self.add(Scalar(line, event.value, plain), line)
            case "MappingStartEvent" | "SequenceStartEvent" as name:
                self.check(event, line)
                if len(self.open) >= MAX_DEPTH:
                    self.complain(line, "", f"must be nested at most {MAX_DEPTH} levels deep")
                    raise _UnreadableError
                node: Mapping | Sequence = Mapping(line) if name == "MappingStartEvent" else Sequence(line)
                self.add(node, line)
                self.open.append(node)
                self.keys.append(None)
            case "MappingEndEvent" | "SequenceEndEvent":
                self.open.pop()
                self.keys.pop()
            case "AliasEvent":
                self.complain(line, f"*{event.anchor}", "aliases are not accepted; write the value out")
                self.add(Scalar(line, "", plain=True), line)

    def check(self, event: Any, line: int) -> None:
        if event.anchor is not None:
            self.complain(line, f"&{event.anchor}", "anchors are not accepted")
        tag = event.tag
        if tag is not None and tag != "!" and tag not in _TAGS:
            self.complain(line, tag, "tags are not accepted")

    def add(self, node: Node, line: int) -> None:
        if not self.open:
            if len(self.tree.documents) >= MAX_DOCUMENTS:
                self.complain(line, "", f"must hold at most {MAX_DOCUMENTS} documents")
                raise _UnreadableError
            if not (isinstance(node, Scalar) and node.plain and node.text == ""):
                self.tree.documents.append(node)
            return
        parent = self.open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        waiting = self.keys[-1]
        if waiting is None:
            self.keys[-1] = (self.key_text(node), line)
            return
        self.keys[-1] = None
        key, node.line = waiting
        if key in parent.entries:
            self.complain(node.line, key, "stands twice in the same map")
        else:
            parent.entries[key] = node

    def key_text(self, node: Node) -> str:
        if isinstance(node, Scalar):
            return node.text
        self.complain(node.line, "", "a key must be text")
        raise _UnreadableError
