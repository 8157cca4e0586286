"""The ways to score a frame that are compared: the reference, ours, and what else there is."""

from collections import deque
from typing import NamedTuple

import numpy as np


class Option(NamedTuple):
    """One of our ways; the frames are gray levels, raw counts, of a palette or of all colours."""

    architecture: str
    backend: str
    threads: int = 0  #: 0 are those of the run
    frames: str = 'gray'
    batches: bool = True


REFERENCE = 'reference'
#: Nothing but ONNX Runtime and the network of the reference, on prepared frames.
BARE = 'resnet50 bare network'
OURS = {
    'resnet50 torch': Option('resnet50', 'torch'),
    'resnet50 onnxruntime': Option('resnet50', 'onnxruntime'),
    'thermal_s torch': Option('thermal_s', 'torch'),
    'thermal_s onnxruntime': Option('thermal_s', 'onnxruntime'),
    'thermal_s onnxruntime 1 thread': Option('thermal_s', 'onnxruntime', 1),
    **{f'thermal_s 1 thread, {frames}': Option('thermal_s', 'onnxruntime', 1, frames, False)
       for frames in ('raw', 'palette', 'luma')},
    'version 7 1 thread': Option('thermal_s7', 'onnxruntime', 1, batches=False),
}
#: What could run the same networks but is not shipped: only the forward pass is theirs.
OTHERS = {
    'thermal_s torch.compile': ('thermal_s', 'compile'),
    'thermal_s openvino': ('thermal_s', 'openvino'),
    'resnet50 torch.compile': ('resnet50', 'compile'),
    'resnet50 openvino': ('resnet50', 'openvino'),
}
_WINDOW = 300


def open_pipeline(name: str, models: dict, threads: int):
    """
    Load a pipeline; return a function of a list of frames, (H, W) uint8, that returns scores.

    models: path by (architecture, suffix). threads: how many CPU threads those may use whose
    number is not in their name.
    """
    if name == REFERENCE:
        return _reference(models['resnet50', '.pt'], threads)
    if name == BARE:
        return _bare(models['resnet50', '.onnx'], threads)
    if name in OTHERS:
        return _other(*OTHERS[name], models, threads)
    from fliqe_ros.estimator import FLIQE
    from fliqe_ros.imaging.palette_reader import PaletteReader
    option = OURS[name]
    suffix = '.onnx' if option.backend == 'onnxruntime' else '.pt'
    fliqe = FLIQE(models[option.architecture, suffix], 'cpu', backend=option.backend,
                  threads=option.threads or threads)
    palette = PaletteReader()  # of one camera, as the node keeps it

    def score(frames: list) -> list:
        prepared = [fliqe.prepare(frame, palette=palette) for frame in frames]
        return [assessment.score for assessment in fliqe.assess_prepared(prepared)]
    return score


def _reference(checkpoint: str, threads: int):
    """Load the published method as its users run it, with nothing taken from this package."""
    import cv2
    from PIL import Image
    import torch
    from torch import nn
    import torchvision

    torch.set_num_threads(threads)
    backbone = torchvision.models.resnet50(weights=None)
    backbone.fc = nn.Identity()
    widths = (2048, 1024, 512, 256, 128)
    layers = []
    for width_in, width_out in zip(widths, widths[1:]):
        layers += [nn.Linear(width_in, width_out), nn.BatchNorm1d(width_out), nn.ReLU()]
    projection = nn.Sequential(*layers[:-2])
    head = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.BatchNorm1d(128),
                         nn.Linear(128, 64), nn.ReLU(), nn.BatchNorm1d(64), nn.Linear(64, 1))
    state = torch.load(checkpoint, weights_only=True)['state_dict']
    for part, prefix in ((backbone, 'iqa_encoder.encoder.'),
                         (projection, 'iqa_encoder.projection_head.'), (head, 'classifier.')):
        part.load_state_dict({key[len(prefix):]: value for key, value in state.items()
                              if key.startswith(prefix)})
        part.eval()
    to_tensor = torchvision.transforms.Compose([
        torchvision.transforms.Resize((224, 224)), torchvision.transforms.ToTensor()])
    window = deque(maxlen=_WINDOW)

    def score(frames: list) -> list:
        scores = []
        for frame in frames:
            image = Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            with torch.no_grad():
                embedding = projection(backbone(to_tensor(image).unsqueeze(0)))
                embedding = nn.functional.normalize(embedding, dim=1)
                scores.append(1.0 - torch.sigmoid(head(embedding)).item())
            window.append(scores[-1])
            np.mean(window)
        return scores
    return score


def _bare(onnx_file: str, threads: int):
    session = open_session(onnx_file, threads)
    levels = np.random.default_rng(0).integers(0, 256, (16, 3, 224, 224), np.uint8)
    (prepared,), outputs = session.get_inputs(), [each.name for each in session.get_outputs()]
    return lambda frames: session.run(outputs, {prepared.name: levels[:len(frames)]})


def open_session(onnx_file: str, threads: int):
    """Return a session of nothing but ONNX Runtime, on the CPU."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(onnx_file, options, providers=['CPUExecutionProvider'])


def _other(architecture: str, engine: str, models: dict, threads: int):
    from fliqe_ros.models.registry import ARCHITECTURES
    predict = (_compiled(models[architecture, '.pt'], threads) if engine == 'compile'
               else _openvino(models[architecture, '.onnx'], threads))
    prepare = ARCHITECTURES[architecture].preprocess

    def score(frames: list) -> list:
        return predict(np.stack([prepare(frame) for frame in frames])).tolist()
    return score


def _compiled(checkpoint: str, threads: int):
    from fliqe_ros.models.checkpoint import load_model
    from fliqe_ros.models.scorer import Scorer
    import torch
    torch.set_num_threads(threads)
    scorer = torch.compile(
        Scorer(load_model(checkpoint)).to(memory_format=torch.channels_last), dynamic=False)

    @torch.inference_mode()
    def predict(batch: np.ndarray) -> np.ndarray:
        return scorer(torch.from_numpy(batch))[0].numpy()
    return predict


def _openvino(onnx_file: str, threads: int):
    import openvino
    compiled = openvino.Core().compile_model(
        onnx_file, 'CPU', {'INFERENCE_NUM_THREADS': threads, 'PERFORMANCE_HINT': 'LATENCY'})
    return lambda batch: compiled(batch)[0]


def frames_for(name: str, width: int, height: int, count: int = 8) -> list:
    """Return frames of a moving scene as the pipeline is given them; the reference gets BGR."""
    import cv2
    from fliqe_ros.imaging.gain_control import GainControl
    from fliqe_ros.imaging.palettes import colorize
    from fliqe_ros.simulation.scenes.thermal_scene import ThermalScene
    scene = ThermalScene(3, height, width)
    rng = np.random.default_rng(0)
    kind = OURS[name].frames if name in OURS else 'gray'
    counts = [scene.sensor_counts(scene.render(n / 10), rng) for n in range(count)]
    if kind == 'raw':
        return counts
    frames = [GainControl()(each) for each in counts]
    if name == REFERENCE:
        # Not timed: users of the reference get colour images from cv2.imread or cv_bridge.
        return [cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR) for frame in frames]
    if kind == 'palette':
        return [colorize(frame, 'ironbow') for frame in frames]
    if kind == 'luma':
        return [np.dstack([frame, frame[::-1], frame[:, ::-1]]) for frame in frames]
    return frames
