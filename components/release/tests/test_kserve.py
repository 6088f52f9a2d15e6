"""KServe's objects as its API gives them: what is written, what is read, what is refused."""

import copy

import pytest
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import MaxRetryError
from windsock.contracts.errors import InputError
from windsock.release.kserve import ClusterObjects, KServeTraffic, StoredBundles, check_supported, mode_of
from windsock.release.place import open_traffic
from windsock.release.traffic import OvertakenError, Wanted

BUNDLES = {"old": "s3://releases/old", "new": "s3://releases/new"}


class Cluster:
    """One object, replaced on condition of its resource version, as the API server does it."""

    def __init__(self, service):
        self.service = service

    def get(self):
        return copy.deepcopy(self.service)

    def replace(self, service):
        if service["metadata"]["resourceVersion"] != self.service["metadata"]["resourceVersion"]:
            raise OvertakenError("changed")
        version = str(int(service["metadata"]["resourceVersion"]) + 1)
        self.service = copy.deepcopy(service)
        self.service["metadata"]["resourceVersion"] = version


def service(mode="Knative", **spec):
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "flights", "resourceVersion": "7", "generation": 2, "annotations": {}},
        "spec": {
            "predictor": {
                "minReplicas": 2,
                "maxReplicas": 4,
                "scaleTarget": 20,
                "model": {"storageUri": "s3://releases/old"},
            },
            **spec,
        },
        "status": {
            "deploymentMode": mode,
            "observedGeneration": 2,
            "conditions": [{"type": "Ready", "status": "True"}],
            "components": {"predictor": {"latestReadyRevision": "r1", "latestRolledoutRevision": "r1"}},
        },
    }


def traffic(cluster, version=(0, 21)):
    return KServeTraffic(cluster, version, BUNDLES)


def follow(cluster, percent):
    """What the controller writes into the status after a canary is set."""
    cluster.service["status"]["components"]["predictor"]["traffic"] = [
        {"latestRevision": True, "percent": percent, "revisionName": "r2"},
        {"latestRevision": False, "percent": 100 - percent, "revisionName": "r1", "tag": "prev"},
    ]


def place(cluster):
    """Where the newest revision's bundle is stored, and its share where one is given."""
    predictor = cluster.service["spec"]["predictor"]
    return predictor["model"]["storageUri"], predictor.get("canaryTrafficPercent")


def test_knative_gives_the_newest_revision_its_share():
    cluster = Cluster(service())
    leading = traffic(cluster)
    wanted = Wanted(3, {"old": 90, "new": 10})
    assert "not been brought" in leading.ready(wanted)
    leading.set_weights(wanted)
    predictor = cluster.service["spec"]["predictor"]
    assert predictor["canaryTrafficPercent"] == 10
    assert predictor["model"]["storageUri"] == "s3://releases/new"
    assert predictor["minReplicas"] == 2
    follow(cluster, 10)
    assert leading.get_weights() == {"old": 90, "new": 10}
    assert leading.ready(wanted) == ""


