"""Text: where it comes from, its characters, its ids, and batches of them."""
