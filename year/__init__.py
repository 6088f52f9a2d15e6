"""A year in production: recorded time through the whole chain, by the commands that a person types."""
