"""MLflow runs, the MLflow model, and DVC experiments joined to runs."""
