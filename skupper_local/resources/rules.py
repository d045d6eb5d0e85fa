"""The rules for single values: names, hosts, ports, routing keys.

Each function returns ``""`` when the value is good, else the rule that it breaks, as a sentence that a message can end with.
The command line uses the same functions for its arguments, so a declaration that ``create`` accepts is one that ``start``
accepts (the reference lets ``create`` take names with dots which ``start`` then refuses: reference-cli, "Validators").
"""

from __future__ import annotations

import ipaddress
import re

NAME_LIMIT = 200
"""Longest name: file names hold a kind and a suffix as well, and end at 255 bytes."""

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_OBJECT_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_HOST = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)*")
_DNS_NAME = re.compile(
    r"[a-zA-Z0-9_](?:[-a-zA-Z0-9_]*[a-zA-Z0-9_])?(?:\.[a-zA-Z0-9_](?:[-a-zA-Z0-9_]*[a-zA-Z0-9_])?)*"
)
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")
_DURATION = re.compile(r"0|\+?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+")
_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+){2,4}")
_NO_ADDRESS = "is not an IP address: that has four numbers from 0 to 255, without leading zeros"
_GRANT_URL = re.compile(r"https://[^\s/?#@]+(?:[/?#]\S*)?")


def name_rule(name: str) -> str:
    """Rule R of reference-engine 2.3: a name of ours, also of a namespace."""
    if len(name) > NAME_LIMIT:
        return f"must have at most {NAME_LIMIT} characters"
    if not _NAME.fullmatch(name):
        return "must be lower-case letters, digits and '-', and begin and end with a letter or digit"
    return ""


def object_name_rule(name: str) -> str:
    """Names of kinds that belong to others (Secret, ConfigMap, ...): as :func:`name_rule`, dots between parts allowed."""
    if len(name) > NAME_LIMIT:
        return f"must have at most {NAME_LIMIT} characters"
    if not _OBJECT_NAME.fullmatch(name):
        return "must be lower-case letters, digits, '-' and '.', and begin and end with a letter or digit"
    return ""


def kind_rule(kind: str) -> str:
    """A kind becomes part of a file name, so it must look like one."""
    return "" if _KIND.fullmatch(kind) else "must be a capital letter followed by letters and digits"


def is_ip(host: str) -> bool:
    """Whether ``host`` is an IPv4 or IPv6 address in text, without a zone."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def host_rule(host: str) -> str:
    """Rule H of reference-engine 2.3: an IP address, or a lower-case host name.

    Beyond it: three to five numbers with dots between them (``10.0.0.256``, ``192.168.1``) are a mistyped address.
    """
    if is_ip(host):
        return ""
    if len(host) > 253 or not _HOST.fullmatch(host):
        return "must be an IP address or a lower-case host name"
    return _NO_ADDRESS if _NUMBERS.fullmatch(host) else ""


def port_rule(port: int) -> str:
    """A TCP port."""
    return "" if 1 <= port <= 65535 else "must be a port from 1 to 65535"


def routing_key_rule(key: str) -> str:
    """A routing key: any text that can travel as an address. The reference demands only that it is not empty."""
    if not key:
        return "must not be empty"
    if len(key) > 253:
        return "must have at most 253 characters"
    if not key.isprintable() or any(letter.isspace() for letter in key):
        return "must be printable and hold no space"
    return ""


def alternative_name_rule(name: str) -> str:
    """A name in a server certificate: an address, or a host name in any case in which the first label may be ``*``."""
    if is_ip(name) or (len(name) <= 253 and _DNS_NAME.fullmatch(name.removeprefix("*."))):
        return ""
    return "must be an IP address or a host name"


def protocol_rule(protocol: str) -> str:
    """The type of a listener or connector. The reference ignores those of another type in silence."""
    return "" if protocol in ("", "tcp") else "must be tcp, the only type there is"


def observer_rule(observer: str) -> str:
    """What a listener may look for in its traffic."""
    return "" if observer in ("", "auto", "none", "http1", "http2") else "must be auto, none, http1 or http2"


def data_key_rule(key: str) -> str:
    """A key of a Secret's data: it becomes a file name."""
    if _DATA_KEY.fullmatch(key) and key != "." and not key.startswith(".."):
        return ""
    return "must be a file name of letters, digits, '-', '_' and '.'"


def endpoint_host_rule(host: str) -> str:
    """Hosts of links come from other sites, Kubernetes among them: any host name, whatever its case."""
    if _NUMBERS.fullmatch(host) and not is_ip(host):
        return _NO_ADDRESS
    if (
        len(host) <= 253
        and host.isascii()
        and host.isprintable()
        and not any(letter in host for letter in " /\\\"'@")
    ):
        return ""
    return "must be an IP address or a host name"


def role_port_rule(port: int) -> str:
    """A port of an access role; 0 stands for the role's usual port."""
    return "" if port == 0 else port_rule(port)


def cost_rule(cost: int) -> str:
    """The cost of a link; 0 stands for none given."""
    return "" if 0 <= cost <= 2**31 - 1 else "must be a whole number from 1 to 2147483647"


def weight_rule(weight: int) -> str:
    """The share of new connections that a routing key gets, relative to the others."""
    return "" if 1 <= weight <= 2**31 - 1 else "must be a whole number from 1 to 2147483647"


def count_rule(count: int) -> str:
    """How often something may be done; 0 stands for the default."""
    return "" if 0 <= count <= 2**31 - 1 else "must be a whole number from 1 to 2147483647"


def duration_rule(duration: str) -> str:
    """A length of time as Go writes it (reference-engine 5.5)."""
    if len(duration) <= 64 and _DURATION.fullmatch(duration):
        return ""
    return "must be a length of time such as 15m, 1h30m or 90s"


def grant_url_rule(url: str) -> str:
    """Where a token is redeemed; never in clear text (reference-engine 5.4)."""
    if len(url) <= 2048 and url.isprintable() and _GRANT_URL.fullmatch(url):
        return ""
    return "must be a URL that begins with https://"


def authority_rule(pem: str) -> str:
    """Certificates to trust, in PEM form. They are parsed when they are used."""
    if "-----BEGIN CERTIFICATE-----" in pem and "-----END CERTIFICATE-----" in pem:
        return ""
    return "must be a certificate in PEM form"


def code_rule(code: str) -> str:
    """The secret of a grant: it travels as the body of a request."""
    return (
        "" if len(code) <= 1024 and code.isprintable() else "must be printable and of at most 1024 characters"
    )


def subject_rule(subject: str) -> str:
    """The common name in a certificate."""
    if len(subject) <= 253 and subject.isprintable():
        return ""
    return "must be printable and of at most 253 characters"
