"""The page about scored recordings."""

from html.parser import HTMLParser
import re
import time
from xml.etree import ElementTree

from fliqe_ros.distortion_types import Distortion
from fliqe_ros.recordings.events import find_events, summarise
from fliqe_ros.recordings.report.page import Report, write_report
from fliqe_ros.recordings.settings import settings_of
from fliqe_ros.recordings.tables import ScoredCamera
from fliqe_ros.recordings.verdicts import judge, Verdicts
from fliqe_ros.tools import score
import numpy as np
import pytest
from test_recordings import film, rows_of, scene  # noqa: F401

VOID = {'meta', 'link', 'img', 'br', 'hr', 'input'}


class Page(HTMLParser):
    """Checks that every tag is closed, and collects texts, links and places."""

    def __init__(self, path):
        super().__init__()
        self.open, self.texts, self.links, self.ids, self.images = [], [], [], [], []
        self.html = path.read_text(encoding='utf-8')
        self.feed(self.html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        self.ids.append(found.get('id'))
        self.links += [found['href']] if 'href' in found else []
        self.images += [found['src']] if 'src' in found else []

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def camera_of(rows, name='/data/drive', topic='/front/image_raw', settings=None, verdicts=None):
    settings = settings or settings_of({})
    verdicts = verdicts or judge(rows, settings)
    return ScoredCamera(name, topic, rows, verdicts, summarise(rows, verdicts, settings),
                        find_events(rows, verdicts))


def written(tmp_path, cameras, **more):
    write_report(Report(cameras, settings_of({}), {'model': 'thermal_s 7 0123'}, **more), tmp_path)
    return Page(tmp_path / 'report.html')


def test_score_writes_a_page_with_pictures_that_fetches_nothing(scene, tmp_path):  # noqa: F811
    film(tmp_path / 'flight', scene, 40, trouble=range(15, 30))
    film(tmp_path / 'walk', scene, 12)
    (tmp_path / 'walk' / 'notes.txt').touch()
    assert score.main([str(tmp_path / 'walk'), str(tmp_path / 'flight'), '--out',
                       str(tmp_path / 'out'), '--device', 'cpu', '-q']) == 0
    page = Page(tmp_path / 'out' / 'report.html')
    text = ' '.join(page.texts)
    assert '1 .txt' in text and 'SHA-256 of the model' in text and 'warn_below' in text
    picture, = page.images
    assert picture.startswith('data:image/jpeg;base64,')
    assert 'Let the camera reach its temperature' in text
    assert not re.search(r'https?:|<script|@import|url\(', page.html)
    first, second = (text.index(f'{name}/frame_') for name in ('flight', 'walk'))
    assert first < second, 'the most troubled camera comes first'
    assert {link.removeprefix('#') for link in page.links} <= set(page.ids)


def test_every_chart_is_well_formed_and_shows_what_happened(tmp_path):
    scores = np.full(300, 0.9)
    scores[100:180] = 0.1
    rows = rows_of(scores)
    rows['time_ns'][250:] += 9 * 10**9
    rows['error'][10:13] = b'undecodable'
    page = written(tmp_path, [camera_of(rows)])
    chart, counts = sorted((ElementTree.fromstring(svg) for svg in
                            re.findall(r'<svg.*?</svg>', page.html)),
                           key=lambda svg: len(svg.findall('.//rect')))
    kinds = {rect.get('class'): rect for rect in chart.findall('rect')}
    assert set(kinds) == {'bad', 'silent'}
    low, silent = (float(kinds[kind].get('x')) for kind in ('bad', 'silent'))
    assert low == pytest.approx(34 + 966 * 10.5 / 38.9, abs=15)
    assert silent == pytest.approx(34 + 966 * 24.9 / 38.9, abs=1)
    assert 'obstruction' in kinds['bad'].find('title').text
    assert len(chart.findall('polygon')) == 2, 'a gap where frames could not be read'
    assert sum(int(title.text.split()[0]) for title in counts.iter('title')) == 297


def test_names_and_faults_are_shown_as_they_are(tmp_path):
    camera = camera_of(rows_of(np.full(10, 0.9)), name='/tmp/<b>&"x"')
    page = written(tmp_path, [camera], failures=['<i>: "cut" & gone'])
    assert '/tmp/<b>&"x":/front/image_raw' in ''.join(page.texts)
    assert '<i>: "cut" & gone' in ''.join(page.texts)


def test_a_single_picture_and_an_empty_camera_have_a_place(tmp_path):
    cameras = [camera_of(rows_of([0.2]), name='a.png', topic=''),
               camera_of(rows_of([]), name='empty', topic='/x')]
    text = ''.join(written(tmp_path, cameras).texts)
    assert 'a.png' in text and 'empty:/x' in text


def test_of_cameras_in_trouble_throughout_the_worse_comes_first(tmp_path):
    """A longer recording has a larger share behind the moment in which nothing is known yet."""
    page = written(tmp_path, [camera_of(rows_of(np.full(900, 0.25)), name='longer'),
                              camera_of(rows_of(np.full(800, 0.02)), name='worse')])
    text = ''.join(page.texts)
    assert text.index('worse:') < text.index('longer:')


def test_a_million_frames_are_readable(tmp_path):
    count = 1_000_000
    scores = np.clip(0.9 + 0.05 * np.sin(np.arange(count) / 5000), 0, 1)
    scores[400_000:420_000] = 0.1
    rows = rows_of(scores, step_s=1 / 30)
    status = np.where(scores < 0.3, 3, 1).astype(np.uint8)
    verdicts = Verdicts(scores, status, np.where(
        status == 3, int(Distortion.OBSTRUCTION), 0).astype(np.uint8), np.zeros(count))
    start = time.process_time()
    page = written(tmp_path, [camera_of(rows, verdicts=verdicts)])
    assert time.process_time() - start < 30
    assert len(page.html) < 200_000
    assert re.search(r'<polygon class="range" points="([^"]+)"', page.html)


def test_many_cameras_share_the_room(tmp_path):
    rows = rows_of(np.full(2000, 0.9))
    verdicts = judge(rows, settings_of({}))
    cameras = [camera_of(rows, f'drive_{number}', verdicts=verdicts) for number in range(600)]
    page = written(tmp_path, cameras)
    assert len(page.html) < 6_000_000
    assert '100 more are in cameras.csv' in ''.join(page.texts)
