"""A membership-inference attacker over HTTP: which of two services holds a forbidden document?"""
