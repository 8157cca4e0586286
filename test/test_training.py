"""What training is made of: the losses, the data split, the batches, averaging, precision."""

from collections import Counter
import math
import os
from pathlib import Path
import pickle
import subprocess
import sys

import cv2
from fliqe_ros.data.frame_store import FrameStore
from fliqe_ros.data.sources import (
    Frame, grouped_frames, load_sources, noise_level, Source, synthetic_source, validation_groups)
from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.imaging.palettes import colorize
from fliqe_ros.models.resnet50 import ResNet50
from fliqe_ros.models.thermal_s import ThermalS
from fliqe_ros.models.thermal_s7 import ThermalS7
from fliqe_ros.simulation.artifacts.registry import ARTIFACTS
from fliqe_ros.simulation.distortions import RANGES
from fliqe_ros.simulation.scenes.noise import spectral_noise
from fliqe_ros.simulation.scenes.textures import dead_leaves
from fliqe_ros.training.amp import deterministic, MixedPrecision
from fliqe_ros.training.batches import (
    Batch, Batches, block_means, cell_means, Fault, FEWEST_VIEWS, KINDS, MOST_ENLARGED, ViewSize)
from fliqe_ros.training.ema import digest, ema_copy, learned_state
from fliqe_ros.training.encoder import load_batches
from fliqe_ros.training.losses import (
    class_weights, map_loss, ranking_loss, score_loss, supervised_contrastive_loss, type_loss)
from fliqe_ros.training.quality_map import partly_spoilt
import numpy as np
import pytest
import torch


SIZES = ViewSize(160, 192), ViewSize(128, 160)


@pytest.fixture(scope='module')
def sources():
    return [synthetic_source(6, seed=1, height=240, width=320)]


def plain_contrastive_loss(embeddings, labels, temperature):
    """Equation 2 of Khosla et al. (2020), sum by sum."""
    total, anchors = 0.0, 0
    for i in range(len(labels)):
        positives = [p for p in range(len(labels)) if p != i and labels[p] == labels[i]]
        if not positives:
            continue
        anchors += 1
        everyone = sum(math.exp(float(embeddings[i] @ embeddings[a]) / temperature)
                       for a in range(len(labels)) if a != i)
        total -= sum(math.log(math.exp(float(embeddings[i] @ embeddings[p]) / temperature)
                              / everyone) for p in positives) / len(positives)
    return total / anchors


def test_contrastive_loss_is_that_of_the_paper():
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(12, 8, generator=generator), dim=1)
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 0])  # 3 and 4 have no partner
    assert float(supervised_contrastive_loss(embeddings, labels, 0.2)) == pytest.approx(
        plain_contrastive_loss(embeddings.double(), labels.tolist(), 0.2), rel=1e-5)


def test_contrastive_loss_without_any_pair_is_zero():
    embeddings = torch.eye(3, requires_grad=True)
    loss = supervised_contrastive_loss(embeddings, torch.arange(3))
    loss.backward()
    assert loss.item() == 0.0 and torch.isfinite(embeddings.grad).all()


