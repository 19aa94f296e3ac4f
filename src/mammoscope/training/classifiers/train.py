"""One training of one method: the model, its calibration, and the held-out parts' tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mammoscope.annotations.splits import Parts
from mammoscope.classification.classifier import OnnxClassifier, calibrated
from mammoscope.datasets import AnnotatedImage
from mammoscope.files import ensure_folder
from mammoscope.geometry import FloatArray
from mammoscope.models.classifier_card import ClassifierCard
from mammoscope.training.classifiers.lesions import Lesion, load_lesions
from mammoscope.training.classifiers.malignancy import calibration_facts
from mammoscope.training.classifiers.method import Method
from mammoscope.training.classifiers.predictions import LesionPredictions
from mammoscope.training.detectors.predict import names_of, write_truth
from mammoscope.training.engine.loop import Run
from mammoscope.training.export import with_facts


def train_classifier(
    method: Method, parts: Parts, detected: Mapping[Path, FloatArray], run: Run
) -> ClassifierCard:
    """Train, or go on training where ``run.folder`` holds a checkpoint; calibrate; write tables.

    ``run.folder`` gets classifier.onnx with its card, calibrated on the validation part where that
    holds both classes, and for each of the parts ``validation`` and ``test`` a folder with
    truth.csv, annotated.csv and detected.csv.

    Parameters
    ----------
    detected
        As for :func:`~mammoscope.training.classifiers.lesions.load_lesions`.

    Raises
    ------
    InputError
        If the training lesions are not of both classes, or the folder's checkpoint is of another
        run.
    """

    def lesions_of(images: tuple[AnnotatedImage, ...]) -> list[Lesion]:
        run.report(f"preprocessing {len(images)} images")
        return load_lesions(
            images, [method.square], detected, lambda e: run.report(f"left out: {e}")
        )

    card = method.fit(lesions_of(parts.training), run)
    names = names_of((*parts.training, *parts.validation, *parts.test))
    for part in ("validation", "test"):
        images: tuple[AnnotatedImage, ...] = getattr(parts, part)
        lesions = lesions_of(images) if images else []
        if not lesions:
            continue
        predicted = LesionPredictions.of(OnnxClassifier(card), lesions)
        if part == "validation" and predicted.malignant.all() == predicted.malignant.any():
            run.report("not calibrated: the validation lesions are of one class")
        elif part == "validation":
            card = with_facts(card, calibration_facts(predicted.logits, predicted.malignant))
        folder = ensure_folder(run.folder / part)
        predicted.write(folder, calibrated(predicted.logits, card.calibration), names)
        write_truth(folder / "truth.csv", images, names)
    return card
