"""What both engines do alike: Podman's own interface and Docker's differ in a few paths, parameters and answers.

Both libraries are sessions of ``requests`` on a unix socket. Every request goes through :meth:`RequestsEngine.ask`, which has a
time limit and turns whatever the library raises into the package's errors; nothing is tried twice. The libraries' own objects
are not used above that: they read whole archives into memory, wait without limit in a pull, and lose options of a container.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from skupper_local.host.processes import find as find_process
from skupper_local.platforms.container import ContainerSpec
from skupper_local.platforms.endpoints import engine_endpoint, local_endpoint, refuse_other_than_socket
from skupper_local.platforms.engine import (
    ANSWER_SECONDS,
    ContainerFacts,
    ContainerLimitsError,
    EngineFacts,
    EngineRefusedError,
    EngineUnreachableError,
    ImageArchiveError,
    ImageFacts,
    Progress,
)
from skupper_local.platforms.engine_failures import (
    CHECK,
    connection_failure,
    no_space,
    refusal,
    shortened,
    title,
)
from skupper_local.platforms.image_archive import (
    OCI_FORMAT,
    ArchiveUnusableError,
    archive_format,
    docker_pieces,
    pieces,
    plain_words,
)
from skupper_local.platforms.inspection import container_facts, image_facts, log_lines
from skupper_local.platforms.pulling import PullStream, pull_failure, stalled_pull
from skupper_local.platforms.registry import Login, registry_of, stored_login

if TYPE_CHECKING:
    from requests import Response

CREATE_SECONDS = 60.0
"""A first container of an image may have to copy its files for another owner, on a slow disk."""

START_SECONDS = 30.0
STILL_SECONDS = 120.0
"""How long a pull or a load may go without a word of progress."""


class LoadFailedError(Exception):
    """An engine's words about a load that failed after an answer that began well."""


