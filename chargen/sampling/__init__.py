"""Writing with a trained model, on NumPy alone."""
