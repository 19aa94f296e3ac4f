"""Who reads which case in which mode and when: fully crossed, counter-balanced, drawn by a seed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from mammoscope.errors import TableError
from mammoscope.tables import Row, RowFault, each_row, read_table, write_table


@dataclass(frozen=True)
class DesignOptions:
    """How the reads are arranged.

    Parameters
    ----------
    seed
        The same seed gives the same plan.
    washout_days
        Least days between two sessions, so that a case is forgotten before it comes again.
    """

    seed: int = 0
    washout_days: int = 28


_AS_USUAL = DesignOptions()


@dataclass(frozen=True)
class PlannedRead:
    """One read to be done: in which session, not before which day, at which place in it."""

    reader: str
    session: int
    not_before_day: int
    position: int
    case: str
    mode: str


def design(
    readers: Sequence[str],
    cases: Mapping[str, str],
    modes: Sequence[str],
    options: DesignOptions = _AS_USUAL,
) -> tuple[PlannedRead, ...]:
    """Plan a study in which every reader reads every case once in every mode.

    There are as many sessions as modes. The cases are split into as many blocks, alike in what
    ``cases`` says of them; in one session a block is read in one mode, and the modes go round the
    blocks as a Latin square that is turned by one from reader to reader. So each reader sees a case
    once a session, each mode as often in each session, and with readers a multiple of the modes
    each case comes equally often first in each mode. The order in a session is drawn anew for each
    reader, modes mixed.

    Parameters
    ----------
    cases
        Names, each with a stratum such as its truth, or ``""``.

    Raises
    ------
    ValueError
        If there is no reader, no case or no mode, or one is named twice.
    """
    for what, names in (("reader", readers), ("case", [*cases]), ("mode", modes)):
        if not names or len(set(names)) < len(names):
            raise ValueError(f"each {what} must be named, and once")
    random = np.random.default_rng(options.seed)
    block_of = _blocks(cases, len(modes), random)
    plan = []
    for number, reader in enumerate(readers):
        for session in range(len(modes)):
            order = random.permutation(len(cases))
            names = [[*cases][place] for place in order]
            for position, case in enumerate(names, 1):
                mode = modes[(block_of[case] + session + number) % len(modes)]
                day = session * options.washout_days
                plan.append(PlannedRead(reader, session + 1, day, position, case, mode))
    return tuple(plan)


def load_cases(
    path: str | os.PathLike[str], faults: list[RowFault] | None = None
) -> dict[str, str]:
    """Cases of a table with a column ``case`` and perhaps ``truth``, by which blocks are balanced.

    Parameters
    ----------
    faults
        Gets each row that cannot be meant or names a case again, which is left out; None: the first
        one is an error.

    Raises
    ------
    TableError
        If no case is left.
    """
    cases: dict[str, str] = {}
    lost: list[RowFault] = []
    table = read_table(path, ("case",), lost, ("truth",))

    def take(row: Row) -> None:
        if row.name("case") in cases:
            raise row.error(f"case {row.name('case')!r} is there twice")
        cases[row.name("case")] = row.text("truth")

    each_row(table, take, lost, needed=True)
    if not cases:
        raise TableError(table.path, "no cases")
    if lost and faults is None:
        raise lost[0].error
    if faults is not None:
        faults += lost
    return cases


def load_design(path: str | os.PathLike[str]) -> tuple[PlannedRead, ...]:
    """Read back what :func:`write_design` wrote.

    Raises
    ------
    TableError
        If a row cannot be meant, or plans the same read twice.
    """
    columns = tuple(field.name for field in fields(PlannedRead))
    plan: dict[tuple[str, str, str], PlannedRead] = {}
    for row in read_table(path, columns):
        reader, case, mode = (row.name(column) for column in ("reader", "case", "mode"))
        numbers = [row.number(column) for column in ("session", "not_before_day", "position")]
        if any(number != int(number) or number < 0 for number in numbers):
            raise row.error("session, not_before_day and position are whole numbers")
        if (reader, case, mode) in plan:
            raise row.error(f"reader {reader!r} reads case {case!r} twice in mode {mode!r}")
        session, day, position = (int(number) for number in numbers)
        plan[reader, case, mode] = PlannedRead(reader, session, day, position, case, mode)
    return tuple(plan.values())


def write_design(path: str | os.PathLike[str], plan: Sequence[PlannedRead]) -> None:
    """Write a plan as a table, one row a read.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    columns = tuple(field.name for field in fields(PlannedRead))
    write_table(path, columns, (asdict(read) for read in plan))


def _blocks(cases: Mapping[str, str], count: int, random: np.random.Generator) -> dict[str, int]:
    """The block of each case: strata dealt out in turn, each case's place drawn."""
    shuffled = [[*cases][place] for place in random.permutation(len(cases))]
    by_stratum = sorted(shuffled, key=lambda case: cases[case])
    return {case: place % count for place, case in enumerate(by_stratum)}
