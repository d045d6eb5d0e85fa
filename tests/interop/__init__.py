"""The embedded router linked to a real ``skrouterd``."""
