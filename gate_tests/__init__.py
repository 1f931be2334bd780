"""The gate: the paper's numbers, its claim of a gain, and this project's recorded accuracies, asked of the port."""
