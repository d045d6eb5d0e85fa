"""Which credentials a site gets: what the user supplied, what is there and still fits, and new ones for the rest.

For each certificate wanted, the first that applies:

1. The user supplied it (``input/issuers``, ``input/certs``, a Secret): taken byte for byte. Half of it, parts that do not
   belong together, or one that has expired, is an error that names the files; the reference ignores it in silence
   (reference-engine 4.2). Only ``ca.crt`` of a server grows, by the CAs of links that were generated for it.
2. It is on disk and still fits: kept byte for byte, so that a reload restarts nothing and a link file handed out before
   stays the same. The reference issues all leaves anew each time.
3. It is made.

A CA on disk is never replaced by another one: every link in other sites would be cut. It is renewed with the same key when
its time comes, and an unreadable one is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from cryptography import x509

from skupper_local.errors import InvalidRequestError
from skupper_local.pki.certificates import (
    BACK_DATED,
    CLIENT_AUTH,
    SERVER_AUTH,
    alternative_names,
    build_ca,
    build_leaf,
    common_name,
    encode_certificates,
    has_root,
    is_ca,
    is_expired,
    is_issued_by,
    is_self_signed,
    leaf_end,
    names_of,
    needs_renewal,
    usages,
)
from skupper_local.pki.credentials import CA_FILE, CERTIFICATE_FILE, KEY_FILE, Credentials, CredentialsSource
from skupper_local.pki.errors import (
    IssuerDamagedError,
    IssuerExpiredError,
    IssuerMissingError,
    SuppliedCredentialsInvalidError,
)
from skupper_local.pki.keys import encode_key, generate_ca_key, generate_leaf_key
from skupper_local.pki.pairs import (
    CheckedPair,
    UnusableError,
    expired_trust,
    invalid,
    read_pair,
    read_supplied,
    root_pair,
    trust_of,
)

SOON = timedelta(days=30)
"""When the end of a supplied certificate is near enough to be told."""


class WantedPurpose(Protocol):
    """An enumeration member whose value is ``ca``, ``server`` or ``client``."""

    @property
    def value(self) -> str: ...


class Wanted(Protocol):
    """One certificate wanted; :class:`skupper_local.site.certificates.CertificateWanted` says what the fields mean."""

    @property
    def name(self) -> str: ...
    @property
    def purpose(self) -> WantedPurpose: ...
    @property
    def subject(self) -> str: ...
    @property
    def hosts(self) -> tuple[str, ...]: ...
    @property
    def issuer(self) -> str: ...
    @property
    def trust(self) -> tuple[str, ...]: ...
    @property
    def peer(self) -> str: ...
    @property
    def trust_only(self) -> bool: ...


@dataclass(frozen=True)
class CredentialsFound:
    """Credentials that exist already, CAs and leaves, by name."""

    issuers: Mapping[str, CredentialsSource] = field(default_factory=dict)
    certificates: Mapping[str, CredentialsSource] = field(default_factory=dict)


class Outcome(Enum):
    """What became of one certificate wanted."""

    SUPPLIED = "supplied"  # taken from the user
    KEPT = "kept"  # on disk, and it fits
    MADE = "made"  # there was none
    REPLACED = "replaced"  # the one on disk does not fit: ``reason`` says why
    RENEWED = "renewed"  # the one on disk would expire before long
    UNUSED = "unused"  # supplied, and wanted by nothing


@dataclass(frozen=True)
class Decision:
    """What became of one certificate, and why; ``warning`` is for the user, empty most of the time."""

    name: str
    outcome: Outcome
    reason: str = ""
    warning: str = ""


@dataclass(frozen=True)
class IssuedCredentials:
    """The complete credentials of a site, by name: ``runtime/issuers`` and ``runtime/certs``."""

    issuers: Mapping[str, Credentials]
    certificates: Mapping[str, Credentials]
    decisions: tuple[Decision, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should read."""
        return tuple(decision.warning for decision in self.decisions if decision.warning)


