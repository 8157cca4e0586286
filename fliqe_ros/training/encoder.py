"""Trains an encoder by supervised contrastive learning; a killed run resumes unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
import time
from typing import Any, cast

import cv2
from fliqe_ros.data.sources import Source
from fliqe_ros.distortion_types import CLASSES, Distortion
from fliqe_ros.evaluation.evaluate import evaluate_network
from fliqe_ros.evaluation.metrics import EvaluationRecord, metrics_by_source
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.training.amp import MixedPrecision
from fliqe_ros.training.batches import Batch, Batches
from fliqe_ros.training.config import TrainingConfig
from fliqe_ros.training.ema import digest, ema_copy, learned_state
from fliqe_ros.training.losses import map_loss
from fliqe_ros.training.objective import embedding_losses, total_loss
from fliqe_ros.training.run_folder import best_epoch, EpochResult, out_of_patience, RunFolder
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from tqdm import tqdm

#: Of each source, after each epoch, for ``metrics.csv``.
VALIDATION_FRAMES = 2
#: Batches that show what each type looks like to a network without type head; their epoch stands
#: behind those of the training, so that it has views of its own.
CENTRE_BATCHES, CENTRE_EPOCH = 4, 2_000_000


class EncoderTraining:
    """
    The state of a run: network, averaged network, optimiser, schedule, history.

    :param network: its parameters that ask for gradients are trained, on ``device``.
    :param precision: see ``fliqe_ros.training.amp.MixedPrecision``.
    """

    def __init__(self, network: QualityNetwork, config: TrainingConfig, device: str,
                 precision: str = 'auto'):
        self.config, self.device = config, device
        self.precision = MixedPrecision(precision, device)
        self._start = digest(network)
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.ema = ema_copy(network, config.ema_decay)
        self.optimizer = torch.optim.AdamW(
            parameter_groups(network, config.weight_decay), lr=config.learning_rate)
        steps = config.epochs * config.steps
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, config.learning_rate, total_steps=steps,
            pct_start=0.2 if steps >= 10 else 0.3)  # torch cannot warm up for one step of five
        self.history: list[EpochResult] = []
        #: What the averaged network had learned in the best epoch so far
        self.best: dict[str, Any] = {}

    def run(self, sources: list[Source], folder: Path, workers: int,
            progress: tqdm | None = None) -> QualityNetwork:
        """
        Train until the schedule or the config's patience ends; return the averaged network.

        The learning rate ends at zero, so without patience the last epoch is taken; the one with
        the best worst source was worse where it was tried (see the model card). State and
        ``metrics.csv`` are kept in ``folder``; an unfinished run there is continued.

        :param progress: a bar that counts batches, already begun or not.
        :raises ValueError: if the folder holds a run with other settings, or there is no
            validation frame to be patient with.
        """
        if self.config.patience and not any(source.validation for source in sources):
            raise ValueError('Early stopping needs validation frames, but no source has any.')
        run_folder, settings = RunFolder(folder), self._settings(sources)
        self._resume(run_folder.load(settings, self.device))
        progress = tqdm(disable=True) if progress is None else progress
        progress.initial = progress.n = len(self.history) * self.config.steps
        while len(self.history) < self.config.epochs and not out_of_patience(
                self.history, self.config.patience):
            start = time.monotonic()
            losses = self._epoch(sources, len(self.history), workers, progress)
            self.history.append(EpochResult(
                len(self.history), losses, self._validate(sources),
                float(self.schedule.get_last_lr()[0]), time.monotonic() - start))
            if self.config.patience and best_epoch(self.history) == len(self.history) - 1:
                self.best = {key: value.clone()
                             for key, value in learned_state(self.ema.module).items()}
            run_folder.save(self._state(settings))
            tqdm.write(str(self.history[-1]))
        run_folder.close()
        skipped = (self.config.epochs - len(self.history)) * self.config.steps
        if skipped and progress.total:
            progress.total -= skipped
        if self.config.patience:
            self.ema.module.load_state_dict(self.best, strict=False)
            tqdm.write(f'keeping epoch {best_epoch(self.history)}')
        return self._ema_network

    @property
    def _ema_network(self) -> QualityNetwork:
        return cast(QualityNetwork, self.ema.module.eval())

    def _epoch(self, sources: list[Source], epoch: int, workers: int,
               progress: tqdm) -> dict[str, float]:
        config = self.config
        torch.manual_seed(config.seed * 100_003 + epoch)  # so that a resumed epoch is the same
        batches = config.batches(sources, self.network, config.steps, epoch)
        totals: dict[str, float] = {}
        self.network.train()
        if epoch >= config.statistics_epochs:
            keep_statistics(self.network)
        progress.set_description(f'epoch {epoch + 1}/{config.epochs}')
        for batch in load_batches(batches, workers, self.device):
            losses = self._step(batch)
            for name, loss in losses.items():
                totals[name] = totals.get(name, 0.0) + loss / config.steps
            progress.set_postfix(losses, refresh=False)
            progress.update()
        return totals

    def _step(self, batch: Batch) -> dict[str, float]:
        with self.precision.autocast():
            embedding, map_logits = self.network.encode(batch.images)
        losses = embedding_losses(self.network, embedding.float(), batch, self.config)
        if map_logits is not None:
            losses['map'] = (self.config.map_weight, map_loss(map_logits, batch.block_targets))
        self.precision.descend(total_loss(losses), self.optimizer)
        self.schedule.step()
        self.ema.update_parameters(self.network)
        return dict(zip(losses, torch.stack([loss for _, loss in losses.values()]).tolist()))

    def _validate(self, sources: list[Source]) -> dict[str, float]:
        """Evaluate by type: the binary head is trained only when the encoder is finished."""
        network = self._ema_network
        records = evaluate_network(network, sources, self.device, VALIDATION_FRAMES)
        if not network.tells_types:
            records = self._by_nearest_centre(records, sources)
        records = [replace(record, score=float(record.predicted == Distortion.CLEAN))
                   for record in records]
        return {name: found.balanced_accuracy
                for name, found in metrics_by_source(records).items()}

    @torch.inference_mode()
    def _by_nearest_centre(self, records: list[EvaluationRecord],
                           sources: list[Source]) -> list[EvaluationRecord]:
        """Take as type the class whose mean embedding of training views is nearest."""
        batches = self.config.batches(sources, self.network, CENTRE_BATCHES, CENTRE_EPOCH)
        embedded = [(self._ema_network.encode(batch.images)[0], batch.labels)
                    for batch in load_batches(batches, 0, self.device)]
        embeddings, labels = (torch.cat(parts) for parts in zip(*embedded))
        centres = F.normalize(torch.stack([
            embeddings[labels == index].sum(0) for index in range(len(CLASSES))]), dim=1).cpu()
        return [replace(record, predicted=CLASSES[int(
            (centres @ torch.from_numpy(record.embedding)).argmax())]) for record in records]

    def _settings(self, sources: list[Source]) -> dict[str, Any]:
        """Return all that determines the result, but for the machine's arithmetic."""
        return {'config': asdict(self.config), 'architecture': self.network.architecture,
                'start': self._start,
                'frames': {source.name: source.digest() for source in sources}}

    def _state(self, settings: dict[str, Any]) -> dict[str, Any]:
        schedule = {key: value for key, value in self.schedule.state_dict().items()
                    if not callable(value)}  # PyTorch before 2.2 has a function there
        return {
            'settings': settings, 'history': self.history, 'best': self.best,
            'network': learned_state(self.network), 'ema': learned_state(self.ema),
            'optimizer': self.optimizer.state_dict(), 'schedule': schedule,
            'scaler': self.precision.scaler.state_dict()}

    def _resume(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        for part in ('network', 'ema'):
            getattr(self, part).load_state_dict(state[part], strict=False)
        for part in ('optimizer', 'schedule'):
            getattr(self, part).load_state_dict(state[part])
        if state['scaler'] and self.precision.scaler.is_enabled():
            self.precision.scaler.load_state_dict(state['scaler'])
        self.history, self.best = state['history'], state['best']


def load_batches(batches: Batches, workers: int, device: str) -> Iterator[Batch]:
    """Yield each ``Batch`` in order, on the device, made by so many processes (0: by none)."""
    loader = DataLoader(batches, batch_size=None, num_workers=workers,
                        prefetch_factor=4 if workers else None, pin_memory=device != 'cpu',
                        worker_init_fn=_limit_worker)
    for batch in loader:
        yield Batch._make(tensor.to(device, non_blocking=True) for tensor in batch)


def keep_statistics(network: nn.Module) -> None:
    """Let BatchNorm layers use what they have gathered; a scale and an offset still learn."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def _limit_worker(number: int) -> None:
    """Keep OpenCV to one thread in a worker process: the workers share the cores."""
    cv2.setNumThreads(0)


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """No decay for biases and normalisation."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [{'params': [p for p in parameters if p.ndim > 1], 'weight_decay': weight_decay},
            {'params': [p for p in parameters if p.ndim <= 1], 'weight_decay': 0.0}]
