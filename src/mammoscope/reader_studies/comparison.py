"""Do the modes differ? By Obuchowski and Rockette, and by Dorfman, Berbaum and Metz.

Both treat readers and cases as drawn from many (random) or as the only ones of interest (fixed).

N. A. Obuchowski and H. E. Rockette, "Hypothesis testing of diagnostic accuracy for multiple
readers and multiple tests", Communications in Statistics 1995; D. D. Dorfman, K. S. Berbaum and
C. E. Metz, "Receiver operating characteristic rating analysis", Investigative Radiology 1992;
degrees of freedom by S. L. Hillis, "A comparison of denominator degrees of freedom methods for
multiple observer ROC analysis", Statistics in Medicine 2007, and "A marginal-mean ANOVA approach
for analyzing multireader multicase radiological imaging data", 2014.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mammoscope.errors import MissingExtra
from mammoscope.geometry import FloatArray
from mammoscope.reader_studies.figures import Figure

CONFIDENCE = 0.95

FACTORS = (("random", "random"), ("fixed", "random"), ("random", "fixed"))
"""What is drawn anew: readers and cases."""


@dataclass(frozen=True)
class Components:
    """Variance of a cell, and covariances of two cells over cases (Obuchowski and Rockette).

    ``cov1`` is of one reader in two modes, ``cov2`` of two readers in one mode, ``cov3`` of two
    readers in two modes; NaN where there is only one reader or one mode.
    """

    error: float
    cov1: float
    cov2: float
    cov3: float


@dataclass(frozen=True)
class Comparison:
    """The difference of two modes: the first one's mean over the readers less the second's.

    Parameters
    ----------
    figure
        Name of the figure of merit.
    method
        ``"OR"`` or ``"DBM"``.
    readers, cases
        ``"random"`` or ``"fixed"``.
    df
        Degrees of freedom of t; None where they are infinite.
    se, p, low, high
        Standard error, two-sided p value and 95 % interval; None where the readers or the cases
        do not differ, so that nothing can be said.
    """

    figure: str
    method: str
    readers: str
    cases: str
    modes: tuple[str, str]
    difference: float
    se: float | None
    df: float | None
    p: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Omnibus:
    """Are all modes alike? F with its degrees of freedom and p; None as in :class:`Comparison`."""

    figure: str
    method: str
    readers: str
    cases: str
    f: float | None
    df1: int
    df2: float | None
    p: float | None


@dataclass(frozen=True)
class Spread:
    """Mean square of the error of a mode's mean, times the readers, with degrees of freedom."""

    square: float
    df: float


def components(figure: Figure) -> Components:
    """Variance and covariances, each the mean over the pairs of cells that it is of."""
    modes, readers = figure.values.shape
    mode, reader = (n.ravel() for n in np.indices((modes, readers)))
    one_mode, one_reader = mode[:, None] == mode, reader[:, None] == reader

    def mean(chosen: np.ndarray) -> float:
        return float(figure.covariance[chosen].mean()) if chosen.any() else math.nan

    return Components(
        error=mean(one_mode & one_reader),
        cov1=mean(~one_mode & one_reader),
        cov2=mean(one_mode & ~one_reader),
        cov3=mean(~one_mode & ~one_reader),
    )


def compare(figure: Figure, modes: tuple[str, ...]) -> tuple[Comparison, ...]:
    """Every pair of modes by every method and choice of what is drawn anew, OR first."""
    means = figure.values.mean(axis=1)
    return tuple(
        _comparison(figure, method, factors, (modes[a], modes[b]), means[a] - means[b], spread)
        for method, factors, spread in _spreads(figure)
        for a, b in combinations(range(len(modes)), 2)
    )


def compare_all(figure: Figure) -> tuple[Omnibus, ...]:
    """All modes at once, by every method and choice of what is drawn anew."""
    modes, readers = figure.values.shape
    if modes < 2:
        return ()
    between = readers * float(np.var(figure.values.mean(axis=1), ddof=1))
    tests = []
    for method, (who, what), spread in _spreads(figure):
        f = between / spread.square if spread.square > 0 else None
        p = None if f is None else _beyond_f(f, modes - 1, spread.df)
        df2 = spread.df if math.isfinite(spread.df) else None
        tests.append(Omnibus(figure.name, method, who, what, f, modes - 1, df2, p))
    return tuple(tests)


def mean_interval(figure: Figure, mode: int) -> tuple[float | None, float | None, float | None]:
    """Standard error and 95 % interval of one mode's mean, random readers and cases."""
    values, readers = figure.values[mode], figure.values.shape[1]
    if readers < 2:
        return None, None, None
    own = figure.covariance.reshape(*figure.values.shape, *figure.values.shape)[mode, :, mode]
    pairs = float(own[~np.eye(readers, dtype=bool)].mean())
    square = float(np.var(values, ddof=1))
    spread = _satterthwaite(square, readers * max(pairs, 0), readers - 1)
    return _interval(float(values.mean()), math.sqrt(spread.square / readers), spread.df)


