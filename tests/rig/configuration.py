"""Router configurations as sites render them (reference-engine 3.4), built entity by entity."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.rig.certificates import Credentials
from tests.rig.ports import HOST


class Configuration:
    """The JSON configuration of one router. Each method adds one entity (and the sslProfile it needs)."""

    def __init__(self, router_id: str, mode: str = "interior") -> None:
        self.router_id = router_id
        self.entities: list[tuple[str, dict[str, Any]]] = []
        metadata = json.dumps({"id": f"site-{router_id}", "version": "test", "platform": "linux"})
        self.add("router", id=router_id, mode=mode, helloMaxAgeSeconds="3", metadata=metadata)
        self.add("address", prefix="mc", distribution="multicast")
        self.add("site", name=router_id, platform="linux", namespace=router_id, version="test")

    def add(self, kind: str, **attributes: Any) -> None:
        """Add any entity."""
        self.entities.append((kind, attributes))

    def log(self, module: str, enable: str) -> None:
        """Log this module at this level."""
        self.add("log", module=module, enable=enable)

    def http(self, port: int) -> None:
        """Serve /healthz and /metrics on a loopback port."""
        self.add(
            "listener",
            name="http",
            role="normal",
            host=HOST,
            port=port,
            http=True,
            websockets=False,
            healthz=True,
            metrics=True,
        )

    def _profile(self, name: str, credentials: Credentials) -> str:
        self.add(
            "sslProfile",
            name=name,
            certFile=str(credentials.certificate),
            privateKeyFile=str(credentials.key),
            caCertFile=str(credentials.ca),
        )
        return name

    def listen(
        self, port: int, credentials: Credentials | None, *, role: str = "inter-router", name: str = "access"
    ) -> None:
        """Accept links: with mutual TLS and EXTERNAL if there are credentials, in the clear otherwise."""
        attributes: dict[str, Any] = {"name": f"{name}-{role}", "role": role, "host": HOST, "port": port}
        if credentials:
            attributes["sslProfile"] = self._profile(f"{name}-server", credentials)
            attributes["saslMechanisms"] = "EXTERNAL"
            attributes["authenticatePeer"] = True
        self.add("listener", **attributes)

    def dial(
        self,
        name: str,
        port: int,
        credentials: Credentials | None,
        cost: int = 1,
        *,
        role: str = "inter-router",
        proxy: str | None = None,
    ) -> None:
        """Open a link to the listener of this role on this port, through the proxyProfile of this name."""
        attributes: dict[str, Any] = {
            "name": name,
            "role": role,
            "host": HOST,
            "port": str(port),
            "cost": cost,
        }
        if credentials:
            attributes["sslProfile"] = self._profile(f"{name}-profile", credentials)
        if proxy:
            attributes["proxyProfile"] = proxy
        self.add("connector", **attributes)

    def expose(self, address: str, port: int) -> None:
        """A tcpConnector: whoever asks for the address reaches this port."""
        self.add(
            "tcpConnector",
            name=f"connector/{address}-{port}@{HOST}",
            host=HOST,
            port=str(port),
            address=address,
        )

    def consume(self, address: str, port: int) -> None:
        """A tcpListener: connections to this port go to the address."""
        self.add("tcpListener", name=f"listener/{address}-{port}", host=HOST, port=str(port), address=address)

    def consume_several(self, name: str, addresses: dict[str, int], port: int, strategy: str) -> None:
        """A tcpListener for several addresses, each with its priority or weight."""
        self.add("tcpListener", name=name, host=HOST, port=str(port), multiAddressStrategy=strategy)
        for address, value in addresses.items():
            self.add("listenerAddress", name=f"{name}/{address}", address=address, value=value, listener=name)

    def write(self, path: Path) -> None:
        """Write the file ``-c`` takes."""
        path.write_text(json.dumps(self.entities, indent=4))
