"""The use-cases: plain functions of a Session and plain values that return what happened."""
