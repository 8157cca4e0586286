"""Displays that cameras burn into their pictures."""

from fliqe_ros.simulation import display_fonts
from fliqe_ros.simulation.display_borders import DisplayBorders, WIDEST
from fliqe_ros.simulation.display_elements import ELEMENTS
from fliqe_ros.simulation.display_fonts import Font, KINDS
from fliqe_ros.simulation.display_page import Page, Style
from fliqe_ros.simulation.displays import COVERAGE, Display
import numpy as np
from other_displays import put_other_display
from PIL import ImageFont
import pytest

SIZES = ((64, 64), (60, 80), (160, 192), (191, 163), (512, 640), (1024, 1280))


def drawn(seed):
    return Display.draw(np.random.default_rng(seed))


def level(height, width, value=0):
    return np.full((height, width), value, np.uint8)


def scene(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


def without_borders(seed):
    display = drawn(seed)
    return Display(display.seed, max(display.elements, 1))


@pytest.mark.parametrize('size', SIZES)
def test_a_display_fits_any_size_and_leaves_the_picture_alone(size):
    for seed in range(6):
        picture = scene(*size)
        before = picture.copy()
        shown = drawn(seed).put_on(picture)
        assert shown.shape == size and shown.dtype == np.uint8
        assert np.array_equal(picture, before) and not np.shares_memory(shown, picture)


def test_a_display_is_the_same_each_time_and_another_for_each_camera():
    picture = scene(160, 192)
    first = [drawn(seed).put_on(picture) for seed in range(12)]  # more than are kept
    again = [drawn(seed).put_on(picture) for seed in range(12)]
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert len({shown.tobytes() for shown in first}) == 12


@pytest.mark.parametrize('put_on', [
    lambda seed, picture: drawn(seed).put_on(picture),
    lambda seed, picture: put_other_display(picture, seed)])
def test_a_display_changes_the_same_pixels_on_each_picture(put_on):
    for seed in range(40):
        dark, bright = (put_on(seed, level(160, 192, value)) for value in (0, 255))
        touched = (dark > 0) | (bright < 255)
        picture = scene(160, 192, seed)
        shown = put_on(seed, picture)
        assert np.array_equal(shown[~touched], picture[~touched])
        opaque = dark == bright
        assert np.array_equal(shown[opaque], dark[opaque])
        # What blends lies between what it gives on black and on white.
        assert (shown >= dark.astype(int) - 1).all() and (shown <= bright.astype(int) + 1).all()


def test_the_mask_says_where_the_display_lies():
    for seed in range(40):
        display = drawn(seed)
        mask = display.mask(160, 192)
        shown = [display.put_on(level(160, 192, value)) for value in (0, 255)]
        assert mask.dtype == bool
        assert mask[(shown[0] > 0) | (shown[1] < 255)].all()
        picture = scene(160, 192, seed)
        assert np.array_equal(display.put_on(picture)[~mask], picture[~mask])


def test_no_display_is_false_and_changes_nothing():
    picture = scene(80, 100)
    assert not Display() and not Display.none() and drawn(0)
    shown = Display.none().put_on(picture)
    assert np.array_equal(shown, picture) and shown is not picture
    assert not Display.none().mask(80, 100).any()


@pytest.mark.parametrize('size', [(64, 64), (160, 192), (512, 640)])
def test_elements_cover_little_but_something(size):
    shares = [without_borders(seed).mask(*size).mean() for seed in range(40)]
    assert min(shares) >= COVERAGE[0] and max(shares) <= COVERAGE[1]
    assert 0.01 < np.median(shares) < 0.1


def test_elements_are_seen():
    for seed in range(60):
        display = without_borders(seed)
        change = max(np.abs(display.put_on(level(160, 192, value)).astype(int) - value).max()
                     for value in (0, 128, 255))
        assert change > 40


def test_a_display_grows_with_the_frame():
    display = without_borders(3)
    small, large = display.mask(128, 160).mean(), display.mask(512, 640).mean()
    assert 0.3 < large / small < 2.0


@pytest.mark.parametrize('element', ELEMENTS, ids=lambda element: element.__name__)
@pytest.mark.parametrize('size', [(32, 64), (64, 32), (160, 192)])
def test_each_element_draws_something(element, size):
    for seed in range(20):
        page, rng = Page(*size), np.random.default_rng(seed)
        element(page, Style.draw(rng), rng)
        assert 0.0 < page.coverage() <= 1.0
        assert page.keep.min() >= 0.0 and page.ink.min() >= 0.0
        assert (page.ink <= 255.0 * (1.0 - page.keep) + 0.01).all()


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('height', [5, 8, 14, 30, 60])
def test_fonts_are_as_high_as_asked(kind, height):
    for weight in (0.04, 0.2):
        for smooth in (False, True):
            mask = Font(kind, 0, weight, 1.0, 1.5, 0.0, smooth).mask('HE 27', height)
            assert mask.dtype == np.uint8 and mask.max() > 150
            # Dot matrices go by whole dots, and strokes stand out.
            assert 0.6 * height - 1 <= len(mask) <= 1.5 * height + 3
            assert mask.shape[1] > 1.5 * len(mask)
            assert smooth or kind == 'opencv' or set(np.unique(mask)) == {0, 255}


def test_dots_of_a_matrix_are_blocks():
    mask = Font('matrix', 0, 0.1, 1.0, 1.5, 0.0, False).mask('BOX 8', 21)
    assert len(mask) == 21 and mask.shape[1] % 3 == 0
    assert np.array_equal(mask, mask[::3, ::3].repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize('error', [ImportError, TypeError])
def test_fonts_do_without_freetype_and_without_a_new_pillow(monkeypatch, error):
    old = ImageFont.load_default_imagefont() if hasattr(
        ImageFont, 'load_default_imagefont') else ImageFont.load_default()

    def load_default(*size):
        if size:
            raise error()
        return old

    display_fonts._truetype.cache_clear()
    display_fonts._bitmap.cache_clear()
    monkeypatch.setattr(ImageFont, 'load_default', load_default)
    monkeypatch.delattr(ImageFont, 'load_default_imagefont', raising=False)
    mask = Font('truetype', 0, 0.1, 1.0, 1.5, 0.0, True).mask('27.4', 21)
    display_fonts._truetype.cache_clear()
    display_fonts._bitmap.cache_clear()
    assert mask.max() == 255 and np.array_equal(mask, mask[::3, ::3].repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize('size', SIZES)
def test_borders_have_one_level_a_sharp_edge_and_bounds(size):
    for seed in range(60):
        borders = DisplayBorders.draw(np.random.default_rng(seed))
        mask = borders.mask(*size)
        shown = Display(borders=borders).put_on(level(*size, 77))
        assert mask.any() and not mask.all()
        assert (shown[mask] == int(np.rint(borders.level))).all() and (shown[~mask] == 77).all()
        rows, columns = borders.window(*size)
        for inner, side in ((rows, size[0]), (columns, size[1])):
            assert inner.start <= WIDEST * side and side - inner.stop <= WIDEST * side
        if not borders.corner and not borders.stop:
            inside = mask[rows, columns]
            assert not inside.any() and mask.sum() == mask.size - inside.size


def test_letterbox_is_constant_along_rows():
    mask = DisplayBorders(top=0.1, bottom=0.001).mask(100, 120)
    assert (mask == mask[:, :1]).all()
    assert list(np.flatnonzero(mask[:, 0])) == [*range(10), 99]  # 1 px at least


def test_a_field_stop_is_round():
    mask = DisplayBorders(stop=0.7).mask(200, 260)
    rows, columns = np.nonzero(~mask)
    radius = 0.7 * np.hypot(200, 260) / 2
    assert np.hypot(rows - 100, columns - 130).max() <= radius
    assert np.array_equal(mask[1:], mask[1:][::-1])


def test_elements_keep_off_the_borders_if_they_are_inside():
    borders = DisplayBorders(level=9.0, top=0.2, bottom=0.2, left=0.1, right=0.2)
    for seed in range(10):
        shown = Display(seed, 4, borders, inside=True).put_on(scene(160, 192))
        assert (shown[borders.mask(160, 192)] == 9).all()


@pytest.mark.parametrize('size', SIZES)
def test_other_displays_are_the_same_each_time(size):
    picture = scene(*size)
    before = picture.copy()
    for seed in range(10):
        shown = put_other_display(picture, seed)
        assert shown.shape == size and shown.dtype == np.uint8
        assert np.array_equal(shown, put_other_display(picture, seed))
        assert not np.array_equal(shown, picture)
    assert np.array_equal(picture, before)


def test_other_displays_cover_little():
    shares = [np.mean(put_other_display(level(512, 640, 128), seed) != 128) for seed in range(40)]
    assert min(shares) > 0.002 and np.median(shares) < 0.15
