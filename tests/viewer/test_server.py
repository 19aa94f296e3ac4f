"""The server as a browser meets it: who may enter, what is told, what is refused."""

from __future__ import annotations

import json
import logging
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mammoscope.results import load_run
from mammoscope.types import Density, ImageResult, LookAlike, NippleLine
from mammoscope.viewer.desk import OpenDesk
from mammoscope.viewer.exports import Exporter
from mammoscope.viewer.library import Library
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.people import Person, Role
from mammoscope.viewer.reviews import Reviews
from mammoscope.viewer.room import Room, Sources
from mammoscope.viewer.worklist import Query, worklist_told

from .conftest import Client, MakeClient, MakeRoom, start, write_results


def key_of(client: Client, place: int = 0) -> str:
    return str(client.json("/api/worklist", {})["rows"][place]["key"])


def step(client: Client, key: str, kind: str, number: int = 0, **body: Any) -> tuple[int, Any]:
    sent = {"id": f"step-{kind}-{number}", "kind": kind, "body": body}
    status, _, data = client.ask(f"/api/task/{key}/steps", sent)
    return status, json.loads(data)


def test_nobody_enters_without_the_link(make_client: MakeClient) -> None:
    client = make_client()
    stranger = Client(client.link)
    for path in ("/", "/api/me", f"/api/task/{key_of(client)}", "/nonsense"):
        status, _, data = stranger.ask(path)
        assert status == 401
        assert b"ANNA" not in data
    assert stranger.ask("/enter?token=guessed")[0] == 403
    assert stranger.ask("/api/worklist", {})[0] == 401
    status, headers, _ = client.ask("/")
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    _, headers, _ = stranger.ask(client.link.removeprefix(client.root))
    assert {"HttpOnly", "SameSite=lax"} <= set(headers["set-cookie"].split("; "))


def test_other_names_and_other_pages_are_refused(make_client: MakeClient) -> None:
    client = make_client()
    assert client.ask("/api/me", Host="evil.example")[0] == 421
    assert client.ask("/api/worklist", {}, Origin="http://evil.example")[0] == 403
    assert client.ask("/api/worklist", {}, Content_Type="text/plain")[0] == 403
    assert client.ask("/api/worklist", {}, Origin="null")[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../library.py",
        "/assets/..%2f..%2flibrary.py",
        "/assets/%2e%2e/%2e%2e/app.py",
        "/api/image/..%2f..%2fetc%2fpasswd/thumbnail",
        "/api/image/%2fetc%2fpasswd/tile/0/0/0",
        "/api/export/..%2freviews",
    ],
)
def test_no_path_leads_outside(make_client: MakeClient, path: str) -> None:
    status, _, data = make_client().ask(path)
    assert status in (404, 405)
    assert b"import" not in data
    assert b"root:" not in data


def test_the_worklist_is_searched_sorted_and_paged(make_client: MakeClient) -> None:
    client = make_client()
    told = client.json("/api/worklist", {"sort": "score", "descending": True})
    assert [row["patient"] for row in told["rows"]] == ["ANNA", "BERTA"]
    assert [row["findings"] for row in told["rows"]] == [4, 0]
    assert client.json("/api/worklist", {"words": "bert 1.2"})["total"] == 1
    assert client.json("/api/worklist", {"least": 0.5})["total"] == 1
    page = client.json("/api/worklist", {"size": 1, "page": 1, "sort": "patient"})
    assert (page["total"], [row["patient"] for row in page["rows"]]) == (2, ["BERTA"])
    for bad in ({"size": 0}, {"sort": "x"}, {"page": -1}, {"words": 3}, {"nonsense": 1}):
        assert client.ask("/api/worklist", bad)[0] == 409


def test_a_study_is_told_with_its_model(make_client: MakeClient) -> None:
    client = make_client()
    told = client.json(f"/api/task/{key_of(client)}")
    assert [(r["view"], len(r["R"]), len(r["L"])) for r in told["hanging"]["rows"]] == [
        ("CC", 1, 1),
        ("MLO", 1, 1),
    ]
    first = told["images"][0]
    finding = told["model"]["findings"][first["key"]][0]
    assert (finding["number"], finding["score"], finding["p_malignant"]) == (1, 0.8, 0.9)
    status, headers, png = client.ask(f"/api/task/{told['key']}/heat/{first['key']}/1")
    assert (status, headers["content-type"], png[:4]) == (200, "image/png", b"\x89PNG")
    assert client.ask(f"/api/task/{told['key']}/heat/{first['key']}/9")[0] == 404
    assert client.ask("/api/task/nonsense")[0] == 404


