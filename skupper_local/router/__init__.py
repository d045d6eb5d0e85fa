"""The embedded router: a program of its own that knows AMQP, HTTP and the shared vocabularies, and nothing of sites.

``main`` is the program, ``configuration`` reads what it is told, ``router`` wires the parts together:

* ``acceptor``, ``dialer``, ``handshake``, ``tls_profiles``: how connections with other routers and clients come to be;
* ``peer`` (``client_peer``), ``streams``, ``message_head``: what one open connection carries;
* ``tcp_endpoints``, ``tcp_flow``, ``tcp_socket``: where application connections enter and leave the network;
* ``forwarding``, ``services``, ``addresses``, ``routing``: where everything goes;
* ``management_agent``, ``live_entities``, ``http_listener``, ``health``: what it tells of itself.
"""
