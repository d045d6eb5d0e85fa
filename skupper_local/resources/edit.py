"""A declaration changed within the text it stands in: what was not told to change stays as its author wrote it.

The difference between the resource as it is and as it shall be is carried over to the text, one entry of a map at a time:
comments, the order of fields, quotes and the other documents of the text stay. At the end the text is read again, and counts
only if it says exactly what it should; whatever is too unusual to be edited is left to the caller, who writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from skupper_local.resources.decode import decode_documents
from skupper_local.resources.encode import document_of, encode_document
from skupper_local.resources.model import Resource, in_namespace, kind_of

_MOST_CHANGES = 100
_GONE = object()

Path: TypeAlias = tuple[str | int, ...]


class _TooUnusualError(Exception):
    """The text is written in a way that is not edited here."""


def edited(text: str, present: Resource, wanted: Resource) -> str | None:
    """The text with ``wanted`` in place of ``present``, which it holds; None where it cannot be edited.

    A namespace that is not said in the text is not added.
    """
    namespace = wanted.metadata.namespace
    before = document_of(in_namespace(present, present.metadata.namespace or namespace))
    changes = list(_changes(before, document_of(wanted), ()))
    if len(changes) > _MOST_CHANGES:
        return None
    result = text
    try:
        for path, value in changes:
            result = _changed(result, present, path, value)
    except _TooUnusualError:
        return None
    return result if _says(result, text, present, wanted) else None


def _changes(before: Any, after: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Each entry that is new, other or gone, as deep down as it can be told apart."""
    if isinstance(before, Mapping) and isinstance(after, Mapping) and before and after:
        for key in before:
            if key not in after:
                yield (*path, key), _GONE
        for key, value in after.items():
            if key not in before:
                yield (*path, key), value
            else:
                yield from _changes(before[key], value, (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _changes(old, new, (*path, index))
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield path, after


def _says(result: str, text: str, present: Resource, wanted: Resource) -> bool:
    """Whether the result differs from the text in this one resource, and in that as wanted."""
    before, after = decode_documents(text, ""), decode_documents(result, "")
    if before.problems or after.problems or len(before.resources) != len(after.resources):
        return False
    namespace = wanted.metadata.namespace
    for old, new in zip(before.resources, after.resources, strict=True):
        same_one = (kind_of(old), old.name) == (kind_of(present), present.name)
        expected = wanted if same_one else old
        said = in_namespace(new, new.metadata.namespace or namespace) if same_one else new
        if document_of(said) != document_of(expected):
            return False
    return True


# The text and its nodes. Aliases, anchors and too much depth were refused when it was read.


@dataclass(frozen=True)
class _Entry:
    """An entry of a map: its key and value, and the map."""

    parent: Any
    key: Any
    value: Any


def _changed(text: str, resource: Resource, path: Path, value: Any) -> str:
    parent = _document(text, resource)
    for step in path[:-1]:
        parent = _below(parent, step)
    last = path[-1]
    if isinstance(last, int):
        item = _below(parent, last)
        return _with_scalar(text, item, value)
    if not _is_map(parent):
        raise _TooUnusualError
    entry = next((_Entry(parent, key, node) for key, node in parent.value if key.value == last), None)
    if entry is None:
        return text if value is _GONE else _added(text, parent, last, value)
    if value is _GONE:
        return _removed(text, entry)
    if isinstance(entry.value.value, str) and not isinstance(value, (dict, list)) and _on_one_line(entry):
        return _with_scalar(text, entry.value, value)
    return _replaced(text, entry, last, value)


def _document(text: str, resource: Resource) -> Any:
    """The node of the document that holds the resource."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for document in yaml.compose_all(text, Loader=loader):
        if not _is_map(document):
            continue
        top = {key.value: node for key, node in document.value if isinstance(key.value, str)}
        metadata: Any = top.get("metadata")
        names = (
            [node.value for key, node in metadata.value if key.value == "name"] if _is_map(metadata) else []
        )
        if getattr(top.get("kind"), "value", None) == kind_of(resource) and names == [resource.name]:
            return document
    raise _TooUnusualError


def _is_map(node: Any) -> bool:
    return getattr(node, "id", "") == "mapping"


def _below(node: Any, step: str | int) -> Any:
    if isinstance(step, int):
        if getattr(node, "id", "") != "sequence" or step >= len(node.value):
            raise _TooUnusualError
        return node.value[step]
    found = next((value for key, value in node.value if key.value == step), None) if _is_map(node) else None
    if found is None:
        raise _TooUnusualError
    return found


def _on_one_line(entry: _Entry) -> bool:
    start, end = entry.value.start_mark, entry.value.end_mark
    return bool(entry.key.start_mark.line == start.line == end.line and start.index < end.index)


def _end(node: Any) -> int:
    """Where the last character of a node stands: a block ends with its last entry, not with the comments after it."""
    while not isinstance(node.value, str) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.index)


def _line_end(text: str, index: int) -> int:
    """Where the line that holds the character before ``index`` ends, with its line break."""
    if index and text[index - 1] == "\n":
        return index
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _flow(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, (dict, list)):
        raise _TooUnusualError
    line = encode_document({"k": value})
    if line.count("\n") != 1:
        return _flow(value)
    return line[3:-1]


def _with_scalar(text: str, node: Any, value: Any) -> str:
    start, end = node.start_mark, node.end_mark
    if (
        not isinstance(node.value, str)
        or value is _GONE
        or start.line != end.line
        or start.index == end.index
    ):
        raise _TooUnusualError
    plain = _scalar(value)
    if any(letter in plain for letter in "[]{},") and plain[0] != '"':
        plain = _flow(value)  # as it can stand in a flow as well
    return text[: start.index] + plain + text[end.index :]


def _block(text: str, key: str, value: Any, column: int) -> str:
    lines = encode_document({key: value}).splitlines()
    ends = "\r\n" if "\r\n" in text else "\n"
    return "".join(f"{' ' * column}{line}".rstrip(" ") + ends for line in lines)


def _added(text: str, parent: Any, key: str, value: Any) -> str:
    if parent.flow_style:
        if not parent.value:
            place = parent.end_mark.index - 1
            return f"{text[:place]}{_flow(key)}: {_flow(value)}{text[place:]}"
        place = _end(parent.value[-1][1])
        return f"{text[:place]}, {_flow(key)}: {_flow(value)}{text[place:]}"
    if not parent.value:
        raise _TooUnusualError
    place = _line_end(text, _end(parent.value[-1][1]))
    before = text[:place]
    if before and not before.endswith("\n"):
        before += "\n"
    return before + _block(text, key, value, parent.value[0][0].start_mark.column) + text[place:]


def _lines_of(text: str, entry: _Entry) -> tuple[int, int]:
    """From where to where the lines of an entry of a block go; it must be alone on them."""
    start = text.rfind("\n", 0, entry.key.start_mark.index) + 1
    if text[start : entry.key.start_mark.index].strip(" "):
        raise _TooUnusualError
    return start, _line_end(text, max(_end(entry.value), entry.key.end_mark.index))


def _removed(text: str, entry: _Entry) -> str:
    entries = entry.parent.value
    if not entry.parent.flow_style:
        start, end = _lines_of(text, entry)
        if len(entries) > 1:
            return text[:start] + text[end:]
        column = entry.key.start_mark.column
        return f"{text[:start]}{' ' * column}{{}}\n{text[end:]}"
    place = next(index for index, (key, _) in enumerate(entries) if key is entry.key)
    if place:
        start, end = _end(entries[place - 1][1]), _end(entry.value)
    else:
        start = entry.key.start_mark.index
        end = entries[1][0].start_mark.index if len(entries) > 1 else _end(entry.value)
    return text[:start] + text[end:]


def _replaced(text: str, entry: _Entry, key: str, value: Any) -> str:
    """An entry whose value is no single word in one line, or becomes none."""
    if entry.parent.flow_style:
        start, end = entry.value.start_mark.index, _end(entry.value)
        return text[:start] + _flow(value) + text[end:]
    start, end = _lines_of(text, entry)
    return text[:start] + _block(text, key, value, entry.key.start_mark.column) + text[end:]
