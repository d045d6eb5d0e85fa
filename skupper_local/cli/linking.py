"""What ``link generate`` prints."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from typing import TYPE_CHECKING, TextIO

from skupper_local.cli.declaring import namespace_flag
from skupper_local.cli.terminal import talk, warn

if TYPE_CHECKING:
    from skupper_local.operations.target import Target


def _keep_private(stream: TextIO) -> None:
    """A file that the shell opened for our output is about to hold a private key: nobody else may read it from now on."""
    with contextlib.suppress(OSError, ValueError):
        about = os.fstat(stream.fileno())
        if stat.S_ISREG(about.st_mode) and about.st_mode & 0o077:
            os.fchmod(stream.fileno(), 0o600)


def print_generated(
    target: Target, *, name: str, host: str, cost: int, tls_credentials: str, output: str
) -> None:
    """The documents on standard output; what there is to know about them beside it."""
    from skupper_local.operations.generate_link import generate_link
    from skupper_local.resources import document_of, encode_documents

    if not tls_credentials:
        _keep_private(sys.stdout)
    generated = generate_link(target, name=name, host=host, cost=cost, tls_credentials=tls_credentials)
    documents = generated.documents
    if output == "json":
        from skupper_local.cli.documents import print_documents

        print_documents([document_of(item) for item in documents], output)
    else:
        sys.stdout.write(encode_documents(documents))
    sys.stdout.flush()
    if generated.added_host:
        talk(f"{generated.host} was added to the certificate of this site's link access")
    if generated.host in ("127.0.0.1", "localhost", "::1"):
        warn("this link works on this machine only; name the host that others use with --host")
    if not generated.running:
        warn(f"the site does not run: skupper-local system start{namespace_flag(target)}")
    if generated.secret is None:
        talk(f"the other site needs credentials named {tls_credentials}, as a Secret or in input/certs")
    talk("next: on the other site, save this output to a file and type: skupper-local system apply -f FILE")
