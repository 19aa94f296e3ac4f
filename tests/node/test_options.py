from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mammoscope.errors import InputError, MammoscopeError
from mammoscope.node.options import Peer, Tls, check_aet


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("PACS@192.0.2.7:104", Peer("PACS", "192.0.2.7", 104)),
        ("MY PACS@pacs.example:11112", Peer("MY PACS", "pacs.example", 11112)),
        ("PACS@[::1]:104", Peer("PACS", "::1", 104)),
    ],
)
def test_a_peer_is_a_title_a_host_and_a_port(text: str, peer: Peer) -> None:
    assert Peer.parse(text) == peer


@pytest.mark.parametrize(
    "text", ["", "PACS", "PACS@host", "@host:104", "PACS@:104", "PACS@host:0", "PACS@host:70000"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(MammoscopeError, match="AET@HOST:PORT"):
        Peer.parse(text)


@pytest.mark.parametrize("aet", ["", " A", "A ", "A" * 17, "A\\B", "Ä", "A\n"])
def test_what_is_no_title_is_refused(aet: str) -> None:
    with pytest.raises(MammoscopeError, match="AE title"):
        check_aet(aet)


def test_files_for_tls_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    with pytest.raises(InputError, match=r"bad\.pem"):
        Tls(bad, bad, bad).server()
    with pytest.raises(InputError, match=r"missing\.pem"):
        Tls(bad, bad, tmp_path / "missing.pem").client()


def test_an_encrypted_key_is_refused_and_no_password_asked_for(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:secret"]
    command += ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    with pytest.raises(InputError, match=r"cert\.pem.*encrypted"):
        Tls(cert, key, cert).client()