def test_knative_goes_back_by_pinning_the_old_revision_at_once_and_then_leaves_nothing_of_the_other():
    cluster = Cluster(service())
    leading, back = traffic(cluster), Wanted(4, {"old": 100})
    leading.set_weights(Wanted(3, {"old": 90, "new": 10}))
    follow(cluster, 10)
    leading.finalize(back)
    assert place(cluster) == ("s3://releases/new", 0)
    # As long as the candidate may have its share, nothing else changes.
    leading.finalize(back)
    assert place(cluster) == ("s3://releases/new", 0)
    follow(cluster, 0)
    assert leading.get_weights() == {"old": 100}
    assert "the newest revision still holds" in leading.ready(back)
    leading.finalize(back)
    assert place(cluster) == ("s3://releases/old", 0)
    cluster.service["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
    assert "not ready" in leading.ready(back)
    leading.finalize(back)
    assert place(cluster) == ("s3://releases/old", 0)
    cluster.service["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    assert "pinned" in leading.ready(back)
    leading.finalize(back)
    assert place(cluster) == ("s3://releases/old", None)
    assert leading.ready(back) == ""


def test_what_the_controller_has_not_seen_yet_is_no_step_done():
    cluster = Cluster(service())
    leading, back = traffic(cluster), Wanted(4, {"old": 100})
    leading.set_weights(Wanted(3, {"old": 90, "new": 10}))
    leading.finalize(back)
    follow(cluster, 0)
    cluster.service["status"]["observedGeneration"] = 1
    leading.finalize(back)
    assert place(cluster) == ("s3://releases/new", 0)


def test_in_probation_the_release_before_is_pinned_and_that_is_as_wanted():
    cluster = Cluster(service())
    leading, all_but_settled = traffic(cluster), Wanted(4, {"old": 0, "new": 100})
    leading.set_weights(Wanted(3, {"old": 50, "new": 50}))
    leading.set_weights(all_but_settled)
    follow(cluster, 100)
    assert place(cluster) == ("s3://releases/new", 100)
    assert leading.ready(all_but_settled) == ""
    assert "pinned" in leading.ready(Wanted(4, {"new": 100}))


def test_knative_promotes_by_leaving_the_field_out():
    cluster = Cluster(service())
    leading = traffic(cluster)
    leading.set_weights(Wanted(3, {"old": 50, "new": 50}))
    leading.finalize(Wanted(4, {"new": 100}))
    assert "canaryTrafficPercent" not in cluster.service["spec"]["predictor"]
    assert leading.get_weights() == {"new": 100}


def test_standard_puts_the_candidate_beside_and_keeps_the_stable_side_whole():
    cluster = Cluster(service("Standard"))
    leading = traffic(cluster)
    leading.set_weights(Wanted(3, {"old": 75, "new": 25}))
    (canary,) = cluster.service["spec"]["canary"]
    assert canary["trafficPercent"] == 25
    assert canary["predictor"]["model"]["storageUri"] == "s3://releases/new"
    assert cluster.service["spec"]["predictor"]["model"]["storageUri"] == "s3://releases/old"
    assert cluster.service["spec"]["predictor"]["minReplicas"] == 2
    assert leading.get_weights() == {"old": 75, "new": 25}
    assert "maxReplicas" in cluster.service["spec"]["predictor"], "or the next line could not fail"
    assert not {"maxReplicas", "scaleTarget", "scaleMetric", "autoScaling"} & set(canary["predictor"])
    leading.finalize(Wanted(4, {"old": 100}))
    assert "canary" not in cluster.service["spec"]


@pytest.mark.parametrize(
    "mode,version,spec,named",
    [
        ("Standard", (0, 21), {"predictor": {"canaryTrafficPercent": 10}}, "canaryTrafficPercent"),
        ("Standard", (0, 20), {}, "KServe version"),
        ("Standard", (0, 21), {"transformer": {}}, "transformer"),
        ("Knative", (0, 20), {"canary": [{"trafficPercent": 10}]}, "spec.canary"),
        ("ModelMesh", (0, 21), {}, "deployment mode"),
    ],
)
def test_what_kserve_would_ignore_is_refused_in_one_line(mode, version, spec, named):
    with pytest.raises(InputError) as refusal:
        check_supported(service(mode, **spec), version, mode)
    assert refusal.value.field == named
    assert "\n" not in str(refusal.value)


def test_a_canary_without_a_revision_at_full_traffic_is_refused():
    cluster = Cluster(service())
    cluster.service["status"]["components"] = {}
    with pytest.raises(InputError, match="Ready before a canary"):
        traffic(cluster).set_weights(Wanted(3, {"old": 90, "new": 10}))


def test_an_older_wish_and_a_changed_object_are_refused():
    cluster = Cluster(service())
    traffic(cluster).set_weights(Wanted(5, {"old": 90, "new": 10}))
    with pytest.raises(OvertakenError):
        traffic(cluster).set_weights(Wanted(4, {"old": 75, "new": 25}))

    class Racing(Cluster):
        def get(self):
            found = super().get()
            self.service["metadata"]["resourceVersion"] = "99"
            return found

    with pytest.raises(OvertakenError):
        traffic(Racing(service())).set_weights(Wanted(6, {"old": 90, "new": 10}))


def test_the_mode_is_read_from_the_status_then_the_annotation():
    assert mode_of(service("RawDeployment")) == "Standard"
    bare = service()
    del bare["status"]
    assert mode_of(bare) == "Knative"
    bare["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": "Standard"}
    assert mode_of(bare) == "Standard"


def test_a_release_that_is_not_stored_is_refused():
    with pytest.raises(InputError, match="bundle is stored"):
        traffic(Cluster(service())).set_weights(Wanted(3, {"old": 90, "third": 10}))


@pytest.mark.parametrize("address", ["kserve:windsock/predictor", "kserve:", "knative:windsock/predictor s3://x"])
def test_an_address_that_leads_nowhere_is_refused_with_what_was_expected(address):
    with pytest.raises(InputError, match=r"traffic: got .*, expected none:.* or kserve:NAMESPACE/NAME BUNDLES"):
        open_traffic(address)


def test_without_a_cluster_the_address_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("kubernetes.config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InputError, match=r"KUBECONFIG: got 'no cluster'"):
        open_traffic("kserve:windsock/predictor s3://bucket/releases")
    with pytest.raises(InputError, match=r"InferenceService: got 'predictor', expected NAMESPACE/NAME"):
        open_traffic("kserve:predictor s3://bucket/releases")


@pytest.mark.parametrize(
    ("trouble", "error", "named"),
    [
        (ApiException(status=409, reason="Conflict"), OvertakenError, "another process"),
        (ApiException(status=404, reason="Not Found"), InputError, "InferenceService windsock/predictor: got '404 Not"),
        (MaxRetryError(None, "/"), InputError, "Kubernetes: got 'MaxRetryError', expected an API server that answers"),
    ],
)
def test_what_the_api_server_says_is_one_line(monkeypatch, trouble, error, named):
    objects = ClusterObjects(None, "windsock", "predictor")

    def fail(*_):
        raise trouble

    for call in ("get_namespaced_custom_object", "replace_namespaced_custom_object"):
        monkeypatch.setattr(objects._api, call, fail)
    for ask in (objects.get, lambda: objects.replace({})):
        with pytest.raises(error, match=named):
            ask()


def test_a_release_is_stored_under_its_digest_and_nothing_else_is_a_release():
    stored = StoredBundles("s3://bucket/releases/")
    digest = "sha256:" + "a" * 64
    assert stored[digest] == "s3://bucket/releases/" + "a" * 64
    assert "production" not in stored
    assert "sha256:../../other" not in stored
