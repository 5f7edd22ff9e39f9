"""Series from CSV files: columns, numbers, times, and the step between them."""
