"""What the product costs, measured: `python -m tests.benchmarks` prints the table."""
