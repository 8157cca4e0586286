"""
Quality scores for thermal camera frames, as a library and as a ROS 2 node.

The names below are resolved on first use (PEP 562), so that importing the messages of this
package (``from fliqe_ros.msg import QualityScore``) loads neither PyTorch nor OpenCV.
"""

from importlib import import_module

_HOMES = {
    'Assessment': 'estimator',
    'Distortion': 'distortion_types',
    'FLIQE': 'estimator',
    'OnlineFLIQE': 'sessions',
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'{__name__}.{_HOMES[name]}'), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