class RequestsEngine(ABC):
    """The verbs of :class:`skupper_local.platforms.engine.Engine`; subclasses connect, and translate what differs."""

    name: str
    networks_path: ClassVar[str]
    network_path: ClassVar[str]
    network_creation_path: ClassVar[str] = "/networks/create"
    network_options: ClassVar[Mapping[str, Any]] = {}
    takes_oci: ClassVar[bool]
    stop_parameter: ClassVar[str]
    remove_parameters: ClassVar[Mapping[str, str]]

    def __init__(self, endpoint: str, environment: Mapping[str, str]) -> None:
        import os

        self.environment = environment
        self.endpoint = (
            local_endpoint(endpoint) if endpoint else engine_endpoint(self.name, environment, os.geteuid())
        )
        refuse_other_than_socket(self.name, self.endpoint)
        self._facts: EngineFacts | None = None

    # what differs

    @abstractmethod
    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | tuple[float, float | None] = ANSWER_SECONDS,
        stream: bool = False,
    ) -> Response:
        """One request by the library; raises whatever the library raises."""

    @abstractmethod
    def facts(self) -> EngineFacts: ...

    @abstractmethod
    def creation(self, spec: ContainerSpec) -> dict[str, Any]:
        """The body of the request that creates a container."""

    @abstractmethod
    def request_pull(self, reference: str, login: Login | None) -> Response:
        """Ask for the image; the answer is a stream of JSON objects."""

    @abstractmethod
    def loaded(self, answer: Iterator[bytes]) -> tuple[str, ...]:
        """The references in the answer to a load. Raises LoadFailedError when it failed."""

    # what is alike

    def ask(
        self, what: str, method: str, path: str, *, expected: tuple[int, ...] = (), **options: Any
    ) -> Response:
        """The answer to one request. ``what`` is the failure in one sentence, should it fail; a status of ``expected`` is
        none. Raises EngineUnreachableError, EngineRefusedError, EngineFailedError and NetworkMissingError."""
        limit = options.get("timeout", ANSWER_SECONDS)
        with self.translating(limit if isinstance(limit, float) else ANSWER_SECONDS):
            response = self.send(method, path, **options)
            failed = response.status_code >= 400 and response.status_code not in expected
            words = response.text if failed else ""
        if failed:
            raise refusal(self.name, what, response.status_code, error_words(words))
        return response

    def ping(self, path: str, **options: Any) -> Mapping[str, str]:
        """The headers of the answer to a ping, which tell what listens there; none when it is no ping's answer."""
        response = self.ask(
            f"Nothing sensible listens at {self.endpoint}", "GET", path, expected=(404,), **options
        )
        return response.headers if response.status_code == 200 else {}

    @contextmanager
    def translating(self, seconds: float = ANSWER_SECONDS) -> Iterator[None]:
        """Turn what breaks a conversation into this package's errors."""
        from requests import RequestException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except (OSError, ValueError, RequestException, HTTPError, self.library_error()) as error:
            raise connection_failure(self.name, self.endpoint, error, seconds) from error

    @abstractmethod
    def library_error(self) -> type[Exception]:
        """The base of what the library raises that is no error of ``requests``."""

    def answer(self, response: Response) -> Any:
        """The JSON of an answer."""
        with self.translating():
            return response.json()

    def image(self, reference: str) -> ImageFacts | None:
        response = self.ask(
            f"Image {reference} could not be looked up", "GET", f"/images/{reference}/json", expected=(404,)
        )
        return None if response.status_code == 404 else image_facts(reference, self.answer(response))

    def pull(self, reference: str, progress: Progress) -> ImageFacts:
        registry = registry_of(reference)
        login = stored_login(reference, self.environment)
        stream = PullStream(progress)
        try:
            with self.translating(STILL_SECONDS), closing(self.request_pull(reference, login)) as response:
                if response.status_code >= 400:
                    stream.failure = error_words(response.text)
                else:
                    for line in response.iter_lines():
                        stream.read(line)
        except EngineUnreachableError as error:
            if not stream.begun:
                raise
            raise stalled_pull(reference, registry, error.why) from error
        image = None if stream.failure else self.image(reference)
        if image is None:
            raise pull_failure(
                self.name, reference, registry, stream.failure, logged_in=login.user if login else ""
            )
        return image

    def load(self, archive: Path) -> tuple[str, ...]:
        what = f"The images of {archive} could not be loaded"
        try:
            kind = archive_format(archive)
            words, lines = self._send_archive(archive, kind)
            references = () if words else self.loaded(iter(lines))
        except ArchiveUnusableError as error:
            raise ImageArchiveError(
                what,
                why=str(error),
                next_step="name an archive made by: podman save (or docker save) -o FILE IMAGE",
            ) from error
        except LoadFailedError as error:
            words = str(error)
        if words:
            raise ImageArchiveError(
                what,
                why=shortened(plain_words(words)),
                next_step=f"free some space ({self.name} system df), then repeat; {CHECK}"
                if no_space(words)
                else f"make the archive anew (podman save -o FILE IMAGE) and copy it again; {CHECK}",
            )
        return references

    def _send_archive(self, archive: Path, kind: str) -> tuple[str, list[bytes]]:
        """The engine's words when it refused, and the lines of its answer."""
        convert = kind == OCI_FORMAT and not self.takes_oci
        content = docker_pieces(archive) if convert else pieces(archive)
        try:
            with self.translating(STILL_SECONDS):
                response = self.send(
                    "POST",
                    "/images/load",
                    data=content,
                    headers={"Content-Type": "application/x-tar"},
                    timeout=STILL_SECONDS,
                    stream=True,
                )
                with closing(response):
                    refused = response.status_code >= 400
                    return error_words(response.text) if refused else "", list(response.iter_lines())
        except EngineRefusedError as error:  # an ArchiveUnusableError is raised in the middle of the request
            if isinstance(error.__cause__, ArchiveUnusableError):
                raise error.__cause__ from None
            raise

    def images(self) -> tuple[str, ...]:
        listed = self.answer(self.ask("The images could not be listed", "GET", "/images/json")) or ()
        names = (str(name) for item in listed for name in item.get("RepoTags") or ())
        return tuple(sorted(name for name in names if "<none>" not in name))

    def remove_image(self, reference: str) -> bool:
        response = self.ask(
            f"Image {reference} could not be removed", "DELETE", f"/images/{reference}", expected=(404, 409)
        )
        return response.status_code < 400

    def create(self, spec: ContainerSpec) -> None:
        if spec.cpus or spec.memory:
            refuse_impossible_limits(spec, self.facts(), title(self.name))
        self.ask(
            f"Container {spec.name} could not be created",
            "POST",
            "/containers/create",
            params={"name": spec.name},
            data=json.dumps(self.creation(spec)),
            headers={"Content-Type": "application/json"},
            timeout=CREATE_SECONDS,
        )

    def start(self, name: str) -> None:
        self.ask(
            f"Container {name} could not be started",
            "POST",
            f"/containers/{name}/start",
            timeout=START_SECONDS,
        )

    def stop(self, name: str, seconds: int) -> bool:
        response = self.ask(
            f"Container {name} could not be stopped",
            "POST",
            f"/containers/{name}/stop",
            expected=(404,),
            params={self.stop_parameter: seconds},
            timeout=seconds + ANSWER_SECONDS,
        )
        return response.status_code not in (304, 404)

    def remove(self, name: str) -> bool:
        response = self.ask(
            f"Container {name} could not be removed",
            "DELETE",
            f"/containers/{name}",
            expected=(404,),
            params={"force": "true", **self.remove_parameters},
        )
        return response.status_code != 404

    def signal(self, name: str, signal: str) -> bool:
        response = self.ask(
            f"Container {name} could not be sent {signal}",
            "POST",
            f"/containers/{name}/kill",
            expected=(404, 409),
            params={"signal": signal},
        )
        return response.status_code < 400

    def container(self, name: str) -> ContainerFacts | None:
        what = f"Container {name} could not be looked up"
        response = self.ask(what, "GET", f"/containers/{name}/json", expected=(404, 500))
        if response.status_code == 500:
            words = error_words(response.text)
            if not _WENT_AWAY.search(words):
                raise refusal(self.name, what, 500, words)
            return None
        return (
            None if response.status_code == 404 else _on_this_machine(container_facts(self.answer(response)))
        )

    def containers(self, labels: Mapping[str, str]) -> tuple[ContainerFacts, ...]:
        filters = {"label": [f"{key}={value}" for key, value in labels.items()]} if labels else {}
        response = self.ask(
            "The containers could not be listed",
            "GET",
            "/containers/json",
            params={"all": "true", "filters": json.dumps(filters)},
        )
        found = (self.container(str(item["Id"])) for item in self.answer(response) or ())
        return tuple(item for item in found if item is not None)

    def networks(self) -> tuple[str, ...]:
        listed = self.answer(self.ask("The networks could not be listed", "GET", self.networks_path)) or ()
        return tuple(sorted(str(item.get("name") or item.get("Name")) for item in listed))

    def make_network(self, name: str, labels: Mapping[str, str]) -> None:
        if name in self.networks():
            return
        self.ask(
            f"Network {name} could not be made",
            "POST",
            self.network_creation_path,
            data=json.dumps({"name": name, "labels": dict(labels), **self.network_options}),
            headers={"Content-Type": "application/json"},
        )

    def remove_network(self, name: str, labels: Mapping[str, str]) -> bool:
        response = self.ask(
            f"Network {name} could not be looked up", "GET", self.network_path.format(name), expected=(404,)
        )
        if response.status_code == 404:
            return False
        found = self.answer(response)
        present = found.get("labels") or found.get("Labels") or {}
        if not labels.items() <= present.items():
            return False
        response = self.ask(
            f"Network {name} could not be removed", "DELETE", f"/networks/{name}", expected=(404,)
        )
        return response.status_code != 404

    def log(self, name: str, count: int) -> list[str]:
        response = self.ask(
            f"The log of container {name} could not be read",
            "GET",
            f"/containers/{name}/logs",
            expected=(404,),
            params={"stdout": "true", "stderr": "true", "tail": "all" if count < 0 else str(count)},
        )
        return [] if response.status_code == 404 else list(log_lines([response.content]))

    def follow(self, name: str) -> Iterator[str]:
        response = self.ask(
            f"The log of container {name} could not be read",
            "GET",
            f"/containers/{name}/logs",
            params={"stdout": "true", "stderr": "true", "tail": "0", "follow": "true"},
            timeout=(ANSWER_SECONDS, None),
            stream=True,
        )
        with closing(response), self.translating():
            yield from log_lines(response.iter_content(None))


