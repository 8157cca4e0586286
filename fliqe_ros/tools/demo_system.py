"""A ROS 2 system of the demo's own: a private domain, and processes that always end."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
import json
import os
from pathlib import Path
import random
import socket
import subprocess
import sys

_STOP_WITHIN_S = 5.0
_SHOWN_LINES = 40
# Those above the ports that Linux gives away. People and tests use domains from 0 to 101.
_DOMAINS = range(215, 233)
# Fast DDS finds other processes in well under a second with many early announcements, and needs
# shared memory for whole frames (see config/fastdds.xml).
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<profiles xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">
  <transport_descriptors>
    <transport_descriptor>
      <transport_id>memory</transport_id><type>SHM</type>
      <segment_size>{segment_bytes}</segment_size>
    </transport_descriptor>
    <transport_descriptor>
      <transport_id>network</transport_id><type>UDPv4</type>
    </transport_descriptor>
  </transport_descriptors>
  <participant profile_name="demo" is_default_profile="true">
    <rtps><builtin><discovery_config>
      <leaseAnnouncement><sec>0</sec><nanosec>250000000</nanosec></leaseAnnouncement>
      <initialAnnouncements>
        <count>20</count><period><sec>0</sec><nanosec>50000000</nanosec></period>
      </initialAnnouncements>
    </discovery_config></builtin>
    <userTransports>
      <transport_id>memory</transport_id><transport_id>network</transport_id>
    </userTransports>
    <useBuiltinTransports>false</useBuiltinTransports></rtps>
  </participant>
</profiles>
"""


class Process(subprocess.Popen):
    """A process of the demo; ``log`` is the file that it prints to."""

    log: Path


class DemoError(RuntimeError):
    """The demo cannot go on; the text says why."""


@contextmanager
def isolated(folder: Path, segment_mb: float = 4.0) -> Iterator[None]:
    """
    Keep this process and its children in an unused ROS domain on loopback.

    Begin before the first node. At the end the environment is as it was.

    :param folder: takes the logs and the profile for Fast DDS.
    :param segment_mb: shared memory for the frames of each process; Fast DDS itself takes 0.5.
    """
    profile = folder / 'fastdds.xml'
    profile.write_text(_PROFILE.format(segment_bytes=round(segment_mb * 2**20)))
    before = dict(os.environ)
    with _own_domain() as domain:
        os.environ.update(ROS_DOMAIN_ID=str(domain), ROS_LOG_DIR=str(folder / 'log'),
                          FASTRTPS_DEFAULT_PROFILES_FILE=str(profile),
                          FASTDDS_DEFAULT_PROFILES_FILE=str(profile))
        if os.environ.get('ROS_DISTRO') == 'humble':
            os.environ['ROS_LOCALHOST_ONLY'] = '1'
        else:
            os.environ.pop('ROS_LOCALHOST_ONLY', None)  # it would override the newer variable
            os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


@contextmanager
def _own_domain() -> Iterator[int]:
    """
    Keep a ROS domain that no other demo has and nobody on this machine uses.

    Its discovery port (DDSI-RTPS 9.6.1.1) is free of UDP, which DDS speaks. The TCP port of this
    number is held meanwhile, so that two demos that start together do not take the same.
    """
    for domain in random.sample(_DOMAINS, len(_DOMAINS)):
        address = ('', 7400 + 250 * domain)
        with (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
              socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held):
            try:
                probe.bind(address)
                held.bind(address)
            except OSError:
                continue
            probe.close()
            yield domain
            return
    raise DemoError('no ROS domain is free for a demo on this machine')


@contextmanager
def running(module: str, parameters: Mapping[str, object], folder: Path) -> Iterator[Process]:
    """
    Run a module's node as a process of its own and stop it at the end, whatever happens.

    :param parameters: ROS parameters: numbers, truth values, text and lists of these.
    :return: the process; its output goes to ``folder``, see ``output_of``.
    """
    # JSON is YAML, which a command line's parameters are read as.
    arguments = [word for name, value in parameters.items()
                 for word in ('-p', f'{name}:={json.dumps(value, ensure_ascii=False)}')]
    log = folder / f'{module}.txt'
    with log.open('w') as output:
        process = Process(
            [sys.executable, '-m', module, '--ros-args', *arguments],
            # Not where a checkout's own fliqe_ros, without messages, would be found first.
            cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    process.log = log
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def output_of(process: Process) -> str:
    """Return the last lines that a process has printed."""
    lines = process.log.read_text(errors='replace').splitlines()
    return '\n'.join(f'  | {line}' for line in lines[-_SHOWN_LINES:]) or '  | (no output)'


def check_alive(processes: Iterable[Process]) -> None:
    """Raise ``DemoError`` if one of the processes has ended."""
    for process in processes:
        if process.poll() is not None:
            raise DemoError(f'{process.log.stem} ended with status {process.returncode}')
