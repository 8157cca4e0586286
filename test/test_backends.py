"""ONNX Runtime beside PyTorch: the same scores, without PyTorch, and what each cannot do."""

from contextlib import redirect_stdout
from io import StringIO
import subprocess
import sys

import cv2
from fliqe_ros import FLIQE, OnlineFLIQE
from fliqe_ros.errors import CheckpointError
from fliqe_ros.models.checkpoint import load_model, save_checkpoint
from fliqe_ros.models.packaged import DEFAULT_MODEL, DEFAULT_ONNX_MODEL
from fliqe_ros.models.preprocessing import preprocess_resnet50, preprocess_thermal_s
from fliqe_ros.models.resnet50 import ResNet50
from fliqe_ros.models.thermal_s import ThermalS
from fliqe_ros.tools import export
import numpy as np
import onnx
import pytest
import torch
from torch import nn

METADATA = {'version': 3, 'classes': ['clean', '…'], 'metrics': {'auroc': 0.5}}


def frame(height, width, seed=0, channels=1):
    """Blobs of another size, brightness and contrast for each seed."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(0, 1, (height, width, channels)), (0, 0), 0.6 + seed % 7)
    picture = 60 + 25 * (seed % 5) + (20 + 10 * (seed % 4)) * noise / noise.std()
    return np.squeeze(picture.reshape(height, width, channels)).clip(0, 255).astype(np.uint8)


def settled(network):
    """Random weights, and BatchNorm statistics that leave the scores apart from each other."""
    torch.manual_seed(5)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.momentum = None
            nn.init.normal_(module.weight, 1.0, 0.2)
            nn.init.normal_(module.bias, 0.0, 0.2)
    network.train()
    with torch.no_grad():
        network(torch.stack([network.preprocess(frame(160, 160, seed)) for seed in range(24)]))
        network.classifier[-1].weight.mul_(0.3)  # keeps the scores away from 0 and 1
    return network.eval()


@pytest.fixture(scope='module', ids=['thermal_s', 'resnet50'],
                params=[pytest.param(ThermalS, marks=pytest.mark.slow), ResNet50])
def exported(request, tmp_path_factory):
    """Return the paths of a checkpoint and of its export by the command line."""
    folder = tmp_path_factory.mktemp('exported')
    checkpoint, onnx_file = folder / 'model.pt', folder / 'model.onnx'
    save_checkpoint(checkpoint, settled(request.param()), METADATA)
    told = StringIO()
    with redirect_stdout(told):
        assert export.main(['--model', str(checkpoint), '--out', str(onnx_file), '-q']) == 0
    assert told.getvalue() == ''
    return checkpoint, onnx_file


def test_onnx_runtime_gives_the_scores_of_torch(exported):
    reference, ours = (FLIQE(path, device='cpu') for path in exported)
    assert (reference.backend, ours.backend) == ('torch', 'onnxruntime')
    assert ours.architecture == reference.architecture
    assert ours.metadata == reference.metadata == METADATA
    frames = [frame(240, 320), frame(64, 90, 1), frame(513, 641, 2), frame(240, 320, 3),
              frame(120, 160, 4), frame(200, 700, 5, channels=3), frame(128, 128, 6)]
    scores = reference.estimate_batch(frames)
    assert max(scores) - min(scores) > 0.05, 'scores alike would make this test blind'
    for theirs, mine in zip(reference.assess_batch(frames), ours.assess_batch(frames)):
        assert mine.score == pytest.approx(theirs.score, abs=1e-4)
        assert mine.probabilities == pytest.approx(theirs.probabilities, abs=1e-4)
        assert mine.distortion == theirs.distortion
        if theirs.quality_map is None:
            assert mine.quality_map is None
        else:
            assert mine.quality_map.shape == theirs.quality_map.shape
            assert np.abs(mine.quality_map - theirs.quality_map).max() < 1e-4


def test_exports_tell_nothing_of_the_machine(exported):
    _, onnx_file = exported
    frame_of_a_stack_trace = b'.py", line '
    assert frame_of_a_stack_trace not in onnx_file.read_bytes()
    assert frame_of_a_stack_trace not in DEFAULT_ONNX_MODEL.read_bytes()


def test_folding_and_channels_last_keep_the_prediction(exported):
    checkpoint, _ = exported
    network, fliqe = load_model(checkpoint), FLIQE(checkpoint, device='cpu', backend='torch')
    image = frame(256, 320, 2)
    with torch.inference_mode():
        prediction = network(network.preprocess(image).unsqueeze(0))
    assessment = fliqe.assess(image)
    assert assessment.score == pytest.approx(float(prediction.score), abs=1e-4)
    if prediction.map_logits is not None:
        assert np.abs(assessment.quality_map
                      - torch.sigmoid(-prediction.map_logits)[0].numpy()).max() < 1e-4


WITHOUT_TORCH = """
import sys
import numpy as np
sys.modules['torch'] = sys.modules['torchvision'] = None    # importing them raises now
from fliqe_ros import OnlineFLIQE
import fliqe_ros.node.quality_node, fliqe_ros.node.main
import fliqe_ros.tools.score
online = OnlineFLIQE(sys.argv[1])
online.create_session(0)
print(online.estimate_smoothed_quality(np.eye(150, dtype=np.uint8) * 255, 0))
try:
    OnlineFLIQE(sys.argv[1].replace('onnx', 'pt'), device='cpu')
