"""The executor of the node's process: what it looks for, and when."""

from threading import Event

from fliqe_ros.node.rclpy_compat import MessagesFirstExecutor
import pytest
from rclpy.context import Context
from rclpy.node import Node
from std_msgs.msg import Int32
from std_srvs.srv import Trigger


@pytest.fixture
def node():
    context = Context()
    context.init([])
    node = Node('worker', context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


@pytest.fixture
def executor(node):
    executor = MessagesFirstExecutor(context=node.context)
    executor.add_node(node)
    yield executor
    executor.shutdown()


def test_a_service_is_answered_while_messages_come_all_the_time(node, executor):
    publisher = node.create_publisher(Int32, 'numbers', 1)
    heard = []

    def hear(message):
        heard.append(message.data)
        publisher.publish(Int32(data=message.data + 1))

    node.create_subscription(Int32, 'numbers', hear, 1)
    node.create_service(Trigger, 'answer', lambda request, response: response)
    client = node.create_client(Trigger, 'answer')
    publisher.publish(Int32(data=0))
    while len(heard) < 10:
        executor.spin_once(timeout_sec=10)
    future = client.call_async(Trigger.Request())
    while not future.done():
        executor.spin_once(timeout_sec=10)
    assert heard == list(range(len(heard))), 'none was lost meanwhile'


def test_services_are_left_out_of_most_wait_sets(node, executor, monkeypatch):
    monkeypatch.setattr(executor, 'EVERYTHING_S', 60.0)
    publisher = node.create_publisher(Int32, 'numbers', 10)
    heard, asked = [], []
    node.create_subscription(Int32, 'numbers', lambda message: heard.append(message.data), 10)
    monkeypatch.setattr(type(node), 'services', property(lambda self: asked.append(1) or ()))
    for number in range(5):
        publisher.publish(Int32(data=number))
        while len(heard) <= number:
            executor.spin_once(timeout_sec=10)
    assert heard == list(range(5))
    assert len(asked) <= 2, 'in the first wait set alone'


@pytest.mark.parametrize('everything_s', [0.0, 0.05])
def test_nothing_comes_and_a_service_is_answered_at_once(
        node, executor, monkeypatch, everything_s):
    monkeypatch.setattr(executor, 'EVERYTHING_S', everything_s)
    answered = Event()
    node.create_service(
        Trigger, 'answer', lambda request, response: (answered.set(), response)[1])
    client = node.create_client(Trigger, 'answer')
    client.call_async(Trigger.Request())
    for _ in range(20):  # each ends at once, or when there is something
        executor.spin_once(timeout_sec=10)
        if answered.is_set():
            break
    assert answered.is_set()
