"""The Compose file: fits its specification, holds no secret, gives nothing that is not needed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

from tests.deploy.conftest import PORT, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FOLDER: Final = ROOT / "deploy"
TEXT: Final = (FOLDER / "compose.yaml").read_text("utf-8")
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(TEXT)
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
OURS: Final = ("api", "worker")
VARIABLE: Final = re.compile(r"(?<!\$)\$\{(\w+)(:[?-])?([^}]*)\}")


def test_it_fits_the_specification() -> None:
    jsonschema.validate(COMPOSE, get_builtin_schema("vendor.compose-spec"))


def test_nothing_secret_has_a_default() -> None:
    found = {name: (operator, rest) for name, operator, rest in VARIABLE.findall(TEXT)}
    for name, (operator, rest) in found.items():
        secret = name.endswith(("PASSWORD", "_KEY"))
        assert operator == ":?" if secret else operator in {":?", ":-"}, name
        assert rest or operator == ":-", f"{name}: say what is missing"


def test_the_example_names_every_variable_and_no_secret() -> None:
    lines = (FOLDER / "compose.env.example").read_text("utf-8").splitlines()
    example = dict(
        line.lstrip("#").split("=", 1) for line in lines if re.match(r"#?[A-Z_]+=", line)
    )
    assert example.keys() == {name for name, _, _ in VARIABLE.findall(TEXT)}
    required = {name for name, operator, _ in VARIABLE.findall(TEXT) if operator == ":?"}
    assert {name for name in required if example[name]} == set()


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_nothing_that_it_need_not(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert "healthcheck" in service
    # Published to this host alone, and never a store.
    assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ()))
    if service["networks"] == ["stores"]:
        assert "ports" not in service
    user = service.get("user")
    assert name == "qdrant" or (user and not user.startswith("0")), "an image of its own user"


@pytest.mark.parametrize("name", OURS)
def test_our_services_name_settings_commands_and_ports_that_exist(
    name: str,
    must_be_settings: Callable[[dict[str, str]], None],
    must_be_a_command: Callable[[Sequence[str]], None],
) -> None:
    service = SERVICES[name]
    must_be_settings(service["environment"])
    must_be_a_command(service["command"])
    for port in service.get("ports", ()):
        assert port.endswith(f":{PORT}")
    if "test" in service["healthcheck"]:
        assert f"127.0.0.1:{PORT}/readyz" in " ".join(service["healthcheck"]["test"])


def test_what_is_waited_for_has_a_healthcheck_and_a_common_network() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "test" in SERVICES[other]["healthcheck"]
            assert {*service["networks"]} & {*SERVICES[other]["networks"]}, (name, other)
    assert COMPOSE["networks"]["stores"]["internal"] is True


def test_every_mount_is_a_volume_or_a_path_that_exists() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source = mount.rsplit(":/", 1)[0]
            if source.startswith("./"):
                assert (FOLDER / source).is_dir(), mount
            elif not source.startswith("${"):
                assert source in COMPOSE["volumes"], mount
    scrape = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yml").read_text("utf-8"))
    assert all((FOLDER / "prometheus" / name).exists() for name in scrape["rule_files"])
    (job,) = scrape["scrape_configs"]
    assert job["dns_sd_configs"] == [{"names": ["api"], "type": "A", "port": PORT}]
