"""The predictor: online features, model, decision, rules when the model cannot, and a durable record, in one hop."""
