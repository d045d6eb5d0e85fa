# Health check of a router in a container: its local listener speaks TLS as the site's own server, and AMQP with SASL.
# Arguments: the port, and the directory of the site's own client credentials. Exit status 0: healthy.
import socket
import ssl
import sys

port, credentials = int(sys.argv[1]), sys.argv[2]
SASL = b"AMQP\x03\x01\x00\x00"

context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
# The CA signs nothing but this listener's certificate, and we are on the same machine.
context.check_hostname = False
context.load_verify_locations(credentials + "/ca.crt")
context.load_cert_chain(credentials + "/tls.crt", credentials + "/tls.key")
with (
    socket.create_connection(("127.0.0.1", port), timeout=8) as plain,
    context.wrap_socket(plain) as connection,
):
    connection.sendall(SASL)
    answer = b""
    while len(answer) < len(SASL):
        part = connection.recv(len(SASL) - len(answer))
        if not part:
            break
        answer += part
sys.exit(0 if answer == SASL else 1)
