"""What Helm has recorded is read back, and a request for another pair than stands is refused in one sentence."""

from dataclasses import replace

import pytest

from mig.charts import Chart, agree, recorded
from mig.errors import Refused
from mig.release import ARTICLE, CURRENT, RELEASES, Release
from rehearsal.kubernetes.helm import Release as HelmRelease
from rehearsal.kubernetes.helm import record

INSTALLED = HelmRelease(
    name="operator", namespace="n", revision=1, chart="gpu-operator", version="v25.10.1", values={"a": 1}
)


def standing(release: Release) -> list[Chart]:
    """Both charts of a pair, and one that is none of NVIDIA's."""
    return [
        Chart(name="gpu-operator", version=release.operator),
        Chart(name=release.dra_chart, version=release.dra_version),
        Chart(name="kube-prometheus-stack", version="1"),
    ]


def test_the_newest_revision_is_what_stands() -> None:
    """In whatever order Secrets are listed."""
    upgraded = replace(INSTALLED, revision=10, version="v26.7.0")
    between = replace(INSTALLED, revision=9)

    assert (Chart(name="gpu-operator", version="v26.7.0"),) == recorded(map(record, (INSTALLED, upgraded, between)))


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_the_pair_that_stands(release: Release) -> None:
    """A request for it goes on."""
    agree(standing(release), release, cluster="mig")


@pytest.mark.parametrize(
    "charts",
    [
        pytest.param([], id="nothing is recorded"),
        pytest.param([Chart(name="kube-prometheus-stack", version="1")], id="none of NVIDIA's"),
        pytest.param([Chart(name="gpu-operator", version="26.7.0")], id="one alone, written without its letter"),
    ],
)
def test_held_against_nobody(charts: list[Chart]) -> None:
    """What is not known to disagree goes on: charts may be installed without Helm."""
    agree(charts, CURRENT, cluster="mig")


@pytest.mark.parametrize(
    ("charts", "wanted", "sentence"),
    [
        pytest.param(
            standing(CURRENT),
            ARTICLE,
            "release: article is not what stands in cluster mig: it has gpu-operator v26.7.0 and dra-driver-nvidia-gpu "
            "0.4.1; accepted: current, or article once `mig platform up` has raised it",
            id="the other pair",
        ),
        pytest.param(
            [*standing(CURRENT)[:1], *standing(ARTICLE)[1:]],
            CURRENT,
            "release: current is not what stands in cluster mig: it has nvidia-dra-driver-gpu 25.8.1; "
            "accepted: current once `mig platform up` has raised it",
            id="half of each pair",
        ),
        pytest.param(
            [Chart(name="gpu-operator", version="v25.3.0")],
            CURRENT,
            "release: current is not what stands in cluster mig: it has gpu-operator v25.3.0; "
            "accepted: current once `mig platform up` has raised it",
            id="a version of no pair",
        ),
    ],
)
def test_refused(charts: list[Chart], wanted: Release, sentence: str) -> None:
    """The sentence names what stands, and both ways on."""
    with pytest.raises(Refused) as refused:
        agree(charts, wanted, cluster="mig")

    assert sentence == str(refused.value)
