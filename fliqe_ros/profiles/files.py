"""The profile of a camera as a small JSON file."""

from __future__ import annotations

import base64
from dataclasses import asdict
import hashlib
import json
import math
import os
from pathlib import Path
import tempfile
from typing import Any

from fliqe_ros.errors import one_line, ProfileError
from fliqe_ros.profiles.camera_profile import CameraProfile, Direction
from fliqe_ros.profiles.measures import DETAILS, MEASURES
from fliqe_ros.profiles.patterns import PATTERNS
from fliqe_ros.profiles.views import VIEW_SIZE
import numpy as np

_FORMAT, _VERSION = 'fliqe camera profile', 1
# Far more than any profile takes.
_MOST_BYTES = 100_000


def save_profile(profile: CameraProfile, path: str | Path) -> None:
    """
    Write a profile; a file that is there is replaced in one step.

    :raises OSError: if it cannot be written; a file that is there stays as it is.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    try:
        with os.fdopen(descriptor, 'w', encoding='utf-8') as file:
            json.dump(_as_json(profile), file, indent=1)
            file.write('\n')
            file.flush()
            os.fsync(file.fileno())
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise


def load_profile(path: str | Path) -> CameraProfile:
    """
    Read a profile.

    :raises ProfileError: if the file is no profile, naming it and the reason.
    :raises OSError: if it cannot be read.
    """
    return load_with_hash(path)[0]


def load_with_hash(path: str | Path) -> tuple[CameraProfile, str]:
    """Read a profile, see ``load_profile``, and tell the SHA-256 of its file."""
    with Path(path).open('rb') as file:
        data = file.read(_MOST_BYTES + 1)
    try:
        if len(data) > _MOST_BYTES:
            raise ValueError('it is too large')
        return _from_json(json.loads(data)), hashlib.sha256(data).hexdigest()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f'{error} is missing' if isinstance(error, KeyError) else one_line(error)
        raise ProfileError(f'{path} is no profile of a camera: {reason}') from error


def _as_json(profile: CameraProfile) -> dict[str, Any]:
    view = None if profile.view is None else base64.b64encode(
        profile.view.astype('<f2').tobytes()).decode('ascii')
    return {'format': _FORMAT, 'version': _VERSION, 'model': profile.model,
            'frames': profile.frames, 'height': profile.shape[0], 'width': profile.shape[1],
            'lowest_score': profile.lowest_score, 'blur': asdict(profile.blur),
            'strong_blur': asdict(profile.strong_blur), 'noise': asdict(profile.noise),
            'patterns': [asdict(each) for each in profile.patterns], 'view': view,
            'least_alike': profile.least_alike}


def _from_json(content: Any) -> CameraProfile:
    if not isinstance(content, dict) or content.get('format') != _FORMAT:
        raise ValueError('it was not written by fliqe learn or the node')
    if content['version'] != _VERSION:
        raise ValueError(f'it has version {content["version"]}, this package reads {_VERSION}')
    if not isinstance(content['model'], str):
        raise ValueError('model is no text')
    return CameraProfile(
        content['model'], _whole(content, 'frames'),
        (_whole(content, 'height'), _whole(content, 'width')),
        _share(content, 'lowest_score'), _direction(content['blur']),
        _direction(content['strong_blur']), _direction(content['noise']),
        _view(content['view']), _share(content, 'least_alike'), _patterns(content))


def _patterns(content: dict[str, Any]) -> tuple[Direction, ...]:
    """Return what shows new patterns; () of a file that was stored before they were learnt."""
    patterns = tuple(map(_direction, content.get('patterns', ())))
    if len(patterns) not in (0, PATTERNS):
        raise ValueError(f'there are {len(patterns)} patterns, not {PATTERNS}')
    return patterns


def _direction(content: Any) -> Direction:
    weights = tuple(_number(each) for each in content['weights'])
    if len(weights) == DETAILS:  # stored before patterns were learnt
        weights += (0.0,) * PATTERNS
    if len(weights) != MEASURES:
        raise ValueError(f'there are {len(weights)} weights, not {MEASURES}')
    direction = Direction(weights, _number(content['normal']), _number(content['limit']))
    if direction.limit <= direction.normal:
        raise ValueError('a limit is not above what is normal')
    return direction


def _view(content: Any) -> np.ndarray | None:
    if content is None:
        return None
    try:
        data = base64.b64decode(content, validate=True)
        view = np.frombuffer(data, '<f2').astype(np.float32)
    except ValueError as error:
        raise ValueError('its view is broken') from error
    if view.shape != (VIEW_SIZE,) or not np.isfinite(view).all():
        raise ValueError('its view is broken')
    return view


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f'{value!r} is no number')
    return float(value)


def _share(content: dict[str, Any], name: str) -> float:
    value = _number(content[name])
    if not -1 <= value <= 1:
        raise ValueError(f'{name} is {value}')
    return value


def _whole(content: dict[str, Any], name: str) -> int:
    value = content[name]
    if type(value) is not int or value < 1:
        raise ValueError(f'{name} is {value!r}')
    return value
