"""A card in the Applied Model Card schema of the Coalition for Health AI (CHAI), version 0.2.

https://mc.chai.org/v0.2/schema.xsd: elements in a fixed order, all of them text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree

from mammoscope.models import ModelCard
from mammoscope.reporting.model_cards import words
from mammoscope.reporting.model_cards.figures import (
    NOT_MEASURED,
    Block,
    Known,
    figures_of,
    subgroups_of,
)
from mammoscope.reporting.model_cards.reliability import bins_of

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"

_HOW_TESTED = "Retrospective, on public collections."
_NONE = "None."

Tree = list[tuple[str, "str | Tree"]]
"""Names with text, or with what is within them, in order."""


def chai(card: ModelCard) -> str:
    """The card as XML.

    What the schema asks for and the card does not hold is said to be not known or not measured.

    Examples
    --------
    >>> from mammoscope.models import DetectorCard, find_card
    >>> "<ModelName>" in chai(find_card(DetectorCard))
    True
    """
    root = ElementTree.Element("AppliedModelCard", {"xmlns": NAMESPACE})
    _fill(root, _tree(card))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, "unicode")}\n'


def _tree(card: ModelCard) -> Tree:
    said = words.training(card)
    bounds = "\n".join(f"- {each}" for each in words.limits(card)) or words.NOT_KNOWN
    about = words.about_figures(card)
    return [
        (
            "BasicInfo",
            [
                ("ModelName", f"{card.name} {card.version}"),
                ("ModelDeveloper", "The mammoscope founders"),
                ("DeveloperContact", "Issues of the mammoscope repository"),
            ],
        ),
        (
            "ReleaseInfo",
            [
                ("ReleaseStage", "Research; not deployed"),
                ("ReleaseDate", str(card.facts.get("date", words.NOT_KNOWN))),
                ("ReleaseVersion", card.version),
                ("GlobalAvailability", "Open source, shipped with mammoscope"),
                ("RegulatoryApproval", "None: not a medical device"),
            ],
        ),
        (
            "ModelSummary",
            [
                ("Summary", words.summary(card)),
                ("Keywords", [("Keyword", each) for each in ("mammography", card.task, "ONNX")]),
            ],
        ),
        (
            "UsesAndDirections",
            [
                ("IntendedUseAndWorkflow", words.use(card)),
                ("PrimaryIntendedUsers", "Researchers and students who can read mammograms"),
                ("HowToUse", words.how(card)),
                ("TargetedPatientPopulation", "None: research on images that exist already"),
                ("CautionedOutOfScopeSettings", "\n".join(f"- {e}" for e in words.not_for(card))),
            ],
        ),
        (
            "Warnings",
            [
                ("KnownRisksAndLimitations", bounds),
                (
                    "KnownBiasesOrEthicalConsiderations",
                    "Who the patients are is mostly unknown: the collections name neither origin "
                    "nor means, and seldom age.",
                ),
                ("ClinicalRiskLevel", "Not classified: research use; not a medical device"),
            ],
        ),
        (
            "TrustIngredients",
            [
                (
                    "AISystemFacts",
                    [
                        ("OutcomesAndOutputs", _outputs(card)),
                        ("ModelType", f"Neural network ({card.task}), ONNX"),
                        ("FoundationModels", str(said.get("start", words.NOT_KNOWN))),
                        ("InputDataSource", str(said.get("name", words.NOT_KNOWN))),
                        ("OutputAndInputDataTypes", f"In: {_shapes(card)}. Out: {_outputs(card)}"),
                        ("DevelopmentDataCharacterization", _data(card)),
                        (
                            "BiasMitigationApproaches",
                            "Figures by subgroup where the data name them; nothing else.",
                        ),
                        ("OngoingMaintenance", "By releases; nothing is sent home or watched."),
                        ("Security", f"Weights are held by sha256 {card.sha256}"),
                    ],
                ),
                (
                    "TransparencyInformation",
                    [
                        ("FundingSource", "None known"),
                        ("StakeholdersConsulted", "None"),
                    ],
                ),
            ],
        ),
        (
            "KeyMetrics",
            [
                (
                    "UsefulnessUsabilityEfficacy",
                    _metric(
                        figures_of(card.facts),
                        "How well it does on patients it has not seen",
                        about,
                    ),
                ),
                (
                    "FairnessEquity",
                    _metric(subgroups_of(card.facts), "Alike in all groups that are known", about),
                ),
                ("SafetyReliability", _metric(_calibration(card), "Said chances come true", about)),
            ],
        ),
        (
            "Resources",
            [
                ("EvaluationReferences", about.get("command", words.NOT_KNOWN)),
                ("ClinicalTrial", _NONE),
                ("PeerReviewedPublications", "None on this model"),
                ("PatientConsentOrDisclosure", "Public, de-identified collections"),
            ],
        ),
        ("Bibliography", str(said.get("citation", ""))),
    ]


def _metric(blocks: Iterable[Block], goal: str, told: Mapping[str, str]) -> Tree:
    results: Tree = []
    for block in blocks:
        of = ", ".join(part for part in (block.heading, block.label) if part)
        for name, known in block.figures.items():
            value = {"value": known.value, "low": known.low, "high": known.high}
            result: Tree = [
                ("Label", f"{of}: {name}" if of else name),
                ("ValueJson", json.dumps(value)),
            ]
            results.append(("MetricResult", result))
    if not results:
        empty: Tree = [("Label", NOT_MEASURED), ("ValueJson", "null")]
        results.append(("MetricResult", empty))
    return [
        ("MetricGoal", goal),
        ("Results", results),
        ("Interpretation", told.get("chosen_on_it", words.NOT_KNOWN)),
        ("TestType", _HOW_TESTED),
        ("TestingDataDescription", told.get("data", words.NOT_KNOWN)),
        ("ValidationProcessAndJustification", told.get("of", told.get("split", words.NOT_KNOWN))),
    ]


def _calibration(card: ModelCard) -> Iterable[Block]:
    for of, bins in bins_of(card.facts).items():
        figures = {f"said {each.p:.3f}, of {each.count}": Known(each.share) for each in bins}
        yield Block("share that came true", of, figures)


def _data(card: ModelCard) -> str:
    said = words.training(card)
    wanted = ("name", "images", "patients", "lesions", "labels", "licence")
    return "; ".join(f"{key}: {said[key]}" for key in wanted if key in said) or words.NOT_KNOWN


def _outputs(card: ModelCard) -> str:
    return (
        "; ".join(f"{k} {v}" for k, v in card.facts.get("outputs", {}).items()) or words.NOT_KNOWN
    )


def _shapes(card: ModelCard) -> str:
    return "; ".join(f"{name} {shape}" for name, shape in card.inputs.items())


def _fill(parent: ElementTree.Element, tree: Tree) -> None:
    for name, inner in tree:
        child = ElementTree.SubElement(parent, name)
        if isinstance(inner, str):
            child.text = "".join(c for c in inner if c.isprintable() or c in "\n\t")
        else:
            _fill(child, inner)
