"""Random and damaged messages are read or refused, and nothing else happens."""

from pathlib import Path
import sys

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / 'benchmarks'


@pytest.fixture
def hostile_frames(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield __import__('hostile_frames')
    del sys.modules['hostile_frames']


@pytest.mark.timeout(600)
def test_ten_thousand_hostile_frames_raise_frame_errors_only(hostile_frames, capfd):
    counts, failures = hostile_frames.outcomes(first=0, count=10_000)
    assert not failures, '\n'.join(failures[:3])
    assert sum(counts.values()) == 10_000
    assert set(counts) == {
        'read', 'undecodable', 'unknown_encoding', 'too_little_data', 'zero_size',
        'step_too_small', 'too_large', 'all_nan'}
    assert counts['read'] > 1000 and min(counts.values()) >= 10
    out, err = capfd.readouterr()
    told = [line for line in err.splitlines()
            if not line.startswith(('tempfile.tif: ', 'LZWDecode: '))]
    assert not out and not told, 'a codec wrote something, and not libtiff of LZW data'


def test_what_must_not_be_raised_is_told_with_its_seed(hostile_frames, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError('of the converter')
    monkeypatch.setattr(hostile_frames.NativeConverter, 'to_array', broken)
    monkeypatch.setattr(hostile_frames, 'decompress', broken)
    counts, failures = hostile_frames.outcomes(first=7, count=2)
    assert not counts and len(failures) == 2
    assert failures[0].startswith('seed 7:') and 'ZeroDivisionError' in failures[0]
