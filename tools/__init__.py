"""Programs for those who work on the project. Nothing that is installed may import them."""
