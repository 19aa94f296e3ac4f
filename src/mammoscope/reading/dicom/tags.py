"""One way to look up what a DICOM object's tags hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from mammoscope.reading.faults import Damaged

_FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


def code_string(text: str) -> str:
    """A coded tag's text for a message: what is no code string (PS3.5 6.2) could be a name."""
    return text if re.fullmatch(r"[A-Z0-9_ ]{1,16}", text) else "unreadable"


def _number(value: Any) -> float:
    return float(value.strip(" \0").replace(",", ".") if isinstance(value, str) else value)


class Tags:
    """The values of a dataset by keyword.

    A keyword is looked up in the dataset, then in its functional groups (PS3.3 C.7.6.16), those
    of the first frame, which is the only one of the images read here.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def get(self, keyword: str) -> Any:
        """The value, or None where the tag is missing or empty.

        Raises
        ------
        Damaged
            If the bytes are no value of the tag's kind.
        """
        try:
            for dataset in self._places():
                if keyword in dataset:
                    value = dataset[keyword].value
                    if value is not None and value != "" and value != []:
                        return value
        except Exception as error:
            # The cause may quote the value, and with it the patient.
            raise Damaged(f"{keyword} holds no valid value") from error
        return None

    def text(self, keyword: str) -> str | None:
        """The value as text without surrounding spaces; several values joined by a backslash.

        A value that cannot be read counts as none.
        """
        joined = "\\".join(self.texts(keyword))
        return (joined.strip("\\") and joined) or None

    def texts(self, keyword: str) -> list[str]:
        """The values as text without surrounding spaces and NUL; empty where there is none."""
        try:
            value = self.get(keyword)
        except Damaged:
            return []
        parts = value if isinstance(value, MultiValue | list | tuple) else [value]
        return ["" if part is None else str(part).strip(" \0") for part in parts]

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """The values as numbers; empty where the tag is missing.

        A decimal comma is taken for the point that the standard asks for.

        Raises
        ------
        Damaged
            If one is no finite number.
        """
        try:
            value = self.get(keyword)
        except Damaged:
            value = self._as_written(keyword)
        parts = value if isinstance(value, MultiValue | list | tuple) else [value]
        try:
            numbers = tuple(_number(part) for part in parts if part not in (None, ""))
        except (TypeError, ValueError) as error:
            raise Damaged(f"{keyword} holds no number") from error
        if not all(math.isfinite(number) for number in numbers):
            raise Damaged(f"{keyword} holds no finite number")
        return numbers

    def whole(self, keyword: str) -> int | None:
        """The first value as a whole number, or None where the tag is missing.

        Raises
        ------
        Damaged
            If it is no whole number.
        """
        numbers = self.numbers(keyword)
        if not numbers:
            return None
        if numbers[0] != int(numbers[0]):
            raise Damaged(f"{keyword} must be a whole number")
        return int(numbers[0])

    def item(self, keyword: str) -> Dataset | None:
        """The first item of a sequence, or None."""
        return next(iter(self.items(keyword)), None)

    def items(self, keyword: str) -> list[Dataset]:
        """The items of a sequence; none where it is missing or no sequence.

        Raises
        ------
        Damaged
            If the bytes are no sequence.
        """
        value = self.get(keyword)
        if not isinstance(value, list | MultiValue) and not hasattr(value, "__iter__"):
            return []
        return [item for item in value if isinstance(item, Dataset)]

    def _as_written(self, keyword: str) -> list[str]:
        """The values of a text that the library does not take for any."""
        for dataset in self._places():
            raw = dataset.get_item(keyword) if keyword in dataset else None
            written = getattr(raw, "value", None)
            if isinstance(written, bytes) and getattr(raw, "VR", None) in ("DS", "IS", None):
                return written.decode("ascii", "replace").strip(" \0").split("\\")
        raise Damaged(f"{keyword} holds no number")

    def _places(self) -> Iterator[Dataset]:
        yield self.dataset
        for keyword in _FUNCTIONAL_GROUPS:
            groups = self.dataset.get(keyword)
            for element in groups[0] if groups else ():
                if element.VR == "SQ" and element.value:
                    yield element.value[0]
