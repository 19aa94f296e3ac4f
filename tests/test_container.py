"""The container's files: their form, as no container engine runs where the tests do."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser

from mammoscope.cli import app

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def instructions() -> list[dict[str, Any]]:
    return list(DockerfileParser(str(ROOT / "Dockerfile")).structure)


def test_the_image_runs_without_root(instructions: list[dict[str, Any]]) -> None:
    last = {each["instruction"]: each["value"] for each in instructions}
    assert last["USER"].isdigit() and int(last["USER"]) >= 1000
    after = [each["instruction"] for each in instructions]
    assert "RUN" not in after[after.index("USER") :]
    assert last["ENTRYPOINT"] == '["mammoscope"]'
    assert last["HEALTHCHECK"].startswith("--interval=")


def test_nothing_is_fetched_but_pinned_packages(instructions: list[dict[str, Any]]) -> None:
    assert not any(each["instruction"] == "ADD" for each in instructions)
    bases = [each["value"].split()[0] for each in instructions if each["instruction"] == "FROM"]
    assert all(re.fullmatch(r"[\w./-]+:[\w.-]+", base) and ":latest" not in base for base in bases)
    (install,) = [each["value"] for each in instructions if "pip install" in each["value"]]
    assert "--constraint constraints.txt" in install
    extras = re.search(r"\.\[([\w,]+)\]", install)
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras is not None
    assert set(extras[1].split(",")) <= set(known)


def test_what_is_copied_is_let_in_and_is_there(instructions: list[dict[str, Any]]) -> None:
    let_in = (ROOT / ".dockerignore").read_text().splitlines()
    for each in instructions:
        if each["instruction"] == "COPY" and "--from" not in each["value"]:
            for source in each["value"].split()[:-1]:
                name = source.removeprefix("./")
                assert f"!{name}" in let_in
                assert (ROOT / name).exists()


def test_the_compose_file_follows_the_specification() -> None:
    schema = ["--builtin-schema", "vendor.compose-spec", str(ROOT / "compose.yaml")]
    command = [sys.executable, "-m", "check_jsonschema", *schema]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_commands_of_the_compose_file_exist() -> None:
    import typer

    known = typer.main.get_command(app)
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    ours = [service for service in services.values() if service.get("image") == "mammoscope"]
    assert {service["command"][0] for service in ours} == {"node", "view"}
    for service in ours:
        name, *options = service["command"]
        command = known.commands[name]  # type: ignore[attr-defined]
        spelled = {option for each in command.params for option in each.opts}
        asked = {option.split("=")[0] for option in options if option.startswith("--")}
        assert asked <= spelled
        # Read as the command line is: wrong values are refused, too.
        command.make_context(name, list(options), resilient_parsing=False).close()
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["healthcheck"]["test"][0] == "CMD"


def test_the_health_checks_of_the_compose_file_ask_where_the_commands_answer() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for name, option in (("node", "--metrics="), ("viewer", "--port=")):
        (port,) = [w.removeprefix(option) for w in services[name]["command"] if option in w]
        *_, code = services[name]["healthcheck"]["test"]
        assert port in code
        compile(code, name, "exec")


def test_all_that_the_compose_file_runs_is_installed(instructions: list[dict[str, Any]]) -> None:
    (install,) = [each["value"] for each in instructions if "pip install" in each["value"]]
    extras = re.search(r"\.\[([\w,]+)\]", install)
    assert extras is not None and {"dicom", "view"} <= {*extras[1].split(",")}


def test_volumes_that_are_written_belong_to_the_user(instructions: list[dict[str, Any]]) -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    ours = [service for service in services.values() if service.get("image") == "mammoscope"]
    places = {volume.split(":")[1] for service in ours for volume in service["volumes"]}
    (made,) = [each["value"] for each in instructions if "install -d" in each["value"]]
    assert all(f" {place}" in made for place in places)
