"""The command line that trains, from a folder of frames to a checkpoint that scores."""

from dataclasses import fields
import os
from pathlib import Path
import subprocess
import sys

import cv2
from fliqe_ros import FLIQE
from fliqe_ros.data.sources import synthetic_source
from fliqe_ros.distortion_types import CLASSES
from fliqe_ros.models.checkpoint import load_model
from fliqe_ros.models.packaged import DEFAULT_MODEL
from fliqe_ros.models.resnet50 import ResNet50
from fliqe_ros.tools import train
from fliqe_ros.training.config import default_config, TrainingConfig
import numpy as np
import pytest
import torch
import torchvision

SCRIPT = Path(__file__).resolve().parent.parent / 'scripts' / 'train_thermal_s'
#: What makes a run as short as can be.
BRIEFLY = ('--device', 'cpu', '--workers', '0', '--epochs', '1', '--steps', '1', '--views', '8',
           '--head-steps', '1', '--kept-steps', '1', '--thumbnail-steps', '1', '--map-steps', '1',
           '--synthetic', '0')


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data') / 'camera'
    folder.mkdir()
    for index, frame in enumerate(synthetic_source(4, 5, 200, 256).training):
        cv2.imwrite(str(folder / f'place{index}x_0.png'), frame.to_8bit())
    return folder


def train_briefly(folder, run, *options) -> int:
    return train.main([
        '--data', str(folder), '--run', str(run), *BRIEFLY, '--large-share', '0', *options])


def train_resnet50(camera, run, *options) -> dict:
    """Train a resnet50 and return its weights; twelve images a batch are enough to see it work."""
    assert train_briefly(camera.parent, run, '--views', '4', '--view-rows', '160',
                         '--view-columns', '192', *options) == 0
    network = load_model(run / 'model.pt')
    assert network.architecture == 'resnet50'
    return network.state_dict()


def of(state, *parts) -> dict:
    return {key: value for key, value in state.items() if key.startswith(parts)}