def issue_certificates(
    wanted: Iterable[Wanted],
    existing: CredentialsFound,
    now: datetime,
    *,
    supplied: CredentialsFound | None = None,
) -> IssuedCredentials:
    """The credentials for ``wanted``.

    ``existing`` is what ``runtime/`` holds, ``supplied`` what the user gave; ``now`` has a time zone. CAs named in ``trust``
    or as ``issuer`` may be wanted, supplied or existing. Raises the errors of :mod:`skupper_local.pki.errors`.
    """
    wanted = tuple(wanted)
    maker = _Maker(existing, supplied or CredentialsFound(), now)
    refused: dict[str, InvalidRequestError] = {}
    for item in sorted(wanted, key=lambda item: item.purpose.value != "ca"):
        try:
            (maker.issuer if item.purpose.value == "ca" else maker.leaf)(item)
        except InvalidRequestError as error:  # an unusable CA is met again by each leaf
            refused.setdefault(str(error), error)
    if refused:
        raise _together(tuple(refused.values()))
    maker.name_unused(wanted)
    return IssuedCredentials(maker.issuers, maker.leaves, tuple(maker.decisions))


def _together(refused: tuple[InvalidRequestError, ...]) -> InvalidRequestError:
    """One error for all sets that cannot be used."""
    if len(refused) == 1:
        return refused[0]
    steps = dict.fromkeys(error.next_step for error in refused)
    return SuppliedCredentialsInvalidError(
        f"{len(refused)} sets of credentials cannot be used",
        why="\n".join(str(error) for error in refused),
        next_step="\n".join(steps),
    )


