"""Says whether the world has moved away from a release, and whether that does harm."""
