"""What the training of the support model is made of."""
