"""
What each part of thermal_s costs on one thread, beside its arithmetic and the reference.

Every part is exported alone and run by ONNX Runtime on what it gets in the whole network. The
share of the peak is its operations in that time beside the speed of a large matrix product, which
small convolutions that stay in the cache exceed. The reference divided by the time at that speed
tells how many times faster a network of that arithmetic could be, more or less.
"""

import argparse
from pathlib import Path
import sys
import tempfile

from fliqe_ros.models.checkpoint import load_model
from fliqe_ros.models.glance import made_small
from fliqe_ros.models.line_statistics import line_profiles, pixel_lines, seams
from fliqe_ros.models.scorer import Scorer
from fliqe_ros.models.thermal_s import _block_statistics, _frame_statistics
from fliqe_ros.models.thermal_trunk import Maps
from library import make_resnet50, run_one
from pipelines import frames_for, open_session, REFERENCE
from records import RESULTS, WHOLE, write
from roofline import gflop_of, peak_gflops
from stopwatch import time_calls
import torch
from torch import nn

SIZES = ((320, 256), (640, 512))


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--rounds', type=int, default=5, help='default 5')
    arguments.add_argument('--seconds', type=float, default=1.0,
                           help='for each part and size in each round; default 1')
    arguments.add_argument('--out', type=Path, default=RESULTS, help='folder of the result')
    arguments.add_argument('--quick', action='store_true', help='one short round, small frames')
    return arguments


class Part(nn.Module):
    """A function as a module, with the modules whose weights it uses."""

    def __init__(self, function, *modules):
        super().__init__()
        self.function, self.modules_used = function, nn.ModuleList(modules)

    def forward(self, *inputs):
        """Return what the function does."""
        return self.function(*inputs)


def parts_of(network, batch: torch.Tensor) -> dict:
    """Return part and inputs by name, for a batch of prepared frames."""
    trunk = network.trunk
    levels = network.levels(batch)
    maps, seen = trunk.maps(levels), network.observe(batch)
    small = made_small(seen.levels)
    _, cells = network.glance(small)

    def convolutions(levels):
        edges = trunk.edges(levels)
        texture = trunk.texture(edges)
        return edges, texture, trunk.structure(texture)

    def lines_of_edges(edges):
        return line_profiles(edges), seams(network.seam(edges).abs())

    def statistics(texture, structure, echoes, gray_levels):
        maps = Maps(None, texture, texture.square(), structure, structure.square(), echoes)
        squares = gray_levels.square()
        return (_block_statistics(maps, gray_levels, squares),
                _frame_statistics(maps, gray_levels, squares))

    def glance(gray_levels):
        return network.glance(made_small(gray_levels))

    def votes(blocks, cells):
        return network.vote(blocks, cells, *batch.shape[2:])

    return {
        'convolutions of the trunk': (Part(convolutions, trunk), (levels,)),
        'echoes': (Part(trunk._echoes, trunk), (maps.edges,)),
        'statistics of blocks and of the frame': (Part(statistics), (
            maps.texture, maps.structure, maps.echoes, seen.levels)),
        'lines of edges, seams': (Part(lines_of_edges, network.seam), (maps.edges,)),
        'lines of pixels': (Part(pixel_lines), (batch.float(),)),
        'glance': (Part(glance, network.glance), (seen.levels,)),
        'thumbnail': (network.thumbnail, (small,)),
        'votes of the quality map': (Part(votes, network.vote), (seen.blocks, cells)),
        WHOLE: (Scorer(network), (batch,)),
    }


@torch.no_grad()
def measure(network, width: int, height: int, rounds: int, seconds: float, folder: Path) -> list:
    """Return rows (part; GFLOP; ms by round), all parts in turn in each round."""
    frame = frames_for('thermal_s', width, height, 1)[0]
    batch = network.preprocess(frame).unsqueeze(0)
    parts = parts_of(network, batch)
    runs = {name: _runner(*part, folder / f'{number}_{width}.onnx')
            for number, (name, part) in enumerate(parts.items())}
    rows = [{'part': name, 'width': width, 'height': height, 'gflop': gflop_of(*part), 'ms': []}
            for name, part in parts.items()]
    for _ in range(rounds):
        for row in rows:
            row['ms'].append(time_calls(runs[row['part']], seconds).median_ms)
    return rows


def _runner(module: nn.Module, inputs: tuple, path: Path):
    """Export a part; return a function that runs it once."""
    torch.onnx.export(module.eval(), inputs, dynamo=True, verbose=False).save(path)
    session = open_session(str(path), 1)
    feed = {each.name: value.numpy() for each, value in zip(session.get_inputs(), inputs)}
    return lambda: session.run(None, feed)


def main(argv=None) -> int:
    """Measure and write the result."""
    options = parser().parse_args(argv)
    sizes = SIZES
    if options.quick:
        sizes, options.rounds, options.seconds = ((160, 128),), 1, 0.02
    rows, references = [], []
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / 'resnet50.pt'
        make_resnet50(checkpoint)
        job = {'models': {'resnet50 .pt': str(checkpoint)}, 'threads': 1,
               'seconds': options.seconds}
        for width, height in sizes:
            cases = [(width, height, 1)]
            references.append({'width': width, 'height': height, 'ms': [
                run_one(REFERENCE, {**job, 'cases': cases})['cases'][0][3]
                for _ in range(options.rounds)]})
            rows += measure(load_model(), width, height, options.rounds, options.seconds,
                            Path(folder))
    write('parts', {'rounds': options.rounds, 'seconds': options.seconds, 'threads': 1},
          {'peak_gflops': peak_gflops(1, options.seconds), 'parts': rows,
           'reference': references}, options.out)
    return 0


if __name__ == '__main__':
    sys.exit(main())
