"""What the Kubernetes API answers to a question: the only door to it for reading objects. Nothing is written here."""

import os
import warnings
from pathlib import Path
from typing import Any, Protocol

from yaml import YAMLError

CONNECT_WITHIN_S, READ_WITHIN_S = 4.0, 15.0


class AbsentError(LookupError):
    """There is no such object, or no such kind of objects."""


class ForbiddenError(LookupError):
    """It may be there, but this account may not look."""


class UnansweredError(OSError):
    """The API server cannot be reached, or its answer is of no use; the message is one line."""


class Objects(Protocol):
    """Whoever answers a path of the Kubernetes API with parsed JSON."""

    def get(self, path: str) -> dict[str, Any]:
        """The object or list at a path.

        Raises:
            AbsentError: nothing is there.
            ForbiddenError: this account may not look.
            UnansweredError: no answer came.
        """


class ClusterObjects:
    """The cluster that KUBECONFIG names, or the one around a pod."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from kubernetes import client, config  # type: ignore[import-untyped]
            from kubernetes.config.config_exception import ConfigException  # type: ignore[import-untyped]
        settings = client.Configuration()
        settings.retries = 0
        named = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
        try:
            if any(Path(name).is_file() for name in named.split(os.pathsep)):
                config.load_kube_config(named, client_configuration=settings)
            else:
                config.load_incluster_config(client_configuration=settings)
        except (ConfigException, YAMLError, OSError, ValueError, TypeError, AttributeError) as error:
            raise UnansweredError(f"no way to a cluster by {named}: {_first_line(error)}") from error
        self._api = client.ApiClient(settings)

    def get(self, path: str) -> dict[str, Any]:
        """The object or list at a path."""
        from kubernetes.client.exceptions import ApiException  # type: ignore[import-untyped]
        from urllib3.exceptions import HTTPError

        try:
            found = self._api.call_api(
                path,
                "GET",
                header_params={"Accept": "application/json"},
                auth_settings=["BearerToken"],
                response_type="object",
                _return_http_data_only=True,
                _request_timeout=(CONNECT_WITHIN_S, READ_WITHIN_S),
            )
        except ApiException as error:
            if error.status == 404:
                raise AbsentError(path) from error
            if error.status == 403:
                raise ForbiddenError(f"this account may not read {path}") from error
            raise UnansweredError(f"{path}: {error.status} {error.reason}") from error
        except (HTTPError, OSError, ValueError) as error:
            raise UnansweredError(f"{self._api.configuration.host}: {_first_line(error)}") from error
        if not isinstance(found, dict):
            raise UnansweredError(f"{path}: an answer that is no object")
        return found


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
