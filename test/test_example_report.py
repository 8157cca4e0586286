"""The commands of docs/example_report.md, on generated recordings in the place of its own."""

from pathlib import Path
import re

import cv2
from fliqe_ros.tools import fliqe
from test_jobs import frames, video  # noqa: F401

PAGE = (Path(__file__).resolve().parent.parent / 'docs' / 'example_report.md').read_text()
COMMANDS = re.findall(r'^fliqe (.+)$', PAGE, re.MULTILINE)


def test_commands_find_the_noisy_clip_and_name_it(
        frames, tmp_path, monkeypatch, capsys):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'boson320').mkdir()
    (tmp_path / 'hit_uav').mkdir()
    video(tmp_path / 'boson320' / 'good.mp4', frames[:12])
    video(tmp_path / 'boson320' / 'noisy.mp4', frames[12:45])
    for number, frame in enumerate(frames[:8]):
        cv2.imwrite(f'hit_uav/0_60_30_0_{number:05}.jpg', frame)

    ended = [fliqe.main(command.split() + ['--jobs', '1', '--device', 'cpu'])
             for command in COMMANDS]
    assert ended == [0, 0, 3]
    told = capsys.readouterr().err
    assert 'noisy.mp4: mean score' in told and 'good.mp4' not in told
    pages = {out: Path(out, 'report.html').read_text()
             for out in re.findall(r'--out (\S+)', ' '.join(COMMANDS))}
    assert list(pages) == ['scores/boson320', 'scores/hit_uav']
    first, second = re.findall(r'<h3>(.*?)</h3>', pages['scores/boson320'])
    assert (first, second) == ('boson320/noisy.mp4', 'boson320/good.mp4')