class _Maker:
    """The work of one call: CAs first, then what they sign."""

    def __init__(self, existing: CredentialsFound, supplied: CredentialsFound, now: datetime) -> None:
        self._existing = existing
        self._supplied = supplied
        self._now = now
        self._pairs: dict[str, CheckedPair] = {}
        self.issuers: dict[str, Credentials] = {}
        self.leaves: dict[str, Credentials] = {}
        self.decisions: list[Decision] = []

    # CAs.

    def issuer(self, wanted: Wanted) -> None:
        if wanted.issuer:
            raise ValueError(f"CA {wanted.name} cannot be signed by another CA: those have path length 0")
        pair = self._known_issuer(wanted.name)
        if pair is None:
            key = generate_ca_key()
            pair = root_pair(build_ca(wanted.subject, key, self._now), key)
            self._decide(wanted.name, Outcome.MADE)
        self._pairs[wanted.name] = pair
        self.issuers[wanted.name] = pair.credentials

    def _known_issuer(self, name: str) -> CheckedPair | None:
        """The CA as supplied, or as it is on disk, renewed when that is due."""
        source = self._supplied.issuers.get(name)
        if source is not None:
            pair = read_supplied(source, "CA")
            if not is_ca(pair.certificate):
                raise invalid(source, CERTIFICATE_FILE, "it is not the certificate of a CA")
            self._require_valid(pair, source.place(CERTIFICATE_FILE))
            if not has_root(pair.certificate, (*pair.chain, *pair.trust), pair.trusted):
                raise invalid(source, CA_FILE, f"it does not hold the root CA above {CERTIFICATE_FILE}")
            self._decide(name, Outcome.SUPPLIED, source.origin, self._expires_soon(pair, source))
            return pair
        source = self._existing.issuers.get(name)
        if source is None or not source.files:
            return None
        try:
            pair = read_pair(source)
        except UnusableError as error:
            raise IssuerDamagedError(
                f"the CA {name} cannot be used",
                why=f"{source.origin}/{error.file}: {error}",
                next_step=f"restore {source.origin} from a backup; without it every link to this site has to be made anew",
            ) from error
        if not needs_renewal(pair.certificate, self._now):
            self._decide(name, Outcome.KEPT)
            return pair
        if not is_self_signed(pair.certificate):
            self._require_valid(pair, f"{source.origin}/{CERTIFICATE_FILE}")
            expires = f"{pair.certificate.not_valid_after_utc:%Y-%m-%d}"
            warning = f"the CA {name} expires at {expires}; supply a new one in input/issuers/{name}"
            self._decide(name, Outcome.KEPT, warning=warning)
            return pair
        self._decide(
            name, Outcome.RENEWED, f"it would expire at {pair.certificate.not_valid_after_utc:%Y-%m-%d}"
        )
        renewed = build_ca("", pair.key, self._now, renewed=pair.certificate)
        return root_pair(renewed, pair.key, pair.credentials.key)

    def _require_valid(self, pair: CheckedPair, where: str) -> None:
        if is_expired(pair.certificate, self._now):
            raise IssuerExpiredError(
                f"the CA in {where} has expired",
                why=f"it was valid until {pair.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
                next_step="supply a valid one",
            )

    def _issuer_pair(self, name: str, wanted_by: str) -> CheckedPair:
        """A CA by name, also one that is not in the list of this call (of a link made earlier)."""
        pair = self._pairs.get(name) or self._known_issuer(name)
        if pair is None:
            raise IssuerMissingError(
                f"there is no CA {name or '(no name)'} for the certificate {wanted_by}",
                why="it is neither generated for this site nor supplied, and no Certificate with signing: true declares it",
                next_step=f"put ca.crt, tls.crt and tls.key into input/issuers/{name or '<name>'}, or declare the Certificate",
            )
        if name not in self._pairs:
            self._pairs[name] = pair
            self.issuers[name] = pair.credentials
        return pair

    # Leaves.

    def leaf(self, wanted: Wanted) -> None:
        source = self._supplied.certificates.get(wanted.name)
        if source is not None:
            self.leaves[wanted.name] = self._supplied_leaf(wanted, source)
            return
        issuer = self._issuer_pair(wanted.issuer, wanted.name)
        names = wanted.trust or (wanted.issuer,)
        roots = [root for name in names for root in self._issuer_pair(name, wanted.name).trusted]
        warning = ""
        peer = self._supplied.certificates.get(wanted.peer)
        if peer is not None:
            known = trust_of(peer)
            if not any(root in known for root in issuer.trusted) and wanted.issuer in names:
                warning = (
                    f"{peer.origin}/{CA_FILE} does not hold the CA {wanted.issuer}, so {wanted.name} is not accepted there; "
                    f"supply input/certs/{wanted.name} as well, or invite others with: skupper-local link generate"
                )
            roots = [*known, *roots]
        trust = encode_certificates(roots)
        existing = self._existing.certificates.get(wanted.name)
        outcome, reason = Outcome.MADE, ""
        if existing is not None and existing.files:
            pair, outcome, reason = self._judge(wanted, existing, issuer)
            if pair is not None:
                chain = encode_certificates((pair.certificate, *issuer.intermediates))
                if encode_certificates(pair.chain) == chain:
                    chain = pair.credentials.certificate  # the same in every respect: not one byte changes
                self.leaves[wanted.name] = Credentials(chain, pair.credentials.key, trust)
                self._decide(wanted.name, outcome, warning=warning)
                return
        key = generate_leaf_key()
        certificate = build_leaf(
            wanted.subject, key, _usage(wanted), _hosts(wanted), issuer.certificate, issuer.key, self._now
        )
        chain = encode_certificates((certificate, *issuer.intermediates))
        self.leaves[wanted.name] = Credentials(chain, encode_key(key), trust)
        self._decide(wanted.name, outcome, reason, warning)

    def _judge(
        self, wanted: Wanted, source: CredentialsSource, issuer: CheckedPair
    ) -> tuple[CheckedPair | None, Outcome, str]:
        """Whether the leaf on disk still fits (then it is returned), else why not. Its ``ca.crt`` is not judged, but made."""
        try:
            pair = read_pair(source)
        except UnusableError as error:
            return None, Outcome.REPLACED, f"{error.file}: {error}"
        certificate = pair.certificate
        reason = ""
        if not is_issued_by(certificate, issuer.certificate):
            reason = f"it is not signed by {wanted.issuer}"
        elif common_name(certificate.subject) != wanted.subject:
            reason = f"its subject is not {wanted.subject}"
        elif usages(certificate) != (_usage(wanted),) or is_ca(certificate):
            reason = f"it is not for a {wanted.purpose.value} alone"
        elif names_of(certificate) != frozenset(alternative_names(_hosts(wanted))):
            reason = "its hosts have changed"
        if reason:
            return None, Outcome.REPLACED, reason
        gain = leaf_end(issuer.certificate, self._now) - certificate.not_valid_after_utc
        if needs_renewal(certificate, self._now) and (
            gain > BACK_DATED or self._now < certificate.not_valid_before_utc
        ):
            return None, Outcome.RENEWED, f"it would expire at {certificate.not_valid_after_utc:%Y-%m-%d}"
        return pair, Outcome.KEPT, ""

    def _supplied_leaf(self, wanted: Wanted, source: CredentialsSource) -> Credentials:
        if wanted.trust_only and source.missing() == (CERTIFICATE_FILE, KEY_FILE):
            self._require_valid_trust(trust_of(source), source)
            self._decide(wanted.name, Outcome.SUPPLIED, source.origin)
            return Credentials(b"", b"", source.files[CA_FILE])
        pair = read_supplied(source, "certificate")
        certificate = pair.certificate
        allowed = usages(certificate)
        if allowed and _usage(wanted) not in allowed:
            raise invalid(
                source,
                CERTIFICATE_FILE,
                f"it must not be used by a {wanted.purpose.value} (extended key usage)",
            )
        if is_expired(certificate, self._now):
            raise invalid(
                source, CERTIFICATE_FILE, f"it has expired at {certificate.not_valid_after_utc:%Y-%m-%d}"
            )
        self._require_valid_trust(pair.trust, source)
        warning = self._expires_soon(pair, source)
        if self._now < certificate.not_valid_before_utc:
            warning = f"{source.origin}/{CERTIFICATE_FILE} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} only"
        elif wanted.purpose.value == "server" and not has_root(
            certificate, (*pair.chain, *pair.trust), pair.trusted
        ):
            warning = (
                f"{source.place(CERTIFICATE_FILE)} does not lead to a CA in {CA_FILE}: who trusts that alone refuses it; "
                f"is an intermediate CA missing after the certificate, or another CA's {CA_FILE} there?"
            )
        self._decide(wanted.name, Outcome.SUPPLIED, source.origin, warning)
        further = [
            root
            for name in wanted.trust
            if name != wanted.issuer
            for root in self._issuer_pair(name, wanted.name).trusted
            if root not in pair.trust
        ]
        if not further:
            return pair.credentials
        ends = b"" if pair.credentials.trust.endswith(b"\n") else b"\n"
        return replace(pair.credentials, trust=pair.credentials.trust + ends + encode_certificates(further))

    def _require_valid_trust(self, trust: tuple[x509.Certificate, ...], source: CredentialsSource) -> None:
        why = expired_trust(trust, self._now)
        if why:
            raise invalid(source, CA_FILE, why)

    def _expires_soon(self, pair: CheckedPair, source: CredentialsSource) -> str:
        """A warning in time: nobody but the user can renew what the user supplied."""
        end = pair.certificate.not_valid_after_utc
        if not is_expired(pair.certificate, self._now) and end - self._now < SOON:
            return (
                f"{source.origin}/{CERTIFICATE_FILE} expires at {end:%Y-%m-%d}; put a new one there in time"
            )
        return ""

    def name_unused(self, wanted: Iterable[Wanted]) -> None:
        """A directory that nothing names is a slip of the pen as often as not."""
        leaves = {item.name for item in wanted}
        for name, source in self._supplied.certificates.items():
            if name not in leaves:
                self._decide(
                    name,
                    Outcome.UNUSED,
                    source.origin,
                    f"{source.origin} is used by nothing: no resource names it",
                )
        for name, source in self._supplied.issuers.items():
            if name not in self.issuers:
                self._decide(
                    name,
                    Outcome.UNUSED,
                    source.origin,
                    f"{source.origin} is used by nothing: nothing is signed by it",
                )

    def _decide(self, name: str, outcome: Outcome, reason: str = "", warning: str = "") -> None:
        self.decisions.append(Decision(name, outcome, reason, warning))


def _usage(wanted: Wanted) -> x509.ObjectIdentifier:
    return {"server": SERVER_AUTH, "client": CLIENT_AUTH}[wanted.purpose.value]


def _hosts(wanted: Wanted) -> tuple[str, ...]:
    """No host name ever gets into a client certificate: its holder could pose as that host."""
    return wanted.hosts if wanted.purpose.value == "server" else ()
