"""Which images, lesions and hits a published figure is of, so that like is compared with like.

A protocol fixes the data set, the split, what counts as a lesion and when a lesion is hit. A figure
is of a protocol or of none: results that do not cover its images, and options that would change it,
are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from mammoscope.annotations.table import AnnotatedImage, Subtype
from mammoscope.errors import InputError
from mammoscope.evaluation.metrics.levels import LEVELS
from mammoscope.evaluation.metrics.matching import HitRule
from mammoscope.geometry import as_boxes

_MASS = (Subtype.MASS,)
_IOU_HALF = HitRule("iou", 0.5)
_CENTER = HitRule("center", None)
_SUSPICIOUS = "456"
"""First characters of the BI-RADS categories 4 (a to c), 5 and 6."""


@dataclass(frozen=True)
class Protocol:
    """One way of evaluating that figures are published by.

    Parameters
    ----------
    name, title
        On the command line, and in words.
    adapters
        Data sets that it is of.
    rules
        What counts, one sentence each.
    source
        Whose figures are by it.
    hit
        When a detection hits a lesion.
    select
        The image as the protocol sees it; None where it is not of the protocol.
    kinds
        Subtypes of the lesions that count; all where empty. Others are neither right nor wrong.
    by
        Subgroups that belong to it.
    levels
        Of images, breasts and patients those whose figures of cancer belong to it.
    unsure
        What could not be checked against the source's text; empty where all could.
    """

    name: str
    title: str
    adapters: tuple[str, ...]
    rules: tuple[str, ...]
    source: str
    hit: HitRule
    select: Callable[[AnnotatedImage], AnnotatedImage | None]
    kinds: tuple[Subtype, ...] = ()
    by: tuple[str, ...] = ()
    levels: tuple[str, ...] = LEVELS
    unsure: str = ""

    def images(self, adapter: str, images: Iterable[AnnotatedImage]) -> list[AnnotatedImage]:
        """Those of a set that the protocol is of, as it sees them.

        Raises
        ------
        InputError
            If the protocol is of another set, or of none of the images.
        """
        if adapter not in self.adapters:
            sets = " or ".join(self.adapters)
            raise InputError(adapter, f"the protocol {self.name} is of {sets}")
        chosen = [image for each in images if (image := self.select(each)) is not None]
        if not chosen:
            raise InputError(
                adapter, f"no image of it is of the protocol {self.name}: see --protocol list"
            )
        return chosen

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "rules": list(self.rules),
            "source": self.source,
            "unsure": self.unsure or None,
        }


def _of_split(split: str, image: AnnotatedImage) -> AnnotatedImage | None:
    return image if image.split == split else None


def _cbis_test(image: AnnotatedImage) -> AnnotatedImage | None:
    """Films of the test part that hold a mass."""
    masses = any(not kinds or Subtype.MASS in kinds for kinds in image.subtypes)
    return _of_split("test", image) if masses or not image.boxes_known else None


def _is_suspicious(image: AnnotatedImage) -> bool:
    return bool(image.birads) and str(image.birads)[0] in _SUSPICIOUS


def _ribli(image: AnnotatedImage) -> AnnotatedImage | None:
    """Categories 4 to 6 hold cancer, 1 and 2 none; others are left out."""
    if image.birads is None or image.birads[0] not in f"12{_SUSPICIOUS}":
        return None
    if _is_suspicious(image):
        labels = ("malignant",) * len(image.boxes)
        return replace(image, labels=labels, image_label="malignant")
    return replace(image, boxes=as_boxes([]), labels=(), subtypes=(), image_label="negative")


def _agarwal(image: AnnotatedImage) -> AnnotatedImage | None:
    """Masses of categories 4 to 6 are malignant, of the others benign."""
    if image.birads is None:
        return None
    label = "malignant" if _is_suspicious(image) else "benign"
    return replace(image, labels=(label,) * len(image.boxes))


def _labelled(image: AnnotatedImage) -> AnnotatedImage | None:
    return image if image.image_label else None


def _with_density(image: AnnotatedImage) -> AnnotatedImage | None:
    return image if image.density is not None and image.boxes_known else None


_RSNA = "RSNA Screening Mammography Breast Cancer Detection (2022) and papers on its training part"

_ALL = (
    Protocol(
        name="cbis-ddsm-test",
        title="CBIS-DDSM, masses of the official test part",
        adapters=("cbis-ddsm",),
        rules=(
            "Films of mass_case_description_test_set.csv; the masses on them count.",
            "A hit is an IoU of at least 0.5. The set has an official split and no official rule "
            "of hits: figures by another rule are of another protocol.",
            "Every film holds a mass: there are no false positives on normal breasts.",
        ),
        source="R. S. Lee et al., Scientific Data 4:170177 (2017)",
        hit=_IOU_HALF,
        select=_cbis_test,
        kinds=_MASS,
    ),
    Protocol(
        name="inbreast-ribli-2018",
        title="INbreast, malignant lesions by the centre of the mark",
        adapters=("inbreast",),
        rules=(
            "BI-RADS 4 to 6 is cancer, 1 and 2 is none; images of category 3 are left out.",
            "Lesions on images with cancer count, of every kind, by the set's own boxes; those on "
            "others do not, and a mark on one is false.",
            "A hit is a mark whose centre lies in the lesion's box.",
            "All images are tested on: nothing may have been trained on INbreast.",
        ),
        source="D. Ribli et al., Scientific Reports 8:4165 (2018)",
        hit=_CENTER,
        select=_ribli,
        levels=("image", "breast"),
        unsure="the paper's methods were not at hand: that category 3 is left out, and the hit "
        "rule. Which lesions count is as in the table of boxes that its authors publish "
        "(github.com/riblidezso/frcnn_cad); those boxes are drawn anew, and some images of "
        "category 4 to 6 have none there, so figures by the set's boxes differ",
    ),
    Protocol(
        name="inbreast-agarwal-2020",
        title="INbreast, malignant and benign masses by a small overlap",
        adapters=("inbreast",),
        rules=(
            "All images with a BI-RADS category; masses count, of categories 4 to 6 as malignant, "
            "else as benign; their sensitivities are those by label.",
            "A hit is an IoU of at least 0.1.",
            "Cross-validation: results must be out of fold, each image by a model that has not "
            "seen its patient.",
        ),
        source="R. Agarwal et al., Computers in Biology and Medicine 121:103774 (2020)",
        hit=HitRule("iou", 0.1),
        select=_agarwal,
        kinds=_MASS,
        by=("label",),
        unsure="the paper's methods were not at hand: the overlap of a hit, and whether images "
        "without a mass are in; its folds, and how many they are",
    ),
    Protocol(
        name="vindr-mammo-test",
        title="VinDr-Mammo, masses of the official test part",
        adapters=("vindr-mammo",),
        rules=(
            "Exams of the test part; masses count, other findings are neither right nor wrong.",
            "A hit is an IoU of at least 0.5. The set has an official split and no official rule "
            "of hits.",
        ),
        source="H. T. Nguyen et al., Scientific Data 10:277 (2023)",
        hit=_IOU_HALF,
        select=lambda image: _of_split("test", image),
        kinds=_MASS,
    ),
    Protocol(
        name="rsna-image",
        title="RSNA screening, cancer by image",
        adapters=("rsna", "screening-dev"),
        rules=("Every labelled image; it has cancer where its breast has.",),
        source=_RSNA,
        hit=_IOU_HALF,
        select=_labelled,
        levels=("image",),
    ),
    Protocol(
        name="rsna-breast",
        title="RSNA screening, cancer by breast, as the challenge ranks",
        adapters=("rsna", "screening-dev"),
        rules=(
            "Every labelled breast, its score the mean of its images.",
            "The challenge's own test part is not public: figures on the public part are not those "
            "of its leaderboard.",
        ),
        source=_RSNA,
        hit=_IOU_HALF,
        select=_labelled,
        levels=("breast",),
    ),
    Protocol(
        name="mass-by-density",
        title="Masses by breast density",
        adapters=("cbis-ddsm", "inbreast", "vindr-mammo", "truth"),
        rules=(
            "Images of known density whose lesions are marked; masses count.",
            "A hit is an IoU of at least 0.5; figures of each density, evaluated alone.",
        ),
        source="after Mass-Bench (2026), whose list of images is not public: not its figures",
        hit=_IOU_HALF,
        select=_with_density,
        kinds=_MASS,
        by=("density",),
    ),
)

PROTOCOLS = {protocol.name: protocol for protocol in _ALL}
"""By name on the command line."""
