"""Scans of a breast that is not there: targets, skin, clutter and noise, the same for a seed.

Echoes are followed along straight rays, each once: no echo of an echo, no bent ray, no pulse that
changes its form on the way. What is found on such scans is the most that a method can do.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from mammoscope.errors import GeometryError
from mammoscope.geometry import FloatArray
from mammoscope.radar.arrays import C_MM_PER_NS, TURN_DEG, AntennaArray, Medium, bowl_array, turn
from mammoscope.radar.beamforming import Complex
from mammoscope.radar.scans import Scan

_OHM_VACUUM = 376.73
"""Impedance of vacuum."""

_GHZ = np.arange(2.0, 10.01, 0.1)
"""Frequencies kept of a simulated scan: those in which the pulse has at least half of its peak."""


CENTRE_GHZ = 6.0
"""Of the pulse (H. Song et al., IEEE Access 3, 2015; the paper itself was not at hand)."""


def monocycle(times_ns: FloatArray, centre_ghz: float = CENTRE_GHZ) -> FloatArray:
    """The Gaussian monocycle, with peaks of 1 and -1 about time 0.

    The first derivative of a Gaussian of standard deviation ``s``; its spectrum,
    ``f exp(-(f / centre)^2 / 2)``, is strongest at ``1 / (2 pi s)`` (X. Chen and S. Kiaei, IEEE
    International Symposium on Circuits and Systems, 2002).

    Examples
    --------
    >>> import numpy as np
    >>> float(monocycle(np.array([-1 / (2 * np.pi * 6)]))[0].round(6))
    1.0
    """
    scaled = 2 * np.pi * centre_ghz * times_ns
    return np.asarray(-scaled * np.exp((1 - scaled**2) / 2))


@dataclass(frozen=True)
class Sampler:
    """A receiver that hears the same echo again and again, each time a little later.

    Parameters
    ----------
    rate_ghz
        Samples a nanosecond that it takes of one echo.
    phases
        Repetitions, each later by ``1 / (rate_ghz * phases)``: together they sample ``phases``
        times as fast.
    jitter_ns
        Standard deviation of the error of each sample's instant.
    averages
        Times that each sample is taken; noise falls by the root.
    """

    rate_ghz: float = 0.8
    phases: int = 64
    jitter_ns: float = 0.001
    averages: int = 16

    def instants_ns(self, window_ns: float) -> FloatArray:
        """When samples are meant to be taken (T,), in the order in which they are taken."""
        first = np.arange(int(np.ceil(window_ns * self.rate_ghz))) / self.rate_ghz
        shifts = np.arange(self.phases) / (self.rate_ghz * self.phases)
        return (shifts[:, None] + first).ravel()

    def spectrum(self, instants_ns: FloatArray, samples: FloatArray, ghz: FloatArray) -> Complex:
        """Samples (T, C) to spectra (F, C); a later echo turns by ``exp(-2 pi i f t)``."""
        step = 1 / (self.rate_ghz * self.phases)
        kernel = np.exp(-2j * np.pi * np.outer(ghz, instants_ns))
        return np.asarray(kernel @ samples * step)


@dataclass(frozen=True)
class Target:
    """A tumour: a sphere, or a point where the diameter is 0.

    Permittivity and conductivity (S/m) are those of malignant tissue at 6 GHz (M. Lazebnik et al.,
    Physics in Medicine and Biology 52, 2007).
    """

    x_mm: float
    y_mm: float
    z_mm: float
    diameter_mm: float = 10.0
    permittivity: float = 50.0
    conductivity: float = 5.0

    @property
    def centre_mm(self) -> FloatArray:
        """Its centre (3,)."""
        return np.array([self.x_mm, self.y_mm, self.z_mm])


@dataclass(frozen=True)
class Scene:
    """What is simulated.

    Parameters
    ----------
    targets
        Tumours.
    medium
        Tissue, skin and gap.
    array
        Antennas.
    conductivity
        Of the tissue in S/m.
    skin_echo
        Amplitude of coupling and skin, in units of the strongest tumour echo; a tenth of it
        differs from channel to channel, as antennas do, and a hundredth as the breast turns.
    clutter_db
        Energy of 40 weak point scatterers in the tissue together, over that of the tumours.
    snr_db
        Peak of the strongest tumour echo over the noise of a sample before averaging.

    Raises
    ------
    GeometryError
        If a ratio is no number of decibels.
    """

    targets: tuple[Target, ...]
    medium: Medium = field(default_factory=lambda: Medium(9.0, skin_mm=2.0))
    array: AntennaArray = field(default_factory=bowl_array)
    conductivity: float = 0.2
    skin_echo: float = 10.0
    clutter_db: float = -10.0
    snr_db: float = 10.0

    def __post_init__(self) -> None:
        if not all(-200 <= value <= 200 for value in (self.clutter_db, self.snr_db)):
            raise GeometryError("clutter and signal to noise must be from -200 to 200 dB")


_SCATTERERS = 40
_CHANNEL_SPREAD, _TURN_SPREAD = 0.1, 0.01

Echo = tuple[FloatArray, FloatArray]
"""Delay in ns and amplitude of each channel, both (C,)."""


def simulate(scene: Scene, seed: int, sampler: Sampler | None = None, name: str = "scan") -> Scan:
    """A scan and the turned scan of a scene; ``seed`` rules skin, clutter, jitter and noise.

    Examples
    --------
    >>> scan = simulate(Scene((Target(20, 0, 30),)), seed=1)
    >>> scan.signals.shape
    (81, 100)
    """
    sampler, rng = sampler or Sampler(), np.random.default_rng(seed)
    tumours = _tumours(scene, 0.0)
    loudest = max(float(np.abs(amplitude).max()) for _, amplitude in tumours)
    if not loudest:
        raise GeometryError("a tumour of the tissue's own permittivity has no echo")
    energy = sum(float((amplitude**2).sum()) for _, amplitude in tumours)
    points, strengths = _scatterers(scene, energy, rng)
    skin_ns, skin = _skin(scene, loudest, rng)
    noise = loudest * 10 ** (-scene.snr_db / 20)
    spectra = []
    for degrees in (0.0, TURN_DEG):
        echoes = _tumours(scene, degrees) + _points(scene, turn(points, degrees), strengths)
        changed = skin * (1 + _TURN_SPREAD * rng.standard_normal(len(skin)))
        spectra.append(_received([*echoes, (skin_ns, changed)], sampler, noise, rng))
    return Scan(name, scene.array, _GHZ, *spectra)


def _tumours(scene: Scene, degrees: float) -> list[Echo]:
    """Echoes of the targets, turned about z."""
    pairs = ((turn(each.centre_mm[None], degrees)[0], each) for each in scene.targets)
    return [echo for place, target in pairs for echo in _sphere(scene, place, target)]


def random_target(array: AntennaArray, rng: np.random.Generator, diameter_mm: float) -> Target:
    """A target anywhere in the breast, 5 mm and its centre 15 mm at least from the antennas."""
    room = max(15.0, diameter_mm / 2 + 5)
    axes = array.axes_mm(1.0)
    low, high = (np.array([each(axis) for axis in axes]) for each in (np.min, np.max))
    while True:
        x, y, z = rng.uniform(low, high).round(1).tolist()
        apart = np.linalg.norm(array.antennas_mm - [x, y, z], axis=1).min()
        deep = array.radius_mm is None or np.linalg.norm([x, y, z]) <= array.radius_mm - room
        if apart >= room and deep and z >= 5:
            return Target(x, y, z, diameter_mm)


def _sphere(scene: Scene, centre: FloatArray, target: Target) -> list[Echo]:
    """Echoes of a sphere's front and back wall; of a point with the strength of a 1 mm sphere.

    A large sphere's echo is that of a mirror of half its radius (C. A. Balanis, Advanced
    Engineering Electromagnetics, ch. 11), seen where the way is shortest: on the line that halves
    the angle between the ways to sender and receiver.
    """
    outer, inner = np.sqrt(scene.medium.permittivity), np.sqrt(target.permittivity)
    mirror = (outer - inner) / (outer + inner)
    radius = target.diameter_mm / 2
    if not radius:
        return _points(scene, centre[None], np.array([mirror / 4]))
    ways = scene.array.antennas_mm - centre
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    middle = ways[scene.array.channels].sum(axis=1)
    middle /= np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-9)
    delays, spread = _ways(scene, centre + radius * middle)
    each = np.arange(len(middle))
    delay, front = delays[each, each], mirror * radius / 2 * spread[each, each]
    through = np.exp(-4 * radius * _loss(target.conductivity, target.permittivity))
    later = delay + 4 * radius * inner / C_MM_PER_NS
    return [(delay, front), (later, -front * (1 - mirror**2) * through)]


def _points(scene: Scene, points: FloatArray, strengths: FloatArray) -> list[Echo]:
    """Echoes of points (P, 3) that scatter alike to all sides."""
    delays, spread = _ways(scene, points)
    return list(zip(delays, strengths[:, None] * spread, strict=True))


def _ways(scene: Scene, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Delay and what is left of an amplitude by spreading and loss, (P, C)."""
    array = scene.array
    lengths = np.linalg.norm(array.antennas_mm[None] - points[:, None], axis=2)
    left = np.exp(-_loss(scene.conductivity, scene.medium.permittivity) * lengths) / lengths
    sender, receiver = array.channels.T
    return scene.medium.delays_ns(points, array), left[:, sender] * left[:, receiver]


