"""Calls of services that never wait: each ends by its answer, or after a while without one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import time
from typing import Any

from fliqe_ros.errors import one_line
from rclpy.client import Client
from rclpy.executors import Executor
from rclpy.node import Node

ANSWER_WITHIN_S = 10.0

#: Told how a call ended: whether it succeeded, and a sentence.
Done = Callable[[bool, str], None]


@dataclass
class _Call:
    service: str
    client: Client
    request: Any
    take: Callable[[Any], None]
    done: Done
    deadline_s: float
    future: Any = None


class ServiceCalls:
    """Sends requests once their service is there, and hands over the answers."""

    def __init__(self, node: Node, executor: Executor) -> None:
        self._node, self._executor = node, executor
        self._clients: dict[str, Client] = {}
        self._calls: list[_Call] = []

    def call(self, service_type: Any, service: str, request: Any,
             take: Callable[[Any], None], done: Done) -> None:
        """
        Call a service.

        :param take: takes the answer.
        :param done: told if there is none, or if taking it fails.
        """
        if service not in self._clients:
            self._clients[service] = self._node.create_client(service_type, service)
        self._calls.append(_Call(service, self._clients[service], request, take, done,
                                 time.monotonic() + ANSWER_WITHIN_S))

    def poll(self) -> None:
        """Send what can be sent, and take the answers that are there."""
        for call in self._calls:
            # A request that is sent earlier is lost.
            if call.future is None and call.client.service_is_ready():
                call.future = call.client.call_async(call.request)
        for _ in range(sum(call.future is not None for call in self._calls)):
            self._executor.spin_once(timeout_sec=0)
        for call in [call for call in self._calls if self._has_ended(call)]:
            self._calls.remove(call)
            self._end(call)

    @staticmethod
    def _has_ended(call: _Call) -> bool:
        return (call.future is not None and call.future.done()) \
            or time.monotonic() > call.deadline_s

    @staticmethod
    def _end(call: _Call) -> None:
        if call.future is None:
            call.done(False, f'there is no service {call.service}')
        elif not call.future.done():
            call.client.remove_pending_request(call.future)
            call.done(False, f'no answer of {call.service}')
        else:
            try:
                call.take(call.future.result())
            except Exception as error:
                call.done(False, one_line(error))
