"""The set-ups of docs/node.md work as they stand there, but for the ports."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

Make = Callable[..., Any]

PAGE = (Path(__file__).parents[2] / "docs" / "node.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_orthanc_forwards_what_it_gets_and_gets_results(
    make_orthanc: Make,
    start_node: Make,
    storescu: Make,
    pictures: Any,
    wait_for: Make,
    free_port: Make,
    tmp_path: Path,
) -> None:
    settings, port = json.loads(blocks("json")[0]), free_port()
    title, host, _ = settings["DicomModalities"]["mammoscope"]
    settings["DicomModalities"]["mammoscope"] = [title, host, port]
    (script,) = blocks("lua")
    path = tmp_path / settings["LuaScripts"][0]
    path.write_text(script)
    settings["LuaScripts"] = [str(path)]
    orthanc = make_orthanc(settings=settings)
    node = start_node("--send-to", orthanc.address, "--port", port)
    study, images = pictures[0]
    assert storescu(*images, port=orthanc.port, aec="ORTHANC") == 0
    wait_for(lambda: orthanc.modalities(study) == ["PR", "PR", "SR"])
    assert "2 of 2 images read" in node.said


def test_dicomweb_with_a_password(
    make_orthanc: Make, start_node: Make, pictures: Any, wait_for: Make
) -> None:
    orthanc = make_orthanc(settings=json.loads(blocks("json")[1]))
    (line,) = re.findall(r"^export (.*)$", PAGE, re.MULTILINE)
    environment = dict(word.split("=") for word in line.split())
    study, images = pictures[0]
    orthanc.add(*images)
    start_node("--dicomweb", orthanc.dicomweb, "--days", 36500, **environment)
    wait_for(lambda: orthanc.modalities(study) == ["PR", "PR", "SR"])
