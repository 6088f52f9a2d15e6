"""Serving on one machine: predictor, rules and Envoy as supervised local processes."""
