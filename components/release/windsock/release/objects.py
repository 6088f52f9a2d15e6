"""The only door to S3: what a rollout reads there, and the one conditional write that its history needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from windsock.contracts.bucket import find_bucket
from windsock.contracts.errors import InputError

SCHEME = "s3://"
CONNECT_WITHIN_S, READ_WITHIN_S, SIGNED_FOR = 5.0, 30.0, timedelta(minutes=5)
HTTP_OK, HTTP_CONFLICT, HTTP_PRECONDITION_FAILED = 200, 409, 412


class Objects:
    """Objects below an address; `windsock.contracts.bucket` says what of the environment counts.

    Raises:
        InputError: the address or the environment is wrong; of the methods: the store does not do it.
    """

    def __init__(self, address: str, what: str) -> None:
        bucket = find_bucket(address, what)
        self._what, self._address = what, bucket.address
        self._name, self._prefix = bucket.name, bucket.prefix
        wait = urllib3.Timeout(connect=CONNECT_WITHIN_S, read=READ_WITHIN_S)
        self._http = urllib3.PoolManager(timeout=wait, retries=urllib3.Retry(2))
        keys = (bucket.access_key, bucket.secret_key, bucket.session_token)
        self._client = Minio(
            bucket.server, *keys, secure=bucket.secure, region=bucket.region, http_client=self._http
        )  # fmt: skip

    def names(self, prefix: str = "") -> list[str]:
        """The names below the address that begin so, sorted."""
        with self._translated():
            found = self._client.list_objects(self._name, prefix=self._prefix + prefix, recursive=True)
            return sorted(str(thing.object_name).removeprefix(self._prefix) for thing in found)

    def get(self, name: str) -> bytes:
        """An object's bytes."""
        with self._translated():
            response = self._client.get_object(self._name, self._prefix + name)
            try:
                return response.read()
            finally:
                response.close()
                response.release_conn()

    def put(self, name: str, content: bytes) -> None:
        """Stores an object, in place of one of that name; S3 shows it whole or not at all."""
        with self._translated():
            self._client.put_object(self._name, self._prefix + name, BytesIO(content), len(content))

    def create(self, name: str, content: bytes) -> bool:
        """Stores an object on condition that there is none of that name: of many who try at once, one is told True."""
        with self._translated():
            # The client's own put takes no condition; an address that it signed is asked with one.
            signed = self._client.presigned_put_object(self._name, self._prefix + name, SIGNED_FOR)
            answer = self._http.request("PUT", signed, body=content, headers={"If-None-Match": "*"})
        if answer.status not in (HTTP_OK, HTTP_CONFLICT, HTTP_PRECONDITION_FAILED):
            raise InputError(self._what, answer.status, f"a store that takes conditional writes to {self._address}")
        return answer.status == HTTP_OK

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except S3Error as error:
            raise InputError(self._what, f"{error.code} at {self._address}", "objects that can be used") from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            said = f"{type(error).__name__} at {self._address}"
            raise InputError(self._what, said, "an object store that answers") from error
