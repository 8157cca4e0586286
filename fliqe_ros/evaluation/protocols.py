"""Protocols of an evaluation: which versions of a clean frame the methods score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from fliqe_ros.data.sources import Frame
from fliqe_ros.distortion_types import CLASSES, Distortion, DISTORTIONS
from fliqe_ros.evaluation.judging.registry import JUDGED
from fliqe_ros.imaging.palettes import colorize, SHOWN_PALETTES
from fliqe_ros.simulation.artifacts.artifact import Artifact
from fliqe_ros.simulation.artifacts.registry import ARTIFACTS
from fliqe_ros.simulation.degradations import degrade
import numpy as np

#: Severities at which ``graded`` shows every distortion.
GRADES = (0.0, 0.25, 0.5, 0.75, 1.0)
#: Kinds of version: the first two under ``raw``, the third under ``palettes``.
AFTER_GAIN_CONTROL, BEFORE_GAIN_CONTROL, GRAY = '8-bit', 'raw', 'gray'


class Version(NamedTuple):
    """One version of a frame, and what was done to it."""

    image: np.ndarray       #: (H, W) uint8 gray or (H, W, 3) uint8 BGR
    truth: Distortion       #: its type
    severity: float | None  #: 0 (mild) to 1 (strong); None is the reference severity
    kind: str               #: a distortion, an artifact, a palette or a place of distortion


Protocol: TypeAlias = Callable[[Frame, np.random.Generator], Iterator[Version]]


def reference(frame: Frame, rng: np.random.Generator) -> Iterator[Version]:
    """Yield the frame clean and with each distortion at its reference severity."""
    image = frame.to_8bit()
    for distortion in CLASSES:
        yield Version(degrade(image, distortion, None, rng), distortion, None, distortion.label)


def random(frame: Frame, rng: np.random.Generator) -> Iterator[Version]:
    """Yield the frame clean and with each distortion at a random severity from 0 to 1."""
    image = frame.to_8bit()
    yield _clean(image)
    for distortion in DISTORTIONS:
        severity = rng.uniform(0.0, 1.0)
        yield Version(degrade(image, distortion, severity, rng), distortion, severity,
                      distortion.label)


def graded(frame: Frame, rng: np.random.Generator) -> Iterator[Version]:
    """
    Yield the frame clean and with each distortion at all ``GRADES``.

    All grades of a distortion have the same angle, shift or noise.
    """
    image = frame.to_8bit()
    yield _clean(image)
    for distortion in DISTORTIONS:
        seed = rng.integers(2**63)
        for severity in GRADES:
            distorted = degrade(image, distortion, severity, np.random.default_rng(seed))
            yield Version(distorted, distortion, severity, distortion.label)


def _kinds(table: Mapping[str, Artifact], severity: float | None) -> Protocol:
    """Return a protocol: the frame clean and with each kind of a table at one severity."""

    def protocol(frame: Frame, rng: np.random.Generator) -> Iterator[Version]:
        yield _clean(frame.to_8bit())
        for name, artifact in table.items():
            image = artifact.apply(frame.pixels, severity, np.random.default_rng(
                rng.integers(2**63)))
            yield Version(image, artifact.distortion, severity, name)
    return protocol


def raw(frame: Frame, rng: np.random.Generator) -> Iterator[Version]:
    """
    Yield a raw frame, clean and distorted at reference severities, after and before gain control.

    Noise is the same in both. An 8-bit frame yields nothing.
    """
    if frame.pixels.dtype != np.uint16:
        return
    seed = rng.integers(2**63)
    for kind, pixels in ((AFTER_GAIN_CONTROL, frame.to_8bit()),
                         (BEFORE_GAIN_CONTROL, frame.pixels)):
        for distortion in CLASSES:
            shown = degrade(pixels, distortion, None, np.random.default_rng(seed))
            yield Version(shown, distortion, None, kind)


def palettes(frame: Frame, rng: np.random.Generator) -> Iterator[Version]:
    """Yield the versions of ``reference``, in gray and then in each colour palette."""
    versions = list(reference(frame, rng))
    for version in versions:
        yield version._replace(kind=GRAY)
    for name in SHOWN_PALETTES:
        for version in versions:
            yield version._replace(image=colorize(version.image, name), kind=name)


def _clean(image: np.ndarray) -> Version:
    return Version(image, Distortion.CLEAN, None, Distortion.CLEAN.label)


#: Name → protocol. The kinds of ``judged`` are other implementations than those trained on.
PROTOCOLS: dict[str, Protocol] = {
    **{protocol.__name__: protocol for protocol in (reference, random, graded, raw, palettes)},
    **{f'{kinds}{suffix}': _kinds(table, severity)
       for kinds, table in (('artifacts', ARTIFACTS), ('judged', JUDGED))
       for suffix, severity in (('', None), ('_mild', 0.0), ('_strong', 1.0))}}
