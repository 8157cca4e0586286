"""By what recordings are scored: the node's parameters that change a score or a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fliqe_ros.imaging.borders import Borders
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.monitoring.status import Criteria

#: The parameters of the node that count here, with the node's own defaults.
DEFAULTS: dict[str, Any] = {
    'smoothing_window': 300,
    'warn_below': 0.6,
    'error_below': 0.3,
    'hysteresis': 0.05,
    'min_frames': 5,
    'reaction_time': 1.0,
    'shutter_time': 3.0,
    'stale_after': 2.0,
    'freeze_after': 5.0,
    'agc.mode': 'percentile',
    'agc.low': 0.5,
    'agc.high': 99.5,
    'input_shift': 0,
    'crop_top_rows': 0,
    'crop_bottom_rows': 0,
    'crop_left_columns': 0,
    'crop_right_columns': 0,
}


@dataclass(frozen=True)
class ScoringSettings:
    """What decides scores (gain control, borders to cut off) and verdicts (the rest)."""

    criteria: Criteria
    smoothing_window: int
    gain: GainControl
    borders: Borders
    values: Mapping[str, Any]

    @property
    def of_scores(self) -> list[Any]:
        """Return the values that scores depend on; verdicts are made anew each time."""
        return [self.values[name] for name in DEFAULTS
                if name.startswith('agc.') or name.startswith('crop_') or name == 'input_shift']


def settings_of(values: Mapping[str, Any]) -> ScoringSettings:
    """
    Return the settings that parameters of the node describe; what is not given has its default.

    :raises ValueError: if a value is of another type or contradicts another.
    """
    merged = dict(DEFAULTS)
    for name in DEFAULTS:
        if name in values:
            merged[name] = _typed(name, values[name])
    criteria = Criteria.of(merged)
    thresholds = criteria.thresholds
    if not 0 <= thresholds.error_below <= thresholds.warn_below <= 1:
        raise ValueError(f'error_below ({thresholds.error_below}) and warn_below '
                         f'({thresholds.warn_below}) have to rise, from 0 to 1')
    if not 1 <= thresholds.min_frames <= merged['smoothing_window']:
        raise ValueError(f'min_frames ({thresholds.min_frames}) has to be from 1 to '
                         f'smoothing_window ({merged["smoothing_window"]})')
    freeze, shutter = merged['freeze_after'], merged['shutter_time']
    if 0 < freeze < shutter:
        raise ValueError(f'freeze_after ({freeze}) must not be below shutter_time ({shutter})')
    gain = GainControl(merged['agc.mode'], merged['agc.low'], merged['agc.high'],
                       merged['input_shift'])
    return ScoringSettings(
        criteria, merged['smoothing_window'], gain, Borders.of(merged), merged)


def read_parameters(path: Path) -> dict[str, Any]:
    """
    Read a file of ROS parameters, such as config/fliqe.yaml, as flat names and values.

    :raises ValueError: if it is no such file, or PyYAML is missing.
    :raises OSError: if it cannot be read.
    """
    try:
        import yaml  # optional
    except ImportError as error:
        raise ValueError(f'{path}: reading it needs the Python package pyyaml') from error
    try:
        loaded = yaml.safe_load(path.read_text(encoding='utf-8'))
        nodes = [node['ros__parameters'] for node in loaded.values()]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f'{path}: not a file of ROS parameters') from error
    found: dict[str, Any] = {}
    for parameters in nodes:
        found.update(_flat(parameters or {}))
    return found


def _flat(parameters: Mapping[str, Any], before: str = '') -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            found.update(_flat(value, f'{before}{name}.'))
        else:
            found[f'{before}{name}'] = value
    return found


def _typed(name: str, value: Any) -> Any:
    kind = type(DEFAULTS[name])
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f'{name}: {value!r} is not of type {kind.__name__}')
    return value
