"""The settings of a training run: with data and starting weights they determine its result."""

from dataclasses import dataclass, field
from typing import Any

from fliqe_ros.data.sources import Source
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.models.registry import ARCHITECTURES
from fliqe_ros.training.augmentation import SOFTNESS
from fliqe_ros.training.batches import Batches, ViewSize

#: Rows and columns of the smallest views: about the smallest sensors'.
SMALL_VIEW = 128, 160


def setting(default: Any, text: str, old_name: str = '') -> Any:
    """Return a dataclass field with a text for ``--help`` and an older name of its option."""
    return field(default=default, metadata={'help': text, 'old_name': old_name})


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a run; every field is an option of the command line of the same name."""

    epochs: int = setting(50, 'epochs of the encoder')
    steps: int = setting(200, 'batches in an epoch')
    views: int = setting(16, 'views in a batch: each comes clean and in two spoilt versions')
    view_rows: int = setting(224, 'height of a view, px')
    view_columns: int = setting(272, 'width of a view, px')
    small_share: float = setting(0.25, 'of the batches, with views as the smallest sensors have')
    large_share: float = setting(0.35, 'of the batches, with few larger views')
    large_rows: int = setting(448, 'height of a larger view, px')
    large_columns: int = setting(576, 'width of a larger view, px')
    statistics_epochs: int = setting(3, 'after which the statistics of normalisation stay, since '
                                        'those of large views are not those of small ones')
    learning_rate: float = setting(3e-3, 'peak of the one cycle (Smith & Topin 2018)')
    weight_decay: float = setting(0.02, 'of AdamW; none for biases and normalisation')
    temperature: float = setting(0.1, 'of the contrastive loss')
    contrastive_weight: float = setting(0.5, 'weight of the contrastive loss')
    type_weight: float = setting(1.0, "weight of the type head's cross-entropy")
    map_weight: float = setting(0.5, 'weight of the cross-entropy of the quality map')
    score_weight: float = setting(0.0, 'weight of the score while the encoder learns')
    ranking_weight: float = setting(0.05, "of the order by severity, in the binary head's loss")
    clean_share: float = setting(0.55, 'of the frames: what the score as a probability supposes')
    ema_decay: float = setting(0.995, 'per step, of the averaged weights, which are the result')
    patience: int = setting(0, 'end after so many epochs in which the worst validation source '
                               'did not improve, and keep the best epoch; 0 takes the last one')
    head_steps: int = setting(400, 'batches that the heads are fitted to anew; 0 keeps those that '
                                   'the encoder learnt with')
    kept_steps: int = setting(0, 'batches that are kept in memory, 0.6 MB each, for the glance of '
                                 'thermal_s and what judges it')
    kept_epochs: int = setting(0, 'how often these are shown')
    kept_certainty: float = setting(1.75, "factor on the score's logit after that (temperature "
                                          'scaling); 1 where --init has been through it')
    thumbnail_steps: int = setting(0, 'batches that are kept in memory, 0.6 MB each, for the '
                                      'thumbnail of thermal_s')
    thumbnail_epochs: int = setting(0, 'how often these are shown')
    map_steps: int = setting(1200, 'batches that the quality map is fitted to')
    artifacts: float = setting(0.25, 'share of the spoilt versions of the eight distortions that '
                               'show an artifact of the same type, such as H.264',
                               old_name='troubles')
    augment: float = setting(1.0, 'share of the views seen through a randomly drawn camera')
    softness: float = setting(SOFTNESS, 'px, standard deviation of the softest optics whose '
                                        'pictures count as clean')
    synthetic: int = setting(300, 'generated pictures beside those in --data')
    seed: int = setting(0, 'of everything random')

    def batches(self, sources: list[Source], network: QualityNetwork, steps: int,
                epoch: int) -> Batches:
        """Return the batches of an epoch; those beyond the last are for the heads."""
        sizes = (ViewSize(self.view_rows, self.view_columns,
                          1 - self.small_share - self.large_share),
                 ViewSize(*SMALL_VIEW, self.small_share),
                 ViewSize(self.large_rows, self.large_columns, self.large_share))
        return Batches(sources, network.preprocess, sizes, self.views, steps, self.seed, epoch,
                       self.artifacts, self.augment, self.softness, network.types)


def default_config(architecture: str) -> TrainingConfig:
    """Return what an architecture is trained with unless told otherwise."""
    settings: dict[str, Any] = dict(ARCHITECTURES[architecture].training)
    return TrainingConfig(**settings)
