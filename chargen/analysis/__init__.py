"""What a model has learned (scores, hidden units, copied passages), and the check of a text."""
