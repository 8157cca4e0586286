"""What runs a model: ONNX Runtime, or PyTorch on a CPU or a GPU."""
