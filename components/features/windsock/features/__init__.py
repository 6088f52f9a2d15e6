"""Features as known then: the training set, and the online store that servers read."""