def test_images_and_clips_are_grouped(tmp_path):
    rng = np.random.default_rng(0)
    for name in ('drive_a_0001.png', 'drive_a_0002.png', 'drive_b-7.png'):
        cv2.imwrite(str(tmp_path / name), rng.integers(0, 60000, (48, 64), np.uint16))
    (tmp_path / 'notes.txt').write_text('no image')
    (tmp_path / 'broken_1.png').write_bytes(b'no image')
    writer = cv2.VideoWriter(str(tmp_path / 'clip_03.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10,
                             (64, 48))
    for level in range(40):
        writer.write(np.full((48, 64, 3), level * 5, np.uint8))
    writer.release()
    frames = list(grouped_frames(tmp_path))
    groups = [frame.group for frame in frames]
    assert groups == ['clip_03'] * 4 + ['drive_a', 'drive_a', 'drive_b']
    assert frames[-1].pixels.dtype == np.uint16 and frames[0].pixels.dtype == np.uint8
    levels = [frame.pixels.mean() for frame in frames[:4]]
    assert levels == sorted(levels) and levels[3] - levels[0] > 100


@pytest.mark.parametrize('names', [
    ('DJI_20240101101500_0001_T', 'DJI_20240101101507_0002_T'),
    ('video-Ab3xQ9-frame-000816-7hGd2kZp', 'video-Ab3xQ9-frame-001004-9kQw1xYz'),
    ('1700000000.123456789', '1700000041.023456789'),
    ('frame000123', 'frame000124'),
    ('00017', '00018')])
def test_frames_of_a_sequence_are_one_group(tmp_path, names):
    for number, folder in enumerate(('a', 'a', 'b')):
        (tmp_path / folder).mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / folder / f'{names[number % 2]}.png'),
                    np.full((48, 64), 100, np.uint8))
    groups = [frame.group for frame in grouped_frames(tmp_path)]
    assert groups[0] == groups[1] != groups[2], groups


def test_other_names_are_groups_of_their_own(tmp_path):
    names = ('0_100_30_0_03280', '0_100_40_0_03281', 'FLIR_AX8', 'FLIR_E40')
    for name in names:
        cv2.imwrite(str(tmp_path / f'{name}.png'), np.full((48, 64), 100, np.uint8))
    assert [frame.group for frame in grouped_frames(tmp_path)] == [
        '0_100_30_0', '0_100_40_0', 'FLIR_AX', 'FLIR_E']


def test_a_video_that_does_not_tell_its_length_gives_as_many_frames(tmp_path):
    av = pytest.importorskip('av')
    path = tmp_path / 'cut_short.mkv'
    with path.open('wb') as file:
        # a pipe cannot be sought in, so the length is never written into the header
        pipe = type('Pipe', (), {'write': lambda self, data: file.write(data)})()
        with av.open(pipe, 'w', format='matroska') as video:
            stream = video.add_stream('mjpeg', rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuvj420p'
            for level in range(40):
                picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level * 5, np.uint8))
                video.mux(stream.encode(picture))
            video.mux(stream.encode())
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT) < 1
    levels = [frame.pixels.mean() for frame in grouped_frames(tmp_path)]
    assert len(levels) == 4 and levels == sorted(levels) and levels[3] - levels[0] > 100


