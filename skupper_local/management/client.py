"""Asking a router over AMQP management (router-protocol 7).

One connection, any number of questions, one deadline for all of them. Other routers of the network are asked through the same
connection; one that is cut off or silent costs no more than the time given to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from skupper_local.amqp.client import AmqpClient
from skupper_local.amqp.client_errors import (
    AmqpClientError,
    AmqpClosedError,
    AmqpRefusedError,
    AmqpTimeoutError,
    AmqpTlsError,
    AmqpUnreachableError,
)
from skupper_local.amqp.message import Message
from skupper_local.management.errors import (
    CredentialsUnusableError,
    ManagementAnswerError,
    ManagementError,
    ManagementRequestError,
    RouterDisconnectedError,
    RouterNotAnsweringError,
    RouterRefusedError,
    RouterTlsError,
    RouterUnreachableError,
)
from skupper_local.management_messages import (
    ADDRESS,
    OPERATION,
    MalformedAnswerError,
    Request,
    Response,
    edge_address,
    entity_attributes,
    long_type_name,
    node_address,
    query_request,
    query_rows,
    read_request,
    read_response,
)

if TYPE_CHECKING:
    import ssl

DEFAULT_SECONDS = 5.0

Result = TypeVar("Result")

Entities = list[dict[str, Any]]
"""The attributes of each entity of a type; those without a value are absent."""


class RouterManagement:
    """The management of one router. Make it with ``connect``; use it as a context manager. Not for several threads."""

    def __init__(self, client: AmqpClient, where: str) -> None:
        self._client = client
        self._where = where

    @classmethod
    def connect(
        cls,
        host: str,
        port: int,
        *,
        credentials: Path | None,
        seconds: float = DEFAULT_SECONDS,
        server_name: str | None = None,
    ) -> RouterManagement:
        """Connect to a listener of role ``normal``.

        ``credentials`` is a directory with ``ca.crt``, ``tls.crt`` and ``tls.key`` (of a site:
        ``runtime/certs/skupper-local-client``); without it there is no TLS. ``server_name`` is the name the router's
        certificate must have, ``host`` by default. ``seconds`` is the time for everything done with this connection.
        Raises a ManagementError.
        """
        where = f"{host}:{port}"
        context = None if credentials is None else _client_context(credentials)
        with _explained(where):
            client = AmqpClient.connect(
                host,
                port,
                container_id=f"skupper-local-{os.getpid()}",
                deadline_seconds=seconds,
                ssl_context=context,
                server_hostname=server_name,
            )
        return cls(client, where)

    def __enter__(self) -> RouterManagement:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. Never raises."""
        self._client.close()

    @property
    def router_id(self) -> str:
        """The id the router gave when it opened the connection."""
        return self._client.peer.container_id

    # ------------------------------------------------------------------ our own router

    def query(self, entity_type: str, attributes: Iterable[str] = ()) -> Entities:
        """All entities of a type (long or short name), with ``attributes`` only those of theirs. Raises a ManagementError."""
        return self._read(query_rows, self._good(query_request(entity_type, attributes)))

    def read(self, entity_type: str, name: str) -> dict[str, Any]:
        """One entity. Raises a ManagementError, ManagementRequestError with status 404 if there is none of that name."""
        return self._read(entity_attributes, self._good(read_request(entity_type, name)))

    def query_all(self, entity_types: Iterable[str]) -> dict[str, Entities]:
        """The entities of several types by their long names. A type the router does not know is left out.

        Raises a ManagementError if the router does not answer.
        """
        found: dict[str, Entities] = {}
        for name in map(long_type_name, entity_types):
            response = self._ask(query_request(name))
            if response.good:
                found[name] = self._read(query_rows, response)
        return found

    # ------------------------------------------------------------------ routers elsewhere

    def query_routers(
        self,
        router_ids: Iterable[str],
        entity_types: Iterable[str],
        *,
        edges: Iterable[str] = (),
        seconds: float | None = None,
    ) -> dict[str, dict[str, Entities]]:
        """The entities of several types at other routers of the network, interior ones and ``edges``, by id and long name.

        They are asked at the same time. What is not there after ``seconds`` (or the time of the connection) is left out, and
        so is an answer that makes no sense: other routers may be slow, cut off, of another version or malicious. Raises a
        ManagementError only if the connection to our own router is lost.
        """
        names = [long_type_name(name) for name in entity_types]
        addresses = {
            **{router_id: edge_address(router_id) for router_id in edges},
            **{router_id: node_address(router_id) for router_id in router_ids},
        }
        wanted = [(router_id, name) for router_id in addresses for name in names]
        requests = [_message(addresses[router_id], query_request(name)) for router_id, name in wanted]
        with _explained(self._where):
            answers = self._client.request_all(requests, seconds)
        found: dict[str, dict[str, Entities]] = {}
        for (router_id, name), answer in zip(wanted, answers, strict=True):
            if isinstance(answer, Message):
                try:
                    response = read_response(answer.application_properties, answer.body)
                    if response.good:
                        found.setdefault(router_id, {})[name] = query_rows(response.body)
                except MalformedAnswerError:
                    continue
        return found

    # ------------------------------------------------------------------ one request

    def _good(self, request: Request) -> Response:
        response = self._ask(request)
        if not response.good:
            raise ManagementRequestError(
                f"The router at {self._where} refused {request.application_properties[OPERATION]}",
                why=f"{response.description or 'it gave no reason'} (status {response.status})",
                next_step="compare the router's version with this program's: skupper-local version",
                status=response.status,
            )
        return response

    def _ask(self, request: Request) -> Response:
        with _explained(self._where):
            answer = self._client.request(ADDRESS, request.application_properties, request.body)
        try:
            return read_response(answer.application_properties, answer.body)
        except MalformedAnswerError as error:
            raise _malformed(self._where, str(error)) from None

    def _read(self, reader: Callable[[Any], Result], response: Response) -> Result:
        try:
            return reader(response.body)
        except MalformedAnswerError as error:
            raise _malformed(self._where, str(error)) from None


