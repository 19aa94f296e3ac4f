"""A model's card, told for people and for registries: Markdown, Hugging Face, CHAI.

Everything comes from the card. What it does not hold is said to be not measured or not known.
"""

from mammoscope.reporting.model_cards.chai import chai
from mammoscope.reporting.model_cards.figures import Block, Known, figures_of, subgroups_of
from mammoscope.reporting.model_cards.hugging_face import front_matter, hugging_face
from mammoscope.reporting.model_cards.markdown import markdown
from mammoscope.reporting.model_cards.reliability import Bin, bins_of, reliability_svg

__all__ = [
    "Bin",
    "Block",
    "Known",
    "bins_of",
    "chai",
    "figures_of",
    "front_matter",
    "hugging_face",
    "markdown",
    "reliability_svg",
    "subgroups_of",
]
