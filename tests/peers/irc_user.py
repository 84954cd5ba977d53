#!/usr/bin/env python3
"""A scripted IRC user: joins a channel, says lines, and tells what it hears.

Prints one JSON line per event, each with `seconds` since the start:

    {"event": "joined", "channel": …}
    {"event": "present", "nick": …}                         someone it waits for is in the channel
    {"event": "said", "to": …, "text": …}
    {"event": "heard", "from": …, "to": …, "command": …, "text": …, "bytes": …}
    {"event": "violation", "reason": …, "line": …}          a line that breaks the protocol's rules
    {"event": "done", "heard": …, "violations": …, "ok": …, "error": …}

A line may have 512 bytes at most with its CR LF, and has to be UTF-8. The last line's `ok` is true,
and the exit code 0, when as many replies came as expected and no line was in violation.
"""

import argparse
import json
import re
import socket
import ssl
import sys
import time

#: The longest line that the protocol admits, in bytes, with its CR LF.
LINE_BYTES = 512

LINE = re.compile(r"(?::(?P<prefix>\S+) +)?(?P<command>\S+)(?P<parameters>.*)", re.DOTALL)


class Silence(Exception):
    """Nothing came within the time that was given."""


class Refused(Exception):
    """The server does not let the user in or closes the connection."""


class User:
    """One connection of one user."""

    def __init__(self, arguments: argparse.Namespace):
        self.nick = arguments.nick
        self.start = time.monotonic()
        self.deadline = self.start + arguments.seconds
        self.violations = 0
        self.heard = 0
        self.buffer = b""
        self.socket = connect(arguments, self.left())

    def left(self) -> float:
        """The seconds that are left of the time for everything."""
        return self.deadline - time.monotonic()

    def tell(self, event: str, **details) -> None:
        seconds = round(time.monotonic() - self.start, 3)
        print(
            json.dumps({"event": event, **details, "seconds": seconds}, ensure_ascii=False),
            flush=True,
        )

    def send(self, line: str) -> None:
        data = line.encode() + b"\r\n"
        if len(data) > LINE_BYTES:
            raise Refused(f"a line of {len(data)} bytes cannot be said")
        self.socket.sendall(data)

    def receive(self, seconds: float) -> tuple[str, str, list[str], int]:
        """Waits for the next line: the nick of its sender (empty for the server), command,
        parameters and length. Answers pings."""
        deadline = min(time.monotonic() + seconds, self.deadline)
        while True:
            line = self.read_line(deadline)
            sender, command, parameters = self.parse(line)
            if command == "PING":
                self.send(f"PONG :{parameters[-1]}")
            elif command == "ERROR":
                raise Refused(parameters[-1])
            else:
                return sender, command, parameters, len(line)

    def read_line(self, deadline: float) -> bytes:
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Silence
            self.socket.settimeout(left)
            try:
                received = self.socket.recv(4096)
            except TimeoutError:
                raise Silence from None
            if not received:
                raise Refused("the server closed the connection")
            self.buffer += received
        end = self.buffer.index(b"\n") + 1
        line, self.buffer = self.buffer[:end], self.buffer[end:]
        return line

    def parse(self, line: bytes) -> tuple[str, str, list[str]]:
        if len(line) > LINE_BYTES:
            self.violate(f"a line of {len(line)} bytes", line)
        if not line.endswith(b"\r\n"):
            self.violate("a line without CR LF", line)
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            self.violate(f"not UTF-8: {error}", line)
            text = line.decode(errors="replace")
        found = LINE.fullmatch(text.rstrip("\r\n"))
        if found is None:
            self.violate("an empty line", line)
            return "", "", [""]
        middle, colon, trailing = found["parameters"].partition(" :")
        parameters = (middle.split() + ([trailing] if colon else [])) or [""]
        if len(line) == LINE_BYTES and parameters[-1].endswith("[CUT]"):
            self.violate("the server cut a line that was too long for it to relay", line)
        nick, of_a_person, _ = (found["prefix"] or "").partition("!")
        sender = nick if of_a_person else ""
        return sender, found["command"].upper(), parameters

    def violate(self, reason: str, line: bytes) -> None:
        self.violations += 1
        self.tell("violation", reason=reason, line=line.decode(errors="backslashreplace"))


