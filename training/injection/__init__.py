"""What the training of the injection screen is made of."""
