"""The places where a compiled pipeline can run: one file a place."""
