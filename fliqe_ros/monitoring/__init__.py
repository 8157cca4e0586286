"""What a camera does over time, and the verdict on it: no ROS, no model."""
