"""Takes snapshots of a landing zone, and joins answers with their labels: what was known at one time, nothing later."""
