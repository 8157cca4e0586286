"""Pictures of the worst moments, each beside the map of where it is bad."""

from __future__ import annotations

import base64
from collections.abc import Collection
from contextlib import suppress

import cv2
from fliqe_ros.errors import FrameError, SourceError
from fliqe_ros.estimator import FLIQE
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.recordings.events import Event
from fliqe_ros.recordings.scoring import SpanOfCamera
import numpy as np

#: Most pictures of one camera: those of its worst events.
MOST_PICTURES = 8
_WIDTH = 240
#: How much of the red of the map covers the worst places.
_COVER = 0.65


def worst_events(events: list[Event]) -> list[Event]:
    """Return the events to show pictures of."""
    shown = sorted((event for event in events if event.worst >= 0),
                   key=lambda event: (event.lowest, event.start))
    return shown[:MOST_PICTURES]


def take_pictures(fliqe: FLIQE, part: SpanOfCamera, wanted: Collection[int]) -> dict[int, str]:
    """
    Read some frames of a span once more, by their numbers in it.

    :return: number of the frame → a data URL of the picture, with its map beside it.
    """
    pictures: dict[int, str] = {}
    palette = PaletteReader.of(part.palette)
    with suppress(SourceError, OSError):
        for index, frame in enumerate(part.frames()):
            if index in wanted:
                with suppress(FrameError):
                    pixels = part.borders.cut(frame.read())
                    pictures[index] = _picture(fliqe, pixels, part.gain, palette)
            if index >= max(wanted, default=-1):
                break
    return pictures


def _picture(fliqe: FLIQE, pixels: np.ndarray, gain: GainControl, palette: PaletteReader) -> str:
    prepared = fliqe.prepare(pixels, gain, palette)
    assessment, = fliqe.assess_prepared([prepared])
    gray = palette.to_gray(pixels)
    gray = gray if gray.dtype == np.uint8 else gain(gray)
    size = _WIDTH, max(1, round(gray.shape[0] * _WIDTH / gray.shape[1]))
    shown = cv2.cvtColor(cv2.resize(gray, size, interpolation=cv2.INTER_AREA),
                         cv2.COLOR_GRAY2BGR)
    if assessment.quality_map is not None:
        bad = cv2.resize(1 - assessment.quality_map, size, interpolation=cv2.INTER_NEAREST)
        cover = _COVER * bad[..., np.newaxis].clip(0, 1)
        red = np.array([40, 40, 230], np.float32)
        shown = np.hstack([shown, np.uint8(shown * (1 - cover) + red * cover)])
    data = cv2.imencode('.jpg', shown, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    return f'data:image/jpeg;base64,{base64.b64encode(data).decode()}'
