"""Results on disk: what was measured, on what machine, when and at which commit."""

from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
import json
import os
from pathlib import Path
import platform
import subprocess

RESULTS = Path(__file__).resolve().parent / 'results'
#: Of ``parts.json``, what is no part.
WHOLE = 'all together'

_PACKAGES = ('fliqe_ros', 'numpy', 'onnxruntime', 'opencv-python-headless', 'openvino', 'pillow',
             'ros-jazzy-rclpy', 'torch', 'torchvision')


def write(name: str, settings: dict, content: dict, folder: Path = RESULTS) -> Path:
    """Write ``content`` as ``<name>.json`` with everything that it depends on; return the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{name}.json'
    record = {'date': datetime.now().astimezone().isoformat(timespec='seconds'),
              'commit': commit(), 'machine': machine(), 'settings': settings, **content}
    path.write_text(json.dumps(record, indent=1) + '\n')
    print(f'wrote {path}')
    return path


def commit() -> str:
    """Return the commit of the source, with a + where files differ from it; '' if unknown."""
    result = subprocess.run(
        ['git', 'describe', '--always', '--abbrev=12', '--dirty=+', '--exclude=*'],
        cwd=RESULTS.parent, capture_output=True, text=True)
    return result.stdout.strip()


def machine() -> dict:
    """Return what the speed of this machine depends on."""
    return {
        'cpu': _first('/proc/cpuinfo', 'model name') or platform.processor(),
        'cores': len(os.sched_getaffinity(0)),
        'memory_gb': round(int(_first('/proc/meminfo', 'MemTotal').split()[0]) / 1e6, 1),
        'system': platform.platform(),
        'python': platform.python_version(),
        'packages': {name: found for name in _PACKAGES if (found := _version(name))},
        'load_before': os.getloadavg()[0],
    }


def memory_mb(process, key: str = 'VmRSS') -> float:
    """Return a process' resident memory, or its highest ever for ``VmHWM``; 'self' is this one."""
    # Not getrusage: that remembers the process from which this one was started.
    return int(_first(f'/proc/{process}/status', key).split()[0]) / 1024


def _first(path: str, key: str) -> str:
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(':')
        if name.strip() == key:
            return value.strip()
    return ''


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ''
