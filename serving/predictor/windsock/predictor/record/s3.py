"""The only door to S3: any server that speaks it, through the minio client."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException
from windsock.contracts.errors import InputError
from windsock.contracts.journal.sinks import SinkError

CONNECT_WITHIN_S = 2.0
READ_WITHIN_S = 20.0
DEFAULT_ENDPOINT = "https://s3.amazonaws.com"


class S3Sink:
    """Objects below a prefix of a bucket."""

    def __init__(self, client: Minio, bucket: str, prefix: str) -> None:
        self._client, self._bucket = client, bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def put(self, name: str, content: bytes) -> None:
        """Stores an object; S3 shows it whole or not at all."""
        with self._translated(name):
            self._client.put_object(self._bucket, self._prefix + name, BytesIO(content), len(content))

    def get(self, name: str) -> bytes:
        """An object's bytes."""
        with self._translated(name):
            response = self._client.get_object(self._bucket, self._prefix + name)
            try:
                return response.read()
            finally:
                response.close()
                response.release_conn()

    def names(self, prefix: str = "") -> list[str]:
        """The objects' names below the sink's own prefix."""
        with self._translated(prefix):
            found = self._client.list_objects(self._bucket, prefix=self._prefix + prefix, recursive=True)
            return sorted((thing.object_name or "").removeprefix(self._prefix) for thing in found)

    def describe(self) -> str:
        """The bucket and prefix."""
        return f"s3://{self._bucket}/{self._prefix}"

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        try:
            yield
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise SinkError(f"{self.describe()}{name}: {type(error).__name__}: {error}") from error


def s3_sink(address: str, environment: Mapping[str, str] = os.environ) -> S3Sink:
    """The sink at `s3://BUCKET/PREFIX`.

    The server is WINDSOCK_S3_ENDPOINT (Amazon's if unset), the credentials are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
    and, if set, AWS_SESSION_TOKEN; the region is AWS_REGION.

    Raises:
        InputError: the address names no bucket, the endpoint is no http address, or the credentials are missing.
    """
    parts = urlsplit(address)
    if parts.scheme != "s3" or not parts.netloc:
        raise InputError("record sink", address, "s3://BUCKET/PREFIX")
    endpoint = environment.get("WINDSOCK_S3_ENDPOINT", DEFAULT_ENDPOINT)
    server = urlsplit(endpoint)
    if server.scheme not in ("http", "https") or not server.netloc or server.path not in ("", "/"):
        raise InputError("WINDSOCK_S3_ENDPOINT", endpoint, "http://HOST:PORT or https://HOST")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        if not environment.get(name):
            raise InputError(name, "nothing", "S3's credentials in the environment")
    client = Minio(
        server.netloc,
        access_key=environment["AWS_ACCESS_KEY_ID"],
        secret_key=environment["AWS_SECRET_ACCESS_KEY"],
        session_token=environment.get("AWS_SESSION_TOKEN"),
        secure=server.scheme == "https",
        region=environment.get("AWS_REGION", "us-east-1"),
        # The shipper repeats and backs off by itself: here one try, with a bound.
        http_client=urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_WITHIN_S, read=READ_WITHIN_S), retries=urllib3.Retry(0)
        ),
    )
    return S3Sink(client, parts.netloc, parts.path.strip("/"))
