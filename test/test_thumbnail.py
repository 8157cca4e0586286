"""The thumbnail: what it adds to the rest, and how it learns."""

from dataclasses import replace

from fliqe_ros.data.sources import synthetic_source
from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.models.thermal_s import ThermalS
from fliqe_ros.models.thermal_s7 import ThermalS7
from fliqe_ros.models.thumbnail import Evidence, Thumbnail
from fliqe_ros.training import thumbnail as training
from fliqe_ros.training.config import TrainingConfig
from fliqe_ros.training.thumbnail import (
    in_another_tone, keep_small_views, learn, train_thumbnail)
import pytest
import torch
from tqdm import tqdm

CONFIG = TrainingConfig(views=4, thumbnail_steps=6, thumbnail_epochs=2)
OBSTRUCTION = CLASSES.index(Distortion.OBSTRUCTION)


@pytest.fixture(scope='module')
def sources():
    return [synthetic_source(6, seed=1, height=240, width=320)]


@pytest.fixture(scope='module')
def views(sources):
    return keep_small_views(ThermalS(), sources, CONFIG, 0, tqdm(disable=True))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, 1, 160, 224), generator=generator, dtype=torch.uint8)


def speaking(network, whole, cells):
    """Let the thumbnail say the same of every frame, and of each of its cells."""
    with torch.no_grad():
        network.thumbnail.whole.bias.fill_(whole)
        network.thumbnail.where.bias.fill_(cells)
    return network


def test_what_has_not_learnt_says_nothing(batch):
    network = ThermalS().eval()
    with torch.no_grad():
        prediction = network(batch)
        embedding, map_logits = network.encode(batch)
    assert torch.equal(prediction.logit, network.logit(embedding))
    assert torch.equal(prediction.type_logits, network.type_logits(embedding))
    assert torch.equal(prediction.map_logits, map_logits)


def test_evidence_is_added_to_score_types_and_map(batch):
    network = speaking(ThermalS().eval(), 2.0, -1.5)
    with torch.no_grad():
        prediction = network(batch)
        embedding, map_logits = network.encode(batch)
    types = network.type_logits(embedding)
    assert torch.allclose(prediction.logit, network.logit(embedding) + 2.0, atol=1e-6)
    added = 2.0 * torch.eye(len(CLASSES))[OBSTRUCTION]
    assert torch.allclose(prediction.type_logits, types + added, atol=1e-6)
    assert torch.allclose(prediction.map_logits, map_logits - 1.5, atol=1e-5)


def test_that_nothing_lies_on_the_lens_excuses_nothing(batch):
    network = speaking(ThermalS().eval(), -3.0, -3.0)
    with torch.no_grad():
        prediction = network(batch)
        embedding, map_logits = network.encode(batch)
    assert torch.equal(prediction.logit, network.logit(embedding))
    assert torch.equal(prediction.map_logits, map_logits)


def test_cells_count_where_they_lie(monkeypatch):
    network = ThermalS().eval()
    cells = torch.zeros(1, 12, 16)
    cells[:, :, :8] = 4.0
    monkeypatch.setattr(network.thumbnail, 'forward', lambda _: Evidence(torch.zeros(1), cells))
    batch = torch.zeros(1, 1, 256, 320, dtype=torch.uint8)
    with torch.no_grad():
        found = network(batch).map_logits - network.encode(batch)[1]
    assert (found[:, :, 0] > 3.9).all() and (found[:, :, -1] < 0.1).all()


def test_small_views_are_half_as_large_and_half_of_them_are_obstructed(views):
    assert views.pictures.dtype == torch.uint8 and views.pictures.shape[1:] == (1, 96, 128)
    assert views.cell_targets.shape[1:] == (12, 16)
    share = (views.labels[views.labels > 0] == OBSTRUCTION).float().mean()
    assert 0.3 < share < 0.7


def test_tones_change_and_stay_in_range(views):
    torch.manual_seed(0)
    shown = in_another_tone(views.pictures.float())
    assert shown.shape == views.pictures.shape and 0 <= shown.min() and shown.max() <= 255
    change = (shown - views.pictures).abs().mean((1, 2, 3))
    assert (change > 2).float().mean() > 0.5


def test_the_thumbnail_learns_and_nothing_else(sources):
    network = ThermalS()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    trained = train_thumbnail(network, sources, CONFIG, 'cpu', workers=0)
    changed = {key.partition('.')[0] for key, value in trained.state_dict().items()
               if not torch.equal(value, before[key])}
    assert trained is network and changed == {'thumbnail'} and not trained.training


def test_nothing_is_trained_where_nothing_is_kept_or_there_is_no_thumbnail(sources):
    for network, config in ((ThermalS(), replace(CONFIG, thumbnail_epochs=0)),
                            (ThermalS7(), CONFIG)):
        before = {key: value.clone() for key, value in network.state_dict().items()}
        trained = train_thumbnail(network, sources, config, 'cpu', workers=0)
        assert trained is network
        assert all(torch.equal(value, before[key])
                   for key, value in trained.state_dict().items())


@pytest.mark.slow
def test_shown_often_small_views_are_learnt(views, monkeypatch):
    """What lies on the lens is told from what does not, and where it is."""
    monkeypatch.setattr(training, 'BATCH', 24)
    torch.manual_seed(0)
    config = replace(CONFIG, thumbnail_epochs=200, ema_decay=0.9)
    learnt = learn(Thumbnail(), views, config, 'cpu', tqdm(disable=True))
    with torch.no_grad():
        summary, cells = learnt.summarize(views.pictures.float())
        whole = learnt.whole(summary).squeeze(1)
    obstructed = views.labels == OBSTRUCTION
    assert whole[obstructed & (views.targets > 0.9)].mean() > whole[views.labels == 0].mean() + 4
    targets = views.cell_targets[obstructed]
    assert (cells[obstructed][targets > 0.9].mean()
            > cells[obstructed][targets == 0].mean() + 1)
