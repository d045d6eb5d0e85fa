"""A test network: routers, links between them, services, all on loopback in one directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from tests.rig.certificates import Authority, Credentials
from tests.rig.configuration import Configuration
from tests.rig.ports import free_port
from tests.rig.programs import wait_until_accepts
from tests.rig.routers import Program, RouterProcess


@dataclass
class Node:
    """One router of the network: its configuration while it is being built, its process, its ports."""

    configuration: Configuration
    process: RouterProcess
    access_port: int
    edge_port: int = 0
    """Where edge routers dial; 0 when this is one itself."""
    links: int = 0
    listener_ports: list[int] = field(default_factory=list)


class Network:
    """Routers by name, in the order in which they start. A link is dialled by the later of its two routers, so that no
    dial is refused at first. Use as a context manager: leaving it ends every router.
    """

    def __init__(self, directory: Path, *, mutual_tls: bool = True) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.nodes: dict[str, Node] = {}
        self.authority = Authority(directory / "certs") if mutual_tls else None

    def add(self, name: str, program: Program, mode: str = "interior") -> Node:
        """Add a router with an HTTP listener; an interior one also listens for interior and edge routers."""
        configuration = Configuration(name, mode)
        if program.name == "skrouterd":
            configuration.log("DEFAULT", "info+")
        http_port = free_port()
        configuration.http(http_port)
        access_port = edge_port = 0
        if mode == "interior":
            access_port, edge_port = free_port(), free_port()
            configuration.listen(access_port, self.server_credentials(f"{name}-access"))
            configuration.listen(
                edge_port, self.server_credentials(f"{name}-edges"), role="edge", name="edges"
            )
        process = RouterProcess(program, name, self.directory, http_port)
        node = self.nodes[name] = Node(configuration, process, access_port, edge_port)
        return node

    def server_credentials(self, name: str) -> Credentials | None:
        """Credentials for something that listens in this network; None without TLS."""
        return self.authority.server(name) if self.authority else None

    def client_credentials(self, name: str) -> Credentials | None:
        """Credentials for something that dials a router of this network; None without TLS."""
        return self.authority.client(name) if self.authority else None

    def link(self, dialling: str, listening: str, *, cost: int = 1) -> None:
        """Let one router dial another."""
        node = self.nodes[dialling]
        node.links += 1
        name = f"link-{dialling}-{listening}"
        node.configuration.dial(name, self.nodes[listening].access_port, self.client_credentials(name), cost)

    def attach(self, edge: str, interior: str) -> None:
        """Let an edge router dial an interior one."""
        name = f"edge-{edge}-{interior}"
        node = self.nodes[edge]
        node.links += 1
        port = self.nodes[interior].edge_port
        node.configuration.dial(name, port, self.client_credentials(name), role="edge")

    def expose(self, name: str, address: str, port: int) -> None:
        """Let the router with this name offer the service on this port under the address."""
        self.nodes[name].configuration.expose(address, port)

    def consume(self, name: str, address: str) -> int:
        """Let the router with this name listen for the address; returns the port clients connect to."""
        port = free_port()
        self.nodes[name].configuration.consume(address, port)
        self.nodes[name].listener_ports.append(port)
        return port

    def start(self) -> None:
        """Write the configurations, start the routers in order, and wait until every tcpListener accepts."""
        for node in self.nodes.values():
            node.configuration.write(node.process.configuration)
            node.process.start()
        self.wait_until_reachable()

    def wait_until_reachable(self, seconds: float = 30.0) -> None:
        """Wait until every tcpListener accepts, which it does once its address has a reachable connector."""
        for node in self.nodes.values():
            for port in node.listener_ports:
                wait_until_accepts(port, seconds)

    def process(self, name: str) -> RouterProcess:
        """The process of a router."""
        return self.nodes[name].process

    def stop(self) -> dict[str, int]:
        """Stop every running router in order with SIGTERM; returns exit statuses by name."""
        return {name: node.process.stop() for name, node in self.nodes.items() if node.process.running}

    def kill(self) -> None:
        """End every router at once."""
        for node in self.nodes.values():
            node.process.kill()

    def __enter__(self) -> Network:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
