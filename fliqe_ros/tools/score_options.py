"""The command line of `fliqe score`."""

from __future__ import annotations

import argparse
from pathlib import Path

from fliqe_ros.tools.printing import add_printing

PURPOSE = """
Score thermal images, videos, ROS bags and folders of them; needs no ROS.

Prints the mean score, the most frequent type and the name of each camera. With --out it also
writes tables, and a page to read, about every frame, camera and stretch of trouble.
"""
EXPLANATION = """
recordings: rosbag2 (folders, .db3, .mcap; cut ones too), ROS 1 bags, videos, images with all their
pages, arrays, tables, radiometric files of FLIR, DJI, InfraTec and InfiRay. Each image topic of a
bag is a camera of its own; with --out, numbered images of a folder are the frames of one camera.

live sources: rtsp://HOST/PATH, /dev/video0 and the like. Each frame is told as it comes, until
Ctrl-C; a source that is lost is opened again.

In the folder of --out:
  frames.parquet  a row for each frame (frames.csv without pyarrow)
  cameras.csv     a row for each camera: means, shares of time, faults
  events.csv      a row for each stretch of trouble, with what to do about it
  run.json        the model, parameters and profiles by which all this was made
  report.html     all this to read: timelines, the worst moments, what to do
  bags            with --bag: <camera>/quality and /diagnostics for rqt_bag, Foxglove, PlotJuggler
  journal         what was scored; the same command goes on there after an interruption

Statuses and events are what the node would have said while it was recorded, with the parameters
in --params and the profiles in --profiles. Scores are made again only where the model, the file or
how it is read has changed.

examples:
  fliqe score frame.png
  fliqe score drive_*.mcap flights/ @more.txt --out scores
  fliqe score drive.mcap --json | jq .mean_score
  fliqe score rtsp://camera.local/thermal --json

Exit status: 0; 1 if anything could not be read, which is told on standard error, although all the
rest is scored; 3 if all was read and --fail-below is not met; 130 if interrupted, but
0 of a live source, which ends so.
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        prog='fliqe score', description=PURPOSE, epilog=EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('paths', nargs='+', metavar='RECORDING',
                           help='file, folder, pattern such as "drive_*.mcap", or @FILE with a '
                                'path a line; or a live source')
    arguments.add_argument('--out', type=Path, metavar='FOLDER',
                           help='write tables and a report there')
    arguments.add_argument('--bag', action='store_true',
                           help='with --out, also write a bag for each recording: scores and '
                                'diagnostics on its clock')
    arguments.add_argument('--params', type=Path, metavar='YAML',
                           help="the node's parameters, as in config/fliqe.yaml: thresholds, "
                                'times and gain control, also those of single cameras')
    arguments.add_argument('--profiles', type=Path, metavar='FOLDER',
                           help='judge cameras of bags by what was learnt of them, as the node '
                                'does: its profile_folder')
    _add_reading(arguments.add_argument_group('reading'))
    _add_model(arguments.add_argument_group('model'))
    _add_work(arguments.add_argument_group('work'))
    loudness = add_printing(arguments, 'an object for each camera, or frame of a live source,')
    loudness.add_argument(
        '-v', '--verbose', action='store_true',
        help='also tell the settings, what was left aside and bad frames')
    return arguments


def _add_reading(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--jpeg', action='store_true',
                       help='of a radiometric JPEG, score the picture that it shows, not its '
                            'counts')
    group.add_argument('--rate', type=_rate, default=10.0, metavar='HZ',
                       help='frames per second of numbered images; default %(default)s')


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--model', help='model file, default: the packaged one')
    group.add_argument('--device', default='auto', help='auto, cpu, cuda or cuda:N')
    group.add_argument('--precision', default='auto',
                       help='auto (float16 on a GPU, else float32), float32, float16 or bfloat16')
    group.add_argument('--backend', default='auto', help='auto, torch or onnxruntime')
    group.add_argument('--threads', type=int, default=0,
                       help='CPU threads of each process, default: one; of a single process all '
                            'cores but one')


def _add_work(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--jobs', type=_jobs, default=0, metavar='N',
                       help='processes of this machine, default: one for each core, of a GPU '
                            'one, if there is enough to do')
    group.add_argument('--cluster', metavar='SCHEDULER',
                       help='work on a Dask cluster: tcp://HOST:8786, or the file that a '
                            'scheduler wrote; needs fliqe_ros[cluster]')
    group.add_argument('--fail-below', type=_score_limit, metavar='SCORE',
                       help='exit with status 3 if the mean score of any camera is below')


def _rate(text: str) -> float:
    rate_hz = float(text)
    if not 0.001 <= rate_hz <= 10_000:
        raise argparse.ArgumentTypeError('from 0.001 to 10000')
    return rate_hz


def _jobs(text: str) -> int:
    jobs = int(text)
    if not 1 <= jobs <= 1024:
        raise argparse.ArgumentTypeError('from 1 to 1024')
    return jobs


def _score_limit(text: str) -> float:
    score = float(text)
    if not 0 <= score <= 1:
        raise argparse.ArgumentTypeError('from 0 to 1')
    return score
