"""The edge: what Envoy is told, how it is told, and what it says it does."""
