"""A card's words, tables and exports come from the card alone."""

from __future__ import annotations

import dataclasses
import json
from io import StringIO
from typing import Any
from xml.etree import ElementTree

import pytest
from ruamel.yaml import YAML

from mammoscope.models import DetectorCard, ModelCard, bundled_cards, find_card
from mammoscope.reporting.model_cards import (
    Bin,
    Known,
    bins_of,
    chai,
    figures_of,
    front_matter,
    hugging_face,
    markdown,
    reliability_svg,
    subgroups_of,
)

CARDS = pytest.mark.parametrize("card", bundled_cards(), ids=lambda card: card.name)

# What https://mc.chai.org/v0.2/schema.xsd asks for, in its order; "?" where it may be left out.
METRIC = (
    "MetricGoal Results Interpretation TestType TestingDataDescription "
    "ValidationProcessAndJustification"
)
CHAI = {
    "AppliedModelCard": "BasicInfo ReleaseInfo ModelSummary UsesAndDirections Warnings "
    "TrustIngredients KeyMetrics Resources Bibliography",
    "BasicInfo": "ModelName ModelDeveloper DeveloperContact",
    "ReleaseInfo": "ReleaseStage ReleaseDate ReleaseVersion GlobalAvailability ?EHRCompatibility "
    "?RegulatoryApproval",
    "ModelSummary": "Summary Keywords",
    "UsesAndDirections": "IntendedUseAndWorkflow PrimaryIntendedUsers HowToUse "
    "TargetedPatientPopulation CautionedOutOfScopeSettings",
    "Warnings": "KnownRisksAndLimitations KnownBiasesOrEthicalConsiderations ClinicalRiskLevel",
    "TrustIngredients": "AISystemFacts TransparencyInformation",
    "AISystemFacts": "OutcomesAndOutputs ModelType ?FoundationModels InputDataSource "
    "OutputAndInputDataTypes DevelopmentDataCharacterization BiasMitigationApproaches "
    "OngoingMaintenance ?Security ?Transparency",
    "TransparencyInformation": "FundingSource ?ThirdPartyInformation StakeholdersConsulted",
    "KeyMetrics": "UsefulnessUsabilityEfficacy FairnessEquity SafetyReliability",
    **dict.fromkeys(["UsefulnessUsabilityEfficacy", "FairnessEquity", "SafetyReliability"], METRIC),
    "MetricResult": "Label ValueJson",
    "Resources": "?EvaluationReferences ?ClinicalTrial PeerReviewedPublications "
    "?ReimbursementStatus PatientConsentOrDisclosure",
}
MANY = {"Keywords": "Keyword", "Results": "MetricResult"}
"""Elements that hold others of one name, as many as there are."""


@pytest.fixture
def told() -> ModelCard:
    """A card whose figures we know."""

    def known(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.1, "high": value + 0.1}

    card = find_card(DetectorCard)
    facts: dict[str, Any] = {
        **{key: card.facts[key] for key in ("name", "version", "weights", "task", "outputs")},
        "summary": "Finds | masses.",
        "training_data": {"name": "a set", "licence": "CC BY 4.0", "patients": 7},
        "figures": {
            "of": "three folds",
            "by_path": {"both": [{"hit": "center", "ap": known(0.5), "at": {"1": known(0.7)}}]},
            "subgroups": {
                "of": "both, centre rule",
                "by": [
                    {
                        "column": "density",
                        "groups": [{"value": "4", "lesions": 9, "auc": {"value": 0.6}}],
                    }
                ],
            },
            "reliability": {
                "by": [{"of": "marks that hit", "bins": [{"p": 0.2, "share": 0.3, "count": 10}]}]
            },
        },
        "normals": {"by_set": [{"set": "films", "images": "54 films", "marks": known(0.4)}]},
        "limits": ["One seed."],
    }
    return dataclasses.replace(card, facts=facts)


