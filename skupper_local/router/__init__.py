"""The embedded router: a program of its own that knows AMQP, HTTP and the shared vocabularies, and nothing of sites."""
