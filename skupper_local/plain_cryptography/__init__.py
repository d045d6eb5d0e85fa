"""The part of the package ``cryptography`` that :mod:`skupper_local.pki` uses, in Python alone, for hosts that do not have it.

A bundle copies this directory as ``lib/cryptography``; nothing else imports it. It makes RSA and EC keys, signs certificates,
and reads those that a user supplies, so that an installer runs where there is Python but no compiled package.

What it is for, and what not: an installer that signs a few certificates on one's own machine. Python's integers take a time
that depends on their values. Scalars and messages are blinded, which makes timing useless over a network, but nobody should
sign with this at the request of others, and it is no general library. TLS itself is always done by Python's ``ssl``.
"""
