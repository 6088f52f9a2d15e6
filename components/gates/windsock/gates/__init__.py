"""The data gates: schema, statistics and business rules; what they find stops a run, with reasons."""
