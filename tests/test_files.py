from __future__ import annotations

import ast
import json
import os
import socket
import stat
from pathlib import Path

import pytest

import mammoscope
from mammoscope.errors import OutputError
from mammoscope.files import (
    TooLarge,
    atomic_file,
    ensure_folder,
    json_bytes,
    read_file,
    read_head,
    real_path,
    write_bytes,
    write_json,
)


def test_bytes_replace_an_older_file_and_leave_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    write_bytes(target, b"old and longer")
    write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_file_has_the_permissions_of_any_other_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_bytes(tmp_path / "ours", b"")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "ours")}
    assert len(modes) == 1


def test_an_error_while_writing_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), atomic_file(target) as stream:
        stream.write(b"half of the n")
        raise ZeroDivisionError
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_name_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 255)
    write_bytes(target, b"x")
    assert target.read_bytes() == b"x"


@pytest.mark.parametrize("where", ["missing/a.json", "a_file/a.json", "a_folder"])
def test_what_cannot_be_written_is_named(tmp_path: Path, where: str) -> None:
    (tmp_path / "a_file").write_bytes(b"")
    (tmp_path / "a_folder").mkdir()
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(OutputError, match="cannot be written") as caught:
        write_json(tmp_path / where, {})
    assert caught.value.path == os.fspath(tmp_path / where)
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_folder_is_made_with_its_parents_and_may_exist(tmp_path: Path) -> None:
    assert ensure_folder(tmp_path / "a" / "b").is_dir()
    assert ensure_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"


def test_folder_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot make this folder"):
        ensure_folder(tmp_path / "a")


def test_json_bytes_are_readable_text() -> None:
    assert json_bytes({"b": "é", "a": [1]}) == '{\n  "b": "é",\n  "a": [\n    1\n  ]\n}\n'.encode()


def test_json_of_a_file_name_that_is_not_text() -> None:
    name = os.fsdecode(b"caf\xe9.dcm")
    assert json.loads(json_bytes({"path": name})) == {"path": name}


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_bytes({"a": float("nan")})


def test_what_is_no_file_is_an_error_and_not_a_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("missing")
    (tmp_path / "to-fifo").symlink_to("fifo")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    paths = [tmp_path / name for name in ("fifo", "loop", "nowhere", "to-fifo", "socket", "")]
    paths += [Path("/dev/zero"), Path("/dev/tty"), tmp_path / "a\0b", tmp_path / ("n" * 300)]
    for path in paths:
        with pytest.raises(OSError):
            read_file(path)
        with pytest.raises(OSError):
            read_head(path, 10)
    listener.close()


def test_no_more_is_read_than_a_file_may_have(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(100))
    assert read_file(path, 100) == bytes(100) and read_head(path, 7) == bytes(7)
    with pytest.raises(TooLarge):
        read_file(path, 99)


def test_links_in_a_circle_have_a_path_too(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").symlink_to(tmp_path / "d")
    assert real_path(tmp_path / "a").parent == tmp_path.resolve()
    assert real_path(tmp_path / "c") == tmp_path.resolve() / "d"
    assert real_path("a\0b").name == "a\0b"


def test_nothing_in_the_package_ends_at_links_in_a_circle() -> None:
    for source in SOURCES.rglob("*.py"):
        text = source.read_text(encoding="utf-8").replace("Path(__file__).resolve()", "")
        assert ".resolve()" not in text, source


SOURCES = Path(mammoscope.__file__).parent

NOT_OF_USERS = {
    "reporting/html/templates.py": "its own templates",
    "results/image.py": "its own schemas",
    "viewer/app.py": "its own pages",
    "classification/reference.py": "its own table",
    "reading/codecs/process.py": "what the system says of the process",
    "cli/checking.py": "what the system says of the processor",
}
"""Files of the package that are read otherwise: no user names them."""


def test_every_file_is_read_by_the_one_helper() -> None:
    otherwise = []
    for source in sorted(SOURCES.rglob("*.py")):
        name = source.relative_to(SOURCES).as_posix()
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and name != "files.py" and opens(node):
                otherwise.append((name, node.lineno))
    assert {name for name, _ in otherwise} == {*NOT_OF_USERS}, otherwise


def opens(call: ast.Call) -> bool:
    """Whether a call may open a file that it names, to read from it."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in ("read_text", "read_bytes") and isinstance(function, ast.Attribute):
        return True
    if name in ("imread", "loadtxt", "genfromtxt", "fromfile"):
        return True
    if name in ("dcmread", "safe_load"):
        in_memory = isinstance(call.args[0], ast.Call) and ast.unparse(call.args[0].func)
        return in_memory not in ("BytesIO", "io.BytesIO")
    return isinstance(function, ast.Name) and name == "open"
