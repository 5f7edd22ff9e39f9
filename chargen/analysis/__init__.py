"""What a model knows: scores, hidden units, copied passages; what a text holds."""
