"""Where an object store is and who asks it: what an address and the environment say. Its client is behind a door of
each package's own.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from windsock.contracts.errors import InputError

DEFAULT_ENDPOINT = "https://s3.amazonaws.com"
ENDPOINT = "WINDSOCK_S3_ENDPOINT"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@dataclass(frozen=True)
class Bucket:
    """A place in an object store: objects whose names begin with `prefix`, which is empty or ends with `/`."""

    address: str
    name: str
    prefix: str
    server: str
    secure: bool
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str | None = field(repr=False, default=None)


def find_bucket(
    address: str, what: str, schemes: tuple[str, ...] = ("s3",), environment: Mapping[str, str] = os.environ
) -> Bucket:
    """The place at `SCHEME://BUCKET/PREFIX`; `what` names the address for the reader.

    The server is WINDSOCK_S3_ENDPOINT (Amazon's if unset), the credentials are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
    and, if set, AWS_SESSION_TOKEN; the region is AWS_REGION.

    Raises:
        InputError: the address names no bucket, the endpoint is no http address, or the credentials are missing.
    """
    parts = urlsplit(address)
    if parts.scheme not in schemes or not parts.netloc:
        raise InputError(what, address, " or ".join(f"{scheme}://BUCKET/PREFIX" for scheme in schemes))
    endpoint = environment.get(ENDPOINT, DEFAULT_ENDPOINT)
    server = urlsplit(endpoint)
    if server.scheme not in ("http", "https") or not server.netloc or server.path not in ("", "/"):
        raise InputError(ENDPOINT, endpoint, "http://HOST:PORT or https://HOST")
    for name in CREDENTIALS:
        if not environment.get(name):
            raise InputError(name, "nothing", "the object store's credentials in the environment")
    prefix = parts.path.strip("/")
    return Bucket(
        address=address.rstrip("/"),
        name=parts.netloc,
        prefix=f"{prefix}/" if prefix else "",
        server=server.netloc,
        secure=server.scheme == "https",
        region=environment.get("AWS_REGION", "us-east-1"),
        access_key=environment[CREDENTIALS[0]],
        secret_key=environment[CREDENTIALS[1]],
        session_token=environment.get("AWS_SESSION_TOKEN"),
    )
