"""Tables of many runs put together."""

import csv
from html.parser import HTMLParser
import json
import time

from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.recordings.fleet import read_fleet
from fliqe_ros.recordings.tables import CAMERA_COLUMNS, write_csv
from fliqe_ros.tools import fleet
import numpy as np
import pytest

pytest.importorskip('pyarrow')
WEEK_NS = 7 * 24 * 3600 * 10**9
START_NS = 1_750_000_000 * 10**9


def row(recording, week, score=0.9, frames=1000, camera='/front', **shares):
    """Return a row of cameras.csv; without a week the recording tells no date."""
    values = {'recording': recording, 'camera': camera, 'duration_s': 100.0, 'frames': frames,
              'start_ns': 0 if week is None else START_NS + week * WEEK_NS,
              'failed': 0, 'mean_score': score, 'trouble': sum(shares.values()),
              **{f'share_{each.label}': shares.get(each.label, 0.0) for each in CLASSES}}
    return [values.get(name, '') for name in CAMERA_COLUMNS]


def write(folder, rows):
    folder.mkdir(parents=True)
    write_csv(folder / 'cameras.csv', CAMERA_COLUMNS, rows)
    return folder / 'cameras.csv'


def test_a_lens_that_slowly_fogs_is_found_and_healthy_cameras_are_not(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for week in range(10):
        write(tmp_path / 'runs' / 'robot_a' / f'{week}', [
            row('a.mcap', week, 0.9 - 0.05 * week, obstruction=0.04 * week),
            row('a.mcap', week, 0.9 + rng.normal(0, 0.02), camera='/rear')])
        write(tmp_path / 'runs' / 'robot_b' / f'{week}', [
            row('b.mcap', week, 0.5 + rng.normal(0, 0.1), gaussian_noise=0.4)])
    assert fleet.main([str(tmp_path / 'runs'), '--out', str(tmp_path / 'out')]) == 0
    assert '3 cameras, 1 of them get worse' in capsys.readouterr().out
    words = [str(tmp_path / 'runs'), '--out', str(tmp_path / 'out')]
    assert fleet.main([*words, '--json']) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(told) == 3 and told[0]['robot'] == 'robot_a' and told[2]['trends'] == ''
    assert fleet.main([*words, '-q']) == 0
    assert capsys.readouterr().out == ''
    with (tmp_path / 'out' / 'fleet.csv').open(newline='') as file:
        first, second, third = csv.DictReader(file)
    assert (first['robot'], first['camera']) == ('robot_a', '/front')
    assert 'obstruction rises from 0% to 36% in 10 weeks' in first['trends']
    assert 'mean score falls from 0.90 to 0.45 in 10 weeks' in first['trends']
    assert (second['robot'], second['most_frequent_type']) == ('robot_b', 'gaussian_noise')
    assert second['trends'] == third['trends'] == ''
    assert int(first['recordings']) == 10 and float(first['hours']) == pytest.approx(10 / 36)
    assert float(first['mean_score']) == pytest.approx(0.9 - 0.05 * 4.5)
    page = (tmp_path / 'out' / 'fleet.html').read_text()
    HTMLParser().feed(page)
    assert Distortion.OBSTRUCTION.advice in page and page.count('<polyline') == 3
    assert 'http' not in page.replace('http-equiv', ''), 'nothing is fetched'


def test_means_are_weighted_by_frames_and_undated_recordings_have_no_trend(tmp_path):
    table = write(tmp_path / 'run', [
        row(f'{number}.mp4', None, 0.2 * number, frames=100 * (number + 1))
        for number in range(5)] + [row('x', None, float('nan'), frames=1000)])
    camera, = read_fleet([table])
    assert camera.score == pytest.approx(np.average(0.2 * np.arange(5), weights=range(1, 6)))
    assert camera.trends == [] and len(camera.weeks) == 0 and camera.robot == 'run'
    assert camera.recordings == 6 and camera.frames == 2500


@pytest.mark.parametrize('pattern', [r'robots/(\w+)/', r'(?:robots)/([a-z]+)/'])
def test_robots_are_named_by_the_paths_of_recordings(tmp_path, pattern):
    table = write(tmp_path / 'all', [
        row(f'/data/robots/{name}/{week}.mcap', week) for name in ('one', 'two')
        for week in range(2)] + [row('elsewhere.mcap', 0)])
    found = {each.robot: each.recordings for each in read_fleet([table], pattern)}
    assert found == {'one': 2, 'two': 2, 'all': 1}


def test_runs_of_different_models_are_told(tmp_path):
    for number, name in enumerate(['thermal_s 7 aa', 'thermal_s 8 bb']):
        table = write(tmp_path / name, [row('a', number)])
        table.with_name('run.json').write_text(f'{{"model": "{name}"}}')
    assert fleet.main([str(tmp_path), '--out', str(tmp_path / 'out')]) == 0
    page = (tmp_path / 'out' / 'fleet.html').read_text()
    assert 'thermal_s 7 aa, thermal_s 8 bb' in page


def test_what_is_no_table_is_told(tmp_path, capsys):
    (tmp_path / 'cameras.csv').write_text('a,b\n1,2\n')
    (tmp_path / 'none').mkdir()
    for path in (tmp_path / 'cameras.csv', tmp_path / 'none', tmp_path / 'missing.csv'):
        assert fleet.main([str(path), '--out', str(tmp_path / 'out')]) == 1
        assert str(path) in capsys.readouterr().err


def test_names_are_shown_as_they_are(tmp_path):
    write(tmp_path / 'runs' / '<b>' / 'x', [row('a', 0)])
    write(tmp_path / 'runs' / 'c' / 'x', [row('a', 0, camera='<i>')])
    assert fleet.main([str(tmp_path / 'runs'), '--out', str(tmp_path)]) == 0
    page = (tmp_path / 'fleet.html').read_text()
    assert '<td>&lt;b&gt;</td>' in page and '<td>&lt;i&gt;</td>' in page


def test_a_hundred_thousand_recordings_take_a_moment(tmp_path):
    rows = [row(f'/r/{number}.mcap', number % 50, camera=f'/c{number % 500}')
            for number in range(2000)]
    table = write(tmp_path / 'many', rows)
    head, _, body = table.read_text().partition('\n')
    table.write_text('\n'.join([head, *[body.rstrip()] * 50]))
    start_s = time.monotonic()
    cameras = read_fleet([table])
    took_s = time.monotonic() - start_s
    assert sum(each.recordings for each in cameras) == 100_000 and len(cameras) == 500
    assert took_s < 20
