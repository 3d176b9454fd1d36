# SPDX-License-Identifier: GPL-2.0-only
# The two ends of tests/faults/92-silent.t's bulk traffic, in the network namespace it runs in.
#   serve SINK RESETTER           reads all that comes to port SINK; resets who connects to port RESETTER
#   upload ADDRESS PORT RATE      sends RATE bytes a second until it is ended
#   echo ADDRESS PORT WINDOW      datagrams of 1000 bytes to an echo server, WINDOW at a time, until it is ended
#   resets ADDRESS PORT COUNT     connections that this side resets
#   hear COUNT PORT ADDRESS       connections to PORT, resets of the other side read
#   scan ADDRESS FIRST LAST       a TCP connection and a datagram to each port
import select, socket, struct, sys, threading, time

LINGER_RESET = struct.pack("ii", 1, 0)


def drain(connection):
    with connection:
        try:
            while connection.recv(1 << 16):
                pass
        except OSError:
            pass


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
    connection.close()


def serve(sink, resetter):
    servers = {int(sink): drain, int(resetter): lambda c: (c.recv(100), reset(c))}
    listening = {socket.create_server(("", port), backlog=64): how for port, how in servers.items()}
    while True:
        for server in select.select(list(listening), [], [])[0]:
            threading.Thread(target=listening[server], args=(server.accept()[0],), daemon=True).start()


# In slices of 10 ms; what a busy machine cannot send in time is not made up for.
def upload(address, port, rate):
    data = b"x" * max(int(rate) // 100, 1)
    connection = socket.create_connection((address, int(port)))
    while True:
        due = time.monotonic() + 0.01
        connection.sendall(data)
        time.sleep(max(due - time.monotonic(), 0))


# Never more on the way than a receiver's buffer holds, however late it is.
def echo(address, port, window):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((address, int(port)))
    s.settimeout(30)
    while True:
        for _ in range(int(window)):
            s.send(b"x" * 1000)
        for _ in range(int(window)):
            s.recv(2000)


def resets(address, port, count):
    for _ in range(int(count)):
        connection = socket.create_connection((address, int(port)), timeout=10)
        connection.send(b"x" * 2000)
        reset(connection)


def hear(count, port, address):
    for _ in range(int(count)):
        # Its reset may be among the segments that are lost.
        with socket.create_connection((address, int(port)), timeout=10) as connection:
            try:
                connection.send(b"x" * 2000)
                connection.recv(100)
            except OSError:
                pass


def scan(address, first, last):
    for port in range(int(first), int(last) + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(5)
            s.connect_ex((address, port))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"anybody there?", (address, port))


commands = {"serve": serve, "upload": upload, "echo": echo, "resets": resets, "hear": hear, "scan": scan}
commands[sys.argv[1]](*sys.argv[2:])
