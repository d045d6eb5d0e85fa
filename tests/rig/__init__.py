"""The rig that tests, bench and soak share: real routers as processes, and load programs beside them.

A ``Network`` is a list of routers (any mixture of the embedded router and ``skrouterd``), the links between them, and the
services each exposes. It writes certificates and router configurations into one directory, starts the routers on loopback
ports and takes them down again. The load programs (``service``, ``echo``, ``client``) are processes of their own, so that the
load neither shares an interpreter with the test nor dominates what is measured.
"""
