"""PyTorch on a CUDA GPU: frames go there as they came, and usual batches are CUDA graphs."""

from collections import OrderedDict
from functools import lru_cache
import gc
from math import prod
from threading import Lock
from typing import Callable, Sequence
import warnings

from fliqe_ros.backends.base import Outputs, prepare, TORCH
from fliqe_ros.backends.cuda_preprocessing import can_prepare, Preparation
from fliqe_ros.imaging.gain_control import GainControl
from fliqe_ros.models.network import QualityNetwork
from fliqe_ros.models.preprocessing import Prepared
from fliqe_ros.models.scorer import Scorer
import numpy as np
import torch
from torch import Tensor

#: Frames in one forward pass, so that memory has a limit.
MOST_AT_ONCE = 64
#: Kinds of batches (number, size and type of frames) that are remembered.
MOST_PASSES = 32

_AS_IT_IS = GainControl('none')  # for frames of 8 bits, which have no other
# Threads take turns: PyTorch captures one graph at a time in a process, and what another thread
# does on the same stream meanwhile would become a part of it.
_turn = Lock()

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
        torch.cuda.synchronize(device)  # the passes have a stream of their own
        torch.set_num_threads(threads)
        self._staging = _Staging()
        self._passes = OrderedDict()
        self._stream = _stream(device)
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
        if can_prepare(self.architecture, frame):
            return Prepared(frame, gain if frame.dtype == np.uint16 else _AS_IT_IS)
        return prepare(self.architecture, frame, gain)

    def predict(self, frames: Sequence[Prepared], maps: bool = True) -> Outputs:
        """Score frames of one kind."""
        parts = [self._predict(frames[start:start + MOST_AT_ONCE], maps)
                 for start in range(0, len(frames), MOST_AT_ONCE)]
        return Outputs(*(None if each[0] is None else np.concatenate(each)
                         for each in zip(*parts)))

    def release(self) -> None:
        """Let go of the network and of the GPU memory it held."""
        self._scorer = self._staging = self._passes = None
        gc.collect()
        torch.cuda.empty_cache()

    def _predict(self, frames: Sequence[Prepared], maps: bool) -> Outputs:
        with _turn, torch.inference_mode(), torch.cuda.device(self._device), \
                torch.cuda.stream(self._stream):
            work = self._pass(frames, maps)
            self._staging.send([frame.pixels for frame in frames], work.batch)
            return work.run()

    def _pass(self, frames: Sequence[Prepared], maps: bool) -> '_Pass':
        key = len(frames), frames[0].kind, maps
        if key not in self._passes:
            if len(self._passes) == MOST_PASSES:
                self._passes.popitem(last=False)
            self._passes[key] = self._new_pass(len(frames), *frames[0].kind, maps)
        self._passes.move_to_end(key)
        return self._passes[key]

    def _new_pass(self, count: int, shape: tuple, dtype, gain, maps: bool) -> '_Pass':
        # All that a graph reads of is held by its pass: freed memory would be read all the same.
        batch = torch.empty(
            (count, *shape), dtype=torch.int16 if dtype == np.uint16 else torch.uint8,
            device=self._device)
        scorer = self._scorer
        preparation = gain and Preparation(self.architecture, shape, gain, self._device)

        def score() -> tuple:
            prepared = preparation(batch) if preparation else batch
            # float32 is what was asked for, not the shorter tf32 that PyTorch puts in its place.
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                return scorer(prepared, maps)
        return _Pass(batch, score, self._pool, self._stream)


@lru_cache(maxsize=None)
def _stream(device: torch.device) -> torch.cuda.Stream:
    """Return the one stream of a device: cuBLAS never gives back the work space of a stream."""
    return torch.cuda.Stream(device)


class _Staging:
    """Page-locked memory, the only kind that a GPU can fetch from while the CPU goes on."""

    def __init__(self):
        self._bytes = torch.empty(0, dtype=torch.uint8)

    def send(self, frames: Sequence[np.ndarray], batch: Tensor) -> None:
        """Copy frames into a batch on the GPU; each is on its way while the next is read."""
        size = batch.numel() * batch.element_size()
        if len(self._bytes) < size:
            self._bytes = torch.empty(size, dtype=torch.uint8, pin_memory=True)
        places = self._bytes[:size].view(batch.dtype).reshape(batch.shape)
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

    batch: where the frames are to be put. work: turns them into outputs. stream: on which all of
    it is done.
    """

    def __init__(self, batch: Tensor, work: Callable[[], tuple], pool, stream: torch.cuda.Stream):
        self.batch = batch
        self._work = work
        self._pool = pool
        self._stream = stream
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
