"""Forecasts of your own numbers."""
