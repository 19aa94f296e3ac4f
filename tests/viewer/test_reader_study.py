"""A planned study: who reads what and when, from the plan to the analysis."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mammoscope.errors import TableError
from mammoscope.reader_studies import DesignOptions, PlannedRead, analyse, design, load_reads
from mammoscope.viewer.desk import NotNow, OpenDesk, PlannedDesk, studies_of_cases
from mammoscope.viewer.exports import EXPORTS, Exporter
from mammoscope.viewer.left_out import left_out
from mammoscope.viewer.library import Library
from mammoscope.viewer.modes import ReadingMode
from mammoscope.viewer.people import Person, Role
from mammoscope.viewer.reviews import Reviews
from mammoscope.viewer.room import Room, Sources
from mammoscope.viewer.truth import TrueLesion, Truth

from .conftest import start
from .test_server import step

CASES = {"ANNA": "1", "BERTA": "0"}


@pytest.fixture
def plan() -> tuple[PlannedRead, ...]:
    return design(["ann", "ben"], CASES, ["blinded", "beside"], DesignOptions(washout_days=28))


def desk_of(
    library: Library, reviews: Reviews, plan: tuple[PlannedRead, ...], days: float = 0
) -> PlannedDesk:
    studies = studies_of_cases(library, plan, "plan.csv")
    return PlannedDesk(plan, studies, reviews, lambda: datetime.now(UTC) + timedelta(days=days))


def finish(room: Room, person: Person, key: str, rating: float = 50) -> None:
    for kind, body in (("open", {}), ("exam", {"rating": rating}), ("sign", {"seconds": 0})):
        number = len(room.reviews.steps())
        room.step(person, key, {"id": f"planned-{number}", "kind": kind, "body": body})


def test_reads_go_in_order_and_sessions_lie_apart(
    library: Library, reviews: Reviews, plan: tuple[PlannedRead, ...]
) -> None:
    ann = Person("ann")
    early, late = desk_of(library, reviews, plan, 27.9), desk_of(library, reviews, plan, 28.1)
    room = Room(library, reviews, early)
    keys = [task.key for task in early.tasks(ann)]
    assert keys == ["s1-1", "s1-2", "s2-1", "s2-2"]
    for number, key in enumerate(keys[:2]):
        with pytest.raises(NotNow, match="another one comes first"):
            early.task(ann, keys[number + 1])
        study = early.task(ann, key).study.key
        others = {s.key for s in library.studies} - {study}
        assert early.may_see(ann, study)
        assert not any(early.may_see(ann, other) for other in others)
        finish(room, ann, key)
        with pytest.raises(NotNow, match="cannot be changed"):
            early.task(ann, key)
    with pytest.raises(NotNow, match="washout"):
        early.task(ann, "s2-1")
    assert not any(early.may_see(ann, s.key) for s in library.studies)
    first = {t.study.key: t.mode for t in late.tasks(ann)[:2]}
    assert all(first[t.study.key] != t.mode for t in late.tasks(ann)[2:])
    assert late.may_see(ann, late.task(ann, "s2-1").study.key)
    with pytest.raises(KeyError):
        early.task(Person("nobody"), "s1-1")


def test_a_case_that_means_no_study(library: Library) -> None:
    wrong = design(["ann"], {"CARLA": ""}, ["beside"])
    with pytest.raises(TableError, match="'CARLA' is among no results"):
        studies_of_cases(library, wrong, "plan.csv")
    mode = design(["ann"], {"ANNA": ""}, ["unaided"])
    with pytest.raises(TableError, match="'unaided' is not one of reading"):
        studies_of_cases(library, mode, "plan.csv")


def test_two_readers_on_the_server(
    library: Library, reviews: Reviews, plan: tuple[PlannedRead, ...]
) -> None:
    pytest.importorskip("uvicorn", reason="needs the extra [view]")
    people = [Person("ann"), Person("ben"), Person("chief", Role.ADJUDICATOR)]
    room = Room(library, reviews, desk_of(library, reviews, plan))
    exporter = Exporter(library, reviews, Sources(), frozenset({"chief"}))
    clients = {name: c.enter() for name, c in start(room, exporter, people).items()}
    for name in ("ann", "ben"):
        rows = clients[name].json("/api/worklist", {})["rows"]
        assert [row["key"] for row in rows] == ["s1-1", "s1-2", "s2-1", "s2-2"]
        assert [row["session"] for row in rows] == [1, 1, 2, 2]
        assert "score" not in rows[0]
        told = clients[name].json("/api/task/s1-1")
        assert (told["model"] is None) == (told["mode"] == "blinded")
        images = [i["key"] for i in told["images"]]
        assert clients[name].ask(f"/api/image/{images[0]}/thumbnail")[0] == 200
        assert clients[name].ask("/api/task/s1-2")[0] == 403
        elsewhere = {i.key for s in library.studies for i in s.images} - set(images)
        assert clients[name].ask(f"/api/image/{min(elsewhere)}/tile/0/0/0")[0] == 403
        assert step(clients[name], "s1-1", "open")[0] == 200
        status, told = step(clients[name], "s1-1", "sign", seconds=0)
        assert (status, "how likely" in told["error"]) == (409, True)
        assert step(clients[name], "s1-1", "exam", rating=30)[0] == 200
        trail = [each["kind"] for each in clients[name].json("/api/task/s1-1/trail")]
        assert trail == ["open", "exam"]
        assert step(clients[name], "s1-1", "sign", 1, seconds=0)[0] == 200
        assert clients[name].ask("/api/export/audit")[0] == 403
    assert len(clients["chief"].json("/api/worklist", {})["rows"]) == 2
    assert clients["chief"].ask("/api/export/audit")[0] == 200


def test_from_the_plan_to_the_analysis(
    library: Library, reviews: Reviews, tmp_path: Path, plan: tuple[PlannedRead, ...]
) -> None:
    pytest.importorskip("scipy", reason="needs the extra [study]")
    room = Room(library, reviews, desk_of(library, reviews, plan, 28.1))
    for name in ("ann", "ben"):
        for task in room.desk.tasks(Person(name)):
            diseased = task.study.patient_id == "ANNA"
            finish(room, Person(name), task.key, 80 if diseased else 10)
    anna, berta = library.studies
    truth = Truth({anna.key: (TrueLesion("x", anna.images[0].key, (0, 0, 9, 9)),), berta.key: ()})
    # Whoever looked without a plan, an adjudicator or a guest, gave no rating and is in no table.
    open_room = Room(library, reviews, OpenDesk(library, ReadingMode.BESIDE))
    for name in ("chief", "guest"):
        for kind in ("open", "sign"):
            number = len(reviews.steps())
            said = {"id": f"planless-{number}", "kind": kind, "body": {"seconds": 0}}
            open_room.step(Person(name), anna.key, said)
    keys = {anna.patient_id: anna.key, berta.patient_id: berta.key}
    planned = frozenset((read.reader, keys[read.case], read.mode) for read in plan)
    exporter = Exporter(library, reviews, Sources(), frozenset({"chief"}), truth, planned=planned)
    text = EXPORTS["reads"].make(exporter).decode()
    assert {row["reader"] for row in csv.DictReader(io.StringIO(text))} == {"ann", "ben"}
    assert [each for each in left_out(exporter) if "plan" in each] == [
        "1 read of guest not in the plan: not in reads.csv and marks.csv"
    ]
    # An analysis wants two cases of each kind: the same reads again under other names.
    rows = list(csv.DictReader(io.StringIO(text)))
    again = [{**row, "case": row["case"] + "2"} for row in rows]
    with (tmp_path / "reads.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows([*rows, *again])
    analysis = analyse(load_reads(tmp_path / "reads.csv"), positive_from=50)
    assert {mean.mean for mean in analysis.means if mean.figure == "AUC"} == {1.0}
    assert analysis.reads.modes == ("beside", "blinded")
