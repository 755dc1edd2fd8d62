"""Coverage-guided fuzzing of what reads hostile text: `make fuzz`."""
