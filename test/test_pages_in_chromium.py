"""Pages about recordings in a real browser: on a phone, in the dark, by keyboard, and large."""

from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from multiprocessing import get_context
from tempfile import TemporaryDirectory
from threading import Thread

import chromium
from fliqe_ros.distortion_types import Distortion
from fliqe_ros.recordings.report.page import Report, write_report
from fliqe_ros.recordings.settings import settings_of
from fliqe_ros.recordings.verdicts import judge, Verdicts
from fliqe_ros.tools import fleet, score
import numpy as np
import pytest
from test_fleet import row, write
from test_recording_report import camera_of
from test_recordings import film, rows_of, scene  # noqa: F401

PHONE, DESK = 360, 1400
#: What sticks out of the window, unless it is in a part that scrolls by itself.
STICKS_OUT = """
[...document.querySelectorAll('body *')].filter(each => !each.closest('.chart *, table *')
  && each.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
  .map(each => each.outerHTML.slice(0, 80))"""
SCROLLS_SIDEWAYS = 'document.documentElement.scrollWidth > document.documentElement.clientWidth'
#: Parts of charts that do not tell what they are when one points at them.
MUTE = """
[...document.querySelectorAll('rect')].filter(each => {
  each.scrollIntoView({block: 'center'});
  const box = each.getBoundingClientRect();
  return box.height >= 1 && [0.1, 0.3, 0.5, 0.7, 0.9].some(at => {
    const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height * at);
    return hit !== each || !hit.querySelector('title').textContent;
  });
}).map(each => each.outerHTML)"""
#: Heights of the smallest letters of charts and of the highest head of a table
HEIGHTS_PX = """
[['text', Math.min], ['th', Math.max]].map(([name, most]) => most(
  ...[...document.querySelectorAll(name)].map(each => each.getBoundingClientRect().height)))"""
CUT_OFF = """
[...document.querySelectorAll('text')].filter(each => {
  const [inner, outer] = [each, each.ownerSVGElement].map(box => box.getBoundingClientRect());
  return inner.left < outer.left - 1 || inner.right > outer.right + 1
    || inner.bottom > outer.bottom + 1 || inner.top < outer.top - 3;
}).map(each => each.outerHTML)"""
COLORS = """
['body', '.lead', '.note', 'a', 'th', '.fault', 'figcaption'].map(name =>
  [name, getComputedStyle(document.querySelector(name)).color,
   getComputedStyle(document.body).backgroundColor])"""


@pytest.fixture(scope='module')
def look():
    with browser() as looking:
        yield looking


@contextmanager
def browser(dark=False):
    """Start a browser in a process of its own; what is yielded is `chromium.look` there."""
    if not find_spec('PyQt5') or not find_spec('PyQt5.QtWebEngineWidgets'):
        pytest.skip('needs the package PyQtWebEngine')
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, \
            ProcessPoolExecutor(1, get_context('spawn')) as process:
        try:
            process.submit(chromium.start, folder, dark).result()
        except ImportError as error:
            pytest.skip(f'Qt WebEngine lacks a library of the system: {error}')
        yield lambda *given, **more: process.submit(
            partial(chromium.look, *given, **more)).result()


@pytest.fixture(scope='module')
def page(scene, tmp_path_factory):  # noqa: F811
    """Return the page about recordings that were scored: a noisy one, a good one, a broken one."""
    folder = tmp_path_factory.mktemp('drives')
    film(folder / 'flight', scene, 40, trouble=range(15, 30))
    film(folder / 'a_walk_whose_name_is_longer_than_the_screen_of_any_phone_is_wide', scene, 12)
    (folder / 'broken.png').write_bytes(b'no picture')
    score.main([str(folder), '--out', str(folder / 'out'), '--device', 'cpu', '-q'])
    return folder / 'out' / 'report.html'


def test_the_browser_tells_what_a_page_says_and_asks_for(look, tmp_path):
    """Else the tests below could not fail."""
    with HTTPServer(('127.0.0.1', 0), BaseHTTPRequestHandler) as server:
        Thread(target=server.handle_request, daemon=True).start()
        address = f'http://127.0.0.1:{server.server_port}/x.png'
        (tmp_path / 'page.html').write_text(
            f'<img src="{address}"><p style="width: 500px">wide</p>'
            '<script>console.warn("careful")</script>')
        seen = look(tmp_path / 'page.html', PHONE, [STICKS_OUT, SCROLLS_SIDEWAYS])
    assert address in seen.requests
    assert [line.split(' (')[0] for line in seen.console] == ['warning: careful']
    assert len(seen.values[0]) == 1 and seen.values[1]


