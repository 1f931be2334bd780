"""What a hostile original could try: one line of JSON from within the witness's container (Python 2.7, 3.9)."""

import errno
import json
import os
import resource
import socket


def tried(act):
    """Return 'done', or the name of the error that an act ends in."""
    try:
        act()
    except (EnvironmentError, ValueError) as error:
        return errno.errorcode.get(getattr(error, "errno", None), type(error).__name__)
    return "done"


def write(folder):
    """Return an act that leaves a file in a folder."""
    path = os.path.join(folder, "left-by-the-probe")

    def act():
        open(path, "w").close()
        os.remove(path)

    return act


def connect(family, address):
    """Return an act that opens a connection."""

    def act():
        made = socket.socket(family, socket.SOCK_STREAM)
        made.settimeout(2)
        made.connect(address)

    return act


def many():
    """Start more processes than are allowed, and end them."""
    children = []
    try:
        for _ in range(400):
            child = os.fork()
            if not child:
                import time

                time.sleep(20)
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)


def large():
    """Write a file larger than a trace may be; it has a hole, and takes no room."""
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open("/exchange/large", "wb") as file:
        file.truncate(5 << 30)
    os.remove("/exchange/large")


def bound(*names):
    """Return what the first of the control group's files that is there tells."""
    for name in names:
        path = os.path.join("/sys/fs/cgroup", name)
        if os.path.exists(path):
            with open(path) as file:
                return file.read().strip()
    return "not told"


def told():
    """Return the fields of the process's own status."""
    with open("/proc/self/status") as file:
        lines = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    return {name: lines[name].strip() for name in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs")}


FOLDERS = ("/", "/room", "/room/legacy", "/program", "/usr", "/etc", "/run", "/var/tmp", "/dev", "/dev/shm", "/home")
print(
    json.dumps(
        {
            "uid": os.getuid(),
            "gid": os.getgid(),
            "status": told(),
            "written": [name for name in FOLDERS + ("/exchange", "/tmp") if tried(write(name)) == "done"],
            "own_code": tried(lambda: open("/room/legacy/record.py", "a").close()),
            "interfaces": sorted(os.listdir("/sys/class/net")),
            "outside": tried(connect(socket.AF_INET, ("192.0.2.1", 80))),
            "name": tried(lambda: socket.getaddrinfo("example.org", 80)),
            "root": tried(lambda: os.setuid(0)),
            "device": tried(lambda: os.mknod("/tmp/device", 0o60644, os.makedev(8, 0))),
            "many": tried(many),
            "large": tried(large),
            "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
            "memory": bound("memory.max", "memory/memory.limit_in_bytes"),
            "pids": bound("pids.max", "pids/pids.max"),
            "address_space_mb": resource.getrlimit(resource.RLIMIT_AS)[1] >> 20,
        },
        sort_keys=True,
    )
)
raise SystemExit(0)
