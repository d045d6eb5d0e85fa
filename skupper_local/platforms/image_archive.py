"""Archives of images, as machines without a registry get them: looked at before an engine is bothered with them.

Two formats are about: Docker's (``manifest.json`` lists images; what ``docker save`` and ``podman save`` write) and OCI's
(``index.json`` and blobs by digest). Either may be compressed. Engines differ in what they take, so an archive is handed on
uncompressed, and to Docker in Docker's format: versions before 25 know no other. Nothing is written to disk for that.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

DOCKER_FORMAT = "docker"
OCI_FORMAT = "oci"

_PIECE = 1 << 20
_MOST_MEMBERS = 10_000
_LARGEST_JSON = 8 << 20
_MAGIC = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_ZSTD = b"\x28\xb5\x2f\xfd"
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_DAMAGE = (tarfile.TarError, EOFError, ValueError, LookupError, TypeError, AttributeError, lzma.LZMAError)


class ArchiveUnusableError(ValueError):
    """What a file is instead of an archive of images, as a clause."""


def archive_format(archive: Path) -> str:
    """DOCKER_FORMAT or OCI_FORMAT. Raises ArchiveUnusableError with the reason when it is neither, or cannot be read."""
    found = ""
    try:
        if archive.is_dir():
            raise ArchiveUnusableError("it is a directory, not an archive")
        with _uncompressed(archive) as file, tarfile.open(fileobj=file, mode="r|") as tar:
            for number, member in enumerate(tar):
                name = member.name.removeprefix("./")
                if name == "manifest.json":
                    found = DOCKER_FORMAT
                elif name == "index.json":
                    found = found or OCI_FORMAT
                if number >= _MOST_MEMBERS:
                    raise ArchiveUnusableError(f"it has more than {_MOST_MEMBERS} members")
    except ArchiveUnusableError:
        raise
    except FileNotFoundError as error:
        raise ArchiveUnusableError("there is no such file") from error
    except gzip.BadGzipFile as error:
        raise ArchiveUnusableError("its compression is damaged") from error
    except _DAMAGE as error:
        raise ArchiveUnusableError("it is not a tar archive, or it is cut off or damaged") from error
    except OSError as error:
        raise ArchiveUnusableError(f"it cannot be read ({error.strerror or error})") from error
    except Exception as error:
        if type(error).__module__ != "zlib":
            raise
        raise ArchiveUnusableError("its compression is damaged") from error
    if not found:
        raise ArchiveUnusableError("it has no images in it: neither manifest.json nor index.json is there")
    return found


def pieces(archive: Path) -> Iterator[bytes]:
    """The archive as it is, uncompressed."""
    with _uncompressed(archive) as file:
        while piece := file.read(_PIECE):
            yield piece


def docker_pieces(archive: Path) -> Iterator[bytes]:
    """An OCI archive in Docker's format. Raises ArchiveUnusableError when its parts do not fit together."""
    try:
        with _uncompressed(archive) as file, tarfile.open(fileobj=file) as tar:
            members = {member.name.removeprefix("./"): member for member in tar if member.isfile()}
            listing = [_listing(tar, members, item) for item in _manifests(tar, members)]
            blobs = {name for item in listing for name in (item["Config"], *item["Layers"])}
            for name in sorted(blobs):
                yield _header(name, members[name].size)
                content = tar.extractfile(members[name])
                assert content is not None
                while piece := content.read(_PIECE):
                    yield piece
                yield _padding(members[name].size)
            text = json.dumps(listing).encode()
            yield _header("manifest.json", len(text)) + text + _padding(len(text))
            yield bytes(2 * tarfile.BLOCKSIZE)
    except ArchiveUnusableError:
        raise
    except _DAMAGE as error:
        raise ArchiveUnusableError(f"its parts do not fit together ({error})") from error


def plain_words(words: str) -> str:
    """An engine's words about an archive: Podman tells why it is none of four formats, of which one is of interest."""
    match = re.search(r"\* docker-archive: (.*?)(?: \* |\n|$)", " ".join(words.split()))
    return match[1] if match else words


def _uncompressed(archive: Path) -> IO[bytes]:
    with archive.open("rb") as file:
        start = file.read(6)
    if start.startswith(_ZSTD):
        raise ArchiveUnusableError("it is compressed with zstd: unpack it first (zstd -d)")
    if not start:
        raise ArchiveUnusableError("it is empty")
    for magic, opener in _MAGIC.items():
        if start.startswith(magic):
            return opener(archive, "rb")  # type: ignore[operator,no-any-return]
    return archive.open("rb")


def _manifests(tar: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo]) -> Iterator[Mapping[str, Any]]:
    """The entries of the index that are images, those of an index in the index too (one level, as tools write them)."""
    for entry in _json(tar, members, "index.json")["manifests"]:
        inner = _json(tar, members, _blob(entry["digest"]))
        for item in inner.get("manifests", (entry,)):
            if (
                _blob(item["digest"]) in members
            ):  # an index lists the images for other processors too, which are not there
                yield {
                    **item,
                    "annotations": {**(entry.get("annotations") or {}), **(item.get("annotations") or {})},
                }


def _listing(
    tar: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo], entry: Mapping[str, Any]
) -> dict[str, Any]:
    manifest = _json(tar, members, _blob(entry["digest"]))
    annotations = entry["annotations"]
    name = next((annotations[key] for key in _NAMES if annotations.get(key)), "")
    files = [_blob(manifest["config"]["digest"]), *(_blob(item["digest"]) for item in manifest["layers"])]
    missing = [item for item in files if item not in members]
    if missing:
        raise ArchiveUnusableError(f"it lacks {missing[0]}")
    return {"Config": files[0], "RepoTags": [name] if ":" in name else [], "Layers": files[1:]}


def _json(tar: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo], name: str) -> dict[str, Any]:
    if name not in members:
        raise ArchiveUnusableError(f"it lacks {name}")
    if members[name].size > _LARGEST_JSON:
        raise ArchiveUnusableError(f"its {name} is larger than {_LARGEST_JSON >> 20} MiB")
    file = tar.extractfile(members[name])
    assert file is not None
    content = json.loads(file.read())
    if not isinstance(content, dict):
        raise ArchiveUnusableError(f"its {name} is not a JSON object")
    return content


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/", 1)


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf()


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
