# SPDX-License-Identifier: GPL-2.0-only
# Makes the packets of tests/faults/95-monitor-*.t, in the network namespace it runs in.
#   tcp old|ofo|window COUNT      segments made to measure for a real connection, on loopback
#   stray rst|ack COUNT           segments of a connection that never was, on loopback
#   unread COUNT | tap COUNT      datagrams nobody reads, a packet socket nobody reads, on loopback
#   unix COUNT                    messages of a unix socket nobody reads
#   datagrams ADDRESS PORT COUNT [SIZE] | frame MAC ipv4|lldp|stp|rs|udp6|multicast|0xTYPE COUNT     by eth0
#   overrun COUNT | ports ADDRESS PORT SOURCE… | fragment ADDRESS COUNT | ecn ADDRESS COUNT | kinds DEVICES
#   nobodys COUNT                 buffers that belong to no device and no socket
#   overrun6 COUNT | fragment6 COUNT | backlog COUNT     on loopback
#   toobig6 ADDRESS SIZE COUNT     a packet the sender's own kernel may not fragment
import ctypes, fcntl, mmap, os, socket, struct, sys, threading, time

TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
SEND_QUEUE = 2
RST, ACK, PSH = 4, 16, 8


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def own_address(to):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((to, 9))
    return s.getsockname()[0]


def segment(src, dst, sport, dport, seq, ack, flags, data=b""):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 5 << 4, flags, 1024, 0, 0)
    pseudo = socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!BBH", 0, 6, len(head) + len(data))
    return head[:16] + struct.pack("!H", checksum(pseudo + head + data)) + head[18:] + data


def raw_tcp():
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)


def sequence(s, queue):
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
    value = s.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xFFFFFFFF
    s.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, -1)  # off, without a window probe
    return value


# The window is closed by a server that does not read.
def tcp(what, count):
    server = socket.create_server(("127.0.0.1", 0))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s = socket.create_connection(server.getsockname())
    accepted = server.accept()[0]
    if what == "window":
        s.setblocking(False)
        full = time.monotonic() + 1
        while time.monotonic() < full:
            try:
                s.send(b"x" * 1000)
            except BlockingIOError:
                time.sleep(0.1)
    else:
        s.send(b"x" * 8)
        accepted.recv(8)
    expected, ack = sequence(accepted, 1), sequence(accepted, SEND_QUEUE)
    offset, length = {"old": (-8, 8), "ofo": (100, 50), "window": (0, 1)}[what]
    (src, sport), (dst, dport), raw = s.getsockname(), accepted.getsockname(), raw_tcp()
    for _ in range(int(count) + (what == "ofo")):
        raw.sendto(segment(src, dst, sport, dport, expected + offset, ack, ACK | PSH, b"x" * length), (dst, 0))
        time.sleep(0.02)


def stray(what, count):
    address, raw = "127.0.0.1", raw_tcp()
    for i in range(int(count)):
        raw.sendto(segment(address, address, 999, 998, i, 1, RST if what == "rst" else ACK), (address, 0))


def datagrams(address, port, count, size=5):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    for _ in range(int(count)):
        s.sendto(b"x" * int(size), (address, int(port)))


def unread(count):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(int(count)):
        client.sendto(b"never read", server.getsockname())
    server.close()


def unix(count):
    client, server = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for _ in range(int(count)):
        client.send(b"never read")
    server.close()


# A packet socket that nobody reads, and traffic on loopback: its copies do not fit.
def tap(count):
    full = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    full.bind(("lo", 0))
    full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(int(count)):
        client.sendto(b"x" * 1000, server.getsockname())
        server.recv(2000)


# A netlink message for somebody who is not there: freed before it has an owner.
def nobodys(count):
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2)  # NETLINK_USERSOCK
    for _ in range(int(count)):
        try:
            s.sendto(b"x" * 32, (0x7FFFFFF0, 0))
        except ConnectionRefusedError:
            pass


# A socket whose buffer is full.
def overrun(count, family=socket.AF_INET, address="127.0.0.1"):
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    server.bind((address, 0))
    client = socket.socket(family, socket.SOCK_DGRAM)
    for _ in range(int(count)):
        client.sendto(b"x" * 500, server.getsockname())


# A server that is held up while it reads, the socket being its own meanwhile: it writes to memory that nobody provides
# (userfaultfd(2)). Segments wait behind it, until there are too many.
def backlog(count):
    server = socket.create_server(("127.0.0.1", 0))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    s = socket.create_connection(server.getsockname())
    accepted, page = server.accept()[0], mmap.mmap(-1, mmap.PAGESIZE)
    faults = ctypes.CDLL(None, use_errno=True).syscall(323 if os.uname().machine == "x86_64" else 282, 0)
    if faults < 0:
        sys.exit("userfaultfd: " + os.strerror(ctypes.get_errno()))
    fcntl.ioctl(faults, 0xC018AA3F, struct.pack("QQQ", 0xAA, 0, 0))  # UFFDIO_API
    start = ctypes.addressof(ctypes.c_char.from_buffer(page))
    fcntl.ioctl(faults, 0xC020AA00, struct.pack("QQQQ", start, mmap.PAGESIZE, 1, 0))  # UFFDIO_REGISTER, missing pages
    expected, ack = sequence(accepted, 1), sequence(accepted, SEND_QUEUE)
    (src, sport), (dst, dport), raw = s.getsockname(), accepted.getsockname(), raw_tcp()
    s.send(b"x" * 8)
    reader = threading.Thread(target=accepted.recv_into, args=(page, 8))
    reader.start()
    time.sleep(0.3)
    for _ in range(int(count)):
        raw.sendto(segment(src, dst, sport, dport, expected - 8, ack, ACK | PSH, b"x" * 8), (dst, 0))
    os.close(faults)
    reader.join()


