"""Training the glance on views that are kept: what is kept is what the network would see."""

from dataclasses import replace

from fliqe_ros.data.sources import synthetic_source
from fliqe_ros.models.thermal_s import ThermalS
from fliqe_ros.models.thermal_s7 import ThermalS7
from fliqe_ros.training import kept_views
from fliqe_ros.training.amp import MixedPrecision
from fliqe_ros.training.config import TrainingConfig
from fliqe_ros.training.encoder import load_batches
from fliqe_ros.training.kept_views import keep_views, KEPT_VIEWS_EPOCH, learn, train_glance
import pytest
import torch
from tqdm import tqdm

CONFIG = TrainingConfig(
    views=4, view_rows=128, view_columns=160, small_share=0, large_share=0.5, large_rows=160,
    large_columns=224, kept_steps=4, kept_epochs=2, score_weight=1.0)


@pytest.fixture(scope='module')
def sources():
    return [synthetic_source(6, seed=1, height=240, width=320)]


def keep(network, sources):
    return keep_views(network, sources, CONFIG, 'cpu', 0, MixedPrecision('float32'),
                      tqdm(disable=True))


def changed(network, before):
    return {key for key, value in network.state_dict().items()
            if not torch.equal(value, before[key])}


def copy(network):
    return {key: value.clone() for key, value in network.state_dict().items()}


def test_what_is_kept_gives_the_embedding_of_the_view(sources):
    torch.manual_seed(0)
    network = ThermalS().eval()
    views = keep(network, sources)
    assert views.pictures.dtype == torch.uint8 and views.pictures.shape[1:] == (1, 96, 128)
    embeddings, labels = [], []
    for batch in load_batches(
            CONFIG.batches(sources, network, CONFIG.kept_steps, KEPT_VIEWS_EPOCH), 0, 'cpu'):
        with torch.no_grad():
            embeddings.append(network.encode(batch.images)[0])
        labels.append(batch.labels)
    with torch.no_grad():
        glance, _ = network.glance(views.pictures.float())
        kept = network.embed(views.features, glance)
    assert torch.equal(views.labels, torch.cat(labels))
    # The pictures are rounded to a level of gray.
    assert torch.nn.functional.cosine_similarity(kept, torch.cat(embeddings)).min() > 0.999


def test_the_glance_and_what_judges_it_learn_and_nothing_else(sources):
    network = ThermalS()
    before = copy(network)
    trained = train_glance(network, sources, CONFIG, 'cpu', workers=0)
    assert trained is network
    parts = {key.partition('.')[0] for key in changed(trained, before)}
    assert parts == {'glance', 'projection', 'classifier', 'type_head'}
    assert not trained.training


def test_nothing_is_trained_where_nothing_is_kept_or_there_is_no_glance(sources):
    for network, config in ((ThermalS(), replace(CONFIG, kept_epochs=0)), (ThermalS7(), CONFIG)):
        before = copy(network)
        trained = train_glance(network, sources, config, 'cpu', workers=0)
        assert trained is network and not changed(trained, before)


def test_the_weights_end_between_what_they_were_and_what_was_learnt(sources, monkeypatch):
    torch.manual_seed(0)
    start = ThermalS().state_dict()
    ends = {}
    for share in (0.0, 0.25, 1.0):
        monkeypatch.setattr(kept_views, 'LEARNT_SHARE', share)
        network = ThermalS()
        network.load_state_dict(start)
        train_glance(network, sources, CONFIG, 'cpu', workers=0)
        ends[share] = copy(network)
    for name in ('glance.cells.0.0.weight', 'projection.5.weight', 'projection.3.running_var'):
        assert torch.equal(ends[0.0][name], start[name])
        assert torch.allclose(ends[0.25][name], start[name].lerp(ends[1.0][name], 0.25), atol=1e-6)


@pytest.mark.slow
def test_shown_often_what_is_kept_is_learnt(sources, monkeypatch):
    monkeypatch.setattr(kept_views, 'BATCH', 16)
    monkeypatch.setattr(kept_views, 'LEARNT_SHARE', 1.0)
    torch.manual_seed(0)
    network = ThermalS()
    views = keep(network, sources)
    config = replace(CONFIG, kept_epochs=40, ema_decay=0.9)
    trained = learn(network, views, config, 'cpu', MixedPrecision('float32'), tqdm(disable=True))
    with torch.no_grad():
        embedding = trained.embed(views.features, trained.glance(views.pictures.float())[0])
        score = torch.sigmoid(-trained.logit(embedding))
    spoilt = views.targets > 0.9
    assert score[views.labels == 0].mean() > score[spoilt].mean() + 0.5


def test_scores_are_surer_in_the_end_and_turn_over_at_the_same_place(sources, monkeypatch):
    monkeypatch.setattr(kept_views, 'LEARNT_SHARE', 0.0)
    network = ThermalS()
    embeddings = torch.nn.functional.normalize(torch.randn(8, 256), dim=1)
    before = network.eval().logit(embeddings).detach()
    train_glance(network, sources, replace(CONFIG, kept_certainty=2.5), 'cpu', workers=0)
    assert torch.allclose(network.logit(embeddings), 2.5 * before, atol=1e-6)
