"""The only door to S3: any server that speaks it, through the minio client."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO

import urllib3
from minio import Minio
from minio.error import MinioException
from windsock.contracts.bucket import Bucket, find_bucket
from windsock.contracts.journal.sinks import SinkError

CONNECT_WITHIN_S = 2.0
READ_WITHIN_S = 20.0


class S3Sink:
    """Objects below a prefix of a bucket."""

    def __init__(self, client: Minio, bucket: Bucket) -> None:
        self._client, self._bucket, self._prefix = client, bucket.name, bucket.prefix

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
    """The sink at `s3://BUCKET/PREFIX`; `windsock.contracts.bucket` says what of the environment counts.

    Raises:
        InputError: the address names no bucket, the endpoint is no http address, or the credentials are missing.
    """
    bucket = find_bucket(address, "record sink", environment=environment)
    client = Minio(
        bucket.server,
        access_key=bucket.access_key,
        secret_key=bucket.secret_key,
        session_token=bucket.session_token,
        secure=bucket.secure,
        region=bucket.region,
        # The shipper repeats and backs off by itself: here one try, with a bound.
        http_client=urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=CONNECT_WITHIN_S, read=READ_WITHIN_S), retries=urllib3.Retry(0)
        ),
    )
    return S3Sink(client, bucket)