except ValueError as error:
    print(error)
sys.exit(fliqe_ros.tools.score.main([sys.argv[2], '--model', sys.argv[1]]))
"""


def test_nothing_but_the_torch_backend_imports_torch(exported, tmp_path):
    _, onnx_file = exported
    picture = tmp_path / 'frame.png'
    cv2.imwrite(str(picture), np.eye(150, dtype=np.uint8) * 255)
    done = subprocess.run([sys.executable, '-c', WITHOUT_TORCH, onnx_file, picture],
                          cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    score, refusal, line = done.stdout.splitlines()
    assert refusal.endswith('PyTorch, which is not installed: pip install torch.')
    assert float(line.split()[0]) == pytest.approx(float(score), abs=6e-4)


def test_the_packaged_models_are_one():
    """To be exported again after each training: python -m fliqe_ros.tools.export."""
    torch_model = FLIQE(device='cpu', backend='torch')
    onnx_model = FLIQE(device='cpu', backend='onnxruntime')
    assert onnx_model.model_path == str(DEFAULT_ONNX_MODEL)
    assert onnx_model.metadata == torch_model.metadata
    frames = [frame(240, 320, seed) for seed in range(4)] + [frame(512, 640), frame(100, 130)]
    assert onnx_model.estimate_batch(frames) == pytest.approx(
        torch_model.estimate_batch(frames), abs=1e-4)


def test_auto_takes_what_suits_the_default_model():
    assert FLIQE(device='cpu').backend == 'onnxruntime'
    assert FLIQE(device='cpu').model_path == str(DEFAULT_ONNX_MODEL)
    for settings in ({'backend': 'torch'}, {'precision': 'bfloat16'}):
        fliqe = FLIQE(device='cpu', **settings)
        assert (fliqe.backend, fliqe.model_path) == ('torch', str(DEFAULT_MODEL))
    assert FLIQE(DEFAULT_MODEL, device='cpu').backend == 'torch'


@pytest.mark.parametrize('settings, sentence', [
    ({'backend': 'tensorflow'}, "Backend 'tensorflow' is none of auto, torch, onnxruntime."),
    ({'backend': 'onnxruntime', 'precision': 'float16'}, 'computes in float32 only'),
    ({'backend': 'onnxruntime', 'device': 'cuda'}, "runs on the CPU only: for device 'cuda'"),
    ({'backend': 'onnxruntime', 'quality_model_path': 'm.pt'}, 'm.pt: export it with'),
    ({'backend': 'torch', 'quality_model_path': 'm.onnx'}, 'm.onnx: give it the checkpoint'),
    ({'threads': -1}, 'Threads must be a whole number, 0 or more, not -1.'),
    ({'threads': 1.5}, 'Threads must be a whole number, 0 or more, not 1.5.'),
    ({'threads': True}, 'not True'),
])
def test_settings_that_do_not_go_together(settings, sentence):
    for kind in (FLIQE, OnlineFLIQE):
        with pytest.raises(ValueError) as raised:
            kind(**settings)
        assert sentence in str(raised.value) and '\n' not in str(raised.value)


def test_a_backend_that_is_not_installed_is_named(exported, monkeypatch):
    monkeypatch.setattr('fliqe_ros.backends.loading.find_spec', lambda name: None)
    why = 'which is not installed: pip install'
    for settings, sentence in (
        ({'quality_model_path': exported[0]}, f'Model {exported[0]} needs PyTorch, {why} torch.'),
        ({'quality_model_path': exported[1]},
         f'Model {exported[1]} needs ONNX Runtime, {why} onnxruntime.'),
        ({'device': 'cuda'}, f"Device 'cuda' needs PyTorch, {why} torch."),
        ({'precision': 'float16'}, f"Precision 'float16' needs PyTorch, {why} torch."),
        ({'backend': 'torch'}, f"Backend 'torch' is PyTorch, {why} torch."),
    ):
        with pytest.raises(ValueError) as raised:
            FLIQE(**{'device': 'cpu', **settings})
        assert str(raised.value) == sentence


def test_threads(monkeypatch):
    monkeypatch.setattr('os.sched_getaffinity', lambda _: {0, 1, 2, 3})
    before = torch.get_num_threads()
    try:
        for backend in ('torch', 'onnxruntime'):
            assert FLIQE(device='cpu', backend=backend).threads == 3
            assert FLIQE(device='cpu', backend=backend, threads=2).threads == 2
        assert torch.get_num_threads() == 2
        monkeypatch.setattr('os.sched_getaffinity', lambda _: {5})
        assert FLIQE(device='cpu').threads == 1
    finally:
        torch.set_num_threads(before)


def without(onnx_file, key, copy):
    model = onnx.load(onnx_file)
    kept = [(entry.key, entry.value) for entry in model.metadata_props if entry.key != key]
    onnx.helper.set_model_props(model, dict(kept))
    onnx.save(model, copy)


def test_bad_onnx_files_are_refused(exported, tmp_path):
    path = tmp_path / 'model.onnx'

    def refused(reason):
        with pytest.raises(CheckpointError, match=reason) as raised:
            FLIQE(path)
        assert str(path) in str(raised.value) and '\n' not in str(raised.value)

    refused('there is no such file')
    path.write_bytes(b'')
    refused('it is not an ONNX model')
    path.write_bytes(b'\x89PNG\r\n' + bytes(1000))
    refused('it is not an ONNX model')
    path.write_bytes(exported[1].read_bytes()[:-5000])
    refused('it is not an ONNX model')
    without(exported[1], 'architecture', path)
    refused('it was not exported by fliqe_ros')
    without(exported[1], 'metadata', path)
    refused('its metadata is missing or damaged')


def test_release(exported):
    fliqe = FLIQE(exported[1])
    fliqe.warm_up(64, 64, batch=2)
    fliqe.release()
    with pytest.raises(RuntimeError, match='released'):
        fliqe.assess(frame(64, 64))


@pytest.mark.parametrize('arguments, reason', [
    (['--model', '{}/none.pt', '--out', '{}/a.onnx'], 'none.pt: there is no such file'),
    (['--out', '{}/a.pt'], 'a.pt: the name must end in .onnx'),
    (['--out', '{}/no_folder/a.onnx'], 'no_folder: there is no such folder')])
def test_export_tells_what_is_wrong(arguments, reason, tmp_path, capsys):
    assert export.main([argument.format(tmp_path) for argument in arguments]) == 1
    told = capsys.readouterr().err
    assert told.startswith('export: ') and reason in told and told.count('\n') == 1
    assert not list(tmp_path.iterdir())


def test_an_export_that_differs_is_not_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('fliqe_ros.backends.onnx_export.TOLERANCE', -1.0)
    model = tmp_path / 'model.pt'
    save_checkpoint(model, ResNet50(), METADATA)  # frames of one size: exported in less time
    assert export.main(['--model', str(model), '--out', str(tmp_path / 'model.onnx')]) == 1
    assert 'ONNX Runtime and PyTorch differ by' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [model]


def test_gray_frames_are_not_copied_on_their_way_to_the_network():
    image = frame(128, 200)
    image.flags.writeable = False  # as a message's buffer is
    assert np.shares_memory(preprocess_thermal_s(image), image)
    assert preprocess_thermal_s(image).shape == (1, 128, 200)


def test_prepared_frames():
    assert preprocess_thermal_s(frame(100, 60)).shape == (1, 128, 128)
    colour = frame(100, 60, channels=3)
    for image in (colour, colour[..., 0]):
        assert preprocess_resnet50(image).shape == (3, 224, 224)
    gray = frame(100, 60)
    assert np.array_equal(
        preprocess_resnet50(gray), preprocess_resnet50(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)))
    red = np.zeros((50, 50, 3), np.uint8)
    red[..., 2] = 200  # BGR
    assert preprocess_resnet50(red)[:, 0, 0].tolist() == [200, 0, 0]


def test_an_export_without_its_packages_says_which_it_takes(tmp_path, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, 'fliqe_ros.backends.onnx_export')
    monkeypatch.setitem(sys.modules, 'onnx_ir.passes.common', None)
    assert export.main(['--out', str(tmp_path / 'model.onnx')]) == 1
    assert 'it takes onnx, onnx_ir, onnxscript' in capsys.readouterr().err


def test_a_missing_file_is_told_before_a_missing_backend(monkeypatch):
    monkeypatch.setattr('fliqe_ros.backends.loading.find_spec', lambda name: None)
    with pytest.raises(CheckpointError, match='none.pt: there is no such file'):
        FLIQE('none.pt')


BROKEN = """
import sys
from fliqe_ros.tools import score
sys.exit(score.main(['x.png', '--device', 'cpu', '--backend', sys.argv[1]]))
"""


@pytest.mark.parametrize('backend', ['torch', 'onnxruntime'])
@pytest.mark.parametrize('failure', ['ImportError("no libfoo.so")', 'OSError("bad ELF")'])
def test_a_broken_backend_is_one_sentence(backend, failure, tmp_path):
    (tmp_path / f'{backend}.py').write_text(f'raise {failure}')
    done = subprocess.run([sys.executable, '-c', BROKEN, backend], cwd=tmp_path,
                          capture_output=True, text=True)
    assert done.returncode == 1
    assert f"Backend '{backend}' is installed but cannot be imported" in done.stderr
    assert done.stderr.count('\n') == 1


def test_an_unsafe_pytorch_reads_the_packaged_checkpoint_only(exported, monkeypatch):
    monkeypatch.setattr(torch, '__version__', '2.9.1+cpu')
    with pytest.raises(CheckpointError, match='CVE-2025-32434'):
        FLIQE(exported[0], device='cpu')
    FLIQE(DEFAULT_MODEL, device='cpu')
