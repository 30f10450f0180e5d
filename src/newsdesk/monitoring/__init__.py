"""Count what a model reads and predicts, and compare the counts with a reference."""