def raw_ipv6(source, to, following, body, count):
    raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    head = struct.pack("!IHBB", 6 << 28, len(body), following, 64)
    for _ in range(int(count)):
        try:
            raw.sendto(head + socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, to) + body, (to, 0))
        except OSError:  # too big: that is what it is sent for
            pass


# The first fragment of a datagram that never gets its others.
def fragment6(count):
    for i in range(int(count)):
        raw_ipv6("::1", "::1", 44, struct.pack("!BBHI", 17, 0, 1, 4711 + i) + struct.pack("!HHHH", 4242, 4243, 2000, 0) + b"x" * 40, 1)


def toobig6(to, size, count):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.connect((to, 9))
    raw_ipv6(s.getsockname()[0], to, 17, struct.pack("!HHHH", 4242, 4243, int(size) - 40, 0) + b"x" * (int(size) - 48), count)


def ports(address, port, *sources):
    for source in sources:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("", int(source)))
        s.sendto(b"x", (address, int(port)))


# The first fragment of a datagram that never gets its others.
def fragment(address, count):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for i in range(int(count)):
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 100 + i, 0x2000, 64, 17, 0,
                           socket.inet_aton(own_address(address)), socket.inet_aton(address))
        raw.sendto(head + struct.pack("!HHHH", 4242, 4243, 2000, 0) + b"x" * 40, (address, 0))


# 16 kinds of packets by each of the devices kind0, kind1, …
def kinds(devices):
    for i in range(int(devices)):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"kind%d" % i)
        bodies = [(6, b"\0" * 13 + bytes([flags]) + b"\0" * 6) for flags in (2, 4, 6, 16)]
        bodies += [(1, bytes([kind]) + b"\0" * 27) for kind in (0, 3, 8, 13)]
        bodies += [(proto, b"\0" * 28) for proto in (2, 4, 17, 41, 47, 50, 132, 99)]
        for proto, body in bodies:
            head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 1, 0, 64, proto, 0, socket.inet_aton("192.0.2.1"),
                               socket.inet_aton("192.0.2.2"))
            try:
                raw.sendto(head + body, ("192.0.2.2", 0))
            except PermissionError:  # what a rule drops on its way out
                pass


# A VXLAN packet that met congestion, around one that cannot say so.
def ecn(address, count):
    inner = ipv4("10.244.1.1", struct.pack("!HHHH", 4242, 4243, 8, 0))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 3)
    for _ in range(int(count)):
        s.sendto(struct.pack("!II", 8 << 24, 1 << 8) + b"\2" * 12 + b"\x08\0" + inner, (address, 8472))


def ipv4(destination, data):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 7, 0, 1, 17, 0,
                       socket.inet_aton(own_address("10.244.1.1")), socket.inet_aton(destination))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + data


def router_solicitation():
    source, to = b"\xfe\x80" + b"\0" * 13 + b"\x09", b"\xff\x02" + b"\0" * 13 + b"\x02"
    body = struct.pack("!BBHI", 133, 0, 0, 0)
    body = struct.pack("!BBHI", 133, 0, checksum(source + to + struct.pack("!II", len(body), 58) + body), 0)
    return struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + source + to + body


def frame(mac, what, count):
    udp = struct.pack("!HHHH", 4242, 4243, 8 + 20, 0) + b"x" * 20
    kinds = {
        "ipv4": lambda: (0x0800, ipv4("10.244.1.99", udp)),
        "multicast": lambda: (0x0800, ipv4("239.1.2.3", udp)),
        "lldp": lambda: (0x88CC, b"\x02\x07\x04\x02\0\0\0\0\1" + b"\0" * 40),
        "stp": lambda: (38, b"\x42\x42\x03" + b"\0" * 43),
        "udp6": lambda: (0x86DD, struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + b"\xfd" + b"\0" * 14 + b"\1" + b"\xfd" + b"\0" * 14 + b"\2" + udp),
        "rs": lambda: (0x86DD, router_solicitation()),
    }
    kind, data = kinds[what]() if what in kinds else (int(what, 16), b"x" * 50)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind(("eth0", 0))
    for _ in range(int(count)):
        s.send(bytes.fromhex(mac.replace(":", "")) + s.getsockname()[4] + struct.pack("!H", kind) + data)


commands = {"tcp": tcp, "stray": stray, "datagrams": datagrams, "unread": unread, "unix": unix, "tap": tap, "frame": frame,
            "overrun": overrun, "ports": ports, "fragment": fragment, "ecn": ecn, "kinds": kinds,
            "overrun6": lambda count: overrun(count, socket.AF_INET6, "::1"), "backlog": backlog, "fragment6": fragment6,
            "toobig6": toobig6, "nobodys": nobodys}
commands[sys.argv[1]](*sys.argv[2:])