def _loss(conductivity: float, permittivity: float) -> float:
    """Nepers a millimetre of a plane wave where losses are small."""
    return conductivity * _OHM_VACUUM / (2000 * float(np.sqrt(permittivity)))


def _scatterers(
    scene: Scene, energy: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Places and strengths of clutter, whose echoes have ``energy`` less ``clutter_db``."""
    points = np.stack([random_target(scene.array, rng, 0).centre_mm for _ in range(_SCATTERERS)])
    strengths = rng.standard_normal(_SCATTERERS)
    raw = sum(float((amplitude**2).sum()) for _, amplitude in _points(scene, points, strengths))
    return points, strengths * np.sqrt(energy * 10 ** (scene.clutter_db / 10) / raw)


def _skin(scene: Scene, loudest: float, rng: np.random.Generator) -> Echo:
    """What comes from sender to receiver along the skin, twice through it."""
    medium, lengths = scene.medium, np.maximum(scene.array.lengths_mm, 5.0)
    through = 2 * medium.skin_mm * np.sqrt(medium.skin_permittivity)
    way = lengths * np.sqrt(medium.permittivity) + through
    amplitude = lengths.min() / lengths * (1 + _CHANNEL_SPREAD * rng.standard_normal(len(lengths)))
    return way / C_MM_PER_NS, scene.skin_echo * loudest * amplitude


def _received(
    echoes: list[Echo], sampler: Sampler, noise: float, rng: np.random.Generator
) -> Complex:
    """Spectra (F, C) of what the receiver takes down."""
    end = max(float(delay.max()) for delay, _ in echoes) + 0.5
    meant = sampler.instants_ns(end)
    shape = (len(meant), len(echoes[0][0]))
    taken = meant[:, None] + sampler.jitter_ns * rng.standard_normal(shape)
    samples = noise / np.sqrt(sampler.averages) * rng.standard_normal(shape)
    for delay, amplitude in echoes:
        samples += amplitude * monocycle(taken - delay)
    return sampler.spectrum(meant, samples, _GHZ)


def simulate_many(
    scene: Scene, count: int, diameter_mm: float, seed: int
) -> tuple[list[Scan], list[dict[str, object]]]:
    """Scans of one tumour each at random places in a scene, and rows of ``scans.csv``."""
    rng = np.random.default_rng(seed)
    scans, truth = [], []
    for number in range(1, count + 1):
        target = random_target(scene.array, rng, diameter_mm)
        name = f"sim{number:03}"
        within = replace(scene, targets=(target,))
        scans.append(simulate(within, int(rng.integers(2**32)), name=name))
        places = zip("xyz", target.centre_mm.tolist(), strict=True)
        row = {"scan": name, "phantom": "simulated"}
        row |= {f"tumour_{axis}_mm": f"{v:g}" for axis, v in places}
        row |= {"tumour_diameter_mm": f"{diameter_mm:g}", "place": "simulated"}
        truth.append({**row, "permittivity": scene.medium.permittivity})
    return scans, truth
