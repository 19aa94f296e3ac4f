"""A finding has one number, whatever shows it: its place among its image's findings by score."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread

from mammoscope.reporting import ReportWriter, encode_closeups, encode_preview
from mammoscope.reporting.pictures.overlay import mark_texts
from mammoscope.results import finding_rows
from mammoscope.study import study_results
from mammoscope.types import Pictures

CHANCES = {"L_CC": (0.1, 0.7), "R_CC": (0.2, 0.9), "L_MLO": (0.8, 0.3), "R_MLO": (0.6, 0.5)}
WORDS = re.compile(r"(\d+) +(0\.\d\d) +P\(mal\) (0\.\d\d)")


def test_a_finding_has_one_number(make_case: Any, tmp_path: Path) -> None:
    case = make_case()
    for i, image in enumerate(case.images):
        chances = np.array(CHANCES[image.result.name])
        found = replace(image.result.detections, p_malignant=chances)
        result = replace(image.result, detections=found, malignant_threshold=0.5, study_id="1")
        case.images[i] = replace(image, result=result)
    wanted = {
        (name, number, p)
        for name, chances in CHANCES.items()
        for number, p in enumerate(chances, 1)
    }
    texts = {r.name: [WORDS.fullmatch(t) for t in mark_texts(r.shown)] for r in case.results}
    assert {(n, int(t[1]), float(t[3])) for n, some in texts.items() for t in some if t} == wanted
    rows = [row for result in case.results for row in finding_rows(result)]
    assert {(r["name"], r["finding"], r["p_malignant"]) for r in rows} == wanted
    assert in_report(case, tmp_path / "report.html") == (wanted, wanted)
    case.write("gsps")
    assert {
        (path.name.split(".")[0], int(words[1]), float(words[3]))
        for path in case.files("gsps")
        for text in dcmread(path).GraphicAnnotationSequence[0].TextObjectSequence
        if (words := WORDS.fullmatch(text.UnformattedTextValue))
    } == wanted


def in_report(case: Any, path: Path) -> tuple[set[Any], set[Any]]:
    """Image, number and P(malignant) of the marks and of the rows of the list."""
    (study,) = study_results(case.results)
    shown = {
        image.result.name: Pictures(
            encode_preview(image.mammogram), encode_closeups(image.mammogram, image.result)
        )
        for image in case.images
    }
    with ReportWriter(path) as writer:
        writer.add(study, shown)
    page = path.read_text()
    labels = re.findall(
        r'<g class="mark" data-mark="(\d+)-.*?class="number">(\d+)</tspan>.*?P\(mal\) ([\d.]+)',
        page,
    )
    listed = re.findall(
        r'<li data-mark.*?class="badge">(\d+)<.*?'
        r'class="where" title="(. \w+)">.*?"score">([\d.]+)<',
        page,
        re.DOTALL,
    )
    films = dict(re.findall(r'id="film-(\d+)">.*?alt="[^"]*, (\w+)"', page, re.DOTALL))
    assert [float(p) for _, _, p in listed] == sorted(
        (float(p) for _, _, p in listed), reverse=True
    )
    return (
        {(films[film], int(number), float(p)) for film, number, p in labels},
        {(where.replace(" ", "_"), int(number), float(p)) for number, where, p in listed},
    )
