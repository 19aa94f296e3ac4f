"""What makes two parts parts of one run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mammoscope.errors import InputError
from mammoscope.models import DetectorCard
from mammoscope.phantom import WrittenStudies
from mammoscope.pipeline import Pipeline, PipelineOptions
from mammoscope.reading import find_images, load_metadata
from mammoscope.runs import Shard, make_outputs, merge_shards, run_shard


@pytest.mark.parametrize("change", ["outputs", "metadata"])
def test_parts_of_other_outputs_or_another_table_are_not_merged(
    study: WrittenStudies, brightest_pixel: DetectorCard, tmp_path: Path, change: str
) -> None:
    found, out, table = find_images(study.images[:2]), tmp_path / "out", tmp_path / "said.csv"
    options = PipelineOptions(detector_card=brightest_pixel.path, classify=False)
    other, outputs = options, make_outputs()
    if change == "outputs":
        outputs = make_outputs(["json", "table"])
    else:
        for view in ("MLO", "CC"):
            table.write_text(f"image,view\n{study.images[0]},{view}\n")
            options, other = other, replace(options, metadata=load_metadata(table))
    run_shard(Pipeline(options), found, out, Shard(1, 2))
    run_shard(Pipeline(other), found, out, Shard(2, 2), outputs=outputs)
    with pytest.raises(InputError, match=r"2-of-2\.json: is not of the same run"):
        merge_shards(out)
