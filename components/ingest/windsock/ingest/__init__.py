"""Takes snapshots of a landing zone: what was known at one time, and nothing later."""