def test_every_figure_of_a_card_is_found(told: ModelCard) -> None:
    path, films = figures_of(told.facts)
    assert (path.heading, path.label, path.part) == ("by path", "both, center", "figures")
    assert path.figures == {"AP": Known(0.5, 0.4, 0.6), "at 1": Known(0.7, 0.7 - 0.1, 0.7 + 0.1)}
    assert (films.heading, films.label, films.part) == ("normals, by set", "films", "normals")
    assert films.facts == {"images": "54 films"}
    (dense,) = subgroups_of(told.facts)
    assert (dense.heading, dense.label, dense.facts) == ("density", "4", {"lesions": "9"})
    assert bins_of(told.facts) == {"marks that hit": (Bin(0.2, 0.3, 10),)}


def test_the_page_says_what_the_card_says_and_no_more(told: ModelCard) -> None:
    page = markdown(told)
    assert "| both, center | 0.5 (0.4 to 0.6) | 0.7 (0.6 to 0.8) |" in page
    assert "| 4 | 9 | 0.6 (interval not on the card) |" in page
    assert "| licence of the data | CC BY 4.0 |" in page
    assert "- One seed." in page and "must not be used for" in page and "<circle" in page
    bare = dataclasses.replace(told, facts={**told.facts, "figures": {}, "normals": {}})
    page = markdown(bare)
    assert "Not measured." in page and "<svg" not in page
    assert page.count("not measured, or not on the card") == 2


def test_what_a_card_says_it_is_not_for_counts(told: ModelCard) -> None:
    card = dataclasses.replace(told, facts={**told.facts, "not_for": ["Men."]})
    assert "- Men.\n" in markdown(card) and "Decisions about patients" in markdown(card)


@CARDS
def test_shipped_cards_are_told_whole(card: ModelCard) -> None:
    page = markdown(card)
    assert card.sha256 in page and card.facts["training_data"]["licence"] in page
    assert all(f"- {limit}\n" in page for limit in card.facts["limits"])
    for line in page.splitlines():  # tables hold: nobody's bar parts a cell
        assert not line.startswith("| ") or line.endswith(" |")


def test_dots_lie_where_the_bins_do() -> None:
    svg = ElementTree.fromstring(reliability_svg((Bin(0, 0, 1), Bin(1, 0.5, 4)), "a < b"))
    dots = svg.findall("{*}circle")
    assert [(dot.get("cx"), dot.get("cy")) for dot in dots] == [
        ("46.0", "306.0"),
        ("306.0", "176.0"),
    ]
    assert float(dots[0].get("r", 0)) < float(dots[1].get("r", 0))
    assert svg.findtext("{*}title") == "a < b"


@CARDS
def test_front_matter_is_yaml_of_the_same_values(card: ModelCard) -> None:
    text = hugging_face(card)
    _, front, body = text.split("---\n", 2)
    assert YAML(typ="safe").load(StringIO(front)) == front_matter(card)
    assert body.lstrip().startswith(f"# {card.name} {card.version}")
    for result in front_matter(card)["model-index"][0]["results"]:
        assert result["task"]["type"] and result["dataset"]["type"] and result["dataset"]["name"]
        assert all({"type", "value"} <= set(metric) for metric in result["metrics"])


@CARDS
def test_chai_has_what_its_schema_asks_for_in_order(card: ModelCard) -> None:
    root = ElementTree.fromstring(chai(card).encode())
    assert root.tag == "{https://mc.chai.org/v0.2/schema.xsd}AppliedModelCard"
    for element in root.iter():
        name, inner = _name(element), [_name(each) for each in element]
        if name in MANY:
            assert inner and set(inner) == {MANY[name]}
        elif name in CHAI:
            wanted = CHAI[name].split()
            there = [each for each in wanted if each[0] != "?" or each[1:] in inner]
            assert inner == [each.removeprefix("?") for each in there]
        else:
            assert not inner and (element.text or "").strip(), name
    values = [json.loads(each.text or "") for each in root.iterfind(".//{*}ValueJson")]
    assert values and all(value is None or "value" in value for value in values)


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
