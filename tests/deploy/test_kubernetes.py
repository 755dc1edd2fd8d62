"""The Kubernetes manifests: fit the schemas, hold together, run confined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import kubernetes_validate
import pytest
import yaml

from tests.deploy.conftest import PORT, PREFIX, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FOLDER: Final = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION: Final = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))
OBJECTS: Final[list[dict[str, Any]]] = [
    one
    for name in KUSTOMIZATION["resources"]
    for one in yaml.safe_load_all((FOLDER / name).read_text("utf-8"))
]
OLDEST: Final = "1.34"  # lifecycle.preStop.sleep is stable from there


def called(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in OBJECTS if one["kind"] == kind}


def templates() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and pod template of everything that runs."""
    for name, one in called("Deployment").items():
        yield name, one["spec"]["template"]
    for name, one in called("CronJob").items():
        yield name, one["spec"]["jobTemplate"]["spec"]["template"]


def secrets() -> dict[str, str]:
    """What the Secret is to hold, as the ConfigMap says, each with a value that it may have."""
    head = (FOLDER / "configmap.yaml").read_text("utf-8").partition("apiVersion")[0]
    named = [word.strip(".,") for word in head.replace("#", " ").split() if PREFIX in word]
    assert len(named) == 4
    like = {"REDIS": "redis://redis", "DATABASE": "postgresql+psycopg://host/name"}
    return {name: like.get(name.split("_")[1], "http://qdrant") for name in named}


POD: Final = pytest.mark.parametrize(
    "template", [template for _, template in templates()], ids=[name for name, _ in templates()]
)


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("one", OBJECTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_an_object_fits_its_schema(one: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(one, version, strict=True)


def test_every_file_is_named_once_and_exists() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert sorted(KUSTOMIZATION["resources"]) == sorted(files)
    assert {image["name"] for image in KUSTOMIZATION["images"]} == {
        container["image"]
        for _, template in templates()
        for container in (*template["spec"]["initContainers"], *template["spec"]["containers"])
    }


def test_the_namespace_takes_only_confined_pods() -> None:
    (namespace,) = called("Namespace").values()
    assert namespace["metadata"]["name"] == KUSTOMIZATION["namespace"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    (account,) = called("ServiceAccount").values()
    assert account["automountServiceAccountToken"] is False


@POD
def test_a_pod_is_confined(template: dict[str, Any]) -> None:
    spec = template["spec"]
    assert spec["serviceAccountName"] in called("ServiceAccount")
    assert spec["automountServiceAccountToken"] is False
    # Kubernetes would name a variable CLEARANCE_API_PORT after the service, and it is no setting.
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
        volumes = {volume["name"] for volume in spec["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


@POD
def test_a_pod_runs_commands_and_has_settings_that_exist(
    template: dict[str, Any],
    must_be_settings: Callable[[dict[str, str]], None],
    must_be_a_command: Callable[[Sequence[str]], None],
) -> None:
    (container,) = template["spec"]["containers"]
    must_be_a_command(container["command"])
    (config,) = called("ConfigMap").values()
    must_be_settings(config["data"] | secrets())
    assert {"name": config["metadata"]["name"]} == container["envFrom"][0]["configMapRef"]
    # Where it keeps its data is mounted, and the keys are put where it looks for them.
    data = config["data"][f"{PREFIX}DATA_DIR"]
    assert any(data.startswith(mount["mountPath"]) for mount in container["volumeMounts"])
    (keys,) = template["spec"]["initContainers"]
    assert f"{data}/signing/" in " ".join(keys["args"])


def test_the_api_is_asked_whether_it_lives_and_whether_it_can_answer() -> None:
    (container,) = called("Deployment")["clearance-api"]["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": PORT}]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness")}
    assert probes == {name: {"path": "/livez", "port": "http"} for name in probes}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_selectors_find_what_they_are_for() -> None:
    labels = {name: template["metadata"]["labels"] for name, template in templates()}

    def chosen(selector: dict[str, str]) -> set[str]:
        return {name for name, own in labels.items() if selector.items() <= own.items()}

    for name, one in called("Deployment").items():
        assert chosen(one["spec"]["selector"]["matchLabels"]) == {name}
    for name, one in called("PodDisruptionBudget").items():
        assert chosen(one["spec"]["selector"]["matchLabels"]) == {name}
    for name, one in called("Service").items():
        assert chosen(one["spec"]["selector"]) == {name}
    policies = called("NetworkPolicy")
    assert policies["clearance-closed"]["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
    asked = policies["clearance-ingress"]["spec"]["podSelector"]["matchLabels"]
    assert chosen(asked) == {"clearance-api"}
    asks = policies["clearance-egress"]["spec"]["podSelector"]["matchLabels"]
    assert chosen(asks) == {*labels}
    for one in called("HorizontalPodAutoscaler").values():
        scaled = called("Deployment")[one["spec"]["scaleTargetRef"]["name"]]
        assert "replicas" not in scaled["spec"]
