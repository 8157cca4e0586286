"""Download frames from repositories: real git and files in the formats of cameras."""

import csv
import io
import struct
import subprocess

import av
import cv2
from fliqe_ros.frame_io.radiometric import decode, FAILURES
from fliqe_ros.tools.download import DEFAULT_TABLE, digest, main
from flir_files import fff, plain_fff, plain_record
import numpy as np
import pytest

COUNTS = (3000 + np.arange(40)[None] * 7 + np.arange(32)[:, None] * 300).astype(np.uint16)


def segment(marker, payload):
    return struct.pack('>BBH', 0xFF, marker, len(payload) + 2) + payload


def jpeg_with(*segments):
    picture = cv2.imencode('.jpg', np.zeros((8, 8), np.uint8))[1].tobytes()
    return picture[:2] + b''.join(segments) + picture[2:]


def png_record():
    return bytes(32) + cv2.imencode('.png', COUNTS.byteswap())[1].tobytes()


def flir_jpeg(record, order='>'):
    data = fff(record, order)
    parts = [data[start:start + 1000] for start in range(0, len(data), 1000)]
    return jpeg_with(*(segment(0xE1, b'FLIR\0\x01' + bytes([number, len(parts) - 1]) + part)
                       for number, part in enumerate(parts)))


def dji_jpeg():
    data = COUNTS.astype('<u2').tobytes()
    return jpeg_with(segment(0xE1, b'Exif\0\0'), segment(0xE3, data[:999]),
                     segment(0xE3, data[999:]))


def irg():
    header = 16
    start = struct.pack('<2sHIHH', b'\xba\xab', header, 5, 32, 40).ljust(header, b'\0')
    return start + bytes(5) + COUNTS.astype('<u2').tobytes()


def celsius_csv(numbered):
    table = COUNTS / 100 - 273.15
    lines = [','.join((*([str(row + 1)] if numbered else []), *(f'{value:.2f}' for value in line)))
             for row, line in enumerate(table)]
    return '\n'.join(['\ufeffCamera,ours', *lines]).encode()


@pytest.mark.parametrize('suffix, data', [
    ('.jpg', flir_jpeg(plain_record(COUNTS))), ('.jpg', flir_jpeg(png_record())),
    ('.jpg', dji_jpeg()), ('.jpg', flir_jpeg(plain_record(COUNTS), '<')),
    ('.fff', plain_fff(COUNTS, '<')), ('.fff', plain_fff(COUNTS)), ('.irg', irg()),
    ('.csv', celsius_csv(False)), ('.csv', celsius_csv(True))],
    ids=['flir', 'flir png', 'dji', 'flir of dji', 'little-endian fff', 'fff', 'irg', 'csv',
         'numbered csv'])
def test_counts_come_out_as_they_are(suffix, data):
    counts = decode(data, suffix, 'raw')
    assert counts.dtype == np.uint16 and np.array_equal(counts, COUNTS)


def test_counts_of_infratec():
    pixels = struct.pack('<HHHH', 0, 0, 40, 32).ljust(1728, b'\0') + COUNTS.tobytes()
    entry = struct.pack('<I8xI16x', 1, 96)
    data = b'\xffIRB\0'.ljust(25, b'\0') + struct.pack('<II', 64, 1)
    assert np.array_equal(decode(data.ljust(64, b'\0') + entry + pixels, '.irb', 'raw'), COUNTS)


def test_channel_of_an_array():
    file = io.BytesIO()
    np.save(file, np.dstack([COUNTS - 1, COUNTS]))
    assert np.array_equal(decode(file.getvalue(), '.npy', 'frame=channel1'), COUNTS)


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_photograph_of_a_width(suffix):
    red_and_green = np.zeros((30, 40, 3), np.uint8)
    red_and_green[:, :20] = 0, 0, 255
    red_and_green[:, 20:] = 0, 255, 0
    encoded = cv2.imencode(suffix, cv2.resize(
        red_and_green, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST))[1].tobytes()
    gray = decode(encoded, suffix, 'width=40')
    assert gray.dtype == np.uint8 and gray.shape == (30, 40)
    np.testing.assert_allclose(gray[:, [0, -1]], [[76, 150]] * 30, atol=1)  # BT.601 luma
    for data, part in ((encoded[:9], 'width=40'), (encoded, 't=40')):
        with pytest.raises(FAILURES):
            decode(data, suffix, part)