def _spreads(figure: Figure) -> list[tuple[str, tuple[str, str], Spread]]:
    """The error that each test measures the modes against; none for a lone reader as drawn."""
    modes, readers = figure.values.shape
    if modes < 2:
        return []
    made = [
        (method, factors, spread(figure, factors))
        for method, spread in (("OR", _obuchowski_rockette), ("DBM", _dorfman_berbaum_metz))
        for factors in FACTORS
        if readers > 1 or factors[0] == "fixed"
    ]
    return made


def _obuchowski_rockette(figure: Figure, factors: tuple[str, str]) -> Spread:
    modes, readers = figure.values.shape
    parts = components(figure)
    shared = max(parts.cov2 - parts.cov3, 0.0) if readers > 1 else 0.0
    if factors[0] == "fixed":
        return Spread(parts.error - parts.cov1 + (readers - 1) * shared, math.inf)
    square = _interaction(figure.values)
    more = readers * shared if factors[1] == "random" else 0.0
    return _satterthwaite(square, more, (modes - 1) * (readers - 1))


def _dorfman_berbaum_metz(figure: Figure, factors: tuple[str, str]) -> Spread:
    """Analysis of variance of the jackknife's pseudovalues, centred on the figure itself."""
    modes, readers, cases = figure.left_out.shape
    pseudo = (cases - 1) * (figure.left_out.mean(axis=-1, keepdims=True) - figure.left_out)
    pseudo = pseudo + figure.values[..., None]
    by_case = readers * _interaction(pseudo.mean(axis=1))
    if factors[0] == "fixed":
        return Spread(by_case / cases, (modes - 1) * (cases - 1))
    by_reader = cases * _interaction(figure.values)
    three = _three_way(pseudo)
    more = max(by_case - three, 0.0) if factors[1] == "random" else 0.0
    return _satterthwaite(by_reader / cases, more / cases, (modes - 1) * (readers - 1))


def _interaction(values: FloatArray) -> float:
    """Mean square of what mode (first axis) and the other factor (second) do together."""
    away = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    return float((away**2).sum() / ((values.shape[0] - 1) * (values.shape[1] - 1)))


def _three_way(values: FloatArray) -> float:
    """Mean square of what mode, reader and case do together."""
    away = values
    for axis in range(3):
        away = away - away.mean(axis=axis, keepdims=True)
    return float((away**2).sum() / math.prod(n - 1 for n in values.shape))


def _satterthwaite(square: float, more: float, df: int) -> Spread:
    """A mean square and a known part, with Hillis' degrees of freedom."""
    total = square + more
    return Spread(total, df * (total / square) ** 2 if square > 0 else math.inf)


def _comparison(
    figure: Figure,
    method: str,
    factors: tuple[str, str],
    modes: tuple[str, str],
    difference: float,
    spread: Spread,
) -> Comparison:
    readers = figure.values.shape[1]
    df = spread.df if math.isfinite(spread.df) else None
    # Rounding alone makes a spread of readers who agree in everything.
    if not spread.square > np.finfo(float).eps * max(1.0, float(np.abs(figure.values).max())) ** 2:
        se = p = low = high = None
    else:
        se, low, high = _interval(difference, math.sqrt(2 * spread.square / readers), spread.df)
        p = _beyond_t(difference / se, spread.df) if se else None
    return Comparison(figure.name, method, *factors, modes, float(difference), se, df, p, low, high)


def _interval(
    value: float, se: float, df: float
) -> tuple[float | None, float | None, float | None]:
    special = _special()
    tail = (1 + CONFIDENCE) / 2
    t = special.stdtrit(df, tail) if math.isfinite(df) else special.ndtri(tail)
    return se, float(value - t * se), float(value + t * se)


def _beyond_t(t: float, df: float) -> float:
    """Chance of a t at least as far from 0."""
    special = _special()
    below = special.stdtr(df, -abs(t)) if math.isfinite(df) else special.ndtr(-abs(t))
    return float(2 * below)


def _beyond_f(f: float, df1: int, df2: float) -> float:
    special = _special()
    return float(special.fdtrc(df1, df2, f) if math.isfinite(df2) else special.chdtrc(df1, df1 * f))


def _special():  # type: ignore[no-untyped-def]
    try:
        from scipy import special
    except ImportError as error:
        raise MissingExtra("the analysis of a reader study", "study") from error
    return special