def test_links_and_scores_are_of_the_results_themselves(
    tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    line = NippleLine((0.0, 0.0), (100.0, 0.0))
    folder = write_results(tmp_path, [replace(each, nipple_line=line) for each in two_studies[:4]])
    # Of images that came one by one, as those of a node's spool, a run's file holds neither.
    run = load_run(folder / "run.json")
    assert (run.links, run.malignancy) == ((), ())
    library = Library([folder], folder / "index.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    model = room.task(Person("ann"), library.studies[0].key)["model"]
    score = pytest.approx(0.8**0.5 * 0.9, abs=1e-5)
    assert model["breasts"] == [{"side": "L", "score": score}, {"side": "R", "score": score}]
    assert model["malignancy"] == score
    assert [len(set(link["images"])) for link in model["links"]] == [2, 2]


def test_the_exam_score_of_a_study_is_that_of_its_highest_image_or_unknown(
    tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    steps = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    known = [replace(result, exam_steps=steps) for result in two_studies]
    for n, expected in ((8, 9), (1, None)):
        folder = write_results(tmp_path / str(n), [*known[:n], *two_studies[n:4]])
        library = Library([folder], folder / "index.sqlite")
        (row,) = worklist_told(
            OpenDesk(library, ReadingMode.BESIDE).tasks(Person("ann")), {}, Query()
        )["rows"][:1]
        assert row["exam"] == expected
        room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
        told = room.task(Person("ann"), library.studies[0].key)["model"]["exam_scores"]
        assert sorted(told.values(), key=str) == ([9] * 4 if n == 8 else [9, None, None, None])


def test_density_and_lookalikes_are_told_where_the_result_holds_them(
    tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    dense = Density("C", (0.1, 0.2, 0.6, 0.1))
    node = LookAlike((10.0, 20.0, 50.0, 80.0), "node", 0.934, 0.6)
    first = replace(two_studies[0], density=dense, lookalikes=(node,))
    folder = write_results(tmp_path / "r", [first, two_studies[1]])
    library = Library([folder], folder / "index.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    told = room.task(Person("ann"), library.studies[0].key)
    by_name = {image["name"]: told["model"]["densities"][image["key"]] for image in told["images"]}
    assert by_name[two_studies[0].name] == dense.as_dict()
    assert by_name[two_studies[1].name] is None
    assert sorted(told["model"]["lookalikes"].values()) == [[], ["lymph node (0.93)"]]


def test_pixels_are_those_that_were_read(
    make_client: MakeClient, library: Library, two_studies: list[ImageResult]
) -> None:
    from mammoscope.reading import read

    client = make_client()
    entry = library.studies[0].images[0]
    mammogram = read(library.result(entry).source.path)
    status, headers, data = client.ask(f"/api/image/{entry.key}/tile/0/0/0")
    rows, columns = (min(512, n) for n in mammogram.frame.size)
    assert status == 200
    assert "private" in headers["cache-control"]
    tile = np.frombuffer(data, "<u2").reshape(rows + 2, columns + 2)[1:-1, 1:-1]
    np.testing.assert_allclose(tile / 65535, mammogram.pixels[:rows, :columns], atol=1e-5)
    assert client.ask(f"/api/image/{entry.key}/tile/9/0/0")[0] == 404
    assert client.json(f"/api/image/{entry.key}/outline")["faces_left"] in (True, False)
    assert client.ask(f"/api/image/{entry.key}/thumbnail")[2][:2] == b"\xff\xd8"


def test_steps_are_kept_and_told_again(make_client: MakeClient) -> None:
    client = make_client()
    key = key_of(client)
    image = client.json(f"/api/task/{key}")["images"][0]["key"]
    mark = {"id": "m1", "image": image, "box": [1, 2, 30, 40], "label": "malignant"}
    assert step(client, key, "open")[0] == 200
    assert step(client, key, "mark", **mark)[1]["marks"][0]["label"] == "malignant"
    assert step(client, key, "mark", **mark)[0] == 200
    assert step(client, key, "mark", 1, **(mark | {"image": "elsewhere"}))[0] == 409
    assert step(client, key, "mark", 2, **(mark | {"box": [1, 2, 1, 2]}))[0] == 409
    status, told = step(client, key, "mark", 3, **(mark | {"box": [-5, 2, 30, 40]}))
    assert (status, "outside" in told["error"]) == (409, True)
    assert step(client, key, "mark", 4, **(mark | {"box": [1, 2, 30, 1e6]}))[0] == 409
    assert step(client, key, "sign", seconds=3)[1]["state"] == "done"
    assert client.json(f"/api/task/{key}")["read"]["marks"][0]["box"] == [1, 2, 30, 40]
    assert client.json("/api/worklist", {"state": "done"})["total"] == 1
    assert [s["kind"] for s in client.json(f"/api/task/{key}/trail")] == ["open", "mark", "sign"]


def model_words(data: bytes) -> set[str]:
    words = ("p_malignant", "0.9", "suspicious", "findings", "score")
    return {word for word in words if word.encode() in data}


@pytest.mark.parametrize("mode", [ReadingMode.INDEPENDENT, ReadingMode.BLINDED])
def test_the_model_does_not_leave_the_server_too_early(
    make_client: MakeClient, mode: ReadingMode
) -> None:
    client = make_client(mode)
    _, _, data = client.ask("/api/worklist", {"sort": "score", "descending": True})
    assert model_words(data) == set()
    key = json.loads(data)["rows"][0]["key"]
    _, _, data = client.ask(f"/api/task/{key}")
    told = json.loads(data)
    assert told["model"] is None
    assert model_words(data) == set()
    image = told["images"][0]["key"]
    assert client.ask(f"/api/task/{key}/heat/{image}/1")[0] == 403
    step(client, key, "open")
    saved, _ = step(client, key, "save", seconds=1)
    seen = mode is ReadingMode.INDEPENDENT
    assert saved == (200 if seen else 409)
    assert (client.json(f"/api/task/{key}")["model"] is not None) is seen
    assert client.ask(f"/api/task/{key}/heat/{image}/1")[0] == (200 if seen else 403)


def test_only_an_adjudicator_takes_reviews_out(make_client: MakeClient) -> None:
    reader = make_client(role=Role.READER)
    assert reader.json("/api/me")["exports"] == []
    assert reader.ask("/api/export/truth")[0] == 403
    assert reader.ask("/api/left-out")[0] == 403
    adjudicator = make_client()
    assert adjudicator.ask("/api/export/truth")[0] == 200
    (why,) = adjudicator.json("/api/left-out")["left_out"]
    assert "no read has ended yet" in why
    # Reads and marks are of use beside a truth alone, which only a planned study has.
    assert {"truth", "readings", "coco", "audit"} <= set(adjudicator.json("/api/me")["exports"])
    assert not {"reads", "marks"} & set(adjudicator.json("/api/me")["exports"])


def test_no_patient_in_logs_or_addresses(
    make_client: MakeClient, library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = make_client()
    key = key_of(client)
    client.ask("/api/worklist", {"words": "ANNA"})
    library.image(library.studies[0].images[0].key)
    client.ask(f"/api/task/{key}")
    client.ask("/api/image/nonsense/thumbnail")
    assert "ANNA" not in caplog.text
    assert "anna" not in caplog.text


def test_others_reads_do_not_leave_the_server_before_the_own_one_is_saved(
    make_room: MakeRoom, make_client: MakeClient, library: Library
) -> None:
    """They may answer findings of the model; so may what was said in another mode."""
    key = library.studies[0].key
    beside = make_room(ReadingMode.BESIDE)
    mark = {"image": library.studies[0].images[0].key, "box": [1, 2, 30, 41.5]}
    accepted = mark | {"id": "m", "origin": "accepted", "finding": 1, "rating": 77.5}
    for name in ("ann", "benedict"):
        for number, (kind, body) in enumerate(
            [("open", {}), ("mark", accepted), ("sign", {"seconds": 0})]
        ):
            values = {"id": f"before-{number}", "kind": kind, "body": body}
            beside.step(Person(name), key, values)
    client = make_client(ReadingMode.INDEPENDENT)

    def everything() -> bytes:
        kinds = ("truth", "readings", "coco", "audit")
        paths = [f"/api/task/{key}", f"/api/task/{key}/trail", "/api/left-out"]
        return b"".join(
            client.ask(p)[2] for p in [*paths, *(f"/api/export/{kind}" for kind in kinds)]
        )

    before = everything()
    assert not {word for word in (b"77.5", b"41.5", b"accepted", b"benedict") if word in before}
    step(client, key, "open")
    assert step(client, key, "save", seconds=0)[0] == 200
    after = everything()
    assert {word for word in (b"77.5", b"41.5", b"accepted", b"benedict") if word in after}
    blinded = make_client(ReadingMode.BLINDED)
    step(blinded, key, "open")
    step(blinded, key, "sign", seconds=0)
    assert b"accepted" not in blinded.ask("/api/export/audit")[2]
    assert json.loads(blinded.ask(f"/api/task/{key}")[2])["others"] == []


def test_a_changed_file_is_told_by_its_tag(
    tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    image = tmp_path / "image.dcm"
    image.write_bytes(Path(two_studies[0].source.path).read_bytes())
    source = replace(two_studies[0].source, path=str(image))
    folder = write_results(tmp_path / "r", [replace(two_studies[0], source=source)])
    library = Library([folder], folder / "index.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    client = start(room, Exporter(library, reviews, Sources()), [Person("ann")])["ann"].enter()
    key = library.studies[0].images[0].key
    for path in (f"/api/image/{key}/tile/0/0/0", f"/api/image/{key}/thumbnail"):
        status, headers, _ = client.ask(path)
        assert (status, headers["cache-control"]) == (200, "private, no-cache")
        assert client.ask(path, If_None_Match=headers["etag"])[0] == 304
    image.write_bytes(Path(two_studies[1].source.path).read_bytes())
    for path in (f"/api/image/{key}/tile/0/0/0", f"/api/image/{key}/thumbnail"):
        status, _, data = client.ask(path, If_None_Match=headers["etag"])
        assert (status, b"has changed" in data) == (422, True)


def test_too_much_and_no_json(make_client: MakeClient) -> None:
    client = make_client()
    with socket.create_connection(("127.0.0.1", int(client.root.rsplit(":", 1)[1]))) as wire:
        host = client.root.removeprefix("http://")
        head = (
            f"POST /api/worklist HTTP/1.1\r\nHost: {host}\r\nOrigin: {client.root}\r\n"
            f"Cookie: {client.cookie}\r\nContent-Type: application/json\r\n"
            "Content-Length: 1000000000\r\n\r\n{"
        )
        wire.sendall(head.encode())
        wire.settimeout(20)
        # Answered by what it says of itself: nobody waits for a gigabyte.
        assert wire.recv(100).startswith(b"HTTP/1.1 413")
    assert client.ask("/api/worklist", {"words": "x" * 70_000})[0] == 413
    assert client.ask("/api/worklist", [1, 2])[0] == 400


def test_cookies_of_other_servers_of_this_machine_do_no_harm(make_client: MakeClient) -> None:
    client = make_client()
    for other in ('told={"a": 1}; ', "a/b=1; ", "a,b=1; ", "=; ;; "):
        assert client.ask("/api/me", Cookie=other + client.cookie)[0] == 200


def test_a_file_name_that_is_not_utf_8(
    tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    odd = replace(two_studies[0], name="caf\udce9", patient_id="Zo\u00eb")
    try:
        folder = write_results(tmp_path / "odd", [odd])
    except OSError:
        pytest.skip("this file system takes no such name")
    library = Library([folder], folder / "index.sqlite")
    assert len(Library([folder], folder / "index.sqlite")) == 1
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    person = Person("ann", Role.ADJUDICATOR)
    client = start(room, Exporter(library, reviews, Sources()), [person])["ann"].enter()
    (row,) = client.json("/api/worklist", {"words": "zo\u00eb"})["rows"]
    assert row["names"] == ["caf\udce9"]
    step(client, row["key"], "open")
    assert step(client, row["key"], "sign", seconds=0)[0] == 200
    assert client.ask("/api/export/truth")[0] == 200


def test_results_of_which_little_is_known(
    tmp_path: Path, two_studies: list[ImageResult], reviews: Reviews
) -> None:
    """No side, no view, no patient, no classifier, no spacing."""
    plain = replace(
        two_studies[0],
        laterality=None,
        view=None,
        patient_id=None,
        study_id=None,
        malignant_threshold=None,
        explanations=(),
        frame=replace(two_studies[0].frame, spacing_mm=None, spacing_source=None),
    )
    found = replace(plain.detections, p_malignant=np.full(2, np.nan), frame=plain.frame)
    folder = write_results(tmp_path / "plain", [replace(plain, detections=found)])
    library = Library([folder], folder / "index.sqlite")
    room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    client = start(room, Exporter(library, reviews, Sources()), [Person("ann")])["ann"].enter()
    told = client.json(f"/api/task/{key_of(client)}")
    assert (told["patient"], told["hanging"]["rows"]) == (None, [])
    assert told["hanging"]["loose"] == [told["images"][0]["key"]]
    assert told["images"][0]["spacing_mm"] is None
    assert told["model"]["malignancy"] is None
    assert told["model"]["findings"][told["images"][0]["key"]][0]["p_malignant"] is None
