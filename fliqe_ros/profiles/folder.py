"""A folder of profiles; the file of each is called after its camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fliqe_ros.errors import one_line, ProfileError
from fliqe_ros.profiles.camera_profile import CameraProfile
from fliqe_ros.profiles.files import load_with_hash


@dataclass(frozen=True)
class StoredProfile:
    """A profile, its camera as the file is called (``robot1.flir_front``), the file's SHA-256."""

    camera: str
    profile: CameraProfile
    sha256: str


def load_profiles(folder: Path) -> tuple[dict[str, StoredProfile], list[str]]:
    """
    Read the profiles of a folder.

    :return: profiles by the names of their cameras, and sentences on files that are none.
    :raises OSError: if there is no such folder.
    """
    found: dict[str, StoredProfile] = {}
    failures = []
    for path in sorted(folder.iterdir()):
        if path.suffix != '.json':
            continue
        try:
            found[path.stem] = StoredProfile(path.stem, *load_with_hash(path))
        except (ProfileError, OSError) as error:
            failures.append(f'no profile is used: {one_line(error)}')
    return found, failures