def connect(arguments: argparse.Namespace, seconds: float) -> socket.socket:
    connection = socket.create_connection((arguments.host, arguments.port), timeout=seconds)
    if not arguments.tls_root:
        return connection
    context = ssl.create_default_context(cafile=arguments.tls_root)
    return context.wrap_socket(connection, server_hostname=arguments.host)


def register(user: User, password: str) -> None:
    if password:
        user.send(f"PASS {password}")
    user.send(f"NICK {user.nick}")
    user.send(f"USER {user.nick} 0 * :A scripted user")
    await_reply(user, "001")


def await_reply(user: User, wanted: str) -> list[str]:
    """Waits for a reply of the server; the replies from 400 to 599 are refusals."""
    while True:
        _, command, parameters, _ = user.receive(user.left())
        if command == wanted:
            return parameters
        # A server without a greeting of the day says so with an error of its own.
        if command[:1] in ("4", "5") and command != "422":
            raise Refused(f"{command} {' '.join(parameters)}")


def join(user: User, channel: str) -> set[str]:
    """Joins the channel and returns the nicks of those in it."""
    user.send(f"JOIN {channel}")
    names = await_reply(user, "353")[-1]
    await_reply(user, "366")
    user.tell("joined", channel=channel)
    # The nicks come with the signs of their ranks.
    return {name.lstrip("~&@%+") for name in names.split()}


def await_nicks(user: User, wanted: list[str], present: set[str]) -> None:
    """Waits until everyone wanted is in the channel."""
    missing = set(wanted) - present
    while missing:
        sender, command, _, _ = user.receive(user.left())
        if command == "JOIN":
            missing.discard(sender)
    for nick in wanted:
        user.tell("present", nick=nick)


def say(user: User, to: str, lines: list[str]) -> None:
    for line in lines:
        user.send(f"PRIVMSG {to} :{line}")
        user.tell("said", to=to, text=line)


def listen(user: User, expected: int, senders: list[str], linger: float) -> None:
    """Hears replies until enough have come, and then a while longer for one too many."""
    while True:
        try:
            seconds = user.left() if user.heard < expected else linger
            sender, command, parameters, length = user.receive(seconds)
        except Silence:
            return
        if command in ("PRIVMSG", "NOTICE") and sender and (not senders or sender in senders):
            user.heard += 1
            user.tell(
                "heard",
                **{"from": sender},
                to=parameters[0],
                command=command,
                text=parameters[-1],
                bytes=length,
            )


def converse(user: User, arguments: argparse.Namespace) -> None:
    register(user, arguments.password)
    present = join(user, arguments.channel)
    await_nicks(user, arguments.wait_for, present)
    say(user, arguments.to or arguments.channel, arguments.say)
    listen(user, arguments.expect, arguments.wait_for, arguments.linger)
    user.send("QUIT :done")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A scripted IRC user.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--tls-root", metavar="FILE", help="use TLS and trust this certificate")
    parser.add_argument("--password", default="", help="of the server")
    parser.add_argument("--nick", default="person")
    parser.add_argument("--channel", default="#test")
    parser.add_argument(
        "--wait-for",
        metavar="NICK",
        action="append",
        default=[],
        help="before talking, until these are in the channel; then hear only them",
    )
    parser.add_argument("--to", metavar="TARGET", help="whom to talk to (default: the channel)")
    parser.add_argument("--say", metavar="TEXT", action="append", default=[])
    parser.add_argument(
        "--expect", metavar="COUNT", type=int, default=0, help="how many replies to wait for"
    )
    parser.add_argument(
        "--linger",
        metavar="SECONDS",
        type=float,
        default=0.5,
        help="listen on after the last reply",
    )
    parser.add_argument("--seconds", type=float, default=30, help="the time for everything")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    error = None
    try:
        user = User(arguments)
    except OSError as failure:
        print(
            json.dumps(
                {
                    "event": "done",
                    "heard": 0,
                    "violations": 0,
                    "ok": False,
                    "error": str(failure),
                    "seconds": 0,
                }
            )
        )
        return 1
    try:
        converse(user, arguments)
    except Silence:
        error = "the time is over"
    except (Refused, OSError) as failure:
        error = str(failure)
    ok = error is None and user.heard == arguments.expect and user.violations == 0
    user.tell("done", heard=user.heard, violations=user.violations, ok=ok, error=error)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
