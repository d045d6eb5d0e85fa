"""systemd's manager, of the system for root and of the user for everybody else: the one place that talks to it.

``manager`` asks and tells it; ``units`` renders, installs and recognises our unit files; ``lingering`` says whether a user's
services outlive the session; ``quadlet`` renders the same router as a file for Podman's generator. Nothing here knows what a
site is: names, paths and command lines are given.
"""