def same_tensors(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_from_folder_to_checkpoint(camera, tmp_path, capsys):
    assert train_briefly(camera.parent, tmp_path, '--licence', 'camera=CC BY 4.0',
                         '--synthetic', '3') == 0
    network = load_model(tmp_path / 'model.pt')
    assert network.metadata['training_data'] == {'camera': 'CC BY 4.0', 'synthetic': ''}
    assert network.metadata['classes'] == [distortion.label for distortion in CLASSES]
    assert network.metadata['config']['views'] == 8
    assert 'camera: 2 frames to train on, 1 to validate' in capsys.readouterr().out


def test_the_thumbnail_learns_from_scenes_too(camera, tmp_path):
    scenes = tmp_path / 'scenes'
    (scenes / 'rooms').mkdir(parents=True)
    for index, frame in enumerate(synthetic_source(2, 6, 200, 300).training):
        cv2.imwrite(str(scenes / 'rooms' / f'{index}.png'), cv2.randn(
            frame.to_8bit(), 127, 40))  # noise is no reason to leave one out here
    run = tmp_path / 'run'
    assert train_briefly(camera.parent, run, '--init', str(DEFAULT_MODEL), '--scenes', str(scenes),
                         '--thumbnail-epochs', '1', '--licence', 'rooms=MIT') == 0
    before, after = load_model(), load_model(run / 'model.pt')
    assert after.metadata['training_data'] == {'camera': '', 'rooms': 'MIT'}
    assert not same_tensors(before.thumbnail.state_dict(), after.thumbnail.state_dict())


@pytest.mark.slow
def test_a_model_of_all_types_is_made_by_one_command(camera, tmp_path):
    subprocess.run(
        [SCRIPT, camera.parent, tmp_path, *BRIEFLY, '--precision', 'float32'],
        cwd=tmp_path, env={**os.environ, 'PYTHON': sys.executable}, check=True)
    made = load_model(tmp_path / 'thermal_s' / 'model.pt')
    assert made.types == CLASSES and made.metadata['version'] == 14
    assert made.metadata['config']['softness'] == 1.4, 'as the script says'
    first = load_model(tmp_path / 'thermal_s7' / 'model.pt')
    assert same_tensors(made.trunk.edges.state_dict(), first.edges.state_dict())
    fliqe = FLIQE(tmp_path / 'thermal_s' / 'model.onnx')
    assert fliqe.backend == 'onnxruntime'
    assert len(fliqe.assess(np.zeros((128, 160), np.uint8)).probabilities) == len(CLASSES)


def test_the_packaged_model_can_be_adapted(camera, tmp_path):
    assert train_briefly(camera.parent, tmp_path, '--init', str(DEFAULT_MODEL)) == 0
    before, after = load_model(), load_model(tmp_path / 'model.pt')
    assert after.metadata['classes'] == [distortion.label for distortion in CLASSES]
    assert same_tensors(before.trunk.state_dict(), after.trunk.state_dict())
    assert not same_tensors(before.projection.state_dict(), after.projection.state_dict())


def test_a_second_stage_stands_on_a_first(camera, tmp_path):
    """Its convolutions are those of the checkpoint that is given."""
    first, second = tmp_path / 'first', tmp_path / 'second'
    assert train_briefly(camera.parent, first, '--architecture', 'thermal_s7') == 0
    checkpoint = first / 'model.pt'
    base = load_model(checkpoint)
    assert (base.architecture, base.types) == ('thermal_s7', CLASSES[:9])
    assert train_briefly(camera.parent, second, '--backbone', str(checkpoint)) == 0
    made = load_model(second / 'model.pt')
    assert (made.architecture, made.types) == ('thermal_s', CLASSES)
    for part in ('edges', 'texture', 'structure', 'echo'):
        assert same_tensors(getattr(made.trunk, part).state_dict(),
                            getattr(base, part).state_dict()), part


def test_what_cannot_be_trained_is_told(camera, tmp_path, capsys):
    for options, reason in (
            (('--data', str(camera)), 'no folders with clean thermal images, videos or bags'),
            (('--data', str(tmp_path / 'missing')), 'missing'),
            (('--architecture', 'thermal_s7', '--backbone', 'random'), 'has no backbone'),
            (('--backbone', str(camera / 'place0x_0.png')), 'it is not a checkpoint'),
            (('--init', str(tmp_path / 'no.pt')), 'no.pt: there is no such file'),
            (('--init', 'a.pt', '--encoder', 'b.pt'), 'exclude each other'),
            (('--encoder', str(DEFAULT_MODEL), '--head-steps', '0'), 'so give --head-steps'),
            (('--precision', 'float16'), 'float16 needs a GPU'),
            (('--device', 'cuda:99'), "no device 'cuda:99'"),
            (('--architecture', 'resnet50', '--backbone', str(camera / 'place0x_0.png')),
             'it is not a checkpoint')):
        assert train_briefly(camera.parent, tmp_path / 'run', *options) == 1
        told = capsys.readouterr().err
        assert told.startswith('train: ') and reason in told and told.count('\n') == 1


def test_training_can_start_from_a_checkpoint(camera, tmp_path, capsys):
    assert train_briefly(camera.parent, tmp_path / 'a') == 0
    first = tmp_path / 'a' / 'model.pt'
    still = ('--learning-rate', '1e-9', '--seed', '1')
    assert train_briefly(camera.parent, tmp_path / 'b', '--init', str(first), *still) == 0
    assert train_briefly(camera.parent, tmp_path / 'c', *still) == 0
    weights = [load_model(tmp_path / run / 'model.pt').place.weight for run in 'abc']
    assert torch.allclose(weights[0], weights[1], atol=1e-6)
    assert not torch.allclose(weights[0], weights[2], atol=1e-2)
    assert train_briefly(camera.parent, tmp_path / 'd', '--init', str(first),
                         '--architecture', 'resnet50') == 1
    assert 'is a thermal_s, not a resnet50' in capsys.readouterr().err


@pytest.mark.slow
def test_resnet50_keeps_its_backbone_and_learns_the_rest(camera, tmp_path):
    state = train_resnet50(camera, tmp_path, '--architecture', 'resnet50', '--backbone', 'random')
    torch.manual_seed(0)  # the seed of the config
    start = ResNet50().state_dict()
    assert same_tensors(of(state, 'iqa_encoder.encoder.'), of(start, 'iqa_encoder.encoder.'))
    for part in ('iqa_encoder.projection_head.', 'classifier.'):
        assert not any(torch.equal(value, start[key])
                       for key, value in of(state, part).items() if value.ndim == 2), part
    header = (tmp_path / 'metrics.csv').read_text().splitlines()[0]
    assert header == 'epoch,contrastive,worst,camera,learning_rate,seconds'
    score = FLIQE(tmp_path / 'model.pt', device='cpu').estimate_image_quality(
        synthetic_source(1, 9, 200, 256).training[0].to_8bit())
    assert 0 <= score <= 1


@pytest.mark.slow
def test_resnet50_on_a_backbone_from_a_file(camera, tmp_path):
    torch.manual_seed(11)
    backbone = torchvision.models.resnet50(weights=None).state_dict()
    torch.save(backbone, tmp_path / 'backbone.pth')
    state = train_resnet50(camera, tmp_path, '--architecture', 'resnet50', '--backbone',
                           str(tmp_path / 'backbone.pth'))
    prefix = 'iqa_encoder.encoder.'
    trained = {key[len(prefix):]: value for key, value in of(state, prefix).items()}
    assert same_tensors(trained, {key: value for key, value in backbone.items()
                                  if not key.startswith('fc.')})


@pytest.mark.slow
def test_only_a_head_is_trained_on_a_published_encoder(camera, tmp_path):
    torch.manual_seed(12)
    encoder = ResNet50().iqa_encoder.state_dict()
    torch.save(encoder, tmp_path / 'encoder.pth')
    state = train_resnet50(camera, tmp_path, '--encoder', str(tmp_path / 'encoder.pth'))
    prefix = 'iqa_encoder.'
    assert same_tensors({key[len(prefix):]: value for key, value in of(state, prefix).items()},
                        encoder)
    assert not (tmp_path / 'metrics.csv').exists(), 'there is no encoder to train'


def test_only_the_heads_are_trained_on_the_encoder_of_a_checkpoint(camera, tmp_path):
    assert train_briefly(camera.parent, tmp_path, '--encoder', str(DEFAULT_MODEL)) == 0
    before, after = (load_model(path).state_dict() for path in (None, tmp_path / 'model.pt'))
    changed = {key.split('.')[0] for key in before
               if not torch.equal(before[key], after[key])}
    assert changed == {'classifier', 'type_head', 'vote'}
    assert not (tmp_path / 'metrics.csv').exists(), 'there is no encoder to train'


def test_imagenet_weights_that_cannot_be_downloaded_are_told(camera, tmp_path, monkeypatch,
                                                             capsys):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))  # nothing downloaded before
    for name in ('http_proxy', 'https_proxy'):
        monkeypatch.setenv(name, 'http://127.0.0.1:9')  # the discard port: nobody listens
    monkeypatch.delenv('no_proxy', raising=False)
    assert train_briefly(camera.parent, tmp_path, '--architecture', 'resnet50') == 1
    assert 'ImageNet weights cannot be downloaded' in capsys.readouterr().err


def test_every_setting_of_the_config_is_an_option_with_its_default(capsys):
    with pytest.raises(SystemExit, match='0'):
        train.main(['--help'])
    told = ' '.join(capsys.readouterr().out.split())
    for setting in fields(TrainingConfig):
        assert f'--{setting.name.replace("_", "-")} ' in told
        assert setting.metadata['help'], f'{setting.name} needs a text'
    default, reference = default_config('thermal_s'), default_config('resnet50')
    assert (f'default {default.epochs} for thermal_s, {default.epochs} for thermal_s7, '
            f'{reference.epochs} for resnet50') in told
    assert f'--seed INT of everything random; default {default.seed}' in told
