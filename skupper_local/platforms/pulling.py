"""Pulling an image: the progress, and why one failed, so that the person knows what to type.

An engine streams one JSON object a line: what it does, for which layer, how many bytes of how many. A failure is an object too,
after an answer that began well. Registries say the same things in different ways, and some on purpose do not tell a missing
image from a forbidden one; such an answer is explained as both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from skupper_local.platforms.engine import ImagePullError, Progress, PullProgress
from skupper_local.platforms.engine_failures import CHECK, no_space, shortened, title

_DOWNLOADED = ("Download complete", "Verifying Checksum", "Pull complete", "Already exists")


class PullStream:
    """Reads the stream of a pull; ``failure`` has the engine's words when it failed, ``begun`` tells that there were any."""

    def __init__(self, progress: Progress) -> None:
        self.failure = ""
        self.begun = False
        self._progress = progress
        self._done: dict[str, int] = {}
        self._total: dict[str, int] = {}

    def read(self, line: bytes) -> None:
        """Take one line of the stream and report the progress."""
        try:
            item = json.loads(line) if line.strip() else {}
        except ValueError:
            return
        if not isinstance(item, dict):
            return
        self.begun = True
        detail = item.get("errorDetail")
        words = item.get("error") or (detail.get("message") if isinstance(detail, dict) else "")
        if words:
            self.failure = str(words)
            return
        text, layer = str(item.get("status") or item.get("stream") or "").strip(), str(item.get("id") or "")
        counts = item.get("progressDetail")
        if layer and isinstance(counts, dict) and text == "Downloading":
            self._done[layer] = _count(counts.get("current"))
            self._total[layer] = max(_count(counts.get("total")), self._done[layer])
        elif layer in self._total and text.startswith(_DOWNLOADED):
            self._done[layer] = self._total[layer]
        if text:
            self._progress(PullProgress(sum(self._done.values()), sum(self._total.values()), text))


@dataclass(frozen=True)
class _Cause:
    """How one kind of failure is recognised and explained; ``{registry}``, ``{engine}`` and ``{image}`` are filled in."""

    patterns: tuple[str, ...]
    why: str
    next_step: str


_ARCHIVE = "or bring the image as an archive: skupper-local system load-image FILE"

_CAUSES = (
    _Cause(
        ("invalid reference format", "invalid image reference", "error parsing reference"),
        "that is not the name of an image",
        "write it as REGISTRY/REPOSITORY:TAG",
    ),
    _Cause(
        ("short-name", "unqualified-search", "no registries defined"),
        "the name has no registry, and the engine does not know where to look for it",
        "write the whole name, such as quay.io/skupper/skupper-router:TAG",
    ),
    _Cause(
        ("no matching manifest", "no image found in manifest list", "no image found in image index"),
        "there is no image of that name for this machine's kind of processor",
        "name one that was built for it",
    ),
    _Cause(
        ("toomanyrequests", "too many requests", "rate limit"),
        "{registry} gives this address no more for now",
        "log in ({engine} login {registry}), wait, " + _ARCHIVE,
    ),
    _Cause(
        ("invalid username/password", "incorrect username or password", "bad username or password"),
        "{registry} does not accept the stored login",
        "log in again: {engine} login {registry}",
    ),
    _Cause(
        ("no such host", "name resolution", "server misbehaving", "lookup "),
        "the name {registry} cannot be resolved: no network, no name server, or a misspelt registry",
        "check the name and the network (getent hosts {host}), " + _ARCHIVE,
    ),
    _Cause(
        ("server gave http response to https client",),
        "{registry} does not speak TLS",
        "use a registry with TLS, or allow this one in the engine's own configuration (insecure registry)",
    ),
    _Cause(
        ("x509", "certificate", "tls:"),
        "the certificate of {registry} is not trusted by the engine",
        "give the engine its CA (/etc/containers/certs.d or /etc/docker/certs.d), " + _ARCHIVE,
    ),
    _Cause(
        ("repository does not exist or may require", "requested access to the resource is denied"),
        "{registry} shows no such image to {who}: it does not exist, or one has to be logged in to see it",
        "check the name {image}; if it is right: {engine} login {registry}",
    ),
    _Cause(
        ("unauthorized", "authentication required", "no basic auth", "denied", "forbidden", " 401", " 403"),
        "{registry} does not give it to {who}: a login is needed, or the image does not exist",
        "log in: {engine} login {registry}; if that is done, check the name {image}",
    ),
    _Cause(
        ("manifest unknown", "name unknown", "not found", "not known", "no such image", " 404"),
        "{registry} has no such image or tag, or does not show it to {who}",
        "check the name {image}; if it is right and private: {engine} login {registry}",
    ),
    _Cause(
        (
            *("connection refused", "network is unreachable", "no route to host", "connection reset"),
            *("timeout", "deadline exceeded", "timed out", "request canceled", "proxyconnect", ": eof"),
        ),
        "{registry} cannot be reached",
        "check the network and its proxy (curl -sI https://{registry}/v2/), " + _ARCHIVE,
    ),
)


def pull_failure(
    platform: str, reference: str, registry: str, words: str, *, logged_in: str
) -> ImagePullError:
    """The error for a pull that failed with an engine's ``words``; ``logged_in`` is the user of the login that was sent."""
    words = shortened(words) or "the engine said that all went well, and has no such image"
    lower = words.lower()
    what = f"Image {reference} could not be pulled"
    if no_space(lower):
        return ImagePullError(
            what,
            why=f"no space is left where {title(platform)} keeps images ({words})",
            next_step=f"free some space (df -h; {platform} system df; {platform} image prune), then repeat; {CHECK}",
        )
    facts = {
        "registry": registry,
        "host": registry.partition(":")[0],
        "engine": platform,
        "image": reference,
        "who": f"user {logged_in}" if logged_in else "somebody who is not logged in",
    }
    for cause in _CAUSES:
        if any(pattern in lower for pattern in cause.patterns):
            return ImagePullError(
                what,
                why=f"{cause.why.format(**facts)} ({words})",
                next_step=f"{cause.next_step.format(**facts)}; {CHECK}",
            )
    return ImagePullError(what, why=words, next_step=f"repeat; look at the engine's own log; {CHECK}")


def stalled_pull(reference: str, registry: str, why: str) -> ImagePullError:
    """The error for a pull that began and did not go on."""
    return ImagePullError(
        f"Image {reference} could not be pulled",
        why=f"it began and came to a halt: {why}",
        next_step=f"check the network and {registry}, then repeat; nothing half is left; {CHECK}",
    )


def _count(value: object) -> int:
    return max(value, 0) if isinstance(value, int) and not isinstance(value, bool) else 0
