"""What patients ask: the vetted answers, and the understanding of questions."""
