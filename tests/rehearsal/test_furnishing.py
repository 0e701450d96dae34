"""What stands in a World from the start is what it was told, made as the stand-in provider makes it."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from mig.release import RELEASES
from rehearsal.api_server import ApiError, ApiServer, Object
from rehearsal.errors import StageError
from rehearsal.furnishing import Furnishing, furnish
from rehearsal.kubernetes.helm import Releases, release_of
from rehearsal.nvidia.chart_rules import refusal
from rehearsal.nvidia.installed import installed
from tasks.world import whole
from tests.rehearsal.nvidia.test_installed import standing

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}}
GROUPS = {
    "/api/v1": {"Namespace": "", "ConfigMap": "n", "Secret": "n", "ResourceQuota": "n"},
    "/apis/resource.k8s.io/v1": {"DeviceClass": "", "ResourceClaimTemplate": "n"},
    "/apis/admissionregistration.k8s.io/v1": {
        "ValidatingAdmissionPolicy": "",
        "ValidatingAdmissionPolicyBinding": "",
    },
}


class FakeApi(ApiServer):
    """Takes everything, and keeps it by its path."""

    def __init__(self) -> None:
        self.there: dict[str, Object] = {}

    def get(self, path: str, **query: str) -> Object:
        """The kinds of a group, or no Secrets."""
        if path in GROUPS:
            kinds = GROUPS[path].items()
            return {"resources": [{"name": f"{k.lower()}s", "kind": k, "namespaced": bool(n)} for k, n in kinds]}
        assert query
        return {"items": []}

    def create(self, path: str, body: Object) -> Object:
        """A record of Helm's."""
        self.there[f"{path}/{body['metadata']['name']}"] = body
        return body

    def apply(self, path: str, body: Object, **query: str) -> Object:
        """An object."""
        if body["metadata"].get("namespace") == "nowhere":
            raise ApiError(404, 'namespaces "nowhere" not found')
        assert query["fieldManager"]
        self.there[path] = body
        return body


def furnished(folder: Path, text: str) -> FakeApi:
    """A cluster in which that stands."""
    api, file = FakeApi(), folder / "standing.json"
    file.write_text(text, encoding="utf-8")
    furnish(api, file, Releases(api=api, refusal=refusal), threading.Event())
    return api


@pytest.mark.parametrize("release", RELEASES)
def test_what_the_product_raises(release: str, tmp_path: Path) -> None:
    """Told what the platform is made of, it has all of it, and NVIDIA's side is judged from the same records."""
    api = furnished(tmp_path, whole(release))
    records = [each for path, each in api.there.items() if "/secrets/sh.helm" in path]
    stands = installed(map(release_of, records))

    assert standing(RELEASES[release]) == stands
    assert len(json.loads(whole(release))["objects"]) + 3 == len(api.there)
    assert "/api/v1/namespaces/gpu-operator/configmaps/mig-pipeline-mig-parted" in api.there


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param([], "this does not say what stands", id="something else"),
        pytest.param({"objects": []}, "wanted: objects, charts", id="half of it"),
    ],
)
def test_misunderstood(content: Any, sentence: str) -> None:
    """One sentence says what is wanted."""
    with pytest.raises(StageError, match=sentence):
        Furnishing.of(json.dumps(content))


@pytest.mark.parametrize(
    ("objects", "charts", "sentence"),
    [
        pytest.param(
            [{**CONFIG_MAP, "metadata": {"name": "c", "namespace": "nowhere"}}],
            [],
            'cannot: resource nowhere/c was not successfully created .* namespaces "nowhere" not found',
            id="an object that the API server does not take",
        ),
        pytest.param(
            [CONFIG_MAP],
            [{"name": "gpu-operator", "namespace": "n", "chart": "gpu-operator", "version": "v1", "values": {}}],
            "cannot: Helm release .* chart gpu-operator v1 is not simulated",
            id="a chart that cannot be",
        ),
    ],
)
def test_refused(objects: list[Object], charts: list[Object], sentence: str, tmp_path: Path) -> None:
    """The World does not open, and says what it could not have."""
    with pytest.raises(StageError, match=sentence):
        furnished(tmp_path, json.dumps({"objects": objects, "charts": charts}))
