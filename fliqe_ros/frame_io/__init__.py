"""Bytes to frames: image messages, compressed images, image files, videos and bags."""
