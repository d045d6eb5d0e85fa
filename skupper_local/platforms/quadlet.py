"""A router's container as files for Quadlet: what ``podman.py`` says to the engine, said to Podman's generator of units.

Each key of the specification has its place here, so that the exported router is the one that runs now.
"""

from __future__ import annotations

import json
from pathlib import Path

from skupper_local.platforms.container import ContainerSpec, PublishedPort
from skupper_local.systemd.quadlet import QuadletContainer, render_container, render_network


def quadlet_files(namespace: str, home: Path, spec: ContainerSpec) -> dict[str, str]:
    """The files by their names, which give the units theirs (``<container>.service``). Raises ValueError for a path that cannot
    be written in one."""
    site = f"namespace {namespace}"
    user, _, group = spec.user.partition(":")
    network_file = f"{spec.network}.network"
    files = {}
    if spec.own_network:
        files[network_file] = render_network(site, dict(spec.labels))
    files[f"{spec.name}.container"] = render_container(
        QuadletContainer(
            name=spec.name,
            site=site,
            home=str(home),
            image=spec.image,
            network=network_file if spec.own_network else spec.network,
            stop_seconds=spec.stop_seconds,
            volumes=tuple(
                f"{mount.source}:{mount.target}:{'ro,z' if mount.read_only else 'z'}" for mount in spec.mounts
            ),
            environment=dict(spec.environment),
            labels=dict(spec.labels),
            user=user,
            group=group,
            capabilities=tuple(f"CAP_{name}" for name in spec.capabilities),
            ports=tuple(_published(port) for port in spec.ports),
            arguments=_arguments(spec),
        )
    )
    return files


def _published(port: PublishedPort) -> str:
    host = f"[{port.host}]" if ":" in port.host else port.host
    return f"{host}:{port.port}:{port.port}" if host else f"{port.port}:{port.port}"


def _arguments(spec: ContainerSpec) -> tuple[str, ...]:
    """What Quadlet had no key for in 4.4, or has none for at all."""
    arguments = [
        f"--stop-timeout={spec.stop_seconds}",
        f"--oom-score-adj={spec.oom_score_adjustment}",
        *(f"--tmpfs={target}" for target in spec.tmpfs),
        *(f"--network-alias={alias}" for alias in spec.aliases),
        *(f"--add-host={name}:{address}" for name, address in spec.extra_hosts.items()),
    ]
    if spec.userns:
        arguments.append(f"--userns={spec.userns}")
    if spec.cpus:
        arguments.append(f"--cpus={spec.cpus:g}")
    if spec.memory:
        arguments.append(f"--memory={spec.memory}b")
    if spec.health:
        arguments += [
            f"--health-cmd={json.dumps(spec.health.command)}",
            f"--health-interval={spec.health.interval}s",
            f"--health-timeout={spec.health.timeout}s",
            f"--health-retries={spec.health.retries}",
            f"--health-start-period={spec.health.start_period}s",
        ]
    return tuple(arguments)
