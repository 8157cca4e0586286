"""
Everything in the node that depends on the version of rclpy or on its private parts.

Each function says which rclpy it is for: Humble has rclpy 3, Jazzy 7, Kilted 9 and Rolling 10 or
newer. The rest of the package uses the public interface only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
import time
from typing import Any

from fliqe_ros.errors import one_line
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from rclpy.subscription import Subscription

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

__all__ = [
    'forget_state_machine', 'message_callback', 'MessagesFirstExecutor',
    'parameter_overrides', 'refuse_impossible_transitions', 'SubscriptionEventCallbacks',
    'take_waiting']

# If the system clock was set between reception and callback, their difference means nothing.
_PLAUSIBLE_WAIT_NS = 60 * 10**9


def message_callback(on_message: Callable[[Any, int], None]) -> Callable[..., None]:
    """
    Return a subscription callback that also tells how long the message waited to be taken.

    Since Iron, rclpy hands the middleware's message information to callbacks with two
    parameters. Humble does not, so there the time is always 0.

    :param on_message: called with the message and its waiting time in ns of real time.
    """
    if not hasattr(Subscription, 'CallbackType'):  # Humble
        return lambda message: on_message(message, 0)
    return lambda message, info: on_message(message, _waited_ns(info))


def take_waiting(subscription: Subscription, most: int) -> Iterator[tuple[Any, int]]:
    """
    Take the messages that wait in a subscription, without waiting for more.

    ``Subscription.handle.take_message`` is private in every rclpy. From Humble to Rolling it
    returns the message and a dictionary of its information, or None.

    :param most: yield at most this many messages.
    :return: messages, the oldest first, each with its waiting time in ns of real time.
    """
    for _ in range(most):
        with subscription.handle:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
        if taken is None:
            return
        message, info = taken
        yield message, _waited_ns(info)


def _waited_ns(info: dict[str, int | None]) -> int:
    """Return how long ago the middleware received a message; 0 if it does not tell."""
    received_ns = info.get('received_timestamp')  # of the system clock, never of /clock
    if not received_ns:
        return 0
    waited_ns = time.time_ns() - received_ns
    return waited_ns if 0 <= waited_ns <= _PLAUSIBLE_WAIT_NS else 0


class MessagesFirstExecutor(SingleThreadedExecutor):
    """
    Looks for messages, timers and guard conditions each time, and for the rest now and then.

    rclpy builds a wait set of everything that a node has each time it has run what was ready.
    Services and the events of each topic are most of it, and take longer than everything else
    that is done for a frame. So while something comes all the time, they are looked for every
    ``EVERYTHING_S``; where nothing comes, at once.

    ``_wait_for_ready_callbacks`` is private. Executors from Humble to Rolling call it, and take
    from nodes what is named in ``_WithoutServices``; where one does not, it is as any other.
    """

    EVERYTHING_S = 0.1

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._looked_s = 0.0

    def _wait_for_ready_callbacks(
            self, timeout_sec: Any = None, nodes: Any = None,
            condition: Callable[[], bool] = lambda: False) -> Generator[Any, None, None]:
        left_s = self._looked_s + self.EVERYTHING_S - time.monotonic()
        if nodes is None and left_s > 0:
            nodes = [_WithoutServices(node) for node in self.get_nodes()]
            given_s = getattr(timeout_sec, 'timeout', timeout_sec)  # rclpy may wrap it
            within = given_s is not None and 0 <= given_s <= left_s
            yield from super()._wait_for_ready_callbacks(
                timeout_sec if within else left_s, nodes, condition)
        else:
            try:
                yield from super()._wait_for_ready_callbacks(timeout_sec, nodes, condition)
            finally:
                self._looked_s = time.monotonic()


class _WithoutServices:
    """A node as an executor sees it, without services and the events of topics."""

    clients = services = waitables = ()

    def __init__(self, node: Node) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)


def parameter_overrides(node: Node) -> tuple[str, ...]:
    """
    Return the names of the parameters that were given at start-up.

    ``_parameter_overrides`` is private in every rclpy. Where there is none, nothing was given.
    """
    return tuple(getattr(node, '_parameter_overrides', ()))


def refuse_impossible_transitions(node: LifecycleNode) -> None:
    """
    Answer a request for a transition that the state does not allow with ``success=False``.

    From Humble to Jazzy, rclpy lets its error out of the executor and does not answer the
    request. In a newer rclpy the wrapped callback does not raise and this changes nothing.
    """
    service = node._service_change_state
    change_state = service.callback

    def change_state_or_refuse(request: Any, response: Any) -> Any:
        try:
            return change_state(request, response)
        except Exception as error:
            node.get_logger().warning(f'no such transition now: {one_line(error)}')
            response.success = False
            return response

    service.callback = change_state_or_refuse


def forget_state_machine(node: LifecycleNode) -> None:
    """
    Remove a destroyed node's lifecycle services from the ROS graph.

    Every rclpy from Humble on leaves them there, and the node with them, until the last reference
    to the node is gone. A forward pass may hold one.
    """
    node._state_machine = None
