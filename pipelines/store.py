"""The only door to the object store: directories below a prefix of a bucket, through the minio client."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from xml.etree.ElementTree import ParseError

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from windsock.contracts.bucket import Bucket, find_bucket
from windsock.contracts.errors import InputError
from windsock.contracts.files import new_directory

CONNECT_WITHIN_S, READ_WITHIN_S = 5.0, 60.0
DEFAULT_STORE = "minio://mlpipeline/windsock"
MANIFEST = "manifest.json"
HTTP_OK, HTTP_CONFLICT, HTTP_PRECONDITION_FAILED = 200, 409, 412


class StoreError(OSError):
    """The store cannot be reached or refuses; the message names what was asked for."""


class Store:
    """Objects of a bucket, by names relative to it. A directory's manifest is written last and read first."""

    def __init__(self, client: Minio, http: urllib3.PoolManager, bucket: Bucket) -> None:
        self.address = bucket.address
        self._client, self._http = client, http
        self._bucket, self._prefix = bucket.name, bucket.prefix

    def uri(self, name: str) -> str:
        """The address of what is kept under a name, as pipelines are given it."""
        return f"{self.address}/{name}"

    def names(self, prefix: str) -> dict[str, tuple[int, str]]:
        """Size in bytes and MD5 (S3's own, hexadecimal) of every object below a prefix, by name."""
        with self._translated(prefix):
            found = self._client.list_objects(self._bucket, prefix=self._prefix + prefix, recursive=True)
            return {
                str(thing.object_name).removeprefix(self._prefix): (thing.size or 0, str(thing.etag).strip('"'))
                for thing in found
            }

    def read(self, name: str) -> bytes | None:
        """An object's bytes, or None where there is none."""
        with self._translated(name):
            try:
                response = self._client.get_object(self._bucket, self._prefix + name)
            except S3Error as error:
                if error.code == "NoSuchKey":
                    return None
                raise
            try:
                return response.read()
            finally:
                response.close()
                response.release_conn()

    def write(self, name: str, content: bytes) -> None:
        """Stores an object; S3 shows it whole or not at all."""
        with self._translated(name):
            self._client.put_object(self._bucket, self._prefix + name, BytesIO(content), len(content))

    def create(self, name: str, content: bytes) -> bool:
        """Stores an object on condition that there is none of that name: of many who try at once, one is told True."""
        with self._translated(name):
            # The client's own put takes no condition; an address that it signed is asked with one.
            address = self._client.presigned_put_object(self._bucket, self._prefix + name, timedelta(minutes=5))
            answer = self._http.request("PUT", address, body=content, headers={"If-None-Match": "*"})
        if answer.status in (HTTP_CONFLICT, HTTP_PRECONDITION_FAILED):
            return False
        if answer.status != HTTP_OK:
            raise StoreError(f"object store: {self.uri(name)}: a conditional write was answered with {answer.status}")
        return True

    def upload(self, directory: Path, name: str, progress: Callable[[int], None] = lambda _: None) -> int:
        """Brings a directory to `name`, only files that differ, the manifest last; returns how many were sent."""
        there = self.names(f"{name}/")
        files = sorted(
            (path for path in directory.rglob("*") if path.is_file()), key=lambda path: path.name == MANIFEST
        )
        sent = 0
        for path in files:
            target, content = f"{name}/{path.relative_to(directory).as_posix()}", path.read_bytes()
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            if there.get(target) == (len(content), digest):
                continue
            self.write(target, content)
            sent += 1
            progress(sent)
        return sent

    def download(self, name: str, into: Path) -> Path:
        """Fetches everything below `name` to a directory, whole or not at all."""
        names = self.names(f"{name}/")
        if not names:
            raise InputError("object store", self.uri(name), "something below that address")
        with new_directory(into) as directory:
            for found in names:
                target = directory / found.removeprefix(f"{name}/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(self.read(found) or b"")
        return into

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        try:
            yield
        except S3Error as error:
            if error.code == "NoSuchBucket":
                raise InputError("bucket", self._bucket, f"one that exists at {self.address}") from error
            if error.code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"):
                expected = f"credentials that may use bucket {self._bucket}"
                raise InputError("AWS_ACCESS_KEY_ID", error.code, expected) from error
            raise StoreError(f"object store: {self.uri(name)}: {error.code}: {error.message}") from error
        except (MinioException, urllib3.exceptions.HTTPError, ParseError) as error:
            raise StoreError(f"object store: {self.uri(name)}: {type(error).__name__}: {error}") from error


def open_store(environment: Mapping[str, str] = os.environ) -> Store:
    """The store at `WINDSOCK_STORE`, as pipelines see it; `windsock.contracts.bucket` says what else counts.

    Raises:
        InputError: one of them is missing or malformed.
    """
    address = environment.get("WINDSOCK_STORE", DEFAULT_STORE)
    bucket = find_bucket(address, "WINDSOCK_STORE", ("minio", "s3"), environment)
    http = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_WITHIN_S, read=READ_WITHIN_S), retries=urllib3.Retry(2)
    )
    client = Minio(
        bucket.server,
        access_key=bucket.access_key,
        secret_key=bucket.secret_key,
        session_token=bucket.session_token,
        secure=bucket.secure,
        region=bucket.region,
        http_client=http,
    )
    return Store(client, http, bucket)
