"""Count a model's inputs and predictions, and compare the counts with a reference."""
