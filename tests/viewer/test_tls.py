"""Over a network the viewer speaks TLS."""

from __future__ import annotations

import ssl
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mammoscope.errors import InputError
from mammoscope.viewer.exports import Exporter
from mammoscope.viewer.library import Library
from mammoscope.viewer.people import Doors, Person
from mammoscope.viewer.reviews import Reviews
from mammoscope.viewer.room import Sources

from .conftest import MakeRoom, start

pytest.importorskip("uvicorn", reason="needs the extra [view]")
x509 = pytest.importorskip("cryptography.x509", reason="needs cryptography")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of our own for localhost, and its key."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


def test_pages_come_encrypted_and_cookies_stay_so(
    make_room: MakeRoom, library: Library, reviews: Reviews, certificate: tuple[Path, Path]
) -> None:
    cert, key = certificate
    exporter = Exporter(library, reviews, Sources())
    place = {"names": ("localhost",), "certificate": cert, "key": key}
    link = start(make_room(), exporter, [Person("ann")], **place)["ann"].link
    assert link.startswith("https://localhost:")
    trusted = ssl.create_default_context(cafile=str(cert))
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=trusted), urllib.request.HTTPCookieProcessor()
    )
    with opener.open(link) as answer:
        assert answer.status == 200
        assert b"<title>mammoscope</title>" in answer.read()


def test_links_stay_the_same_and_are_private(tmp_path: Path) -> None:
    people = [Person("ann"), Person("ben")]
    first = Doors.kept(people, tmp_path / "links.json")
    again = Doors.kept([*people, Person("carla")], tmp_path / "links.json")
    assert all(again.secrets_of[person] == first.secrets_of[person] for person in people)
    assert len(set(again.secrets_of.values())) == 3
    assert (tmp_path / "links.json").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["links.json"]
    inode = (tmp_path / "links.json").stat().st_ino
    Doors.kept([*people, Person("carla")], tmp_path / "links.json")
    assert (tmp_path / "links.json").stat().st_ino == inode
    (tmp_path / "links.json").chmod(0o644)
    Doors.kept([*people, Person("carla")], tmp_path / "links.json")
    assert (tmp_path / "links.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["5", "null", "[1]", "{"])
def test_a_file_of_links_that_holds_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "links.json").write_text(text)
    with pytest.raises(InputError, match="holds no secrets"):
        Doors.kept([Person("ann")], tmp_path / "links.json")