_WENT_AWAY = re.compile(r"no such container|does not exist in database|no container with", re.IGNORECASE)
"""What Podman says in an internal error about a container that is removed while it is being looked at."""


def _on_this_machine(facts: ContainerFacts) -> ContainerFacts:
    """What an engine tells, set right by the machine's own processes: an engine learns of an end from the container's
    monitor, and a monitor that was killed tells nothing."""
    if facts.monitor_pid and find_process(facts.monitor_pid) is None:
        facts = replace(facts, abandoned=True)
    if facts.running and facts.pid and find_process(facts.pid) is None:
        coming_back = facts.restart_policy != "no" and not facts.abandoned
        facts = replace(facts, running=False, restarting=coming_back, pid=0)
    return facts


def error_words(body: str) -> str:
    """An engine's words in the body of a failed request."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    if not isinstance(answer, dict):
        return body
    return str(answer.get("message") or answer.get("cause") or answer.get("error") or body)


def refuse_impossible_limits(spec: ContainerSpec, facts: EngineFacts, engine: str) -> None:
    """Raises ContainerLimitsError for limits that the engine would refuse, or drop without a word."""
    wanted = {"cpu": spec.cpus > 0, "memory": spec.memory > 0}
    missing = [name for name, asked in wanted.items() if asked and name not in facts.controllers]
    if missing:
        raise ContainerLimitsError(
            f"{engine} cannot limit {' and '.join('processors' if name == 'cpu' else name for name in missing)} here",
            why=f"the cgroup controllers {', '.join(missing)} are not at its disposal"
            + (" (they are not delegated to this user)" if facts.rootless else ""),
            next_step="leave --cpus and --memory away, or delegate them "
            f"(systemd: Delegate=cpu memory for user@.service); {CHECK}",
        )
