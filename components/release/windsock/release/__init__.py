"""Release by measured canary: traffic moves a step at a time, on evidence that may be looked at at any time."""
