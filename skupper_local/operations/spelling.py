"""What a person may have meant by what is not there (a site, a name), or breaks its rule (a name, a host, a routing key).

A proposal is only said, never taken: it holds by the rule it was made for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches

from skupper_local.namespace.paths import NamespacePaths, usual_site_name
from skupper_local.operations.errors import NoSiteError, NotDeclaredError
from skupper_local.resources import host_rule, name_rule, routing_key_rule

COMMANDS = {
    "Site": "site",
    "Listener": "listener",
    "MultiKeyListener": "listener",
    "Connector": "connector",
    "Link": "link",
}
"""The command that is about a kind."""

_SHOWN = 10
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://(?P<rest>[^/]*).*")
_WITH_PORT = re.compile(r"(?P<host>[^:]+|\[[^\]]+\]):(?P<port>[0-9]+)")


def name_like(text: str) -> str:
    """A name by the rule for names that looks like the text; empty if nothing of it can be in a name."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower())[:63].strip("-")
    return "" if not name or name_rule(name) else name


def name_advice(name: str) -> str:
    """The rule for names, if it is broken, with a name that would do."""
    return _with_proposal(name, name_rule, name_like(name))


def routing_key_advice(key: str) -> str:
    """The rule for routing keys, if it is broken, with a key that would do."""
    return _with_proposal(key, routing_key_rule, "-".join(key.split()))


def host_advice(host: str) -> str:
    """The rule for hosts, if it is broken, with what of the host would do."""
    rest = host.strip()
    apart = ""
    if url := _URL.fullmatch(rest):
        rest = url["rest"]
    if with_port := _WITH_PORT.fullmatch(rest):
        rest = with_port["host"]
        apart = f", and {with_port['port']} as the port, which is an argument of its own"
    rest = rest.strip("[]").lower()
    return _with_proposal(host, host_rule, rest, apart)


def _with_proposal(value: str, rule: Callable[[str], str], proposal: str, further: str = "") -> str:
    broken = rule(value)
    if not broken or not proposal or rule(proposal):
        return broken
    return f"{broken}; give {proposal}{further}"


def meant(name: str, names: Iterable[str]) -> tuple[str, str] | None:
    """The name typed, and the one of ``names`` that looks most like it; None if none does."""
    near = get_close_matches(name, list(names), n=1, cutoff=0.6)
    return (name, near[0]) if near else None


def no_site(paths: NamespacePaths) -> NoSiteError:
    """The error for a namespace without a site."""
    flag = "" if paths.name == "default" else f" -n {paths.name}"
    return NoSiteError(
        f"Namespace {paths.name} has no site",
        why=f"no Site is declared in {paths.input_resources}",
        next_step=f"skupper-local site create {usual_site_name(paths.name)}{flag}",
    )


def not_declared(
    called: str, name: str, namespace: str, names: Iterable[str], *, others: Iterable[tuple[str, str]] = ()
) -> NotDeclaredError:
    """The error for a name that nothing of a kind has; ``others`` are what of other kinds is declared, as command and name."""
    names = sorted(set(names))
    shown = ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")
    words = meant(name, names)
    why = f"there {'are' if len(names) > 1 else 'is'}: {shown}" if names else f"no {called} is declared there"
    elsewhere = next((command for command, other in others if other == name and command != called), "")
    if elsewhere:
        why += f"; but there is a {elsewhere} {name}"
        words = (called, elsewhere)
    return NotDeclaredError(
        f"There is no {f'{called} {name}'.rstrip()} in namespace {namespace}",
        why=why,
        next_step=f"see what there is: skupper-local {called} status -n {namespace}",
        meant=words,
    )
