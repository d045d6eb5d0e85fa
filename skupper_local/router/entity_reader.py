"""The attributes of one entity as values of Python, with every problem on the way collected.

A value may be written as its type or as text: ``5671``, ``"5671"`` and ``"amqps"`` are one port, ``true``, ``"yes"`` and
``"on"`` one boolean, as for skrouterd. An attribute that is absent or null has its default. After a problem reading goes on
with the default, so that one look at the file finds all there is to correct.
"""

from __future__ import annotations

import re
import socket
from typing import Any

from skupper_local.entities import Attribute, Entity, EntityType, ValueType
from skupper_local.router.errors import ConfigurationProblem

_BOOLEANS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_SEPARATOR = re.compile(r"[ _.-]")
_SHOWN = 60
_STANDARD_PORTS = {"amqp": 5672, "amqps": 5671}
"""Services that are known even where the system's list of services is missing."""


class InvalidValueError(ValueError):
    """A value that is not of its attribute's type; the text is the reason."""


def camel_case(name: str) -> str:
    """skrouterd reads ``ssl-profile``, ``ssl_profile`` and ``ssl profile`` as ``sslProfile``."""
    first, *others = _SEPARATOR.split(name)
    return first + "".join(word.capitalize() for word in others)


class EntityReader:
    """One entity, its attributes checked against the vocabulary. ``problems`` is shared by all readers of a file."""

    def __init__(
        self, entity: Entity, known: EntityType, label: str, problems: list[ConfigurationProblem]
    ) -> None:
        self.kind = known.name
        self.label = label
        self._known = known
        self._problems = problems
        self._given: set[str] = set()
        self._values: dict[str, Any] = {}
        for given_name, value in entity.attributes.items():
            name = given_name if given_name in known.attributes else camel_case(given_name)
            attribute = known.attributes.get(name)
            if attribute is None:
                self.problem(_shown(given_name), _unknown(given_name, known))
            elif name in self._given:
                self.problem(name, "is given twice")
            elif value is not None:
                self._given.add(name)
                try:
                    self._values[name] = convert(attribute, value)
                except InvalidValueError as error:
                    self.problem(name, str(error))
        for attribute in known.attributes.values():
            if attribute.required and attribute.name not in self._given:
                self.problem(attribute.name, "is missing")

    def problem(self, attribute: str, reason: str) -> None:
        """Record what is wrong."""
        self._problems.append(ConfigurationProblem(self.label, attribute, reason))

    def given(self, name: str) -> bool:
        """Whether the file has a value for the attribute, good or bad; an empty text is no value."""
        return name in self._given and self._values.get(name) != ""

    def value(self, name: str) -> Any:
        """The value as given, else the default, else None."""
        value = self._values.get(name)
        return self._default(name) if value is None else value

    def text(self, name: str) -> str:
        """The text of an attribute; empty when it has neither value nor default."""
        value = self.value(name)
        return "" if value is None else str(value)

    def optional(self, name: str) -> str | None:
        """The text of an attribute, None when there is none or it is empty."""
        return self.text(name) or None

    def integer(self, name: str) -> int:
        """The number of an attribute; 0 when it has neither value nor default."""
        return int(self.value(name) or 0)

    def optional_integer(self, name: str) -> int | None:
        """The number of an attribute; None when it is absent or 0, which both mean the router's own choice."""
        return self.integer(name) or None if self.given(name) else None

    def boolean(self, name: str) -> bool:
        """The truth of an attribute; False when it has neither value nor default."""
        return bool(self.value(name))

    def port(self) -> int:
        """The port number; 0 after a problem."""
        value = self.value("port")
        return _STANDARD_PORTS.get(value, 0) if isinstance(value, str) else int(value or 0)

    def words(self, name: str) -> tuple[str, ...]:
        """A text of words separated by spaces or commas."""
        return tuple(self.text(name).replace(",", " ").split())

    def _default(self, name: str) -> Any:
        return self._known.attributes[name].default


def convert(attribute: Attribute, value: Any) -> Any:
    """The value of an attribute from what a file holds. Raises InvalidValueError.

    A port becomes its number, all else what the attribute's type says.
    """
    match attribute.type:
        case ValueType.BOOLEAN:
            return _boolean(value)
        case ValueType.INTEGER:
            return _bounded(_integer(value), attribute)
        case ValueType.PORT:
            return _port(value)
        case ValueType.ENUM:
            return _enum(value, attribute)
        case ValueType.MAP:
            if not isinstance(value, dict):
                raise InvalidValueError(f"{_shown(value)} is not a map")
            return value
        case _:
            return _text(value, attribute)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise InvalidValueError(f"{_shown(value)} is neither true nor false")


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise InvalidValueError(f"{_shown(value)} is not an integer")


def _bounded(value: int, attribute: Attribute) -> int:
    if not attribute.minimum <= value <= attribute.maximum:
        raise InvalidValueError(
            f"{_shown(value)} is not in the range {attribute.minimum} to {attribute.maximum}"
        )
    return value


def _port(value: Any) -> int:
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        return _service_port(value)
    try:
        number = _integer(value)
    except InvalidValueError:
        raise InvalidValueError(
            f"{_shown(value)} is neither a port number nor the name of a service"
        ) from None
    if not 1 <= number <= 65535:
        raise InvalidValueError(f"{_shown(number)} is not in the range 1 to 65535")
    return number


def _service_port(name: str) -> int:
    try:
        return socket.getservbyname(name, "tcp")
    except (OSError, ValueError):
        if name in _STANDARD_PORTS:
            return _STANDARD_PORTS[name]
    raise InvalidValueError(f"{_shown(name)} is neither a port number nor the name of a service")


def _enum(value: Any, attribute: Attribute) -> str:
    if isinstance(value, str) and value in attribute.choices:
        return value
    raise InvalidValueError(f"{_shown(value)} is not one of {', '.join(attribute.choices)}")


def _text(value: Any, attribute: Attribute) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        shown = "the value" if attribute.secret else _shown(value)
        raise InvalidValueError(f"{shown} is not a text")
    text = str(value)
    if "\x00" in text:
        raise InvalidValueError("contains a NUL character")
    return text


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a map"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _unknown(name: str, known: EntityType) -> str:
    import difflib

    close = difflib.get_close_matches(name[:_SHOWN], known.attributes, n=1)
    hint = f"; is {close[0]} meant?" if close else ""
    return f"is not an attribute of {known.name}{hint}"
