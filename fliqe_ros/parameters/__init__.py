"""Parameters that node and recordings share: those of a camera, and own values of one camera."""
