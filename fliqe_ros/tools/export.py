"""Export a checkpoint to ONNX, so that a robot can score frames without PyTorch."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys

from fliqe_ros.errors import CheckpointError, ExportError
from fliqe_ros.models.checkpoint import load_model
from fliqe_ros.tools.printing import add_printing, tell


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(
        prog='fliqe export', description=__doc__,
        epilog='The result is compared with PyTorch on frames of several sizes. If any number '
               'differs by more than 0.0001, nothing is written and the command fails.')
    arguments.add_argument('--model', help='checkpoint, default: the packaged one')
    arguments.add_argument('--out', type=Path, required=True, help='file to write: NAME.onnx')
    add_printing(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 1, with a line on stderr, if it failed."""
    options = parser().parse_args(argv)
    try:
        from fliqe_ros.backends.onnx_export import export
    except ImportError as error:
        print(f'export: {error}; it takes onnx, onnx_ir, onnxscript and PyTorch 2.7',
              file=sys.stderr)
        return 1
    try:
        if options.out.suffix != '.onnx':
            raise ExportError(f'{options.out}: the name must end in .onnx')
        if not options.out.parent.is_dir():
            raise ExportError(f'{options.out.parent}: there is no such folder')
        difference = export(load_model(options.model), options.out)
    except (CheckpointError, ExportError, OSError) as error:
        print(f'export: {error}', file=sys.stderr)
        return 1
    size = options.out.stat().st_size
    tell(options, f'{options.out}: {size / 1e6:.1f} MB, differs from PyTorch by {difference:.1g} '
                  'at most',
         {'file': str(options.out), 'bytes': size, 'largest_difference': difference})
    return 0


if __name__ == '__main__':
    sys.exit(main())
