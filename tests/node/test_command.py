"""``mammoscope node``: what it refuses before it begins."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mammoscope.models import DetectorCard
from mammoscope.node.backoff import Backoff
from mammoscope.node.queue import Queue

Run = Callable[..., Any]

PACS = ("--send-to", "PACS@127.0.0.1:104")


@pytest.fixture
def node(run_command: Run, tmp_path: Path, brightest_pixel: DetectorCard) -> Run:
    def run(*arguments: object) -> Any:
        model = ("--model", brightest_pixel.path, "--no-classify")
        return run_command("node", "--spool", tmp_path / "spool", *model, *arguments)

    return run


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ((), "--send-to or --dicomweb"),
        ((*PACS, "--dicomweb", "http://127.0.0.1"), "--send-to or --dicomweb"),
        (("--send-to", "PACS"), "AET@HOST:PORT"),
        ((*PACS, "--aet", "A" * 17), "no AE title"),
        ((*PACS, "--accept", "A\\B"), "no AE title"),
        ((*PACS, "--dicom", ""), "nothing to send"),
        ((*PACS, "--dicom", "pdf"), "no DICOM objects 'pdf'"),
        ((*PACS, "--tls-cert", "a.pem"), "go together"),
    ],
)
def test_wrong_use(node: Run, tmp_path: Path, arguments: tuple[str, ...], cause: str) -> None:
    done = node(*arguments)
    assert done.exit_code == 2
    assert cause in done.stderr
    assert not (tmp_path / "spool").exists()


def test_a_port_that_is_taken_is_named(node: Run) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = node(*PACS, "--port", port)
    assert done.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


def test_a_spool_that_another_node_uses_is_named(node: Run, tmp_path: Path) -> None:
    with closing(Queue(tmp_path / "spool", Backoff(1))):
        done = node(*PACS)
    assert done.exit_code == 1
    assert "spool: another node uses it" in done.stderr


def test_credentials_in_the_address_are_refused_and_not_repeated(node: Run) -> None:
    done = node("--dicomweb", "http://user:secret@127.0.0.1/dicom-web")
    assert done.exit_code == 1
    assert "MAMMOSCOPE_DICOMWEB_PASSWORD" in done.stderr and "secret" not in done.output


def test_a_certificate_that_cannot_be_used_is_named(node: Run, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    files = ("--tls-cert", missing, "--tls-key", missing, "--tls-ca", missing)
    for way in (PACS, ("--dicomweb", "https://127.0.0.1")):
        done = node(*way, *files)
        assert done.exit_code == 1
        assert "missing.pem" in done.stderr


@pytest.mark.parametrize("package", ["highdicom", "pynetdicom", "dicomweb_client"])
def test_a_missing_extra_is_said(node: Run, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    done = node(*PACS)
    assert done.exit_code == 1
    assert "pip install 'mammoscope[dicom]'" in done.stderr
