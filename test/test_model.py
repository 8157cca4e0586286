"""The two architectures and their checkpoints, with every way a file can be wrong."""

import hashlib

import cv2
from fliqe_ros.errors import CheckpointError
from fliqe_ros.models.checkpoint import load_encoder, load_model, save_checkpoint
from fliqe_ros.models.glance import averaging, COLUMNS, Glance, made_small, resampled, ROWS
from fliqe_ros.models.line_statistics import line_profiles, PIXEL_LINES, pixel_lines
from fliqe_ros.models.packaged import DEFAULT_MODEL, DEFAULT_MODEL_SHA256
from fliqe_ros.models.resnet50 import ResNet50
from fliqe_ros.models.thermal_s import (
    _block_statistics, BLOCK_PX, BLOCK_STEP_PX, MARGIN_PX, ThermalS)
from fliqe_ros.models.thermal_s7 import _block_means, ThermalS7
from fliqe_ros.models.thermal_trunk import ECHO_REACH, ECHO_SHIFTS, EDGE_CHANNELS
import numpy as np
from PIL import Image
import pytest
import torch
from torch import nn
import torchvision


def randomised(network: nn.Module, seed: int) -> nn.Module:
    """Random weights, those of BatchNorm too, so that a forgotten layer shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if value.ndim > 1:
                value.normal_(0.0, (2.0 / value[0].numel()) ** 0.5, generator=generator)
            else:
                value.add_(torch.empty_like(value).normal_(0.0, 0.1, generator=generator))
    return network.eval()


def settle(network, batch: torch.Tensor) -> None:
    """Take BatchNorm statistics from real activations: others would drown the differences."""
    network.train()
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.momentum = None
    with torch.no_grad():
        network(batch)
    network.eval()


class Normalise(nn.Module):
    """L2 normalisation."""

    def forward(self, x):
        return x / x.norm(dim=1, keepdim=True)


@pytest.fixture(scope='module')
def published(tmp_path_factory):
    """Write random weights in exactly the published layout, without our classes."""
    torch.manual_seed(0)
    backbone = torchvision.models.resnet50(weights=None)
    backbone.fc = nn.Identity()
    projection = nn.Sequential(
        nn.Linear(2048, 1024), nn.BatchNorm1d(1024), nn.ReLU(),
        nn.Linear(1024, 512), nn.BatchNorm1d(512), nn.ReLU(),
        nn.Linear(512, 256), nn.BatchNorm1d(256), nn.ReLU(),
        nn.Linear(256, 128))
    classifier = nn.Sequential(
        nn.Linear(128, 128), nn.ReLU(), nn.BatchNorm1d(128),
        nn.Linear(128, 64), nn.ReLU(), nn.BatchNorm1d(64), nn.Linear(64, 1))
    parts = {'iqa_encoder.encoder.': backbone, 'iqa_encoder.projection_head.': projection,
             'classifier.': classifier}
    for seed, part in enumerate(parts.values()):
        randomised(part, seed)
    frames = [frame(224, 224, 3, seed) // (1 + seed % 3) for seed in range(12)]
    batch = torch.tensor(np.stack(frames)).permute(0, 3, 1, 2) / 255.0
    settle(nn.Sequential(backbone, projection, Normalise(), classifier), batch)
    with torch.no_grad():
        classifier[-1].weight.mul_(0.05)  # keeps the scores away from 0 and 1, their errors small
    state = {prefix + key: value for prefix, part in parts.items()
             for key, value in part.state_dict().items()}
    path = tmp_path_factory.mktemp('published') / 'binary_head.pth'
    torch.save(state, path)
    # The reference in float64: the tolerance is for our rounding errors alone.
    return path, backbone.double(), projection.double(), classifier.double()


def plain_score(published, image: np.ndarray) -> float:
    """Score as the reference does: PIL resize of the RGB frame, eager, no shortcuts."""
    _, backbone, projection, classifier = published
    bgr = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image
    pil = Image.fromarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)).resize((224, 224), Image.BILINEAR)
    tensor = torch.tensor(np.asarray(pil, float) / 255.0).permute(2, 0, 1).unsqueeze(0)
    with torch.no_grad():
        embedding = Normalise()(projection(backbone(tensor)))
        return float(1.0 - torch.sigmoid(classifier(embedding)))


def frame(height: int, width: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = (height, width) if channels == 1 else (height, width, channels)
    return cv2.GaussianBlur(rng.integers(0, 256, shape, np.uint8), (0, 0), 1.5)


@pytest.mark.parametrize('shape', [(120, 160), (256, 320), (512, 640), (224, 224), (514, 641, 3)])
def test_published_weights_give_the_reference_score(published, shape):
    from fliqe_ros.estimator import FLIQE
    fliqe = FLIQE(published[0], device='cpu')
    image = frame(*shape)
    score = fliqe.estimate_image_quality(image)
    assert score == pytest.approx(plain_score(published, image), abs=1e-4)
    assert fliqe.architecture == 'resnet50'
    assert 0.02 < score < 0.98, 'saturated weights would make this test blind'


def test_the_score_depends_on_the_frame(published):
    assert plain_score(published, frame(120, 160)) != pytest.approx(
        plain_score(published, np.full((120, 160), 200, np.uint8)), abs=1e-3)


def test_published_weights_without_batch_counts_load_too(published, tmp_path):
    state = {key: value for key, value in torch.load(published[0]).items()
             if not key.endswith('num_batches_tracked')}
    torch.save(state, tmp_path / 'old.pth')
    image = torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8)
    with torch.no_grad():
        old, new = (load_model(path)(image).logit for path in (tmp_path / 'old.pth', published[0]))
    assert torch.equal(old, new)


def test_encoder_only_file(published, tmp_path):
    state = {key.removeprefix('iqa_encoder.'): value for key, value in torch.load(
        published[0]).items() if key.startswith('iqa_encoder.')}
    path = tmp_path / 'resnet50_128_out.pth'
    torch.save(state, path)
    embedding = load_encoder(path).iqa_encoder(torch.rand(2, 3, 224, 224))
    assert embedding.shape == (2, 128)
    assert torch.allclose(embedding.norm(dim=1), torch.ones(2))
    with pytest.raises(CheckpointError, match='encoder only.*train a binary head'):
        load_model(path)


@pytest.mark.parametrize('network', [ThermalS, ResNet50])
def test_a_saved_checkpoint_loads_unchanged(network, tmp_path):
    original = randomised(network(), seed=3)
    path = tmp_path / 'model.pt'
    save_checkpoint(path, original, {'version': 5, 'classes': ['clean']})
    loaded = load_model(path)
    assert loaded.metadata == {'version': 5, 'classes': ['clean']}
    assert not loaded.training
    batch = original.preprocess(frame(200, 260)).unsqueeze(0)
    with torch.no_grad():
        for ours, theirs in zip(original(batch), loaded(batch)):
            assert (ours is None and theirs is None) or torch.equal(ours, theirs)
    assert [entry.name for entry in tmp_path.iterdir()] == ['model.pt']


def test_thermal_s_interface():
    network = ThermalS().eval()
    assert sum(parameter.numel() for parameter in network.parameters()) < 800_000
    for height, width in ((64, 64), (64, 200), (120, 160), (256, 320), (512, 640), (513, 641)):
        with torch.no_grad():
            prediction = network(network.preprocess(frame(height, width)).unsqueeze(0))
        assert prediction.embedding.shape == (1, 256)
        assert prediction.embedding.norm() == pytest.approx(1.0, abs=1e-5)
        assert prediction.score.shape == (1,) and 0.0 <= prediction.score <= 1.0
        assert prediction.type_logits.shape == (1, 13)
        assert prediction.map_logits.ndim == 3
    assert prediction.map_logits.shape[1] >= 8 and prediction.map_logits.shape[2] >= 10


def test_thermal_s_judges_a_batch_as_single_frames():
    network = randomised(ThermalS(), seed=1)
    batch = torch.stack([network.preprocess(frame(128, 160, seed=seed)) for seed in range(5)])
    with torch.no_grad():
        together = network(batch).logit
        alone = torch.cat([network(one.unsqueeze(0)).logit for one in batch])
    assert torch.allclose(together, alone, atol=1e-4)


def test_echoes_are_the_autocorrelation_of_edges():
    network = ThermalS7()
    edges = torch.randn(2, EDGE_CHANNELS, 39, 46, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        echoes = network._echoes(edges)
        values = network.echo(edges)
        values -= values.mean((2, 3), keepdim=True)
    rows, columns = (side // 2 - ECHO_REACH for side in edges.shape[2:])
    for index, (down, right) in enumerate(((0, 0), *ECHO_SHIFTS)):
        def every_second(row, column):
            return values[:, :, ECHO_REACH + row:][:, :, :2 * rows:2, ECHO_REACH + column:][
                ..., :2 * columns:2]
        products = (every_second(0, 0) * every_second(down, right)).sum(1)
        expected = products.unfold(1, 6, 4).unfold(2, 6, 4).mean((3, 4))
        assert torch.allclose(echoes[:, index], expected, atol=1e-5)


@pytest.mark.parametrize('height', range(128, 146))
def test_all_statistics_are_of_the_same_blocks(height):
    network = ThermalS7()
    batch = torch.zeros(1, 1, height, 334 - height, dtype=torch.uint8)
    with torch.no_grad():
        maps = network.maps(network.levels(batch))
        shapes = {means.shape[2:] for means in _block_means(maps)}
        gray = batch.float()
        rows, columns = _block_statistics(maps, gray, gray * gray).shape[1:3]
    assert len(shapes) == 1 and min(min(shape) for shape in shapes) >= 1
    assert rows >= 1 and columns >= 1


@pytest.mark.parametrize('rows, columns', [(1, 1), (3, 5), (13, 18), (96, 128)])
def test_a_picture_is_resampled_by_the_means_of_equal_cells(rows, columns):
    picture = torch.rand(2, 3, 24, 30, generator=torch.Generator().manual_seed(0))
    found = resampled(picture, rows, columns)
    fine = picture.repeat_interleave(rows, 2).repeat_interleave(columns, 3)
    expected = torch.nn.functional.avg_pool2d(fine, (24, 30))
    assert found.shape == (2, 3, rows, columns)
    assert torch.allclose(found, expected, atol=1e-5)


def test_a_block_of_the_map_is_told_of_the_cells_it_lies_in():
    """The vote of a block has to be of its own place, so the windows are those of the blocks."""
    height, cells, blocks = 512, 12, 13
    starts = torch.arange(blocks) * BLOCK_STEP_PX + MARGIN_PX
    by_block = averaging(starts * cells, BLOCK_PX * cells, cells, height)
    ramp = (torch.arange(cells) + 0.5) * height / cells  # the middle of each cell, px
    inner = slice(1, -1)
    assert torch.allclose(by_block.sum(1), torch.ones(blocks))
    assert torch.allclose((by_block @ ramp)[inner], (starts + BLOCK_PX / 2.0)[inner], atol=6.0)


def test_a_glance_is_the_same_for_a_frame_of_any_size():
    torch.manual_seed(0)
    glance = Glance().eval()
    small = torch.rand(1, 1, ROWS, COLUMNS) * 255
    large = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    with torch.no_grad():
        (whole, cells), (whole_of_large, cells_of_large) = (
            glance(made_small(each)) for each in (small, large))
    assert torch.allclose(whole, whole_of_large, atol=1e-4)
    assert torch.allclose(cells, cells_of_large, atol=1e-4)


@pytest.mark.parametrize('axis', [2, 3])
def test_a_line_stands_out_of_its_profile_however_large_the_frame(axis):
    scene = torch.randn(2, 3, 60, 90, generator=torch.Generator().manual_seed(1)).abs()
    lined = scene.clone()
    lined.select(axis, 20).add_(2.0)
    plain, line = (line_profiles(edges).unflatten(1, (4, 3)) for edges in (scene, lined))
    greatest = 0 if axis == 2 else 2  # of the rows, or of the columns
    assert (line[:, greatest] > plain[:, greatest] + 1.3).all()
    assert torch.allclose(line[:, 2 - greatest], plain[:, 2 - greatest], atol=0.3)


@pytest.mark.parametrize('axis', [2, 3])
@pytest.mark.parametrize('shape', [(120, 160), (512, 640)])
def test_lines_of_pixels_tell_what_is_wrong_with_a_picture(axis, shape):
    """Of the rows, and of the columns: which of the numbers moves, and which way."""
    scene = torch.from_numpy(cv2.GaussianBlur(
        np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32), (0, 0), 4) * 3 - 250)
    scene = (scene + torch.randn(shape, generator=torch.Generator().manual_seed(0))).clip(
        0, 255).round()[None, None]
    along = axis - 2
    lined, torn = scene.clone(), scene.roll(shape[along] // 3, axis)
    lined.select(axis, 50).fill_(255.0)
    combed = torch.where(torch.arange(shape[along]).unflatten(0, (-1, 1) if axis == 2 else (1, -1))
                         % 2 == 0, scene, scene.roll(8, 5 - axis))
    doubled = scene.clone()
    doubled.select(axis, 51).copy_(scene.select(axis, 50))
    few = (scene / 16).floor() * 16

    def numbers(picture):
        found = pixel_lines(picture)
        assert found.shape == (1, PIXEL_LINES) and torch.isfinite(found).all()
        return found[0].unflatten(0, (2, -1))[along] - pixel_lines(scene)[0].unflatten(
            0, (2, -1))[along]

    assert numbers(lined)[0] > 0.5, 'a line stands out'
    assert numbers(torn)[6] > 0.3, 'a great step'
    assert numbers(doubled)[7] < -0.5, 'no step'
    assert numbers(combed)[9] < -0.3, 'two lines on, a smaller step than to the next'
    assert numbers(few)[11] > 0.3, 'most steps are none'


def test_thermal_s_prepares_colour_as_its_gray():
    image = frame(150, 150, 3)
    prepared = ThermalS().preprocess(image)
    assert np.array_equal(prepared[0].numpy(), cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))


def good_checkpoint(path, **changes):
    content = {'architecture': 'thermal_s', 'state_dict': ThermalS().state_dict(), 'metadata': {}}
    content.update(changes)
    torch.save(content, path)


def state_with(**changes):
    state = dict(ThermalS().state_dict())
    for key, value in changes.items():
        key = key.replace('__', '.')
        if value is None:
            del state[key]
        else:
            state[key] = value
    return state


def test_a_checkpoint_of_before_the_thumbnail_gives_what_it_gave(tmp_path):
    torch.manual_seed(0)
    state = {key: value for key, value in ThermalS().state_dict().items()
             if not key.startswith('thumbnail.')}
    good_checkpoint(tmp_path / 'model.pt', state_dict=state)
    network = load_model(tmp_path / 'model.pt')
    batch = torch.randint(0, 256, (2, 1, 160, 192), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(network(batch).logit, network.logit(network.encode(batch)[0]))


BAD_STATES = {
    'missing': (state_with(projection__2__weight=None),
                r"1 missing key, first 'projection.2.weight'"),
    'unexpected': (state_with(extra__layer=torch.zeros(1)),
                   r"1 unexpected key, first 'extra.layer'"),
    'shape': (state_with(projection__2__weight=torch.zeros(2, 3)),
              r"'projection.2.weight' has shape \(2, 3\) instead of \(256, 1022\)"),
    'not finite': (state_with(projection__2__bias=torch.full((256,), float('nan'))),
                   'weights that are not finite'),
    'no tensor': (state_with(projection__2__bias='x'), 'has shape None'),
    'no dict': ([], 'state_dict is not a dict'),
}


@pytest.mark.parametrize('problem', BAD_STATES)
def test_a_bad_state_dict_is_refused(problem, tmp_path):
    state, reason = BAD_STATES[problem]
    path = tmp_path / 'bad.pt'
    good_checkpoint(path, state_dict=state)
    with pytest.raises(CheckpointError, match=reason) as caught:
        load_model(path)
    assert str(path) in str(caught.value)


def test_other_bad_files_are_refused(tmp_path):
    path = tmp_path / 'model.pt'
    with pytest.raises(CheckpointError, match='no such file'):
        load_model(path)
    with pytest.raises(CheckpointError, match='it is a folder'):
        load_model(tmp_path)
    path.write_bytes(b'')
    with pytest.raises(CheckpointError, match='not a checkpoint'):
        load_model(path)
    path.write_bytes(b'\x89PNG\r\n' + bytes(1000))
    with pytest.raises(CheckpointError, match='not a checkpoint'):
        load_model(path)
    good_checkpoint(path, architecture='vgg')
    with pytest.raises(CheckpointError, match="architecture 'vgg' is none of resnet50, thermal_s, "
                       'thermal_s7'):
        load_model(path)
    torch.save(torch.zeros(3), path)
    with pytest.raises(CheckpointError, match='holds no dict'):
        load_model(path)
    torch.save({'weights': torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match='no known network'):
        load_model(path)


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / 'model.pt'
    path.write_bytes(DEFAULT_MODEL.read_bytes()[:-5000])
    with pytest.raises(CheckpointError, match='not a checkpoint'):
        load_model(path)


class Trap:
    """Would run code when unpickled."""

    def __reduce__(self):
        return eval, ('1/0',)


def test_code_in_a_file_is_not_run(tmp_path):
    path = tmp_path / 'model.pt'
    torch.save({'architecture': 'thermal_s', 'state_dict': Trap()}, path)
    with pytest.raises(CheckpointError, match='not a checkpoint'):
        load_model(path)


def test_an_older_pytorch_loads_the_packaged_checkpoint_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, '__version__', '2.9.1')
    copy = tmp_path / 'copy.pt'
    copy.write_bytes(DEFAULT_MODEL.read_bytes())
    assert load_model().architecture == load_model(copy).architecture == 'thermal_s'
    other = tmp_path / 'other.pt'
    save_checkpoint(other, ThermalS(), {})
    with pytest.raises(CheckpointError, match='can be made to run code'):
        load_model(other)


def test_the_stated_digest_is_that_of_the_packaged_checkpoint():
    assert hashlib.sha256(DEFAULT_MODEL.read_bytes()).hexdigest() == DEFAULT_MODEL_SHA256
