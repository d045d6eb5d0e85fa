"""A small bounded HTTP/1.1 server: the router's health and metrics, and whatever else is served over HTTP."""
