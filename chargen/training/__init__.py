"""Training, on PyTorch."""
