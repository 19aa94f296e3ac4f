"""The analysis against what other programs print for a public data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from mammoscope.reader_studies import StudyAnalysis, analyse, load_reads

VANDYKE = Path(__file__).parents[3] / "shared" / "data" / "reader-study" / "vandyke.csv"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not VANDYKE.exists(), reason="needs ../shared/data/reader-study"),
]


@pytest.fixture(scope="module")
def analysis() -> StudyAnalysis:
    pytest.importorskip("scipy", reason="needs the extra [study]")
    return analyse(load_reads(VANDYKE), positive_from=3)


PUBLISHED = {
    "AUC": {
        "means": (0.8970370, 0.9408374),
        "difference": (-0.0438003, 0.0206825, 15.06611, 0.05123303),
        "components": (0.0007921325, 0.0003420090, 0.0003395265, 0.0002358497),
    },
    "sensitivity": {
        "means": (0.8222222, 0.9200000),
        "difference": (-0.0977778, 0.0378045, 15.71732, 0.02008822),
        "components": (0.0023681257, 0.0009943883, 0.0010145903, 0.0006604938),
    },
}


@pytest.mark.parametrize("figure", PUBLISHED)
def test_random_readers_and_cases(analysis: StudyAnalysis, figure: str) -> None:
    published = PUBLISHED[figure]
    means = [mean.mean for mean in analysis.means if mean.figure == figure]
    assert means == pytest.approx(published["means"], rel=1e-6)
    found = next(c for c in analysis.comparisons if c.figure == figure)
    assert (found.method, found.readers, found.cases) == ("OR", "random", "random")
    values = (found.difference, found.se, found.df, found.p)
    assert values == pytest.approx(published["difference"], rel=1e-5)
    parts = analysis.covariances()[figure]
    spread = (parts.error, parts.cov1, parts.cov2, parts.cov3)
    assert spread == pytest.approx(published["components"], rel=1e-5)


def test_all_modes_at_once(analysis: StudyAnalysis) -> None:
    assert analysis.tests[0].f == pytest.approx(4.484854, rel=1e-6)
