"""How image topics of a camera are named."""

COMPRESSED_SUFFIX = '/compressed'


def compressed_topic(topic: str) -> str:
    """Return the topic on which image_transport publishes compressed images of ``topic``."""
    return topic + COMPRESSED_SUFFIX


def camera_of(topic: str) -> str:
    """Return the namespace of the camera, perhaps the root, that an image topic belongs to."""
    return topic.removesuffix(COMPRESSED_SUFFIX).rpartition('/')[0] or '/'
