"""PyTorch on a CUDA GPU: frames go there as they came, and usual batches are CUDA graphs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
import gc
from math import prod
from threading import Lock
from typing import Any, ClassVar

from fliqe_ros.backends.base import Backend, Outputs, TORCH
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.models.preprocessing import Prepared
from fliqe_ros.models.registry import ARCHITECTURES
from fliqe_ros.models.scorer import Scorer
import numpy as np
import torch
from torch import Tensor

#: Kinds of batches (number, size and type of frames) that are remembered.
MOST_PASSES = 32

# Threads take turns: PyTorch captures one graph at a time in a process, and what another thread
# does on the same stream meanwhile would become a part of it.
_turn = Lock()


class CudaBackend(Backend):
    """
    A network on a GPU.

    Gain control and resizing are done there too. Frames are copied once, from page-locked memory,
    and the result is all that the CPU waits for.
    """

    name: ClassVar[str] = TORCH
    largest_batch: ClassVar[int] = 64

    def __init__(self, network: QualityNetwork, device: torch.device, precision: str,
                 threads: int) -> None:
        self.architecture = network.architecture
        self.metadata = network.metadata
        self.precision = precision
        self.threads = threads
        self._device = device
        self._preprocessing = ARCHITECTURES[network.architecture].tensor_preprocessing()
        self._scorer: Scorer | None = Scorer(network, getattr(torch, precision)).to(
            device).to(memory_format=torch.channels_last)
        torch.cuda.synchronize(device)  # the passes have a stream of their own
        torch.set_num_threads(threads)
        self._staging: _Staging | None = _Staging()
        self._passes: OrderedDict[tuple[Any, ...], _Pass] = OrderedDict()
        self._stream = _stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    @property
    def device(self) -> str:
        """Return ``cuda:N``."""
        return str(self._device)

    @property
    def gpu_memory_bytes(self) -> int:
        """Return the memory that this process holds on the GPU."""
        return torch.cuda.memory_reserved(self._device)

    def prepare(self, frame: np.ndarray, gain: GainControl) -> Prepared:
        """Leave a frame as it is if the GPU can do the work; see ``Backend.prepare``."""
        if self._preprocessing.accepts(frame):
            return Prepared(frame, gain)
        return super().prepare(frame, gain)

    def release(self) -> None:
        """Let go of the network and of the GPU memory it held."""
        self._scorer = self._staging = None
        self._passes.clear()
        gc.collect()
        torch.cuda.empty_cache()

    def _predict(self, frames: Sequence[Prepared]) -> Outputs:
        assert self._staging is not None
        with _turn, torch.inference_mode(), torch.cuda.device(self._device), \
                torch.cuda.stream(self._stream):
            work = self._pass(frames)
            self._staging.send([frame.pixels for frame in frames], work.batch)
            return work.run()

    def _pass(self, frames: Sequence[Prepared]) -> _Pass:
        key = len(frames), frames[0].batch_key
        if key not in self._passes:
            if len(self._passes) == MOST_PASSES:
                self._passes.popitem(last=False)
            self._passes[key] = self._new_pass(len(frames), *frames[0].batch_key)
        self._passes.move_to_end(key)
        return self._passes[key]

    def _new_pass(self, count: int, shape: tuple[int, ...], dtype: np.dtype,
                  gain: GainControl | None) -> _Pass:
        # The pass holds all memory that its graph reads: a graph would read freed memory too.
        batch = torch.empty(
            (count, *shape), dtype=torch.int16 if dtype == np.uint16 else torch.uint8,
            device=self._device)
        scorer = self._scorer
        assert scorer is not None
        preprocess = gain and self._preprocessing(shape, gain, self._device)

        def score() -> tuple[Tensor, ...]:
            inputs = preprocess(batch) if preprocess else batch
            # PyTorch would compute convolutions in tf32, which is shorter than float32.
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                return scorer(inputs)
        return _Pass(batch, score, self._pool, self._stream)


@lru_cache(maxsize=None)
def _stream(device: torch.device) -> torch.cuda.Stream:
    """Return the one stream of a device: cuBLAS never gives back the work space of a stream."""
    return torch.cuda.Stream(device)


class _Staging:
    """Page-locked memory, the only kind that a GPU can fetch from while the CPU goes on."""

    def __init__(self) -> None:
        self._bytes = torch.empty(0, dtype=torch.uint8)

    def send(self, frames: Sequence[np.ndarray], batch: Tensor) -> None:
        """Copy frames into a batch on the GPU; each is on its way while the next is read."""
        size = batch.numel() * batch.element_size()
        if len(self._bytes) < size:
            self._bytes = torch.empty(size, dtype=torch.uint8, pin_memory=True)
        places = self._bytes[:size].view(batch.dtype).reshape(batch.shape)
        for frame, place, there in zip(frames, places, batch):
            place.numpy().view(frame.dtype)[...] = frame  # uint16 into int16, bit for bit
            there.copy_(place, non_blocking=True)


class _Pass:
    """
    The work on batches of one kind, in GPU memory of its own.

    The first run is eager, since some kinds never come again. The second run captures a graph,
    which takes the CPU one launch instead of a hundred. If that fails, all runs are eager.

    :param batch: where the caller puts the frames.
    :param work: turns the batch into outputs.
    :param pool: the memory pool of all graphs.
    :param stream: the stream of all the work.
    """

    def __init__(self, batch: Tensor, work: Callable[[], tuple[Tensor, ...]],
                 pool: Any, stream: torch.cuda.Stream) -> None:
        self.batch = batch
        self._work = work
        self._pool = pool
        self._stream = stream
        self._shapes: list[torch.Size] = []
        self._graph: torch.cuda.CUDAGraph | None = None
        self._can_capture = True

    def run(self) -> Outputs:
        """Score what is in the batch."""
        if self._shapes and not self._graph and self._can_capture:
            self._capture()
        if self._graph:
            self._graph.replay()
        else:
            self._result = self._packed()
        numbers = self._result.cpu().numpy()
        parts = np.split(numbers, np.cumsum([prod(shape[1:]) for shape in self._shapes])[:-1], 1)
        return Outputs(*(part.reshape(shape) for part, shape in zip(parts, self._shapes)))

    def _capture(self) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads may use the GPU for something else meanwhile.
            with torch.cuda.graph(graph, self._pool, self._stream,
                                  capture_error_mode='thread_local'):
                self._result = self._packed()
            self._graph = graph
        except RuntimeError:  # an operation that this PyTorch cannot capture on this GPU
            self._can_capture = False

    def _packed(self) -> Tensor:
        """Return all outputs as one tensor, (N, numbers of a frame): copied at one go."""
        outputs = self._work()
        self._shapes = [output.shape for output in outputs]
        return torch.cat([output.reshape(len(output), -1) for output in outputs], dim=1)
