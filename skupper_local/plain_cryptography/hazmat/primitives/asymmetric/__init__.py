"""Laid out like the original."""