def test_a_clip_in_colours_gives_the_levels_behind_them(tmp_path):
    # Each level is wide enough for the blocks of two pixels in which a video stores colours.
    ramp = np.tile(np.arange(256, dtype=np.uint8).repeat(3), (192, 1))
    video = cv2.VideoWriter(str(tmp_path / 'clip.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 10,
                            ramp.shape[::-1])
    for _ in range(8):
        video.write(colorize(ramp, 'rainbow'))
    video.release()
    for frame in grouped_frames(tmp_path):
        assert np.abs(frame.pixels - ramp.astype(float)).mean() < 6


def test_a_video_is_released_after_an_error(tmp_path):
    path = tmp_path / 'clip.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 48))
    for level in range(10):
        writer.write(np.full((48, 64, 3), level * 20, np.uint8))
    writer.release()
    frames = grouped_frames(tmp_path)
    next(frames)
    with pytest.raises(RuntimeError) as caught:
        frames.throw(RuntimeError())
    open_files = [os.path.realpath(entry) for entry in Path('/proc/self/fd').iterdir()]
    assert caught.tb and str(path) not in open_files


IN_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from fliqe_ros.data.sources import load_sources

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

few, many = map(Path, sys.argv[1:])
digest = load_sources(few)[0].digest()
before = peak_mb()
source, = load_sources(many)
source.digest()
megabytes = sum(frame.pixels.nbytes for frame in source.training + source.validation) / 2**20
print(megabytes, peak_mb() - before)
"""


def test_frames_are_not_kept_in_memory(tmp_path):
    pixels = cv2.GaussianBlur(np.random.default_rng(0).integers(
        0, 60000, (512, 640)).astype(np.uint16), (0, 0), 5)
    content = cv2.imencode('.png', pixels)[1].tobytes()
    for name, count in (('few', 5), ('many', 100)):
        (tmp_path / name / 'camera').mkdir(parents=True)
        for number in range(count):
            (tmp_path / name / 'camera' / f'a_{number}.png').write_bytes(content)
    (tmp_path / 'tmp').mkdir()
    done = subprocess.run(
        [sys.executable, '-c', IN_LITTLE_MEMORY, tmp_path / 'few', tmp_path / 'many'],
        cwd=tmp_path, env={**os.environ, 'TMPDIR': str(tmp_path / 'tmp')}, capture_output=True,
        text=True, check=True)
    frames_mb, more_mb = map(float, done.stdout.split())
    assert frames_mb > 60 and more_mb < 20
    assert not list((tmp_path / 'tmp').iterdir()), 'what was stored is removed'


def test_stored_frames_are_the_same_to_the_bit(tmp_path):
    plain = synthetic_source(4, 3, 96, 128)
    stored = synthetic_source(4, 3, 96, 128, FrameStore(tmp_path))
    assert stored.digest() == plain.digest()
    assert {frame.pixels.dtype for frame in stored.training} == {
        np.dtype(np.uint8), np.dtype(np.uint16)}
    assert not list(tmp_path.iterdir()), 'a killed process must leave nothing behind'
    sent = tmp_path / 'sent'
    sent.write_bytes(pickle.dumps(stored))  # as it reaches a worker process
    digest = subprocess.run(
        [sys.executable, '-c', 'import pickle, sys; from pathlib import Path; '
         'print(pickle.loads(Path(sys.argv[1]).read_bytes()).digest())', sent],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert digest.strip() == plain.digest()


def test_batches_of_workers_are_the_same_and_leave_threads_alone(sources, tmp_path):
    stored = [synthetic_source(6, 1, 240, 320, FrameStore(tmp_path))]
    digest = stored[0].digest()
    threads = cv2.getNumThreads()
    batches = [Batches(each, ThermalS().preprocess, SIZES, 2, 2, 0, 0)
               for each in (sources, stored)]
    expected = list(load_batches(batches[0], 0, 'cpu'))
    assert cv2.getNumThreads() == threads
    for one, other in zip(expected, load_batches(batches[1], 1, 'cpu')):
        assert all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(one, other))
    assert stored[0].digest() == digest, 'the end of a worker must not remove the frames'


class ThreadCount(Batches):
    """Tells how many threads OpenCV has where batches are made."""

    def __getitem__(self, step):
        return Batch(*[torch.tensor(cv2.getNumThreads())] * len(Batch._fields))


def test_a_worker_has_one_thread(sources):
    batches = ThreadCount(sources, ThermalS().preprocess, SIZES, 2, 1, 0, 0)
    batch, = load_batches(batches, 1, 'cpu')
    assert batch.labels == 1


def test_determinism_ends_with_its_block(monkeypatch):
    monkeypatch.delenv('CUBLAS_WORKSPACE_CONFIG', raising=False)
    with deterministic():
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ['CUBLAS_WORKSPACE_CONFIG'] == ':4096:8'
    assert not torch.are_deterministic_algorithms_enabled()
    assert 'CUBLAS_WORKSPACE_CONFIG' not in os.environ


def test_a_camera_that_is_noisy_throughout_is_told(tmp_path, caplog):
    for name in ('good', 'noisy'):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / 'good' / 'a.png'), np.full((64, 64), 100, np.uint8))
    noise = np.random.default_rng(2).integers(0, 256, (64, 64), np.uint8)
    cv2.imwrite(str(tmp_path / 'noisy' / 'a.png'), noise)
    assert [source.name for source in load_sources(tmp_path)] == ['good']
    assert 'noisy: all 1 frames' in caplog.text
    with pytest.raises(ValueError, match='no folders with clean thermal images'):
        load_sources(tmp_path, exclude=('good',))


def test_a_source_is_known_by_its_frames_and_their_split():
    frames = [Frame(np.full((4, 4), level, np.uint8), 'a') for level in range(3)]
    sources = [Source('x', frames[:2], frames[2:]), Source('x', frames[:1], frames[1:]),
               Source('x', [frames[0], frames[0]], frames[2:])]
    assert len({source.digest() for source in sources}) == 3
    assert Source('x', frames[:2], frames[2:]).digest() == sources[0].digest()


def test_no_group_is_in_both_splits(tmp_path):
    camera = tmp_path / 'camera'
    camera.mkdir()
    smooth = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8),
                              (0, 0), 3)
    for group in range(10):
        for number in range(3):
            cv2.imwrite(str(camera / f'g{group}x_{number}.png'), smooth)
    noisy = np.random.default_rng(2).integers(0, 256, (64, 64), np.uint8)
    cv2.imwrite(str(camera / 'noisy_1.png'), noisy)
    (tmp_path / 'left_out').mkdir()
    cv2.imwrite(str(tmp_path / 'left_out' / 'a.png'), smooth)
    (source,) = load_sources(tmp_path, exclude=('left_out',))
    training = {frame.group for frame in source.training}
    validation = {frame.group for frame in source.validation}
    assert not training & validation
    assert (len(training), len(validation), source.noisy) == (8, 2, 1)
    assert validation_groups(training | validation) == validation, 'the split must not change'
    with pytest.raises(ValueError, match='no folders with clean thermal images'):
        load_sources(camera)


@pytest.mark.parametrize('sigma', [0.0, 5.0, 20.0])
def test_noise_level(sigma):
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.uniform(0, 255, (300, 300)), (0, 0), 8) * 0.5 + 60
    noisy = np.clip(np.rint(image + sigma * rng.standard_normal(image.shape)), 0, 255)
    assert noise_level(noisy.astype(np.uint8)) == pytest.approx(sigma, abs=0.15 * sigma + 0.6)


def test_generated_textures():
    leaves = dead_leaves(np.random.default_rng(0), 200, 300)
    assert leaves.shape == (200, 300) and leaves.dtype == np.uint8 and leaves.std() > 10
    texture = spectral_noise(np.random.default_rng(0), 256, 256, slope=1.5)
    spectrum = np.abs(np.fft.rfft(texture, axis=1)).mean(0)
    steepness = np.polyfit(np.log(np.arange(4, 100)), np.log(spectrum[4:100]), 1)[0]
    assert -1.6 < steepness < -0.9  # rows cut through the 2-D spectrum: half an octave less


def test_batches_depend_on_seed_epoch_and_step_only(sources):
    network = ThermalS()

    def batch(seed=0, epoch=0, step=0):
        return Batches(sources, network.preprocess, SIZES[:1], 5, 4, seed, epoch)[step]

    first = batch()
    clean = first.labels == 0
    assert first.severities[clean].isnan().all() and not first.severities[~clean].isnan().any()
    assert (first.targets[clean] == 0).all() and (first.targets[~clean] > 0.01).all()
    assert (first.block_targets[clean] == 0).all() and (first.cell_targets[clean] == 0).all()
    assert first.images.dtype == torch.uint8 and first.images.shape[:2] == (15, 1)
    assert clean.tolist() == [True, False, False] * 5, 'each view comes clean and twice spoilt'
    assert [CLASSES[label].label for label in first.labels[clean]] == ['clean'] * 5
    assert all(torch.equal(one.nan_to_num(), other.nan_to_num())
               for one, other in zip(first, batch()))
    for other in (batch(seed=1), batch(epoch=1), batch(step=1)):
        assert first.images.shape != other.images.shape or not torch.equal(
            first.images, other.images)


def test_views_of_all_sizes_are_dealt_from_frames_that_can_fill_them():
    rng = np.random.default_rng(0)
    small, large = (Source(name, [Frame(rng.integers(0, 256, shape, np.uint8), 'a')])
                    for name, shape in (('small', (160, 200)), ('large', (360, 460))))
    sizes = ViewSize(160, 192, 0.5), ViewSize(128, 160, 0.2), ViewSize(448, 576, 0.3)
    batches = Batches([small, large], ThermalS().preprocess, sizes, 6, 30, seed=0, epoch=0)
    found = Counter(tuple(batches[step].images.shape) for step in range(30))
    views = {shape[2:]: shape[0] // 3 for shape in found}
    assert views == {(160, 192): 6, (128, 160): 6, (448, 576): FEWEST_VIEWS}
    assert min(found.values()) >= 3
    for size, fitting in (((448, 576), {360}), ((160, 192), {160, 360})):
        assert {batches._draw_frame(size, rng).content.shape[0] for _ in range(50)} == fitting
    assert 448 < MOST_ENLARGED * 360


def test_a_part_of_spoilt_views_is_clean_for_the_map(sources):
    torch.manual_seed(0)
    batch = Batches(sources, ThermalS().preprocess, SIZES[:1], 16, 1, seed=2, epoch=0)[0]
    images, targets = partly_spoilt(batch)
    mixed = 0
    for index in range(len(images)):
        clean = index - index % 3
        changed = targets[index] != batch.block_targets[index]
        changed &= ~(targets[index].isnan() & batch.block_targets[index].isnan())
        if not changed.any():
            continue
        mixed += 1
        assert index != clean
        for row, column in (targets[index] == 0).logical_and(changed).nonzero().tolist():
            block = np.s_[0, 32 * row:32 * row + 96, 32 * column:32 * column + 96]
            assert torch.equal(images[index][block], batch.images[clean][block])
        for row, column in (~changed).nonzero().tolist():
            block = np.s_[0, 32 * row:32 * row + 96, 32 * column:32 * column + 96]
            kept = torch.equal(images[index][block], batch.images[index][block])
            was = batch.block_targets[index][row, column]
            assert kept or was.isnan() or was == 0, 'clean, or nearly, it was before'
    assert mixed >= 8


def test_every_type_and_kind_is_dealt(sources):
    batches = Batches(sources, ThermalS().preprocess, SIZES[1:], 16, 8, seed=1, epoch=0)
    types, kinds = Counter(), set()
    for step in range(8):
        batch = batches[step]
        types.update(CLASSES[label] for label in batch.labels.tolist())
        kinds.update(KINDS[kind] for kind in batch.kinds.tolist())
    assert types[Distortion.CLEAN] == 16 * 8 and set(types) == set(CLASSES)
    assert min(types.values()) >= 8 and types[Distortion.GHOSTING] > 1.5 * types[
        Distortion.LENS_BLUR]
    assert len(kinds) > 40 and kinds <= set(KINDS)


def test_the_target_is_what_people_say():
    """One half where they begin to call a picture fair, nearly one at the reference."""
    noise = RANGES[Distortion.GAUSSIAN_NOISE]
    perceived = [noise.perceived(severity) for severity in (-0.3, 0.0, 0.5, None, 1.0)]
    assert perceived == sorted(perceived)
    assert perceived[1] < 0.05, 'noise of 8 levels was rated 4.7 of 5'
    assert perceived[3] == pytest.approx(0.97, abs=0.01)
    fair = np.log(noise.fair / noise.mild) / np.log(noise.strong / noise.mild)
    assert noise.perceived(fair) == pytest.approx(0.5)
    assert Fault(Distortion.CLEAN).perceived == 0
    for kind in (*RANGES.values(), *(artifact.strength for artifact in ARTIFACTS.values())):
        assert kind.perceived(0.0) <= 0.95, kind
        assert kind.perceived(None) == pytest.approx(0.97, abs=0.01), kind


def test_blocks_are_told_where_the_fault_is():
    clean = np.full((160, 256), 100, np.uint8)
    spoilt = clean.copy()
    spoilt[:, 160:] = 180
    part = Fault(Distortion.OBSTRUCTION, None, 'covered').places(clean, spoilt, block_means)
    assert part.shape == (3, 6)
    assert (part[:, :2] == 0).all() and (part[:, 4:] > 0.9).all()
    spoilt = clean.copy()
    spoilt[80, 80] = 200
    assert np.isnan(Fault(Distortion.CORRUPTION, None, 'torn').places(
        clean, np.where(np.indices(clean.shape)[0] < 8, 0, clean).astype(np.uint8),
        block_means)[0]).all(), (
            'a twelfth of a block: nobody can tell')
    whole = Fault(Distortion.GAUSSIAN_NOISE).places(clean, spoilt, block_means)
    assert np.isnan(whole).all(), 'blurred sky is sky'
    noise = Fault(Distortion.GAUSSIAN_NOISE)
    assert (noise.places(clean, clean + 9, block_means) > 0.9).all()
    cells = noise.places(clean, np.where(np.arange(256) < 128, clean, 180), cell_means)
    assert cells.shape == (12, 16)
    assert np.isnan(cells[:, :8]).all() and (cells[:, 8:] > 0.9).all()


def test_the_map_learns_nothing_of_blocks_that_nobody_can_tell():
    logits = torch.tensor([[[2.0, -1.0, 5.0]]], requires_grad=True)
    targets = torch.tensor([[[1.0, 0.0, float('nan'), 1.0], [1.0] * 4]])
    loss = map_loss(logits, targets)
    assert loss.item() == pytest.approx((np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-1.0))) / 2)
    loss.backward()
    assert logits.grad[0, 0].tolist()[2] == 0 and (logits.grad[0, 0, :2] != 0).all()
    assert map_loss(logits, torch.full((1, 1, 3), float('nan'))) == 0


def test_a_type_is_learnt_as_far_as_it_is_seen():
    logits = torch.tensor([[2.0, 0.0, 1.0]]).repeat(3, 1)
    log_prob = logits[0].log_softmax(0)
    seen = type_loss(logits[:1], torch.tensor([2]), torch.tensor([1.0]))
    unseen = type_loss(logits[:1], torch.tensor([2]), torch.tensor([0.0]))
    half = type_loss(logits[:1], torch.tensor([2]), torch.tensor([0.25]))
    assert seen.item() == pytest.approx(-log_prob[2].item())
    assert unseen.item() == pytest.approx(-log_prob[0].item())
    assert half.item() == pytest.approx(-(0.25 * log_prob[2] + 0.75 * log_prob[0]).item())


@pytest.mark.parametrize('clean_share', [0.2, 0.65])
def test_samples_weigh_as_if_so_many_were_clean(clean_share):
    labels = torch.tensor([0, 3, 0, 5, 12, 1, 1, 9])
    weights = class_weights(labels, clean_share)
    assert weights.mean() == pytest.approx(1)
    assert weights[labels == 0].sum() / len(labels) == pytest.approx(clean_share)


def test_the_score_learns_what_people_say_as_far_as_it_weighs():
    logits = torch.zeros(3, requires_grad=True)
    score_loss(logits, torch.tensor([0.0, 0.97, 0.5]), torch.tensor([1.0, 1.0, 0.0]),
               torch.tensor([0, 1, 1]), torch.tensor([float('nan'), 0.4, 0.4]), 0.05).backward()
    clean, spoilt, of_no_weight = logits.grad
    assert clean > 0 > spoilt and of_no_weight == 0


def test_ranking_compares_severities_within_a_kind():
    kinds = torch.tensor([0, 1, 1, 2, 2, 1])
    severities = torch.tensor([float('nan'), 0.2, 0.9, 0.5, 0.5, float('nan')])
    values = torch.tensor([9.0, 1.0, 3.0, -5.0, 7.0, -9.0], requires_grad=True)
    loss = ranking_loss(values, kinds, severities)
    assert loss.item() == pytest.approx(np.log1p(np.exp(-2.0))), 'one pair can be compared'
    loss.backward()
    assert values.grad[1] > 0 > values.grad[2]
    assert (values.grad[[0, 3, 4, 5]] == 0).all()
    assert ranking_loss(values[:2], kinds[:2], severities[:2]) == 0


def test_the_average_follows_parameters_and_statistics_but_copies_counters():
    layer = torch.nn.BatchNorm1d(2)
    averaged = ema_copy(layer, 0.75)
    averaged.update_parameters(layer)
    with torch.no_grad():
        layer.weight.fill_(5.0)
        layer.running_mean.fill_(8.0)
        layer.num_batches_tracked.fill_(7)
    averaged.update_parameters(layer)
    assert averaged.module.weight.tolist() == [2.0, 2.0]  # 0.75 * 1 + 0.25 * 5
    assert averaged.module.running_mean.tolist() == [2.0, 2.0]
    assert averaged.module.num_batches_tracked == 7


def test_what_is_frozen_is_not_saved():
    learned = learned_state(ResNet50())
    assert {key.rsplit('.', 2)[0] for key in learned} == {
        'iqa_encoder.projection_head', 'classifier'}
    assert 'iqa_encoder.projection_head.1.running_mean' in learned
    assert {key.split('.')[0] for key in learned_state(ThermalS())} == {
        'standardize', 'block', 'vote', 'place', 'seam', 'glance', 'projection', 'classifier',
        'type_head'}
    assert learned_state(ThermalS7()).keys() == ThermalS7().state_dict().keys()


@pytest.mark.parametrize('name', ['classifier.0.bias', 'iqa_encoder.encoder.bn1.running_mean'])
def test_every_weight_and_statistic_is_digested(name):
    network = ResNet50()
    before = digest(network)
    assert digest(network) == before
    network.state_dict()[name][0] += 1e-3
    assert digest(network) != before


def test_training_mode_leaves_the_backbone_of_resnet50_frozen():
    torch.manual_seed(0)
    network = ResNet50().train()
    images = torch.randint(0, 256, (4, 3, 224, 224), dtype=torch.uint8)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.encode(images)[0].square().sum().backward()
    after = network.state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed and all('projection_head' in key for key in changed)
    assert all(parameter.grad is None for parameter in network.iqa_encoder.encoder.parameters())
    assert network.iqa_encoder.projection_head[0].weight.grad is not None
    assert network.training and network.iqa_encoder.projection_head.training
    assert not network.iqa_encoder.encoder.layer1[0].bn1.training


@pytest.mark.parametrize('name,dtype', [
    ('auto', torch.float32), ('float32', torch.float32), ('bfloat16', torch.bfloat16)])
def test_precision_of_forward_passes_on_the_cpu(name, dtype):
    layer = torch.nn.Linear(4, 4)
    with MixedPrecision(name, 'cpu').autocast():
        assert layer(torch.rand(2, 4)).dtype is dtype


def test_precision_refuses_what_is_not_there():
    with pytest.raises(ValueError, match='float16 needs a GPU'):
        MixedPrecision('float16', 'cpu')
    with pytest.raises(ValueError, match="'float8' is none of auto, float32"):
        MixedPrecision('float8', 'cpu')


def test_a_step_descends():
    layer = torch.nn.Linear(3, 1, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
    start = layer.weight.detach().clone()
    MixedPrecision('bfloat16', 'cpu').descend(layer.weight.sum(), optimizer)
    assert torch.allclose(layer.weight, start - 0.5)
