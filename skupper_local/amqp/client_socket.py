"""A TCP or TLS socket on which every wait has the same deadline.

The socket never blocks by itself: each step is tried, and when it would block, ``poll`` waits for as long as is left. That
holds for the name look-up too, which runs in a thread of its own unless the host is a number.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import time
from typing import TYPE_CHECKING, Any

from skupper_local.amqp.client_errors import AmqpTimeoutError, AmqpTlsError, AmqpUnreachableError

if TYPE_CHECKING:
    import ssl

RECEIVE_SIZE = 65_536


class DeadlineSocket:
    """A connected socket. ``peer`` is ``host:port``, for messages."""

    def __init__(self, host: str, port: int, deadline_seconds: float) -> None:
        self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._seconds = deadline_seconds
        self._deadline = time.monotonic() + deadline_seconds
        self._would_block: tuple[type[BaseException], ...] = (BlockingIOError, InterruptedError)
        self._wants_write: tuple[type[BaseException], ...] = ()
        self._sock = self._connect(host, port)

    # ------------------------------------------------------------------ time

    def renew(self, deadline_seconds: float) -> None:
        """Start a new deadline, ``deadline_seconds`` from now."""
        self._seconds = deadline_seconds
        self._deadline = time.monotonic() + deadline_seconds

    @property
    def seconds_left(self) -> float:
        """Until the deadline; negative behind it."""
        return self._deadline - time.monotonic()

    def _timeout(self, waiting_for: str) -> AmqpTimeoutError:
        return AmqpTimeoutError(
            f"{self.peer} did not answer in time", why=f"no {waiting_for} within {self._seconds:g} s"
        )

    def _wait(self, sock: socket.socket, events: int, waiting_for: str, at_most: float | None = None) -> bool:
        """Wait until ``sock`` is ready; ``False`` when ``at_most`` seconds passed first. Raises ``AmqpTimeoutError``."""
        left = self.seconds_left
        if left <= 0:
            raise self._timeout(waiting_for)
        seconds = left if at_most is None else min(left, at_most)
        poll = select.poll()
        poll.register(sock, events)
        if poll.poll(max(1.0, seconds * 1000)):
            return True
        if self.seconds_left <= 0:
            raise self._timeout(waiting_for)
        return False

    # ------------------------------------------------------------------ connecting

    def _connect(self, host: str, port: int) -> socket.socket:
        reason = "the name has no address"
        for family, kind, protocol, _, address in self._addresses(host, port):
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError as error:
                reason = _reason(error)
                continue
            sock.setblocking(False)
            try:
                status = sock.connect_ex(address)
                if status in (errno.EINPROGRESS, errno.EAGAIN):
                    self._wait(sock, select.POLLOUT, "TCP connection")
                    status = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            except BaseException:
                sock.close()
                raise
            if status == 0:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return sock
            sock.close()
            reason = os.strerror(status).lower()
        raise AmqpUnreachableError(f"no connection to {self.peer}", why=reason)

    def _addresses(self, host: str, port: int) -> list[Any]:
        with contextlib.suppress(socket.gaierror):
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        import threading

        found: list[Any] = []
        failed: list[str] = []

        def look_up() -> None:
            try:
                found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                failed.append(_reason(error))

        thread = threading.Thread(target=look_up, name=f"look-up of {host}", daemon=True)
        thread.start()
        thread.join(max(0.0, self.seconds_left))
        if thread.is_alive():
            raise self._timeout("address for the name")
        if failed:
            raise AmqpUnreachableError(f"no connection to {self.peer}", why=failed[0])
        return found

    def start_tls(self, context: ssl.SSLContext, server_hostname: str | None) -> None:
        """Do the TLS handshake as client, and check that the certificate is for ``server_hostname``.

        Raises ``AmqpTlsError`` with the real reason.
        """
        import ssl

        from skupper_local.tls import PeerNameMismatchError, verify_peer_name

        self._would_block = (ssl.SSLWantReadError, ssl.SSLWantWriteError, *self._would_block)
        self._wants_write = (ssl.SSLWantWriteError,)
        try:
            tls = context.wrap_socket(
                self._sock, do_handshake_on_connect=False, server_hostname=server_hostname
            )
        except (ValueError, OSError) as error:
            raise AmqpTlsError(f"no TLS with {self.peer}", why=_reason(error)) from error
        self._sock = tls
        while True:
            try:
                tls.do_handshake()
                break
            except self._would_block as error:
                events = select.POLLOUT if isinstance(error, self._wants_write) else select.POLLIN
                self._wait(tls, events, "answer to the TLS handshake")
            except ssl.SSLError as error:
                raise AmqpTlsError(f"no TLS with {self.peer}", why=tls_reason(error)) from error
            except OSError as error:
                reason = f"the peer ended the TLS handshake: {_reason(error)}"
                raise AmqpTlsError(f"no TLS with {self.peer}", why=reason) from error
        if server_hostname and not context.check_hostname:  # as in contexts from skupper_local.tls
            try:
                verify_peer_name(tls.getpeercert() or {}, server_hostname)
            except PeerNameMismatchError as error:
                reason = f"its certificate is not for {server_hostname}: {error.why}"
                raise AmqpTlsError(f"no TLS with {self.peer}", why=reason) from None

    # ------------------------------------------------------------------ bytes

    def send(self, data: bytes, waiting_for: str) -> None:
        """Send all of ``data``, or what a peer that went away still takes.

        Why it went is found by reading: what it said before, an alert of TLS or an AMQP ``close``, is still to come, or the
        end of the stream is.
        """
        view = memoryview(data)
        while view:
            try:
                view = view[self._sock.send(view) :]
            except self._would_block as error:
                events = select.POLLOUT if self._writes(error) else select.POLLIN
                self._wait(self._sock, events, waiting_for)
            except OSError:
                return

    def _writes(self, error: BaseException) -> bool:
        return not self._wants_write or isinstance(error, self._wants_write)

    def receive_into(self, buffer: memoryview, waiting_for: str, at_most: float | None = None) -> int | None:
        """Read once. 0 at the end of the stream; ``None`` when nothing came for ``at_most`` seconds."""
        while True:
            try:
                return self._sock.recv_into(buffer, min(len(buffer), RECEIVE_SIZE))
            except self._would_block as error:
                wants_write = self._wants_write and isinstance(error, self._wants_write)
                events = select.POLLOUT if wants_write else select.POLLIN
                if not self._wait(self._sock, events, waiting_for, at_most):
                    return None
            except OSError as error:
                raise self._broken(error) from error

    def _broken(self, error: OSError) -> AmqpTlsError | AmqpUnreachableError:
        if self._wants_write:
            import ssl

            if isinstance(error, ssl.SSLError):
                # With TLS 1.3 a server that does not like our certificate says so only after our handshake is done.
                return AmqpTlsError(f"no TLS with {self.peer}", why=tls_reason(error))
        return AmqpUnreachableError(f"the connection to {self.peer} broke", why=_reason(error))

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


def tls_reason(error: ssl.SSLError) -> str:
    """Why TLS failed, in words: OpenSSL's reason and, for certificates, what is wrong with it."""
    reason = (getattr(error, "reason", None) or "").replace("_", " ").lower()
    detail = getattr(error, "verify_message", "")
    if reason and detail:
        return f"{reason}: {detail}"
    return reason or detail or _reason(error)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__).strip().rstrip(".").lower()
