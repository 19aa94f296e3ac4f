"""What a reader of a run should know, one sentence each."""

from __future__ import annotations

from collections.abc import Sequence

from mammoscope.reading import facts_in_name


def some_of(what: str, names: Sequence[str]) -> tuple[str, ...]:
    """A sentence on ``what`` with the first few names; none where there are none."""
    if not names:
        return ()
    some = ", ".join(names[:3]) + (" and more" if len(names) > 3 else "")
    return (f"{what}: {some}.",)


def offered_names(silent: Sequence[str]) -> tuple[str, ...]:
    """How many of the images that say neither side nor view have both in their files' names."""
    told = sum(facts_in_name(path).view is not None for path in silent)
    if not told:
        return ()
    return (
        f"{told} of {len(silent)} images that say neither side nor view have both in their file"
        " names: --names auto uses them.",
    )


def unused_rows(table: str, names: Sequence[str]) -> tuple[str, ...]:
    """That rows of a table mean no image of the run."""
    return some_of(f"Rows of the {table} that mean no image of this run were left out", names)
