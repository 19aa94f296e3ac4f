"""Coded concepts of PS3.16 for what tags and results say in words."""

from __future__ import annotations

from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

ENGLISH = CodedConcept("en", "RFC5646", "English")
PERCENT = codes.UCUM.Percent
MILLIMETER = Code("mm", "UCUM", "millimeter")

DENSITY = codes.SCT.MammographyBreastDensity
"""What CID 6014 and CID 6015 call a mass on a single image."""

IMPRESSION = Code("111034", "DCM", "Individual Impression/Recommendation")
"""pydicom's has a space of no width in its meaning, which most character sets lack."""

QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")

COMPOSITIONS = {
    "A": codes.SCT.AlmostEntirelyFat,
    "B": Code("129717001", "SCT", "Scattered fibroglandular densities"),
    "C": Code("129718006", "SCT", "Heterogeneously dense"),
    "D": Code("129719003", "SCT", "Extremely dense"),
}
"""CID 6000, Overall Breast Composition."""

BREASTS = {"L": codes.SCT.LeftBreast, "R": codes.SCT.RightBreast}
SIDES = {"L": codes.SCT.Left, "R": codes.SCT.Right}

VIEWS = {
    "CC": codes.SCT.CranioCaudal,
    "MLO": codes.SCT.MedioLateralObliqueProjection,
    "ML": Code("399260004", "SCT", "medio-lateral"),
    "LM": codes.SCT.LateroMedial,
    "LMO": codes.SCT.LateroMedialOblique,
    "FB": codes.SCT.CaudoCranial,
    "SIO": codes.SCT.SuperolateralToInferomedialOblique,
    "ISO": codes.SCT.InferomedialToSuperolateralOblique,
    "XCCL": codes.SCT.CranioCaudalExaggeratedLaterally,
    "XCCM": codes.SCT.CranioCaudalExaggeratedMedially,
}
"""CID 4014, View for Mammography, by View Position."""

WITHOUT_FINDINGS = codes.DCM.AllAlgorithmsSucceededWithoutFindings
NONE_SUCCEEDED = codes.DCM.NoAlgorithmsSucceededWithoutFindings
"""CID 6047, CAD Processing and Findings Summary."""
