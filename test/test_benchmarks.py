"""The benchmarks' quick path: every figure is there and finite; none is rated."""

import json
import math
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys

import cv2
from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
import numpy as np
import pytest

pytestmark = pytest.mark.timeout(900)

ROOT = Path(__file__).resolve().parent.parent


def bench(script, *arguments):
    done = subprocess.run(
        [sys.executable, str(ROOT / 'benchmarks' / f'{script}.py'), *map(str, arguments)],
        env={**os.environ, 'MPLBACKEND': 'Agg'}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def numbers(value):
    """Return every number of a result, at any depth."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for each in value for number in numbers(each)]
    return [] if isinstance(value, (str, bool)) else [value]


def checked(file):
    record = json.loads(file.read_text())
    assert all(number is not None and math.isfinite(number) for number in numbers(record))
    assert record['machine']['cores'] >= 1 and record['machine']['cpu'] and record['date']
    return record


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    """Return the folder of what the quick paths have written."""
    pytest.importorskip('torch')
    folder = tmp_path_factory.mktemp('results')
    bench('library', '--quick', '--threads', 1, '--out', folder)
    bench('parts', '--quick', '--out', folder)
    bench('node', '--quick', '--out', folder)
    return folder


@pytest.mark.parametrize('script', [
    'library', 'parts', 'node', 'start', 'gpu', 'growth', 'recordings', 'scheduler'])
def test_help(script):
    needed = {'library': 'torch', 'parts': 'torch', 'gpu': 'torch', 'recordings': 'av'}
    if script in needed:
        pytest.importorskip(needed[script])
    assert '--quick' in bench(script, '--help')


@pytest.mark.slow
def test_library(results):
    record = checked(results / 'library.json')
    options = {row['option'] for row in record['times']}
    assert 'reference' in options and len(options) == 11
    assert options == {row['option'] for row in record['start_up']}
    assert all(row['median_ms'] > 0 for row in record['times'])
    for row in record['against_bare']:
        assert 0 < row['lowest'] <= row['times_as_long'] <= row['highest']
    assert {row['batch'] for row in record['against_bare']} == {1, 4}
    large, small = record['roofline']
    assert (large['architecture'], small['architecture']) == ('resnet50', 'thermal_s')
    assert large['gflop'] == pytest.approx(8.2, abs=0.1), 'as torchvision tells: 4.09 GMAC'
    assert 0 < small['least_ms'] < large['least_ms']
    assert sum(row['share'] for row in record['stages']) == pytest.approx(1)
    assert {'conversion', 'gain control', 'network', 'message'} <= {
        row['stage'] for row in record['stages']}


@pytest.mark.slow
def test_parts(results):
    record = checked(results / 'parts.json')
    *parts, whole = record['parts']
    assert whole['part'] == 'all together' and len(parts) == 8
    assert all(row['ms'][0] > 0 for row in (*record['parts'], *record['reference']))
    shares = sum(row['gflop'] for row in parts) / whole['gflop']
    assert 0.95 < shares <= 1, 'the parts are the network: statistics and heads are little'


@pytest.mark.slow
def test_node(results):
    record = checked(results / 'node.json')
    assert [row['nodes'] for row in record['node']] == [1, 2]
    for row in record['node']:
        assert 0 < row['share_scored'] <= 1
        assert 0 < row['latency_p50_ms'] <= row['latency_p99_ms'] <= row['latency_max_ms']
    assert record['soak']['memory_early_mb'] > 10
    network, = record['bare_network']
    assert (network['width'], network['rate_hz']) == (160, 10)
    assert 0 < network['cpu_ms_per_frame'] < record['node'][0]['cpu_ms_per_frame']


@pytest.mark.slow
def test_a_node_comes_through_a_minute_of_everything_that_goes_wrong():
    said = bench('soak', '--seconds', 60)
    troubles, = re.findall(r'troubles: \{(.*)\}', said)
    assert len(troubles.split(',')) >= 5
    assert re.search(r'node .* MB .* a minute.*\nplain subscriber .* MB .* a minute', said)


def test_monitor_tells_what_it_costs_and_hears():
    pytest.importorskip('PyQt5')
    said = bench('monitor', '--quick')
    assert '2 cameras at 30 Hz, 2 rows in sight' in said
    image_ms, preview_ms = map(float, re.findall('([0-9.]+) ms for', said))
    assert 0 < preview_ms < image_ms
    cost, scores, pictures = map(float, re.search(
        r'([0-9.]+) % of a core, ([0-9.]+) scores and ([0-9.]+) pictures in a second',
        said).groups())
    assert 0 < cost and 0 < scores and 0 < pictures


@pytest.mark.slow
def test_page_is_filled_in(results, tmp_path):
    page = tmp_path / 'performance.md'
    shutil.copy(ROOT / 'docs' / 'performance.md', page)
    bench('growth', '--quick', '--results', results, '--page', page)
    text = page.read_text()
    assert '| thermal_s onnxruntime | 320×256 | 4 |' in text
    assert re.search(r'p99 in batches .*\n.*\n\| 2 \| ', text), 'the flood of two cameras'
    assert text.count('<!-- end of') == 4
    assert '| 160×128 | all together |' in text
    assert (tmp_path / 'performance.png').stat().st_size > 10_000
    bench('growth', '--quick', '--results', results, '--page', page)
    assert page.read_text() == text


@pytest.mark.slow
def test_page_shows_the_results_that_are_kept(tmp_path):
    kept = ROOT / 'docs' / 'performance.md'
    page = tmp_path / kept.name
    shutil.copy(kept, page)
    bench('growth', '--quick', '--results', ROOT / 'benchmarks' / 'results', '--page', page)
    assert page.read_text() == kept.read_text()


@pytest.mark.slow
def test_without_gpu_it_says_so(tmp_path):
    if 'nothing to measure' in (said := bench('gpu', '--quick', '--out', tmp_path)):
        assert 'CUDA' in said and not list(tmp_path.iterdir())
    else:
        record = checked(tmp_path / 'gpu.json')
        assert {row['architecture'] for row in record['models']} == {'thermal_s', 'resnet50'}


@pytest.mark.slow
def test_recordings(tmp_path):
    pytest.importorskip('av')
    told = bench('recordings', '--quick', '--terabytes', 2, '--out', tmp_path)
    assert '| 2 TB a day of | million frames |' in told
    record = checked(tmp_path / 'recordings.json')
    assert len(record['stages']) == len(record['sizes']) == 5
    assert [row['frames'] for row in record['jobs']] == [192, 192]
    for row, needed in zip(record['stages'], record['sizes']):
        assert row['total_ms'] == pytest.approx(sum(row['ms'].values()))
        frames = 2e12 / row['bytes']
        assert needed['million_frames'] == pytest.approx(frames / 1e6)
        assert needed['workers'] == pytest.approx(frames * row['total_ms'] / 1e3 / 86400 / 0.8)


@pytest.mark.slow
def test_start(tmp_path):
    told = bench('start', '--quick', '--out', tmp_path)
    assert '| node, to its first score |' in told and '| fliqe score of a picture |' in told
    for row in checked(tmp_path / 'start.json')['starts']:
        assert row['median_s'] == row['lowest_s'] > 0 < row['imports_s']


@pytest.mark.slow
def test_scheduler(tmp_path):
    pytest.importorskip('distributed')
    assert '300 tasks in ' in bench('scheduler', '--quick', '--out', tmp_path)
    record = checked(tmp_path / 'scheduler.json')
    assert record['tasks_per_s'] == pytest.approx(300 / record['took_s'])


@pytest.mark.slow
def test_profiles(tmp_path):
    for seed in range(8):
        scene = ThermalScene(seed, 256, 320)
        counts = scene.sensor_counts(scene.render(0.0), np.random.default_rng(seed))
        (tmp_path / 'camera').mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / 'camera' / f'{seed}.png'), counts)
    told = bench('profiles', tmp_path / 'camera', '--severe', 1)
    kept = [float(share) for share in re.findall(r'good kept ([0-9.]+)', told)]
    assert len(kept) == 4 and kept[:2] == kept[2:] and all(0 <= share <= 1 for share in kept)
    assert len(re.findall(r'bad before [0-9.]+, after [0-9.]+', told)) == 10
    assert re.search(r'measures: [0-9.]+ ms of CPU time', told)
