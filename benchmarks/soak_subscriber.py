"""A plain rclpy node that subscribes image topics: what rclpy and the middleware take alone."""

import sys

import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image


def main() -> None:
    """Arguments: image topics."""
    rclpy.init()
    node = rclpy.create_node('plain_subscriber')
    for topic in sys.argv[1:]:
        node.create_subscription(Image, topic, lambda _: None, qos_profile_sensor_data)
    rclpy.spin(node)


if __name__ == '__main__':
    main()
