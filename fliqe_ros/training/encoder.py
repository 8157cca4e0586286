"""Trains an encoder by supervised contrastive learning; a killed run resumes unchanged."""

import csv
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fliqe_ros.distortion import Distortion
from fliqe_ros.model import QualityNetwork
from fliqe_ros.training.batches import Batches
from fliqe_ros.training.evaluation import judge, metrics_by_source
from fliqe_ros.training.losses import supervised_contrastive_loss
import torch
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

#: Of each source, after each epoch, for ``metrics.csv``.
VALIDATION_FRAMES = 12


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run; with the data they determine its result."""

    epochs: int = 36
    steps: int = 200             # batches an epoch
    views: int = 16              # a batch holds views * 3 images
    view_rows: int = 160         # px, size of a view
    view_columns: int = 192
    learning_rate: float = 3e-3  # peak of one cycle (Smith & Topin 2018)
    weight_decay: float = 0.02
    temperature: float = 0.1     # of the contrastive loss
    contrastive_weight: float = 0.5
    type_weight: float = 1.0     # of the type head's cross-entropy
    ema_decay: float = 0.995     # per step, of the averaged weights that are kept
    head_steps: int = 400
    synthetic: int = 300         # generated pictures
    seed: int = 0

    def batches(self, sources: list, network: QualityNetwork, steps: int, epoch: int) -> Batches:
        """Return the training batches of an epoch."""
        return Batches(sources, network.prepare, (self.view_rows, self.view_columns), self.views,
                       steps, self.seed, epoch)


class EncoderTraining:
    """The state of a run: network, averaged network, optimiser, schedule, history."""

    def __init__(self, network: QualityNetwork, recipe: Recipe, device: str):
        self.recipe, self.device = recipe, device
        self.network = network.to(device, memory_format=torch.channels_last)
        self.averaged = AveragedModel(
            network, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema_decay), use_buffers=True)
        self.optimizer = torch.optim.AdamW(
            _parameter_groups(network, recipe.weight_decay), lr=recipe.learning_rate)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, recipe.learning_rate, total_steps=recipe.epochs * recipe.steps,
            pct_start=0.2)
        self.history = []

    def run(self, sources: list, folder: Path, workers: int) -> QualityNetwork:
        """
        Train for all epochs and return the averaged network.

        The learning rate ends at zero, so the last epoch is taken; the one with the best worst
        source was worse where it was tried (see the model card). State and ``metrics.csv`` are
        kept in ``folder``; an unfinished run there is continued.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._resume(folder / 'state.pt')
        for epoch in range(len(self.history), self.recipe.epochs):
            losses = self._epoch(sources, epoch, workers)
            self.history.append({'epoch': epoch, **losses, **self._validate(sources)})
            self._save(folder)
            tqdm.write(_line(self.history[-1]))
        return self.averaged.module.eval()

    def _epoch(self, sources, epoch, workers):
        recipe = self.recipe
        torch.manual_seed(recipe.seed * 100_003 + epoch)  # so that a resumed epoch is the same
        batches = recipe.batches(sources, self.network, recipe.steps, epoch)
        loader = DataLoader(batches, batch_size=None, num_workers=workers,
                            prefetch_factor=4 if workers else None,
                            pin_memory=self.device != 'cpu')
        totals = dict.fromkeys(('contrastive', 'type'), 0.0)
        self.network.train()
        progress = tqdm(loader, desc=f'epoch {epoch + 1}/{recipe.epochs}', leave=False)
        for images, labels in progress:
            contrastive, types = self._step(images.to(self.device), labels.to(self.device))
            totals['contrastive'] += contrastive / recipe.steps
            totals['type'] += types / recipe.steps
            progress.set_postfix(contrastive=f'{contrastive:.2f}', type=f'{types:.2f}')
        return totals

    def _step(self, images, labels):
        embeddings = self.network.encode_views(images)
        contrastive = sum(supervised_contrastive_loss(embedding, labels, self.recipe.temperature)
                          for embedding in embeddings) / len(embeddings)
        types = torch.zeros((), device=self.device)
        if self.network.type_head is not None:
            types = sum(F.cross_entropy(self.network.type_head(embedding), labels)
                        for embedding in embeddings) / len(embeddings)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.recipe.contrastive_weight * contrastive + self.recipe.type_weight * types
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.averaged.update_parameters(self.network)
        return contrastive.item(), types.item()

    def _validate(self, sources):
        network = self.averaged.module.eval()
        verdicts = judge(network, sources, self.device, VALIDATION_FRAMES)
        by_source = {name: found.balanced_accuracy for name, found in
                     metrics_by_source([_by_type(verdict) for verdict in verdicts]).items()}
        return {'worst': min(by_source.values()), **by_source}

    def _save(self, folder):
        state = {
            'recipe': asdict(self.recipe), 'history': self.history,
            'network': self.network.state_dict(), 'averaged': self.averaged.state_dict(),
            'optimizer': self.optimizer.state_dict(), 'schedule': self.schedule.state_dict()}
        torch.save(state, folder / 'state.part')
        (folder / 'state.part').replace(folder / 'state.pt')
        with (folder / 'metrics.csv').open('w', newline='') as file:
            writer = csv.DictWriter(file, self.history[0])
            writer.writeheader()
            writer.writerows(self.history)

    def _resume(self, path):
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state['recipe'] != asdict(self.recipe):
            raise ValueError(f'{path} is of a run with other settings; choose another folder.')
        for part in ('network', 'averaged', 'optimizer', 'schedule'):
            getattr(self, part).load_state_dict(state[part])
        self.history = state['history']


def _by_type(verdict):
    """Judge by the type head: the binary head is trained only when the encoder is finished."""
    return replace(verdict, score=float(verdict.predicted == Distortion.CLEAN))


def _parameter_groups(network, weight_decay):
    """No decay for biases and normalisation."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [{'params': [p for p in parameters if p.ndim > 1], 'weight_decay': weight_decay},
            {'params': [p for p in parameters if p.ndim <= 1], 'weight_decay': 0.0}]


def _line(row):
    return ', '.join(f'{key} {value:.3f}' if isinstance(value, float) else f'{key} {value}'
                     for key, value in row.items())
