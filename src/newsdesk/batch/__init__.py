"""Label large inputs in parts that can be resumed, with threads, processes or Spark."""
