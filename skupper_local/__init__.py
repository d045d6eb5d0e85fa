"""Put a machine without Kubernetes on a service network: sites, links, services, and an embedded router."""

__version__ = "0.1.0"
