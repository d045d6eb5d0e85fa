"""AMQP 1.0: codec and connection state machine (sans-IO), an asyncio driver, a blocking client with a deadline.

``types`` and ``codec`` turn bytes into values, ``performatives`` values into frame bodies, ``connection`` (with ``session`` and
``link``) is the state machine: bytes in, events out, no sockets and no clock. ``transport`` runs it on asyncio,
``client`` runs it on a blocking socket.
"""
