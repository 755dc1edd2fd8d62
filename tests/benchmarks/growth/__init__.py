"""What a question costs as a world grows in one direction at a time."""
