"""Fuzzing, kills and churn for as long as asked: ``python -m tests.soak --seconds N --seed S``.

Each scenario starts routers of its own, does its worst until its time is over, and returns counts and violations. The seed
decides every random choice, so a violation can be looked for again. The system tests run a small fixed slice of it.
"""
