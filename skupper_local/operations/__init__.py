"""What a person asks for, one module each: plain arguments in, plain results out, nothing printed.

Whatever changes a site does so under the namespace's lock and in one transaction, so that a command that is killed at any
instruction can simply be repeated. Asking for what is so already is a success.
"""
