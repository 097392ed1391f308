"""Numbers: scorers make token rows of logits, statistics make answers of rows, udf tells SQL."""
