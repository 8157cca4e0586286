"""PyTorch on a GPU: the scores of the CPU, whatever frames come in whatever order."""

from concurrent.futures import ThreadPoolExecutor
import gc

from fliqe_ros import FLIQE
from fliqe_ros.backends.cuda import CudaBackend, MOST_PASSES
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.models.checkpoint import save_checkpoint
from fliqe_ros.models.resnet50 import ResNet50
from fliqe_ros.models.tensor_preprocessing import TensorPreprocessing
from fliqe_ros.models.thermal_s import ThermalS
import numpy as np
import pytest
from test_backends import frame, settled
import torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='this machine has no GPU')


@pytest.fixture(scope='module', params=[ThermalS, ResNet50], ids=['thermal_s', 'resnet50'])
def checkpoint(request, tmp_path_factory):
    path = tmp_path_factory.mktemp('gpu') / 'model.pt'
    save_checkpoint(path, settled(request.param()), {})
    return path


def frames_of_all_kinds(seed):
    raw = 7000 + 11 * frame(256, 320, seed).astype(np.uint16)
    return [frame(240, 320, seed), raw, raw[::-1], frame(64, 90, seed + 1), raw[:100],
            raw.astype(np.float32) / 100, frame(200, 300, seed + 2, channels=3),
            frame(240, 320, seed + 3), frame(240, 320, seed + 4), raw + np.uint16(20_000)]


@pytest.mark.parametrize('precision, tolerance', [
    ('float32', 1e-4), ('float16', 0.01), ('bfloat16', 0.08)])
def test_scores_are_those_of_the_cpu(checkpoint, precision, tolerance):
    cpu, gpu = FLIQE(checkpoint, 'cpu', 'float32'), FLIQE(checkpoint, 'cuda', precision)
    if gpu.architecture == 'resnet50' and precision != 'float32':
        tolerance *= 5  # fifty layers of random weights make much of how numbers are rounded
    assert (gpu.device, gpu.precision, gpu.backend) == ('cuda:0', precision, 'torch')
    for seed in range(4):  # as they come, captured, and from the graph
        frames = frames_of_all_kinds(seed)
        for expected, ours in zip(cpu.assess_batch(frames), gpu.assess_batch(frames)):
            assert ours.score == pytest.approx(expected.score, abs=tolerance)
            assert ours.probabilities == pytest.approx(expected.probabilities, abs=tolerance)
            if expected.quality_map is None:
                assert ours.quality_map is None
            else:
                assert np.abs(ours.quality_map - expected.quality_map).max() < 3 * tolerance
        assert gpu.estimate_batch(frames) == pytest.approx(
            cpu.estimate_batch(frames), abs=tolerance)


def test_what_cannot_be_captured_is_done_all_the_same(checkpoint, monkeypatch):
    preprocess = TensorPreprocessing.__call__

    def with_a_wait(*arguments):
        torch.cuda.synchronize()  # which no graph can hold
        return preprocess(*arguments)
    monkeypatch.setattr(TensorPreprocessing, '__call__', with_a_wait)
    cpu, gpu = FLIQE(checkpoint, 'cpu', 'float32'), FLIQE(checkpoint, 'cuda', 'float32')
    for seed in range(4):
        frames = [frame(240, 320, seed), frame(240, 320, seed + 1)]
        assert gpu.estimate_batch(frames) == pytest.approx(cpu.estimate_batch(frames), abs=1e-4)


def test_half_precision_is_what_a_gpu_gets(checkpoint):
    assert FLIQE(checkpoint).precision == 'float16'
    assert FLIQE(checkpoint, 'cpu').precision == 'float32'


def test_batches_of_every_number(checkpoint):
    gpu = FLIQE(checkpoint, 'cuda', 'float32')
    frames = [frame(130, 140, seed) for seed in range(40)]
    alone = [gpu.estimate_image_quality(each) for each in frames]
    for count in (*range(1, 41), *range(40, 0, -1)):
        assert gpu.estimate_batch(frames[:count]) == pytest.approx(alone[:count], abs=1e-4)


def test_more_kinds_than_are_remembered_and_more_frames_than_go_at_once(checkpoint):
    cpu, gpu = FLIQE(checkpoint, 'cpu', 'float32'), FLIQE(checkpoint, 'cuda', 'float32')
    frames = [frame(128 + kind, 140 + 2 * kind, kind) for kind in range(MOST_PASSES + 4)]
    expected = cpu.estimate_batch(frames)
    for _ in range(4):
        assert gpu.estimate_batch(frames) == pytest.approx(expected, abs=1e-4)
    assert gpu.estimate_batch(frames[:1] * (2 * CudaBackend.largest_batch + 1)) == pytest.approx(
        expected[:1] * (2 * CudaBackend.largest_batch + 1), abs=1e-4)


def test_gain_control_may_change_between_batches(checkpoint):
    cpu, gpu = FLIQE(checkpoint, 'cpu', 'float32'), FLIQE(checkpoint, 'cuda', 'float32')
    raw = 7000 + 11 * frame(256, 320, 2).astype(np.uint16)
    for gain in 3 * [GainControl(), GainControl('fixed_range', 6000, 12_000), GainControl('none')]:
        ours, theirs = (each.assess_prepared([each.prepare(raw, gain)])[0] for each in (gpu, cpu))
        assert ours.score == pytest.approx(theirs.score, abs=1e-4)


def test_threads_take_turns(checkpoint):
    gpu = FLIQE(checkpoint, 'cuda', 'float32')
    batches = [[frame(240, 320, seed)] * 3 for seed in range(4)]
    expected = [gpu.estimate_batch(batch) for batch in batches]
    with ThreadPoolExecutor(len(batches)) as pool:
        for found, batch in zip(pool.map(gpu.estimate_batch, 40 * batches), 40 * expected):
            assert found == pytest.approx(batch, abs=1e-4)


def test_memory_is_given_back(checkpoint):
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    gpu = FLIQE(checkpoint, 'cuda')
    for _ in range(3):
        gpu.warm_up(batch=4)
    assert gpu.gpu_memory_bytes > before
    gpu.release()
    assert torch.cuda.memory_reserved() <= before + 2**25, 'the work space of cuBLAS remains'
