"""The command line that scores files."""

from pathlib import Path

import cv2
from fliqe_ros import FLIQE
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.frame_io.recorded import RecordedFrame
from fliqe_ros.frame_io.spans import WHOLE
from fliqe_ros.frame_io.streams import Recording
from fliqe_ros.frame_io.videos import read_video
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.imaging.palette_reader import PaletteReader
from fliqe_ros.recordings.scoring import CPU_BATCH, Reading, score_span, SpanOfCamera
from fliqe_ros.recordings.settings import settings_of
from fliqe_ros.simulation.distortions import distort
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
from fliqe_ros.tools import score
import numpy as np
import pytest


@pytest.fixture(scope='module')
def counts():
    scene = ThermalScene(77, 256, 320)
    return scene.sensor_counts(scene.render(0.0), np.random.default_rng(0))


def test_images_and_a_video_are_scored(counts, tmp_path, capsys):
    frame = GainControl()(counts)
    noisy = distort(frame, Distortion.GAUSSIAN_NOISE)
    cv2.imwrite(str(tmp_path / 'a_raw.png'), counts)
    cv2.imwrite(str(tmp_path / 'b_noisy.png'), noisy)
    video = cv2.VideoWriter(str(tmp_path / 'c.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10,
                            (320, 256))
    for _ in range(3):
        video.write(cv2.cvtColor(noisy, cv2.COLOR_GRAY2BGR))
    video.release()
    assert score.main([str(tmp_path), '--device', 'cpu']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == [
        str(tmp_path / name) for name in ('a_raw.png', 'b_noisy.png', 'c.avi')]
    raw, bad, video_score = (float(line.split()[0]) for line in lines)
    assert raw == pytest.approx(FLIQE(device='cpu').estimate_image_quality(counts), abs=6e-4)
    assert raw > 0.5 > max(bad, video_score)
    assert lines[1].split()[1] == 'gaussian_noise'


def test_what_cannot_be_scored_is_told_and_the_rest_goes_on(counts, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'good.png'), counts)
    (tmp_path / 'bad.png').write_bytes(b'nothing')
    assert score.main([str(tmp_path / 'missing.png'), str(tmp_path / 'bad.png'),
                       str(tmp_path / 'good.png'), '--device', 'cpu']) == 1
    told = capsys.readouterr()
    assert 'missing.png: no such file' in told.err and 'bad.png: not an image' in told.err
    assert told.out.rstrip().endswith('good.png')


def test_a_bad_file_of_a_folder_does_not_hide_the_rest(counts, tmp_path, capsys):
    for name in ('a.png', 'c.png'):
        cv2.imwrite(str(tmp_path / name), counts)
    (tmp_path / 'b.png').write_bytes(b'')
    assert score.main([str(tmp_path), '--device', 'cpu']) == 1
    told = capsys.readouterr()
    assert [line.split()[2] for line in told.out.splitlines()] == [
        str(tmp_path / name) for name in ('a.png', 'c.png')]
    assert 'b.png' in told.err


def test_a_bad_model_is_told(tmp_path, capsys):
    assert score.main(['x.png', '--model', str(tmp_path / 'no.onnx')]) == 1
    assert 'no.onnx: there is no such file' in capsys.readouterr().err


def descriptors() -> int:
    return len(list(Path('/proc/self/fd').iterdir()))


@pytest.mark.parametrize('stop', ['breaks', 'raises'])
def test_a_video_is_released_when_its_reader_stops_early(tmp_path, stop):
    path = tmp_path / 'video.avi'
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, (320, 256))
    for _ in range(3):
        video.write(np.zeros((256, 320, 3), np.uint8))
    video.release()
    before = descriptors()
    frames = read_video(path)
    next(frames)
    assert descriptors() > before, 'the video is open'
    if stop == 'raises':
        with pytest.raises(RuntimeError):
            frames.throw(RuntimeError('the reader failed'))
    else:
        frames.close()
    assert descriptors() == before


class Counted:
    """Frames that know how many of them are alive."""

    alive = most = 0

    def __init__(self) -> None:
        Counted.alive += 1
        Counted.most = max(Counted.most, Counted.alive)

    def __del__(self) -> None:
        Counted.alive -= 1


def test_a_long_video_takes_constant_memory(counts, tmp_path):
    def read():
        kept = Counted()
        pixels = counts[:64, :64].view(CountedArray)
        pixels.kept = kept
        return pixels

    class LongSpan(SpanOfCamera):

        def frames(self):
            return (RecordedFrame(index, None, read) for index in range(200))

    settings, rows = settings_of({}), []
    part = LongSpan(Recording('long', ()), '', WHOLE, Reading(), settings.gain, settings.borders,
                    PaletteReader().memory)
    ending = score_span(FLIQE(device='cpu'), part, rows.append)
    assert sum(map(len, rows)) == 200 and not ending.broken and not ending.errors
    assert Counted.most <= 2 * CPU_BATCH


class CountedArray(np.ndarray):
    """An array that can hold a ``Counted``."""
