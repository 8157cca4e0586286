"""Live sources: real streams by TCP and RTSP that are cut off in the midst and come back."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading

from fliqe_ros.frame_io import live
from fliqe_ros.frame_io.live import is_live, LiveSource
from fliqe_ros.tools import score
import numpy as np
import pytest
from waiting import wait_for  # noqa: I100

pytest.importorskip('av')

# Sends frames of noise at 25 Hz: to whoever connects, or to its standard output.
SERVER = """
import sys, time
import av
import numpy as np
rng = np.random.default_rng(0)
with av.open(sys.argv[1], 'w', format='mpegts', options={'flush_packets': '1'}) as container:
    stream = container.add_stream('libx264', rate=25, options={'g': '5', 'tune': 'zerolatency'})
    stream.width, stream.height, stream.pix_fmt = 160, 128, 'yuv420p'
    while True:
        picture = rng.integers(0, 256, (128, 160), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='gray')))
        time.sleep(0.04)
"""


class Server:
    """A process that sends a stream, and is started again where it was."""

    def __init__(self):
        with socket.create_server(('127.0.0.1', 0)) as free:
            self.port = free.getsockname()[1]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, '-c', SERVER, f'tcp://127.0.0.1:{self.port}?listen=1'],
            stderr=subprocess.DEVNULL)

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def server():
    sender = Server()
    yield sender
    sender.kill()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(live, '_AGAIN_S', 0.1)


def test_a_stream_is_read_lost_and_found_again(server):
    told = []
    address = f'tcp://127.0.0.1:{server.port}'
    with LiveSource(address, told.append) as source:
        wait_for(lambda: told)
        assert address in told[0] and 'trying again' in told[0], 'nobody listens yet'
        assert source.newest(0.05) is None
        times = []
        for _ in range(2):
            server.start()
            frame = source.newest(60)
            times += [frame.time_ns, source.newest(60).time_ns]
            assert frame.read().shape == (128, 160, 3) and told[-1] == f'{address}: is back'
            before = len(told)
            server.kill()
            wait_for(lambda: len(told) > before)
            assert 'trying again' in told[-1]
    assert times == sorted(set(times))


def test_only_the_newest_frame_is_kept_and_the_others_are_counted(server):
    server.start()
    with LiveSource(f'tcp://127.0.0.1:{server.port}', lambda sentence: None) as source:
        wait_for(lambda: source.missed > 3)
        first, second = (source.newest(60) for _ in range(2))
    assert second.time_ns - first.time_ns < 1e9


def test_the_command_tells_each_frame_over_a_loss_until_ctrl_c(server):
    server.start()
    address = f'tcp://127.0.0.1:{server.port}'
    command = subprocess.Popen(
        [sys.executable, '-m', 'fliqe_ros.tools.fliqe', 'score', address, '--device', 'cpu',
         '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = []

    def until(condition):
        for line in command.stdout:
            lines.append(json.loads(line))
            if condition(lines[-1]):
                return

    until(lambda line: line.get('status') == 'bad')
    server.kill()
    until(lambda line: line.get('status') == 'silent')
    server.start()
    until(lambda line: 'score' in line)
    command.send_signal(signal.SIGINT)
    _, errors = command.communicate(timeout=60)
    assert command.returncode == 0
    assert 'trying again' in errors and f'{address}: is back' in errors
    assert 'Traceback' not in errors
    scored = [line for line in lines if 'score' in line]
    assert all(line['source'] == address and 0 <= line['score'] <= 1 for line in scored)
    assert scored[-2]['status'] == 'bad' and scored[-2]['reason']
    assert scored[-1]['status'] == 'unknown', 'after a silence it is judged from its next frame on'
    assert sum(scored[0]['probabilities'].values()) == pytest.approx(1, abs=1e-4)


def test_what_a_live_source_cannot_be_combined_with_is_told(tmp_path, capsys):
    for words in (['rtsp://camera/a', 'rtsp://camera/b'], ['/dev/video0', '--jobs', '2'],
                  ['udp://127.0.0.1:1', '--out', str(tmp_path)],
                  ['/dev/video0', '--profiles', str(tmp_path)]):
        with pytest.raises(SystemExit) as ended:
            score.main(words)
        assert ended.value.code == 2 and 'a live source is scored alone' in capsys.readouterr().err


def test_a_device_that_is_not_there_is_told_and_waited_for(tmp_path, monkeypatch):
    if os.path.exists('/dev/video250'):
        pytest.skip('there is such a camera')
    told = []
    with LiveSource('/dev/video250', told.append) as source:
        wait_for(lambda: told)
        assert source.newest(0.2) is None
    assert len(told) == 1 and told[0].startswith('/dev/video250: ')
    assert 'No such file' in told[0], told


def test_live_sources_are_known_by_their_names():
    assert all(map(is_live, ['rtsp://a:b@c/', 'udp://@:5000', '/dev/video0', '/dev/v4l/by-id/a']))
    assert not any(map(is_live, ['video.ts', 's3://bucket/a', '/dev/videos/a.mp4', 'rtsp']))


class Rtsp(threading.Thread):
    """A small RTSP server: MPEG-TS by RTP in the connection of the commands (RFC 2326, 2250)."""

    def __init__(self):
        super().__init__(daemon=True)
        self._server = socket.create_server(('127.0.0.1', 0))
        self.address = f'rtsp://127.0.0.1:{self._server.getsockname()[1]}/thermal'
        self.plays, self._connection = 0, None

    def run(self):
        while True:
            try:
                self._connection, _ = self._server.accept()
                self._serve(self._connection)
            except OSError:
                if self._server.fileno() < 0:
                    return

    def cut(self):
        self._connection.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self, connection):
        with connection, connection.makefile('rb') as commands:
            for line in commands:
                method, number = line.split()[0].decode(), 0
                while (header := commands.readline().strip()):
                    if header.lower().startswith(b'cseq:'):
                        number = int(header.partition(b':')[2])
                body = ''
                more = {'OPTIONS': 'Public: DESCRIBE, SETUP, PLAY\r\n',
                        'DESCRIBE': 'Content-Type: application/sdp\r\n',
                        'SETUP': 'Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n'}
                if method == 'DESCRIBE':
                    body = ('v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=thermal\r\nt=0 0\r\n'
                            'm=video 0 RTP/AVP 33\r\na=control:track\r\n')
                connection.sendall((
                    f'RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 1\r\n{more.get(method, "")}'
                    f'Content-Length: {len(body)}\r\n\r\n{body}').encode())
                if method == 'PLAY':
                    self.plays += 1
                    self._play(connection)
                    return

    def _play(self, connection):
        sender = subprocess.Popen([sys.executable, '-c', SERVER, 'pipe:1'],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            number = 0
            while packet := sender.stdout.read(7 * 188):
                packet = b'\x80\x21' + number.to_bytes(2, 'big') + bytes(4) + b'\0\0\0\1' + packet
                connection.sendall(b'$\0' + len(packet).to_bytes(2, 'big') + packet)
                number = (number + 1) % 65536
        finally:
            sender.kill()
            sender.wait()


def test_rtsp_is_read_and_found_again_after_the_connection_was_cut():
    server, told = Rtsp(), []
    server.start()
    try:
        with LiveSource(server.address, told.append) as source:
            pixels = source.newest(60).read()
            assert pixels.shape == (128, 160, 3) and np.std(pixels) > 20
            server.cut()
            wait_for(lambda: f'{server.address}: is back' in told)
            assert source.newest(60) is not None
        assert server.plays >= 2 and 'trying again' in told[0]
    finally:
        server.close()
