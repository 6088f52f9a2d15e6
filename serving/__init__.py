"""Serving: the predictor, the rules and the edge have folders of their own; `local` runs all of them on one machine."""
