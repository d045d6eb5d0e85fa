"""A registry of container images for tests: enough of the distribution interface (v2) to be pulled from.

Run as a program (with a port, or 0) it prints its port and serves until its standard input closes. What a repository is like
is in the first part of its name: ``open`` gives to everybody, ``private`` to ``user`` with the password ``s3cret`` only,
``large`` has a layer of 64 MiB that does not compress, ``stalled`` sends half of its layer and then nothing more. Every one has
the tag ``1``. As the big registries do, it hands out tokens, and one for nobody too.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import random
import sys
import tarfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath

USER, PASSWORD = "user", "s3cret"
LARGE = 64 << 20
_NOBODY = "nobody"
_TOKENS = (USER, _NOBODY)
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass(frozen=True)
class Image:
    """An image of one layer: its blobs by digest, and its manifest."""

    manifest: bytes
    configuration: bytes
    layer: bytes

    @property
    def blobs(self) -> dict[str, bytes]:
        return {digest(blob): blob for blob in (self.configuration, self.layer)}


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def layer_tar(files: Mapping[str, bytes]) -> bytes:
    """An uncompressed layer with the directories above its files, which Docker otherwise makes for root alone; a name with a
    slash at its end is a directory in which everybody may make files."""
    buffer = io.BytesIO()
    parents = {str(parent) for name in files for parent in PurePosixPath(name).parents} - {"."}
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for parent in sorted(parents):
            _add(tar, parent, tarfile.DIRTYPE, 0o755)
        for name, content in files.items():
            if name.endswith("/"):
                _add(tar, name, tarfile.DIRTYPE, 0o1777)
            else:
                _add(tar, name, tarfile.REGTYPE, 0o755, content)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, kind: bytes, mode: int, content: bytes = b"") -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.size = kind, mode, len(content)
    tar.addfile(member, io.BytesIO(content))


def build_image(
    files: Mapping[str, bytes],
    command: Sequence[str] = ("/bin/true",),
    labels: Mapping[str, str] | None = None,
) -> Image:
    """An image of these files, with the command it runs by default."""
    tar = layer_tar(files)
    layer = gzip.compress(tar, 1, mtime=0)
    configuration = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": dict(labels or {}), "Cmd": list(command)},
            "rootfs": {"type": "layers", "diff_ids": [digest(tar)]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "test"}],
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                "size": len(configuration),
                "digest": digest(configuration),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                    "size": len(layer),
                    "digest": digest(layer),
                }
            ],
        }
    ).encode()
    return Image(manifest, configuration, layer)


@cache
def image(kind: str) -> Image:
    """The image that a repository of this kind holds."""
    filling = random.Random(7).randbytes(LARGE if kind == "large" else 200_000)
    return build_image({"etc/kind": kind.encode(), "filling": filling}, labels={"kind": kind})


def write_archive(path: Path, reference: str, item: Image | None = None) -> None:
    """A docker-archive with one image, as ``docker save`` writes it."""
    item = item or image("open")
    names = {"configuration": f"{digest(item.configuration)[7:]}.json", "layer": "layer.tar"}
    listing = [{"Config": names["configuration"], "RepoTags": [reference], "Layers": [names["layer"]]}]
    path.write_bytes(
        layer_tar(
            {
                names["configuration"]: item.configuration,
                names["layer"]: gzip.decompress(item.layer),
                "manifest.json": json.dumps(listing).encode(),
            }
        )
    )


def write_oci_archive(path: Path, reference: str, item: Image | None = None) -> None:
    """An OCI archive with one image."""
    item = item or image("open")
    index = {
        "schemaVersion": 2,
        "manifests": [
            {
                "mediaType": _MANIFEST,
                "size": len(item.manifest),
                "digest": digest(item.manifest),
                "annotations": {"org.opencontainers.image.ref.name": reference},
            }
        ],
    }
    blobs = {**item.blobs, digest(item.manifest): item.manifest}
    path.write_bytes(
        layer_tar(
            {
                "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
                "index.json": json.dumps(index).encode(),
                **{f"blobs/sha256/{name[7:]}": content for name, content in blobs.items()},
            }
        )
    )


class Handler(BaseHTTPRequestHandler):
    """One request of a client."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve(with_body=True)

    def do_HEAD(self) -> None:
        self._serve(with_body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name the base has
        pass

    def _serve(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        parts = path.strip("/").split("/")
        if path == "/token":
            self._token(with_body=with_body)
            return
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in _TOKENS:
            self._fail(401, "UNAUTHORIZED", with_body=with_body)
            return
        if parts == ["v2"]:
            self._answer(200, b"{}", "application/json", with_body=with_body)
            return
        kind = parts[1] if len(parts) > 4 else ""
        if kind not in ("open", "private", "large", "stalled"):
            self._fail(404, "NAME_UNKNOWN", with_body=with_body)
        elif kind == "private" and token != USER:
            self._fail(401, "UNAUTHORIZED", with_body=with_body)
        elif parts[-2] == "manifests":
            manifest = image(kind).manifest
            if parts[-1] in ("1", digest(manifest)):
                self._answer(200, manifest, _MANIFEST, with_body=with_body)
            else:
                self._fail(404, "MANIFEST_UNKNOWN", with_body=with_body)
        elif (blob := image(kind).blobs.get(parts[-1])) is not None:
            self._answer(
                200, blob, "application/octet-stream", with_body=with_body, stalled=kind == "stalled"
            )
        else:
            self._fail(404, "BLOB_UNKNOWN", with_body=with_body)

    def _token(self, *, with_body: bool) -> None:
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        given = self.headers.get("Authorization", "")
        if given in ("", expected):
            token = USER if given else _NOBODY
            self._answer(200, json.dumps({"token": token}).encode(), "application/json", with_body=with_body)
        else:
            self._fail(401, "UNAUTHORIZED", with_body=with_body)

    def _answer(self, status: int, body: bytes, kind: str, *, with_body: bool, stalled: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Docker-Content-Digest", digest(body))
        if status == 401:
            host, port = self.connection.getsockname()[:2]
            self.send_header("WWW-Authenticate", f'Bearer realm="http://{host}:{port}/token",service="test"')
        self.end_headers()
        if not with_body:
            return
        if stalled and len(body) > 100_000:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            time.sleep(3600)
        self.wfile.write(body)

    def _fail(self, status: int, code: str, *, with_body: bool) -> None:
        body = json.dumps({"errors": [{"code": code, "message": code.replace("_", " ").lower()}]}).encode()
        self._answer(status, body, "application/json", with_body=with_body)


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
