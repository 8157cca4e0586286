"""The view of a fixed camera: where its picture has edges, whatever is hot or cold in it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

# Columns and rows of a view.
_COLUMNS, _ROWS = 32, 24
#: Numbers in a view.
VIEW_SIZE = _COLUMNS * _ROWS
# Pixels along the shorter side that are enough to find edges.
_ENOUGH = 240
# Views that are less alike than this are different scenes; those of a fixed camera are more alike.
_SAME_SCENE, _FIXED = 0.85, 0.7
# A view that is less alike than this share of what is usual is another one ...
_OTHER = 0.6
# ... once so many in a row are.
_IN_A_ROW = 5


def view(picture: np.ndarray) -> np.ndarray:
    """
    Return where a picture has edges, (768,) float32 of mean 0 and length 1; all 0 if nowhere.

    It does not change if the scene gets hotter or colder, or dark and bright change places.

    :param picture: (H, W), at least 8 pixels a side.
    """
    step = max(min(picture.shape) // _ENOUGH, 1)
    small: np.ndarray = np.nan_to_num(picture[::step, ::step].astype(np.float32))
    small = cv2.GaussianBlur(small, (0, 0), 1.5)
    edges = np.zeros_like(small)
    edges[:, 1:-1] += np.abs(small[:, 2:] - small[:, :-2])
    edges[1:-1] += np.abs(small[2:] - small[:-2])
    grid = np.sqrt(cv2.resize(edges, (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA)).ravel()
    grid -= grid.mean()
    length = float(np.linalg.norm(grid))
    return grid / length if length > 0 else grid


def count_scenes(views: Sequence[np.ndarray]) -> int:
    """Return how many different scenes there are, at least 1."""
    scenes: list[np.ndarray] = []
    for each in views:
        if not scenes or max(np.stack(scenes) @ each) < _SAME_SCENE:
            scenes.append(each)
    return max(len(scenes), 1)


def fixed_view(views: Sequence[np.ndarray]) -> tuple[np.ndarray, float] | None:
    """
    Return the view of a fixed camera, and how alike another one must be; None if it is not fixed.

    A camera that moved while it was watched is not fixed.
    """
    mean = np.mean(views, axis=0)
    length = float(np.linalg.norm(mean))
    if length == 0:
        return None
    mean /= length
    usual = float(np.quantile(np.stack(views) @ mean, 0.1))
    return (mean, _OTHER * usual) if usual >= _FIXED else None


class ViewWatch:
    """Notices that a fixed camera looks elsewhere; what passes by for a moment does not count."""

    def __init__(self, usual: np.ndarray, least: float) -> None:
        self._usual, self._least = usual, least
        self._others = 0

    def look(self, picture: np.ndarray) -> bool:
        """Return whether the camera was moved or turned; give it a picture about once a second."""
        found = view(picture)
        if found.any():  # a blank picture tells nothing
            self._others = self._others + 1 if float(found @ self._usual) < self._least else 0
        return self._others >= _IN_A_ROW
