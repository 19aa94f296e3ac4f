"""Protocols on made-up files in the layout of their sets: images, lesions and hits that count."""

from __future__ import annotations

import json
import plistlib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mammoscope.annotations.table import AnnotatedImage, Lesion, Subtype
from mammoscope.cli import app
from mammoscope.datasets import ADAPTERS
from mammoscope.errors import InputError
from mammoscope.evaluation.set.protocols import PROTOCOLS

BOX, OTHER = (10.0, 10.0, 30.0, 30.0), (50.0, 50.0, 90.0, 90.0)
MASS, CALC = frozenset({Subtype.MASS}), frozenset({Subtype.CALCIFICATION})


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


def figures(*arguments: object) -> dict[str, Any]:
    done = run("evaluate", *arguments, "--json", "--bootstrap", 0)
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def table(path: Path, header: str, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


VINDR = "study_id,laterality,image_id,view_position,height,width,breast_birads,breast_density,split"
FOUND = "image,x0,y0,x1,y1,score"


@pytest.fixture
def vindr(tmp_path: Path) -> Path:
    folder = tmp_path / "vindr"
    rows = [
        f"s{i},L,i{i},CC,100,100,BI-RADS 4,DENSITY {'AB'[i % 2]},{split}"
        for i, split in enumerate(["test", "test", "training", "test"])
    ]
    table(folder / "breast-level_annotations.csv", VINDR, *rows)
    findings = [
        "i0,['Mass'],10,10,30,30",
        "i1,['Suspicious Calcification'],10,10,30,30",
        "i2,['Mass'],10,10,30,30",
        "i3,['No Finding'],,,,",
    ]
    header = "image_id,finding_categories,xmin,ymin,xmax,ymax"
    table(folder / "finding_annotations.csv", header, *findings)
    marks = [f"i{i}.dicom,10,10,30,30,0.9" for i in range(4)]
    table(tmp_path / "found.csv", FOUND, *marks)
    return tmp_path


def test_the_official_test_part_and_its_masses_alone(vindr: Path) -> None:
    options = ("--protocol", "vindr-mammo-test", "--threshold", 0.5)
    values = figures(vindr / "found.csv", f"vindr-mammo:{vindr / 'vindr'}", *options)
    assert values["protocol"]["name"] == "vindr-mammo-test"
    assert (values["images"], values["lesions"], values["hit"]) == (3, 1, "iou:0.5")
    # Of the two images without a mass one has a mark, and the other a calcification marked.
    assert values["false_positives_per_normal"]["value"] == 0.5
    done = run("evaluate", vindr / "found.csv", f"vindr-mammo:{vindr / 'vindr'}", *options)
    assert done.stdout.startswith("Protocol vindr-mammo-test: VinDr-Mammo, masses of the official")
    assert "  A hit is an IoU of at least 0.5." in done.stdout


def test_densities_are_evaluated_alone(vindr: Path) -> None:
    spec = f"vindr-mammo:{vindr / 'vindr'}"
    values = figures(vindr / "found.csv", spec, "--protocol", "mass-by-density")
    (by,) = values["subgroups"]
    assert [(g["name"], g["images"]) for g in by["groups"]] == [("1", 2), ("2", 2)]


RSNA = "site_id,patient_id,image_id,laterality,view,age,cancer,biopsy,BIRADS,density,machine_id"


@pytest.mark.parametrize(
    ("name", "level", "count"), [("rsna-image", "image", 4), ("rsna-breast", "breast", 2)]
)
def test_cancer_by_image_and_by_breast_are_not_mixed(
    tmp_path: Path, name: str, level: str, count: int
) -> None:
    rows = [f"1,p{i // 2},{i},L,{['CC', 'MLO'][i % 2]},50,{int(i < 2)},0,,B,9" for i in range(4)]
    table(tmp_path / "train.csv", RSNA, *rows)
    marks = [f"{i}.dcm,1,1,9,9,{0.2 + i / 10}" for i in (0, 1)]
    found = table(tmp_path / "found.csv", FOUND, *marks)
    cancer = figures(found, f"rsna:{tmp_path}", "--protocol", name)["cancer"]
    assert {"image", "breast", "patient"} & cancer.keys() == {level}
    assert cancer[level]["auc"]["value"] == 1
    assert cancer[level]["cancer"] + cancer[level]["no_cancer"] == count


@pytest.fixture
def inbreast(tmp_path: Path) -> Path:
    """Categories 5, 2 and 3, each with a mass and the first with a cluster too."""
    folder = tmp_path / "inbreast"
    rows = [f"{i};L;CC;2;{birads}" for i, birads in ((1, 5), (2, 2), (3, 3))]
    table(folder / "INbreast.csv", "File Name;Laterality;View;ACR;Bi-Rads", *rows)
    for i in (1, 2, 3):
        (folder / "AllDICOMs").mkdir(exist_ok=True)
        (folder / "AllDICOMs" / f"{i}_p{i}_MG_L_CC_ANON.dcm").touch()
        regions = [("Mass", BOX), *([("Cluster", OTHER)] if i == 1 else [])]
        rois = [
            {"Name": name, "Point_px": [f"({x0}, {y0})", f"({x1}, {y1})"]}
            for name, (x0, y0, x1, y1) in regions
        ]
        (folder / "AllXML").mkdir(exist_ok=True)
        (folder / "AllXML" / f"{i}.xml").write_bytes(plistlib.dumps({"Images": [{"ROIs": rois}]}))
    marks = [f"{i}_p{i}_MG_L_CC_ANON.dcm,12,12,20,20,0.{i}" for i in (1, 2, 3)]
    table(tmp_path / "found.csv", FOUND, *marks)
    return tmp_path


def test_malignant_lesions_by_the_centre(inbreast: Path) -> None:
    spec = f"inbreast:{inbreast / 'inbreast'}"
    options = ("--protocol", "inbreast-ribli-2018", "--threshold", 0)
    values = figures(inbreast / "found.csv", spec, *options)
    assert (values["images"], values["lesions"], values["hit"]) == (2, 2, "center")
    assert values["sensitivity_at_threshold"]["value"] == 0.5
    assert values["false_positives_per_normal"]["value"] == 1, "the benign mass"
    assert values["cancer"]["breast"]["auc"]["value"] == 0


def test_malignant_and_benign_masses_by_a_small_overlap(inbreast: Path) -> None:
    spec = f"inbreast:{inbreast / 'inbreast'}"
    values = figures(inbreast / "found.csv", spec, "--protocol", "inbreast-agarwal-2020")
    assert (values["images"], values["lesions"], values["hit"]) == (3, 3, "iou:0.1")
    assert values["ap"]["value"] == 1, "an IoU of 64 / 400"
    (by,) = values["subgroups"]
    assert [(g["name"], g["lesions"]) for g in by["groups"]] == [("benign", 2), ("malignant", 1)]


def test_the_films_of_the_mass_test_table_alone() -> None:
    def film(split: str, *kinds: frozenset[Subtype]) -> AnnotatedImage:
        lesions = [Lesion(BOX, "benign", kind) for kind in kinds]
        return AnnotatedImage.of(Path("a"), "p", lesions, split=split)

    films = [film("test", MASS), film("test", CALC), film("train", MASS), film("test", CALC, MASS)]
    chosen = PROTOCOLS["cbis-ddsm-test"].images("cbis-ddsm", films)
    assert chosen == [films[0], films[3]]
    with pytest.raises(InputError, match="of the protocol cbis-ddsm-test: see --protocol list"):
        PROTOCOLS["cbis-ddsm-test"].images("cbis-ddsm", films[2:3])


@pytest.mark.parametrize(
    ("spec", "options", "code", "cause"),
    [
        ("vindr-mammo:{}", ("--hit", "center"), 2, "leave out --hit and"),
        ("vindr-mammo:{}", ("--lesions", "mass"), 2, "leave out --hit and"),
        ("truth:{}", (), 1, "the protocol vindr-mammo-test is of vindr-mammo"),
        ("{}/truth.csv", (), 1, "takes a data set, as ADAPTER:PATH"),
    ],
)
def test_mixtures_are_refused(
    vindr: Path, spec: str, options: tuple[str, ...], code: int, cause: str
) -> None:
    table(vindr / "vindr" / "truth.csv", "image,x0,y0,x1,y1", "a,,,,")
    arguments = (vindr / "found.csv", spec.format(vindr / "vindr"))
    done = run("evaluate", *arguments, "--protocol", "vindr-mammo-test", *options)
    assert done.exit_code == code
    assert cause in " ".join(done.output.replace("│", " ").split())


def test_a_figure_of_some_of_the_images_is_refused(vindr: Path) -> None:
    results = vindr / "results"
    results.mkdir()
    for name in ("i0", "i1"):
        values = {
            "schema": "mammoscope/image-result/1",
            "name": name,
            "source": {"path": f"/in/{name}.dicom"},
            "findings": [],
            "threshold": 0.5,
        }
        (results / f"{name}.json").write_text(json.dumps(values))
    spec = f"vindr-mammo:{vindr / 'vindr'}"
    done = run("evaluate", results, spec, "--protocol", "vindr-mammo-test")
    assert done.exit_code == 1
    assert "has no result of 1 of the 3 images of the protocol, such as " in done.stderr
    assert run("evaluate", results, spec).exit_code == 0


def test_list_names_every_protocol_and_what_was_not_checked() -> None:
    done = run("evaluate", "--protocol", "list")
    assert done.exit_code == 0
    for protocol in PROTOCOLS.values():
        assert f"{protocol.name}: {protocol.title}" in done.stdout
        assert protocol.source in done.stdout and protocol.unsure in done.stdout
        assert set(protocol.adapters) <= set(ADAPTERS)
    assert run("evaluate", "a", "b", "--protocol", "none").exit_code == 2
