"""The only door to Kubernetes: KServe's two ways to split traffic, and a refusal of what KServe would ignore in
silence.

Knative mode: `spec.predictor.canaryTrafficPercent`; the newest revision gets that share, the last one at 100 % the
rest; 0 pins the old one, and without the field the newest gets all. Standard mode, from 0.21 on: `spec.canary[]`,
each a predictor with `trafficPercent`. The wish's number is kept as an annotation, and every change is conditional on
the object's `resourceVersion`: a late process is refused by the API server.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError
from windsock.contracts.errors import InputError
from windsock.contracts.release import DIGEST
from windsock.contracts.rollout_settings import FULL
from windsock.release.traffic import OvertakenError, Wanted

GROUP, VERSION, PLURAL = "serving.kserve.io", "v1beta1", "inferenceservices"
MODE = "serving.kserve.io/deploymentMode"
NUMBER = "windsock.io/release-entry"
SERVING, CANDIDATE = "windsock.io/serving-release", "windsock.io/candidate-release"
WEIGHTED_SINCE, ANY_VERSION = (0, 21), (0, 0)
# KServe refuses a canary that has these (validation of InferenceService, 0.20): its replicas are fixed.
OF_THE_STABLE_ALONE = ("maxReplicas", "scaleTarget", "scaleMetric", "autoScaling", "workerSpec")
CONFLICT = 409
Service = dict[str, Any]


class Objects(Protocol):
    """InferenceServices by name: read, and replace on condition that nobody changed it since."""

    def get(self) -> Service:
        """The object as it is."""

    def replace(self, service: Service) -> None:
        """Puts a whole object in its place.

        Raises:
            OvertakenError: it was changed since it was read.
        """


class ClusterObjects:
    """One InferenceService of a cluster."""

    def __init__(self, api: Any, namespace: str, name: str) -> None:
        self._api = client.CustomObjectsApi(api)
        self._where = (GROUP, VERSION, namespace, PLURAL, name)

    def get(self) -> Service:
        """The object as the API server has it.

        Raises:
            InputError: there is none, or the API server does not give it.
        """
        with self._translated():
            found: Any = self._api.get_namespaced_custom_object(*self._where)
        return dict(found)

    def replace(self, service: Service) -> None:
        """Replaces it; `metadata.resourceVersion` is the condition.

        Raises:
            OvertakenError: another process was first; its own controller counts as one.
            InputError: the API server does not take it.
        """
        with self._translated():
            self._api.replace_namespaced_custom_object(*self._where, service)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        _, _, namespace, _, name = self._where
        try:
            yield
        except ApiException as error:
            if error.status == CONFLICT:
                raise OvertakenError("another process changed the InferenceService") from error
            said = f"{error.status} {error.reason}"
            raise InputError(f"InferenceService {namespace}/{name}", said, "one that can be read and led") from error
        except HTTPError as error:
            raise InputError("Kubernetes", type(error).__name__, "an API server that answers") from error


def mode_of(service: Service, default: str = "Knative") -> str:
    """`Knative` or `Standard`, by the object's status, else its annotation; older names mean the same."""
    annotations = service["metadata"].get("annotations") or {}
    given = (service.get("status") or {}).get("deploymentMode") or annotations.get(MODE) or default
    return {"Serverless": "Knative", "RawDeployment": "Standard"}.get(given, given)


def check_supported(service: Service, version: tuple[int, int], mode: str) -> None:
    """Refuses, in one line, what this KServe would ignore or do otherwise than it says.

    Raises:
        InputError: the combination does not work.
    """
    spec = service["spec"]
    if mode not in ("Knative", "Standard"):
        raise InputError("deployment mode", mode, "Knative or Standard: no other splits traffic")
    if mode == "Standard" and "canaryTrafficPercent" in spec["predictor"]:
        raise InputError("canaryTrafficPercent", mode, "Knative mode: KServe ignores it in Standard mode, in silence")
    if mode == "Standard" and version < WEIGHTED_SINCE:
        shown = ".".join(map(str, version))
        raise InputError("KServe version", shown, "0.21 or later: before, spec.canary gets no traffic in Standard mode")
    if mode == "Standard" and "transformer" in spec:
        raise InputError("transformer", mode, "none: the canary's share would go past it, straight to the predictor")
    if mode == "Knative" and spec.get("canary"):
        raise InputError("spec.canary", mode, "Standard mode: KServe ignores it in Knative mode, in silence")


