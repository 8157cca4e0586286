"""Camera namespaces and image topics, as users give them and as drivers name them. No ROS."""

from __future__ import annotations

from collections.abc import Iterable
import re

from fliqe_ros.frame_io.topics import COMPRESSED_SUFFIX

#: Names of image topics, the preferred first; the first is the default of ``image_topic``.
IMAGE_NAMES = (
    'image_raw', 'image', 'image_mono16', 'image_mono8', 'image_mono', 'image16', 'image8',
    'image_rect', 'raw', 'thermal_image', 'image_thermal', 'temperature_image',
    'image_temperature', 'thermal', 'infrared', 'lwir', 'mwir', 'ir')
# The others are names of cameras, too.
_NO_CAMERAS = IMAGE_NAMES[:IMAGE_NAMES.index('thermal')]
# A word that drivers of thermal cameras have in their topics.
_THERMAL = re.compile(
    r'(^|[/_])(thermal|thermo|thermography|temperature|infrared|lwir|mwir|ir|flir|boson|lepton|'
    r'tau2?|vue|seek|optris|infiray|hikmicro|xenics|seekthermal)(cam|camera)?\d*([/_]|$)')


def below(namespace: str, name: str) -> str:
    """Return the name below a camera's namespace, which may be the root ``/``."""
    return f'{namespace.rstrip("/")}/{name}'


def named_cameras(
    names: Iterable[str], image_topic: str, namespace: str,
) -> dict[str, str]:
    """
    Return the namespaces that stand in ``cameras``, and the name of the image topic below each.

    :param namespace: that of the node; a name without a leading slash is below it.
    """
    found: dict[str, str] = {}
    for name in filter(None, names):
        full_name = name if name.startswith('/') else below(namespace, name)
        found.setdefault(*camera_and_topic(full_name, image_topic))
    return found


def camera_and_topic(name: str, image_topic: str) -> tuple[str, str]:
    """
    Return the namespace that a user means, and the name of the image topic below it.

    A trailing slash is ignored. An image topic, such as ``/flir/image_raw`` or its
    ``/compressed``, stands for its namespace, and ``/thermal_image`` for the root.

    :param name: what stands in ``cameras``.
    :param image_topic: the name of image topics unless the user gave one with the camera.
    """
    camera = name.rstrip('/') or '/'
    topic = camera.removesuffix(COMPRESSED_SUFFIX)
    for ending in (image_topic, *_NO_CAMERAS):
        if topic.removeprefix('/') != ending and topic.endswith(f'/{ending}'):
            return topic.removesuffix(f'/{ending}'), ending
        if topic == f'/{ending}':
            return '/', ending
    return camera, image_topic


def is_thermal_topic(topic: str) -> bool:
    """Return whether a topic is named as drivers of thermal cameras name their images."""
    return topic.rpartition('/')[2] in IMAGE_NAMES and _THERMAL.search(topic) is not None


def thermal_cameras(topics: Iterable[str]) -> dict[str, str]:
    """Return the namespaces of topics with a usual thermal name, and the name below it of each."""
    found: dict[str, str] = {}
    for topic in sorted(filter(is_thermal_topic, topics),
                        key=lambda topic: IMAGE_NAMES.index(topic.rpartition('/')[2])):
        camera, _, name = topic.rpartition('/')
        found.setdefault(camera or '/', name)
    return found
