"""The rules service: the last resort when no predictor answers, and the whole answer on day zero."""
