"""The executor of the node's process: how long frames gather, and what that is good for."""

from threading import Timer

from fliqe_ros.node.frame_coalescer import FrameCoalescer
from fliqe_ros.node.rclpy_compat import CoalescingExecutor
import pytest
from rclpy.context import Context
from rclpy.node import Node
from std_msgs.msg import Int32


@pytest.mark.parametrize('rates_hz, load, expected_s', [
    ([], 0, 0),
    ([30], 0.1, 0),           # nobody to wait for
    ([30, 30], 0.5, 1 / 60),
    ([9, 60], 0.5, 1 / 120),  # the fastest camera counts
    ([1, 2], 0.1, 0.02),      # never for long
    ([30, 30], 0.9, 0),       # frames wait for each other anyway
    ([0, 0], 0, 0),
    ([30, 0], 0.1, 0),        # the other camera is lost
])
def test_how_long_frames_gather(rates_hz, load, expected_s):
    now_s = 0.0
    coalescer = FrameCoalescer(lambda: now_s)
    for now_s in (10.0, 12.0):
        received = {number: rate_hz * now_s for number, rate_hz in enumerate(rates_hz)}
        coalescer.decide(received, load)
        assert coalescer.time_s == pytest.approx(expected_s)
    coalescer.stop()
    assert coalescer.time_s == 0


@pytest.fixture
def node():
    context = Context()
    context.init([])
    node = Node('gatherer', context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


@pytest.mark.parametrize('pause_s, expected', [(1.0, ['pause', 1, 2, 3]), (0.0, None)])
def test_messages_that_come_in_the_pause_share_a_wait_set(node, pause_s, expected):
    happened, timers = [], []
    publishers = [node.create_publisher(Int32, f'topic_{number}', 1) for number in (1, 2, 3)]
    for number in (1, 2, 3):
        node.create_subscription(
            Int32, f'topic_{number}', lambda message: happened.append(message.data), 1)

    def publish_one_by_one():
        happened.append('pause')
        if not timers:
            for number, publisher in enumerate(publishers, 1):
                timers.append(Timer(0.1 * number, publisher.publish, [Int32(data=number)]))
                timers[-1].start()
        return pause_s

    executor = CoalescingExecutor(publish_one_by_one, context=node.context)
    executor.add_node(node)
    while not {1, 2, 3} <= set(happened):
        executor.spin_once(timeout_sec=10)
    executor.shutdown()
    if expected:
        assert happened == expected
    else:
        assert happened.count('pause') >= 3
