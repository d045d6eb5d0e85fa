"""What skrouterd says of failed connections, word for word as versions 3.4 and 3.5 do, in plain words."""

from __future__ import annotations

import pytest

from skupper_local.site.observed import observe
from skupper_local.site.router_reasons import plain_reason

TLS = "amqp:connection:framing-error SSL Failure: error:"
UNTRUSTED = (
    "TLS: the certificate of the other router is not trusted: "
    "it has expired, is for another host, or comes from another CA"
)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("proton:io Connection refused - disconnected 127.0.0.1:19981", "connection refused"),
        ("proton:io No route to host - disconnected 2001:db8::1:5671", "no route to host"),
        ("proton:io Network is unreachable - disconnected 10.0.0.1:5671", "network is unreachable"),
        ("proton:io Connection reset by peer - disconnected 127.0.0.1:33841", "connection reset by peer"),
        ("proton:io Connection timed out - disconnected 127.0.0.1:33841", "no answer in time"),
        (
            "proton:io Name or service not known - connect to  no.such.host.invalid:5671",
            "the host name is not known",
        ),
        (
            f"{TLS}0A000086:SSL routines::certificate verify failed",
            UNTRUSTED,
        ),
        (
            f"{TLS}1416F086:SSL routines:tls_process_server_certificate:certificate verify failed",
            UNTRUSTED,
        ),
        (
            f"{TLS}0A000126:SSL routines::unexpected eof while reading",
            "TLS: the other side closed the connection during the TLS handshake",
        ),
        (
            f"{TLS}0A000418:SSL routines::tlsv1 alert unknown ca",
            "TLS: the other router does not trust the CA of this site's certificate",
        ),
        (
            f"{TLS}0A000415:SSL routines::sslv3 alert certificate expired",
            "TLS: this site's certificate has expired",
        ),
        (f"{TLS}0A00010B:SSL routines::something new", "TLS: something new"),
        (
            "amqp:connection:framing-error Expected SASL protocol header: no protocol header found (connection aborted)",
            "the other side closed the connection before it said anything; it may expect TLS",
        ),
        (
            "amqp:unauthorized-access Authentication failed [mech=none]",
            "the other router demands a certificate that this site did not show",
        ),
        (
            "amqp:resource-limit-exceeded local-idle-timeout expired",
            "local-idle-timeout expired",
        ),
    ],
)
def test_the_reason_is_told_in_plain_words(said: str, reason: str) -> None:
    assert plain_reason(f"Connection to east.example:55671 failed: {said}") == reason


@pytest.mark.parametrize(
    "text",
    [
        "",
        "connection refused",
        "[C58] Connection Opened: dir=out host=127.0.0.1:14925 encrypted=TLSv1.3 auth=EXTERNAL user=(null)",
        "Connection to somewhere failed",
        "Connection to 127.0.0.1:1 failed: Connection refused",
    ],
)
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert plain_reason(text) == text


def test_a_long_host_name_does_not_hide_the_reason() -> None:
    host = ".".join(["a" * 60] * 4)
    message = f"Connection to {host}:5671 failed: proton:io Connection refused - disconnected {host}:5671"
    seen = observe({"connector": [{"name": "x", "connectionStatus": "CONNECTING", "connectionMsg": message}]})
    assert seen.connectors["x"].message == "connection refused"
