"""The network: its configuration, the equations of its cells, and its file."""
