"""What the free-form settings of a Site and a Link ask of the router itself: its log, its data connections, a proxy.

The reference documents them, acts on them on Kubernetes, and on local systems ignores the first two and configures the third
without a host (reference-engine 3.2). Documentation and code of the reference disagree about two of the keys, so both
spellings are understood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from skupper_local.entities import LOG_MODULES
from skupper_local.resources.model import Link, Site
from skupper_local.resources.rules import object_name_rule

ROUTER_LOGGING = ("router-logging", "routerLogging")
DATA_CONNECTIONS = ("router-data-connection-count", "routerDataConnections")
PROXY = "proxy-configuration"

MOST_DATA_CONNECTIONS = 256
_DEFAULT_MODULE = "DEFAULT"
_NOTHING = "none"
# The reference accepts two levels that routers no longer have; they become the nearest one.
_LEVELS = {
    **{level: level for level in ("debug", "info", "warning", "error", "critical", _NOTHING)},
    "trace": "debug",
    "notice": "info",
}


def logging_wanted(site: Site) -> dict[str, str]:
    """What each log module shall write, by module, as the router takes it (``info+``: info and above); empty: not said."""
    text = next((site.settings[key] for key in ROUTER_LOGGING if site.settings.get(key)), "")
    return {module: level for module, level, _ in _logging_parts(text)}


def data_connections_wanted(site: Site) -> str:
    """The number of data connections for each link, or ``auto``; empty: not said."""
    return next((site.settings[key] for key in DATA_CONNECTIONS if site.settings.get(key)), "")


def proxy_wanted(link: Link) -> str:
    """The name of the Secret that describes the proxy a link goes through; empty: none."""
    return link.settings.get(PROXY, "")


def logging_rule(text: str) -> str:
    """``MODULE:LEVEL,...``; without a module the level is for all of them."""
    seen: set[str] = set()
    for module, level, item in _logging_parts(text):
        if module not in LOG_MODULES:
            return f"{item[:40]!r} must name one of the log modules {', '.join(LOG_MODULES)}"
        if not level:
            return (
                f"{item[:40]!r} must end with one of the levels {', '.join(_LEVELS)}, or such a level and '+'"
            )
        if module in seen:
            return f"must name {module} once"
        seen.add(module)
    return ""


def data_connections_rule(text: str) -> str:
    """``auto`` or a number."""
    if text == "auto" or (
        text.isascii() and text.isdecimal() and len(text) <= 4 and int(text) <= MOST_DATA_CONNECTIONS
    ):
        return ""
    return f"must be auto or a whole number from 0 to {MOST_DATA_CONNECTIONS}"


def _logging_parts(text: str) -> list[tuple[str, str, str]]:
    """Module, level (empty if there is no such level) and the text of each item."""
    found = []
    for item in (part.strip() for part in text.split(",") if text):
        module, colon, level = item.rpartition(":")
        wanted = _LEVELS.get(level.removesuffix("+"), "")
        if wanted == _NOTHING:
            wanted = "" if level.endswith("+") else wanted
        elif wanted:
            wanted += "+"  # as the reference: a level means it and everything above
        found.append((module if colon else _DEFAULT_MODULE, wanted, item))
    return found


SITE_SETTINGS: Mapping[str, Callable[[str], str]] = {
    **dict.fromkeys(ROUTER_LOGGING, logging_rule),
    **dict.fromkeys(DATA_CONNECTIONS, data_connections_rule),
}
LINK_SETTINGS: Mapping[str, Callable[[str], str]] = {PROXY: object_name_rule}
"""The settings that have an effect on the router, and the rule of each."""
