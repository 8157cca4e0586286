"""Publishes the diagnostics."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray
from fliqe_ros.estimator import FLIQE
from fliqe_ros.node.camera_set import CameraSet
from fliqe_ros.node.diagnostics import camera_status, inference_status, ModelReport, NodeReport
from rclpy.node import Node


class Reporter:
    """Publishes the state of the node and of its cameras on ``/diagnostics``."""

    def __init__(self, node: Node, cameras: CameraSet) -> None:
        self._node = node
        self._cameras = cameras
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)

    def publish(self, now_ns: int, report: NodeReport) -> None:
        """
        Sample the cameras' counts and publish; call it about once a second.

        :param now_ns: the node's clock.
        """
        self._cameras.sample(now_ns)
        name = self._node.get_fully_qualified_name()
        message = DiagnosticArray(status=[
            inference_status(name, report),
            *(camera_status(name, camera, self._cameras.settings_of(camera.camera), report)
              for camera in self._cameras.reports(now_ns))])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


def model_report(model: FLIQE) -> ModelReport:
    """Return what the diagnostics say of a model."""
    return ModelReport(
        model.architecture, model.model_path, model.model_hash, model.device, model.precision,
        model.backend, model.threads, model.gpu_memory_bytes)
