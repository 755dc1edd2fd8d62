"""Erasure: what is to be forgotten is found, removed everywhere, looked for, and certified."""