class StoredBundles(Mapping[str, str]):
    """Where each release's bundle is: below one address, under its digest."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def __getitem__(self, release: str) -> str:
        if not DIGEST.fullmatch(release):
            raise KeyError(release)
        return f"{self._address}/{release.removeprefix('sha256:')}"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def open_kserve(service: str, bundles: str) -> "KServeTraffic":
    """The traffic of the InferenceService `NAMESPACE/NAME`, whose releases are stored below the address `bundles`.

    Raises:
        InputError: there is no way to the cluster, or KServe's version cannot be told.
    """
    namespace, _, name = service.partition("/")
    if not namespace or not name:
        raise InputError("InferenceService", service, "NAMESPACE/NAME")
    try:
        config.load_config()  # type: ignore[no-untyped-call]
    except ConfigException as error:
        raise InputError("KUBECONFIG", "no cluster", f"a way to one ({error})") from error
    api = client.ApiClient()
    objects = ClusterObjects(api, namespace, name)
    # In Knative mode every version splits alike, and nobody needs the right to look at KServe's own namespace.
    version = installed_version(api) if mode_of(objects.get()) == "Standard" else ANY_VERSION
    return KServeTraffic(objects, version, StoredBundles(bundles))


def installed_version(api: Any) -> tuple[int, int]:
    """KServe's version, by the image of its controller.

    Raises:
        InputError: there is no controller in the namespace `kserve`, or its image names no version.
    """
    try:
        found: Any = client.AppsV1Api(api).read_namespaced_deployment("kserve-controller-manager", "kserve")
    except ApiException as error:
        raise InputError("KServe", f"{error.status} {error.reason}", "its controller in namespace kserve") from error
    images = [str(container.image) for container in found.spec.template.spec.containers]
    for image in images:
        if tag := re.search(r":v?(\d+)\.(\d+)", image):
            return int(tag[1]), int(tag[2])
    raise InputError("KServe version", images, "an image with a version as its tag")


class KServeTraffic:
    """The traffic of one InferenceService; releases are named by annotations, predictors by `storageUri`.

    `bundles` maps a release to where its bundle is stored.
    """

    splits = True
    copies = False

    def __init__(self, objects: Objects, version: tuple[int, int], bundles: Mapping[str, str]) -> None:
        self._objects, self._version, self._bundles = objects, version, bundles

    def set_weights(self, wanted: Wanted) -> None:
        """Writes the shares into the object.

        Raises:
            InputError: KServe would not split so.
            OvertakenError: a newer wish was brought before.
        """
        service = self._checked(wanted)
        names = list(wanted.weights)
        if len(names) == 1:
            self._objects.replace(self._only(service, names[0], wanted))
            return
        serving, candidate = names
        share = wanted.weights[candidate]
        if self._mode(service) == "Knative":
            self._knative(service, candidate, share)
        else:
            predictor = self._predictor(service["spec"]["predictor"], candidate)
            other = {name: value for name, value in predictor.items() if name not in OF_THE_STABLE_ALONE}
            service["spec"]["canary"] = [{"predictor": {"name": "candidate", **other}, "trafficPercent": share}]
        self._note(service, serving, candidate, wanted)
        self._objects.replace(service)

    def get_weights(self) -> dict[str, int]:
        """The shares as the object's status has them, or its specification where the status has none."""
        service = self._objects.get()
        annotations = service["metadata"].get("annotations") or {}
        serving, candidate = annotations.get(SERVING, ""), annotations.get(CANDIDATE, "")
        if not candidate:
            return {serving: FULL} if serving else {}
        share = self._share(service)
        shares = {serving: FULL - share, candidate: share}
        return {release: part for release, part in shares.items() if part}

    def ready(self, wanted: Wanted) -> str:
        """What is missing: the wish itself, the shares, or a condition that the object says is not met."""
        service = self._objects.get()
        if _number(service) < wanted.number:
            return f"entry {wanted.number} has not been brought to KServe yet"
        weights = {release: share for release, share in wanted.weights.items() if share}
        if self.get_weights() != weights:
            return "KServe routes by other weights"
        if not _observed(service):
            return "KServe has not seen the last change yet"
        # Only a rollout that has ended leaves something behind: in probation the release before may be wanted again.
        if len(wanted.weights) == 1 and (left := self._left_behind(service, next(iter(weights)))):
            return left
        return _not_ready(service)

    def _left_behind(self, service: Service, release: str) -> str:
        """What a rollback in Knative mode leaves behind until it is finalized once more; empty where nothing is."""
        predictor = service["spec"]["predictor"]
        if self._mode(service) != "Knative" or "canaryTrafficPercent" not in predictor:
            return ""
        if _storage(predictor) != self._bundles.get(release):
            return f"{release} has the traffic; the newest revision still holds what was left"
        return _not_ready(service) or f"{release} has the traffic, by a revision that is pinned"

    def finalize(self, wanted: Wanted) -> None:
        """Leaves one release: in Knative mode without the field, in Standard mode without a canary.

        Back to the old release in Knative mode takes three calls, as `ready` says each time what is missing; its
        traffic is there with the first.

        Raises:
            OvertakenError: a newer wish was brought before.
        """
        (release,) = (release for release, share in wanted.weights.items() if share)
        self._objects.replace(self._only(self._checked(wanted), release, wanted))

    def _checked(self, wanted: Wanted) -> Service:
        service = self._objects.get()
        if (passed := _number(service)) > wanted.number:
            raise OvertakenError(f"entry {passed} has been brought to KServe, {wanted.number} comes too late")
        check_supported(service, self._version, self._mode(service))
        return service

    def _mode(self, service: Service) -> str:
        return mode_of(service)

    def _knative(self, service: Service, candidate: str, share: int) -> None:
        """The candidate is the newest revision; nothing but its storage and the share changes."""
        predictor = service["spec"]["predictor"]
        if "canaryTrafficPercent" not in predictor and _latest_at_full(service) is None:
            raise InputError("InferenceService", "no revision at 100 %", "one that is Ready before a canary starts")
        service["spec"]["predictor"] = {**self._predictor(predictor, candidate), "canaryTrafficPercent": share}

    def _only(self, service: Service, release: str, wanted: Wanted) -> Service:
        """One release with all."""
        annotations = service["metadata"].get("annotations") or {}
        predictor = service["spec"]["predictor"]
        back = release == annotations.get(SERVING) and "canaryTrafficPercent" in predictor
        service["spec"].pop("canary", None)
        if self._mode(service) == "Knative" and back:
            service["spec"]["predictor"] = self._backwards(service, predictor, release)
        else:
            service["spec"]["predictor"] = self._predictor(predictor, release)
        self._note(service, release, "", wanted)
        return service

    def _backwards(self, service: Service, predictor: Service, release: str) -> Service:
        """Back to the old release in Knative mode, a step a call.

        The share 0 pins its revision, which is at once; a new revision of it would leave the candidate its share until
        that is up. Only then is a new one made, since a candidate that cannot start would keep the object from being
        ready for ever. When it is up it takes over, and what was pinned may go.
        """
        pinned = predictor["canaryTrafficPercent"] == 0 and _observed(service) and self._share(service) == 0
        if not pinned:
            return {**predictor, "canaryTrafficPercent": 0}
        renewed = self._predictor(predictor, release)
        if _storage(predictor) == _storage(renewed) and not _not_ready(service):
            return renewed
        return {**renewed, "canaryTrafficPercent": 0}

    def _predictor(self, predictor: Service, release: str) -> Service:
        """A predictor like this one on another bundle; it keeps the fewest replicas it has, so capacity stays."""
        if release not in self._bundles:
            raise InputError("release", release, "the digest of a release whose bundle is stored")
        changed = {**predictor, "model": {**predictor.get("model", {}), "storageUri": self._bundles[release]}}
        changed.pop("canaryTrafficPercent", None)
        return changed

    def _share(self, service: Service) -> int:
        if self._mode(service) == "Standard":
            canary = service["spec"].get("canary") or [{}]
            return int(canary[0].get("trafficPercent", 0))
        traffic = ((service.get("status") or {}).get("components") or {}).get("predictor", {}).get("traffic")
        if traffic:
            return sum(int(one.get("percent", 0)) for one in traffic if one.get("latestRevision"))
        return int(service["spec"]["predictor"].get("canaryTrafficPercent", FULL))

    def _note(self, service: Service, serving: str, candidate: str, wanted: Wanted) -> None:
        annotations = dict(service["metadata"].get("annotations") or {})
        annotations.update({NUMBER: str(wanted.number), SERVING: serving, CANDIDATE: candidate})
        service["metadata"]["annotations"] = annotations


