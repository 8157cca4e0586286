"""The lifecycle node ``fliqe``: images in, ``QualityScore`` and diagnostics out."""
