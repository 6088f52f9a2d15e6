"""The pipelines: one definition each, compiled to YAML, run anywhere from that YAML."""