def assert_fits_and_is_silent(look, page, width, **more):
    seen = look(page, width, [STICKS_OUT, SCROLLS_SIDEWAYS], **more)
    assert seen.values == [[], False]
    assert seen.console == []
    assert seen.requests == [page.as_uri()]


@pytest.mark.parametrize('width', [PHONE, DESK])
def test_a_page_fits_asks_for_nothing_and_shows_its_pictures(look, page, width):
    assert_fits_and_is_silent(
        look, page, width, until='document.images[0].scrollIntoView(), '
        'document.images[0].complete && document.images[0].naturalWidth > 0')
    (letters_px, head_px), cut_off = look(page, width, [HEIGHTS_PX, CUT_OFF]).values
    assert letters_px > 7 and head_px < 40, 'a head is one line'
    assert cut_off == []


@pytest.mark.parametrize('width', [PHONE, DESK])
def test_whatever_one_points_at_in_a_chart_says_what_it_is(look, page, width):
    mute, events = look(page, width, [
        MUTE, 'document.querySelectorAll("rect.bad, rect.degraded").length']).values
    assert events and mute == []


def test_a_link_leads_to_its_camera_by_keyboard(look, page):
    top, name = look(page, PHONE, [
        'document.querySelector(":target").getBoundingClientRect().top',
        'document.querySelector(":target h3").textContent'],
        keys=['Tab', 'Return'], until='location.hash && scrollY').values
    assert name.endswith('flight/frame_*.png') and 0 <= top < 400


@pytest.mark.parametrize('dark', [False, True])
def test_every_text_can_be_read_in_light_and_dark(page, dark):
    with browser(dark) as look:  # noqa: F811
        colors, = look(page, DESK, [COLORS]).values
    assert (contrast(colors[0][2], 'rgb(255, 255, 255)') > 10) == dark
    assert {name: contrast(ink, paper) for name, ink, paper in colors
            if contrast(ink, paper) < 4.5} == {}


def contrast(*colors):
    """Return the contrast ratio of WCAG of two CSS colours, from 1 to 21."""
    lights = []
    for color in colors:
        parts = np.array(color.strip('rgb()').split(','), float) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        lights.append(linear @ [0.2126, 0.7152, 0.0722] + 0.05)
    return max(lights) / min(lights)


@pytest.mark.parametrize('width', [PHONE, DESK])
def test_a_million_frames_are_drawn(look, tmp_path, width):
    scores = np.clip(0.9 + 0.05 * np.sin(np.arange(1_000_000) / 5000), 0, 1)
    scores[400_000:420_000] = np.tile([0.02, 0.28], 10_000)
    status = np.where(scores < 0.3, 3, 1).astype(np.uint8)
    verdicts = Verdicts(scores, status, np.where(
        status == 3, int(Distortion.OBSTRUCTION), 0).astype(np.uint8), np.zeros(len(scores)))
    rows = rows_of(scores, step_s=1 / 30)
    write_report(Report([camera_of(rows, verdicts=verdicts)], settings_of({}), {}), tmp_path)
    assert (tmp_path / 'report.html').stat().st_size < 200_000
    assert_fits_and_is_silent(look, tmp_path / 'report.html', width)
    drawn, mute = look(tmp_path / 'report.html', width, [
        'document.querySelector(".smoothed").points.numberOfItems', MUTE]).values
    assert drawn == 900 and mute == []


def test_the_last_of_many_cameras_is_where_its_link_leads(look, tmp_path):
    """What is out of sight is not laid out, and must not move the place of what is looked for."""
    rows = rows_of(np.full(2000, 0.9))
    verdicts = judge(rows, settings_of({}))
    cameras = [camera_of(rows, f'drive_{number:03}', verdicts=verdicts) for number in range(600)]
    write_report(Report(cameras, settings_of({}), {}), tmp_path)
    top, name = look(tmp_path / 'report.html', DESK, [
        'document.querySelector("#c450").getBoundingClientRect().top',
        'document.querySelector("#c450 h3").textContent'], until="""
        location.hash || document.querySelector('a[href="#c450"]').click(), scrollY > 0""").values
    assert name == 'drive_450:/front/image_raw' and -1 <= top < 100


@pytest.mark.parametrize('width', [PHONE, DESK])
def test_the_page_of_a_fleet_fits(look, tmp_path, width):
    pytest.importorskip('pyarrow')
    for week in range(10):
        write(tmp_path / 'runs' / 'robot_a' / f'{week}', [
            row('a.mcap', week, 0.9 - 0.05 * week, obstruction=0.04 * week)])
    assert fleet.main([str(tmp_path / 'runs'), '--out', str(tmp_path), '-q']) == 0
    assert_fits_and_is_silent(look, tmp_path / 'fleet.html', width)