def _number(service: Service) -> int:
    return int((service["metadata"].get("annotations") or {}).get(NUMBER, "0"))


def _storage(predictor: Service) -> str | None:
    """Where a predictor's bundle is stored."""
    found = predictor.get("model", {}).get("storageUri")
    return None if found is None else str(found)


def _observed(service: Service) -> bool:
    """Whether the status speaks of the specification as it is now."""
    generation = service["metadata"].get("generation")
    return bool((service.get("status") or {}).get("observedGeneration", generation) == generation)


def _not_ready(service: Service) -> str:
    """What the object says is missing until it is ready; empty when nothing is."""
    conditions = {one["type"]: one for one in (service.get("status") or {}).get("conditions", [])}
    ready = conditions.get("Ready", {})
    if ready.get("status") == "True":
        return ""
    why = ready.get("message") or ready.get("reason") or "it does not say why"
    failure = ((service.get("status") or {}).get("modelStatus") or {}).get("lastFailureInfo") or {}
    return f"not ready: {failure.get('reason') or why}"


def _latest_at_full(service: Service) -> str | None:
    """The revision that Knative rolled out whole, if any."""
    predictor = ((service.get("status") or {}).get("components") or {}).get("predictor", {})
    return predictor.get("latestRolledoutRevision") or predictor.get("latestReadyRevision")
