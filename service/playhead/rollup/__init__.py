"""Keeps the sessions fresh."""
