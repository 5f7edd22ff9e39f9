"""Six classic exercises on time series."""
