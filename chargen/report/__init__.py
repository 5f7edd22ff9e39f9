"""Plots and self-contained HTML pages, from plain numbers."""
