"""
Learn what is normal for a camera, from frames of it that are good; needs no ROS.

The file that it writes is small. A node that finds it in its profile_folder, under the camera's
name, judges the camera's frames against it too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
import sys

from fliqe_ros.errors import FrameError, SourceError
from fliqe_ros.estimator import FLIQE
from fliqe_ros.frame_io.streams import CameraStream, find_recordings, open_recording
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.profiles.files import save_profile
from fliqe_ros.profiles.learning import ProfileLearner
from fliqe_ros.profiles.measures import gray_picture
from fliqe_ros.recordings.settings import read_parameters, ScoringSettings, settings_of
from fliqe_ros.tools.printing import add_printing, shows_progress, tell
from tqdm import tqdm

EXPLANATION = """
Take a minute or more of all that the camera usually sees, and only good frames: sharp as ever,
clean lens, no fog. A recording is an image, a video, a ROS bag, or a folder of numbered images.

examples:
  fliqe learn good_minute.mcap --camera /flir_front/image_raw --out ~/.ros/fliqe/flir_front.json
  fliqe learn good_frames/ --out front.json

Exit status: 0; 1 if nothing was learnt, with the reason on standard error.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        prog='fliqe learn', description=__doc__, epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('recording', metavar='RECORDING',
                           help='file or folder that holds good frames of one camera')
    arguments.add_argument('--camera', default='', metavar='TOPIC',
                           help='image topic of the camera, if a bag holds several')
    arguments.add_argument('--out', type=Path, required=True, metavar='FILE',
                           help='file to write: NAME.json')
    arguments.add_argument('--params', type=Path, metavar='YAML',
                           help="the node's parameters, for gain control and borders to cut off")
    arguments.add_argument('--model', help='model file, default: the packaged one')
    arguments.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    add_printing(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 1, with a line on stderr, if it failed."""
    options = parser().parse_args(argv)
    try:
        settings = settings_of(read_parameters(options.params) if options.params else {})
        fliqe = FLIQE(options.model, options.device)
        learner = ProfileLearner(fliqe.model_id)
        unreadable = _learn(options, fliqe, settings, learner)
        profile = learner.profile()
        save_profile(profile, options.out)
    except (ValueError, OSError) as error:
        print(f'learn: {error}', file=sys.stderr)
        return 1
    if unreadable:
        print(f'learn: {unreadable} frames could not be read', file=sys.stderr)
    is_fixed = profile.view is not None
    tell(options, f'{options.out}: {profile.frames} frames of '
                  f'{"a fixed camera" if is_fixed else "a camera that moves"}; scores from '
                  f'{profile.lowest_score:.2f} on are normal',
         {'file': str(options.out), 'frames': profile.frames, 'unreadable': unreadable,
          'is_fixed': is_fixed, 'lowest_score': profile.lowest_score})
    return 0


def _learn(options: argparse.Namespace, fliqe: FLIQE, settings: ScoringSettings,
           learner: ProfileLearner) -> int:
    """Give all frames to the learner; return how many could not be read."""
    path, silent = options.recording, None if shows_progress(options) else True
    recordings, _ = find_recordings(path)
    if not recordings:
        raise SourceError(f'{path}: no image, no video and no bag in this folder')
    palette, unreadable = PaletteReader(), 0
    for recording in recordings:
        with open_recording(recording) as streams:
            chosen = _chosen(path, options.camera, streams)
            for frame in tqdm(chosen.frames(), total=chosen.length, unit='frame', disable=silent,
                              delay=0.5, dynamic_ncols=True):
                try:
                    pixels = settings.borders.cut(frame.read())
                    prepared = fliqe.prepare(pixels, settings.gain, palette)
                except FrameError:
                    unreadable += 1
                    continue
                assessment, = fliqe.assess_prepared([prepared])
                learner.add(gray_picture(pixels, prepared), assessment)
    return unreadable


def _chosen(path: str, camera: str, streams: Sequence[CameraStream]) -> CameraStream:
    """
    Return the stream of a camera, which is its image topic or the namespace of that.

    :raises SourceError: if there is none or more than one.
    """
    found = [stream for stream in streams
             if not camera or not stream.camera or stream.camera == camera
             or stream.camera.startswith(camera.rstrip('/') + '/')]
    if len(found) != 1:
        topics = ', '.join(_names(streams)) or 'none'
        raise SourceError(f'{path}: --camera has to name one of its image topics: {topics}')
    return found[0]


def _names(streams: Sequence[CameraStream]) -> Iterator[str]:
    return (stream.camera for stream in streams)


if __name__ == '__main__':
    sys.exit(main())
