"""Recordings, scored offline: what the node would have said, as tables and a page to read."""
