"""The same recurrent networks on time series: classic exercises, and forecasts of your own numbers."""