@pytest.mark.parametrize('container', ['mp4', 'avi'])
def test_second_of_a_video(container):
    file = io.BytesIO()
    with av.open(file, 'w', format=container) as video:
        stream = video.add_stream('mpeg4', rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for level in range(60, 200, 10):  # 10 levels a frame
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8), 'rgb24')
            video.mux(stream.encode(frame))
        video.mux(stream.encode())
    first, later = (
        decode(file.getvalue(), f'.{container}', f't={second}') for second in (0, 2))
    assert first.shape == (48, 64) and first.mean() == pytest.approx(60, abs=4)
    assert later.mean() == pytest.approx(160, abs=4)
    with pytest.raises(FAILURES):
        decode(file.getvalue(), f'.{container}', 't=9')


@pytest.mark.parametrize('suffix, data', [
    ('.jpg', jpeg_with()), ('.jpg', b''), ('.jpg', flir_jpeg(bytes(40))), ('.fff', fff(b'')[:30]),
    ('.irb', bytes(200)), ('.irg', irg()[:99]), ('.csv', b'a,b\nc,d'), ('.bmp', b'BM')])
def test_other_files_are_refused(suffix, data):
    with pytest.raises(FAILURES):
        decode(data, suffix, 'raw')


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Let git find a repository of this machine where it looks for GitHub; gives its commit."""
    repository = tmp_path / 'hub' / 'maker' / 'camera.git'
    repository.mkdir(parents=True)
    settings = tmp_path / 'gitconfig'
    settings.write_text(
        f'[url "file://{tmp_path}/hub/"]\n\tinsteadOf = https://github.com/\n'
        '[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n'
        '[user]\n\tname = n\n\temail = e\n[init]\n\tdefaultBranch = main\n')
    monkeypatch.setenv('GIT_CONFIG_GLOBAL', str(settings))

    def git(*arguments):
        return subprocess.run(['git', '-C', repository, *arguments], check=True,
                              capture_output=True, text=True).stdout.strip()

    git('init')
    (repository / 'raw shot.JPG').write_bytes(flir_jpeg(plain_record(COUNTS)))
    (repository / 'gray.png').write_bytes(cv2.imencode('.png', COUNTS)[1].tobytes())
    git('add', '.')
    git('commit', '-m', 'frames')
    return git('rev-parse', 'HEAD')


def write_table(path, *rows):
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow('folder file repository commit path licence sha256'.split())
        writer.writerows(rows)
    return ['--table', str(path)]


def test_frames_are_downloaded_once_and_what_is_missing_is_reported(hub, tmp_path, capsys):
    png = cv2.imencode('.png', COUNTS)[1].tobytes()
    pixels = digest(png, 'raw')
    table = write_table(
        tmp_path / 'table.csv',
        ('far', 'lost.png', 'maker/nothing', hub, 'gray.png', 'MIT', pixels),
        ('raw16', 'other.png', 'maker/camera', hub, 'raw shot.JPG#raw', 'MIT', '0' * 64),
        ('raw16', 'shot.png', 'maker/camera', hub, 'raw shot.JPG#raw', 'MIT', pixels),
        ('plain', 'gray.png', 'maker/camera', hub, 'gray.png', 'MIT', digest(png, '')))
    out = tmp_path / 'out'
    assert main([*table, str(out)]) == 1
    printed = capsys.readouterr()
    assert printed.out == f'2 of 4 frames are in {out}\n'
    lost, other = printed.err.splitlines()
    assert lost.startswith('download: far/lost.png: ') and 'repository' in lost
    assert other == 'download: raw16/other.png: its SHA-256 is not the one in the table'
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob('*.png'))
    assert found == ['plain/gray.png', 'raw16/shot.png']
    shot = cv2.imread(str(out / 'raw16/shot.png'), cv2.IMREAD_UNCHANGED)
    assert shot.dtype == np.uint16 and np.array_equal(shot, COUNTS)

    (out / 'raw16/shot.png').write_bytes(b'half a fi')
    before = (out / 'plain/gray.png').stat().st_mtime_ns
    assert main([*table, str(out), '--cache', str(tmp_path / 'cache')]) == 1
    assert (out / 'plain/gray.png').stat().st_mtime_ns == before
    assert digest((out / 'raw16/shot.png').read_bytes(), 'raw') == pixels
    assert (tmp_path / 'cache/maker/camera.git').is_dir()


def test_the_packaged_table_names_frames_for_good():
    with DEFAULT_TABLE.open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 90
    for row in rows:
        assert len(row['commit']) == 40 and len(row['sha256']) == 64, row['file']


def test_no_table_is_one_sentence(tmp_path, capsys):
    assert main(['--table', str(tmp_path / 'none.csv'), str(tmp_path)]) == 1
    assert 'none.csv' in capsys.readouterr().err
