"""Cameras found by the type and the name of their image topics."""

from collections.abc import Iterable

_TYPES = {
    'raw': 'sensor_msgs/msg/Image',
    'compressed': 'sensor_msgs/msg/CompressedImage',
}


def cameras_among(
    topics: Iterable[tuple[str, list[str]]], image_topic: str, transport: str, namespace: str,
) -> dict[str, str]:
    """
    Return camera namespaces and their image topics, as in ``{'/flir': '/flir/image_raw'}``.

    :param topics: names and types, as ``Node.get_topic_names_and_types`` gives them.
    :param namespace: only cameras below it count; of several robots each scores its own.
    """
    ending = f'/{image_topic}' + ('/compressed' if transport == 'compressed' else '')
    root = namespace.rstrip('/') + '/'
    found = {
        name[:-len(ending)] or '/': name
        for name, types in topics
        if _TYPES[transport] in types and name.endswith(ending) and name.startswith(root)
    }
    # <camera>/quality/image is what this node publishes.
    return {camera: topic for camera, topic in found.items() if not camera.endswith('/quality')}
