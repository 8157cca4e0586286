"""The command ``fliqe``: its help, its commands, completion and exit status."""

import json
import os
import re
import subprocess
import sys

from fliqe_ros.tools.fliqe import COMMANDS, main
import pytest

# What is heavy, and not needed to tell what there is
HEAVY = ('torch', 'onnxruntime', 'cv2', 'pyarrow', 'av', 'rosbags', 'matplotlib', 'rclpy')


def run_fliqe(*words, **options):
    return subprocess.run([sys.executable, '-m', 'fliqe_ros.tools.fliqe', *words], text=True,
                          capture_output=True, **options)


def test_help_names_every_command():
    done = run_fliqe('--help')
    assert done.returncode == 0 and done.stdout.startswith('usage: fliqe ')
    for name, purpose in COMMANDS.items():
        assert re.search(rf'^ +{name} +{purpose[:20]}', done.stdout, re.MULTILINE), name
    assert run_fliqe().stdout == done.stdout


def test_help_loads_nothing_heavy(tmp_path):
    code = ('import sys\nfrom fliqe_ros.tools.fliqe import main\n'
            'try:\n    main(["--help"])\nexcept SystemExit:\n    pass\n'
            f'print(sorted(set({HEAVY}) & set(sys.modules)))')
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, check=True, text=True,
                          stdout=subprocess.PIPE)
    assert done.stdout.splitlines()[-1] == '[]'


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_has_its_own_help(command, capsys):
    if command in ('train', 'evaluate', 'report', 'export'):
        pytest.importorskip('torch')
    with pytest.raises(SystemExit) as ended:
        main([command, '--help'])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f'usage: fliqe {command} ')


@pytest.mark.parametrize('command', ['scare', '--nonsense'])
def test_an_unknown_command_is_told(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command])
    assert ended.value.code == 2
    assert 'usage: fliqe' in capsys.readouterr().err


def test_the_status_of_a_command_is_passed_on(tmp_path, capsys):
    assert main(['score', str(tmp_path / 'missing.png'), '--device', 'cpu']) == 1
    assert 'missing.png: no such file' in capsys.readouterr().err


def test_an_export_is_told_to_programs(tmp_path, capsys):
    pytest.importorskip('onnxscript')
    from fliqe_ros.models.checkpoint import save_checkpoint
    from fliqe_ros.models.thermal_s7 import ThermalS7
    checkpoint, file = tmp_path / 'model.pt', tmp_path / 'model.onnx'
    save_checkpoint(checkpoint, ThermalS7(), {})  # the quickest to export
    assert main(['export', '--model', str(checkpoint), '--out', str(file), '--json']) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts['file'], facts['bytes']) == (str(file), file.stat().st_size)
    assert 0 <= facts['largest_difference'] <= 1e-4


@pytest.mark.parametrize('line, expected', [
    ('fliqe sc', {'score'}),
    ('fliqe ', {'-h', '--help', *COMMANDS}),
    ('fliqe score --dev', {'--device'}),
    ('fliqe download --c', {'--cache'}),
])
def test_the_shell_completes_commands_and_options(line, expected, tmp_path):
    pytest.importorskip('argcomplete')
    found = tmp_path / 'completions'
    # as the function that argcomplete registers with bash asks
    environment = {**os.environ, '_ARGCOMPLETE': '1', '_ARGCOMPLETE_SHELL': 'bash',
                   '_ARGCOMPLETE_IFS': '\n', '_ARGCOMPLETE_STDOUT_FILENAME': str(found),
                   '_ARGCOMPLETE_SUPPRESS_SPACE': '1', 'COMP_LINE': line,
                   'COMP_POINT': str(len(line)), 'COMP_TYPE': '9'}
    done = run_fliqe(env=environment, cwd=tmp_path)
    assert {word.strip() for word in found.read_text().split('\n')} == expected, done.stderr