def _message(to: str, request: Request) -> Message:
    return Message(to=to, application_properties=request.application_properties, body=request.body)


# ------------------------------------------------------------------------------------------------------- connecting


def _client_context(directory: Path) -> ssl.SSLContext:
    """The TLS context of a client with these credentials. Raises CredentialsUnusableError."""
    from skupper_local.tls import TlsFileError, client_context

    ca, certificate, key = (str(directory / name) for name in ("ca.crt", "tls.crt", "tls.key"))
    try:
        return client_context(ca=ca, certificate=certificate, private_key=key)
    except TlsFileError as error:
        raise CredentialsUnusableError(
            f"The client credentials in {directory} cannot be used",
            why=f"{Path(error.file).name}: {error.why}",
            next_step="make them anew: skupper-local system reload",
        ) from None


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Turn what the AMQP client met into what the user reads."""
    try:
        yield
    except AmqpClientError as error:
        raise _explanation(where, error) from None


_LOGS = "skupper-local system logs"

_EXPLANATIONS: tuple[tuple[type[AmqpClientError], type[ManagementError], str, str], ...] = (
    (
        AmqpUnreachableError,
        RouterUnreachableError,
        "No router can be reached at {}",
        f"start it: skupper-local system start; if it was started, see its log: {_LOGS}",
    ),
    (
        AmqpTimeoutError,
        RouterNotAnsweringError,
        "The router at {} does not answer",
        f"see what it is doing: {_LOGS}",
    ),
    (
        AmqpTlsError,
        RouterTlsError,
        "No secure connection to the router at {}",
        "give router and client matching certificates: skupper-local system reload",
    ),
    (
        AmqpRefusedError,
        RouterRefusedError,
        "The router at {} refused a management client",
        f"check that its listener there has role normal, and see its log: {_LOGS}",
    ),
    (
        AmqpClosedError,
        RouterDisconnectedError,
        "The connection to the router at {} was lost",
        f"see whether the router still runs, and its log: {_LOGS}",
    ),
)


def _explanation(where: str, error: AmqpClientError) -> ManagementError:
    for kind, explanation, what, next_step in _EXPLANATIONS:
        if isinstance(error, kind):
            return explanation(what.format(where), why=error.why, next_step=next_step)
    return _malformed(where, error.why)


def _malformed(where: str, why: str) -> ManagementAnswerError:
    return ManagementAnswerError(
        f"The router at {where} gave an answer that makes no sense",
        why=why,
        next_step="check that it is a router of a service network that listens there",
    )
