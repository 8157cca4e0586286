"""PyTorch on a CUDA GPU: frames go there as they came, and usual batches are CUDA graphs."""

from collections import OrderedDict
import gc
from math import prod
from typing import Callable, Sequence
import warnings

from fliqe_ros.agc import GainControl
from fliqe_ros.backends import Outputs, TORCH
from fliqe_ros.inputs import prepare, Prepared
from fliqe_ros.model import preparation
from fliqe_ros.model.inference import Scorer
from fliqe_ros.model.network import QualityNetwork
import numpy as np
import torch
from torch import Tensor

#: Kinds of batches (number, size and type of frames) that are remembered.
_MOST_PASSES = 32

# Frames of messages are read-only, and nobody writes to the tensors over them.
warnings.filterwarnings('ignore', 'The given NumPy array is not writable')


class CudaBackend:
    """
    A network on a GPU.

    Gain control and resizing are done there too. Frames are copied once, from page-locked memory,
    and the result is all that the CPU waits for.
    """

    name = TORCH

    def __init__(self, network: QualityNetwork, device: torch.device, precision: str,
                 threads: int):
        self.architecture = network.architecture
        self.metadata = network.metadata
        self.precision = precision
        self.threads = threads
        self._device = device
        self._scorer = Scorer(network, getattr(torch, precision)).to(
            device, memory_format=torch.channels_last)
        torch.set_num_threads(threads)
        self._staging = _Staging()
        self._passes = OrderedDict()
        self._pool = torch.cuda.graph_pool_handle()

    @property
    def device(self) -> str:
        """``cuda:N``."""
        return str(self._device)

    @property
    def gpu_memory_bytes(self) -> int:
        """Memory this process holds on the GPU."""
        return torch.cuda.memory_reserved(self._device)

    def prepare(self, frame: np.ndarray, gain: GainControl) -> Prepared:
        """Leave a frame as it is if the GPU can do the work. Raises FrameError."""
        if preparation.can_prepare(self.architecture, frame):
            return Prepared(frame, gain)
        return prepare(self.architecture, frame, gain)

    def predict(self, frames: Sequence[Prepared], maps: bool = True) -> Outputs:
        """Score frames of one kind."""
        with torch.inference_mode(), torch.cuda.device(self._device):
            work = self._pass(frames, maps)
            self._staging.send([frame.pixels for frame in frames], work.batch)
            return work.run()

    def release(self) -> None:
        """Let go of the network and of the GPU memory it held."""
        self._scorer = self._staging = self._passes = None
        gc.collect()
        torch.cuda.empty_cache()

    def _pass(self, frames: Sequence[Prepared], maps: bool) -> '_Pass':
        (shape, dtype, gain), count = frames[0].kind, len(frames)
        key = count, shape, dtype, gain, maps
        if key not in self._passes:
            if len(self._passes) == _MOST_PASSES:
                self._passes.popitem(last=False)
            batch = torch.empty(
                (count, *shape), dtype=torch.int16 if dtype == np.uint16 else torch.uint8,
                device=self._device)
            self._passes[key] = _Pass(
                batch, lambda: self._score(batch, gain, maps), self._pool)
        self._passes.move_to_end(key)
        return self._passes[key]

    def _score(self, frames: Tensor, gain, maps: bool) -> tuple:
        if gain is not None:
            frames = preparation.prepare(self.architecture, frames, gain)
        # float32 is what was asked for, not the shorter tf32 that PyTorch puts in its place.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return self._scorer(frames, maps)


class _Staging:
    """Page-locked memory, the only kind that a GPU can fetch from while the CPU goes on."""

    def __init__(self):
        self._bytes = torch.empty(0, dtype=torch.uint8)

    def send(self, frames: Sequence[np.ndarray], batch: Tensor) -> None:
        """Copy frames into a batch on the GPU; each is on its way while the next is read."""
        if len(self._bytes) < batch.nbytes:
            self._bytes = torch.empty(batch.nbytes, dtype=torch.uint8, pin_memory=True)
        places = self._bytes[:batch.nbytes].view(batch.dtype).reshape(batch.shape)
        for frame, place, there in zip(frames, places, batch):
            place.copy_(_as_tensor(frame))
            there.copy_(place, non_blocking=True)


def _as_tensor(frame: np.ndarray) -> Tensor:
    """Return a tensor over the memory of a frame; int16 with the bits of uint16."""
    frame = np.ascontiguousarray(frame)
    return torch.from_numpy(frame.view(np.int16) if frame.dtype == np.uint16 else frame)


class _Pass:
    """
    The work on batches of one kind, in GPU memory of its own.

    Done as it comes the first time, since some kinds never come again; then captured as a graph,
    which takes the CPU one launch instead of a hundred. Where that fails it goes on as it comes.
    """

    def __init__(self, batch: Tensor, work: Callable[[], tuple], pool):
        self.batch = batch
        self._work = work
        self._pool = pool
        self._shapes = self._graph = None
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
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode='thread_local'):
                self._result = self._packed()
            self._graph = graph
        except RuntimeError:  # an operation that this PyTorch cannot capture on this GPU
            self._can_capture = False

    def _packed(self) -> Tensor:
        """Return all outputs as one tensor, (N, numbers of a frame): copied at one go."""
        outputs = self._work()
        self._shapes = [output.shape for output in outputs]
        return torch.cat([output.reshape(len(output), -1) for output in outputs], dim=1)
