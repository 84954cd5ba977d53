#!/usr/bin/env python3
"""Drives the unmodified `openai` client against a server, one scenario after the other.

    openai_client.py --url http://127.0.0.1:PORT/v1 --key KEY [SCENARIO…]

Prints one JSON line per scenario: `scenario`, `ok`, `exception` (the class's name), `status`,
`code`, `text`, `finish_reason`, `chunks`, `usage`, `calls`, `seconds`, and `reason` when it is not
ok. The exit code is 0 when all are ok.

A scenario asks for the model of the same name as its behaviour in `misbehaving-openai`, after
`--model-prefix`. What it expects is what the gateway owes its clients; `--expect` changes it for a
server that is asked directly, and is `answer` or `EXCEPTION[:STATUS[:CODE]]`:

    --expect unauthorized=AuthenticationError:401:invalid_api_key

An expected exception is matched by class, so that `APIError` stands for all below it.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import openai
from openai.types.chat import ChatCompletionChunk

PROMPT = "How much is 6*7 ? Ask the calculator, if there is one."
TOOL = {
    "type": "function",
    "function": {
        "name": "calculate",
        "description": "Computes the product of two whole numbers, such as 6*7.",
        "parameters": {
            "type": "object",
            "properties": {"expression": {"type": "string"}},
            "required": ["expression"],
        },
    },
}
#: How many chunks the client takes before it leaves.
CHUNKS_BEFORE_LEAVING = 3


class Unsound(Exception):
    """An answer came, but it is not what a whole answer has to be."""


@dataclass
class Answer:
    """What came of a request that was answered."""

    text: str = ""
    finish_reason: str | None = None
    chunks: int = 0
    usage: int | None = None
    calls: list[dict] = field(default_factory=list)


@dataclass
class Peer:
    """The server, as a scenario sees it."""

    client: openai.OpenAI
    model: str

    def ask(self, messages: list[dict], **options) -> Answer:
        completion = self.client.chat.completions.create(
            model=self.model, messages=messages, **options
        )
        # A body that is no JSON reaches the caller as a plain string.
        if isinstance(completion, str):
            raise Unsound("the client took the body for a text")
        choice = completion.choices[0]
        calls = [
            {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}
            for call in choice.message.tool_calls or []
        ]
        usage = completion.usage.total_tokens if completion.usage else None
        return Answer(choice.message.content or "", choice.finish_reason, 1, usage, calls)

    def stream(self, messages: list[dict], **options) -> Answer:
        options.setdefault("stream_options", {"include_usage": True})
        chunks = self.client.chat.completions.create(
            model=self.model, messages=messages, stream=True, **options
        )
        return gather(chunks)


def gather(chunks: Iterator[ChatCompletionChunk]) -> Answer:
    """Puts the deltas of a stream together."""
    answer = Answer()
    for chunk in chunks:
        answer.chunks += 1
        if chunk.usage:
            answer.usage = chunk.usage.total_tokens
        for choice in chunk.choices:
            answer.text += choice.delta.content or ""
            answer.finish_reason = choice.finish_reason or answer.finish_reason
            for delta in choice.delta.tool_calls or []:
                gather_call(answer.calls, delta)
    return answer


def gather_call(calls: list[dict], delta) -> None:
    if delta.index == len(calls):
        calls.append({"id": delta.id, "name": delta.function.name, "arguments": ""})
    calls[delta.index]["arguments"] += delta.function.arguments or ""


# ---- Scenarios: each returns an answer that is whole, or raises ---------------------------------

Ask = Callable[..., Answer]


def chat(peer: Peer) -> Answer:
    return require_text(peer.ask([user()]))


def stream(peer: Peer) -> Answer:
    return require_text(peer.stream([user()]))


def tools(peer: Peer) -> Answer:
    return use_tool(peer.ask)


def stream_tools(peer: Peer) -> Answer:
    return use_tool(peer.stream)


def disconnect(peer: Peer) -> Answer:
    """Leaves in the middle of a stream."""
    chunks = peer.client.chat.completions.create(model=peer.model, messages=[user()], stream=True)
    taken = [chunk for chunk, _ in zip(chunks, range(CHUNKS_BEFORE_LEAVING), strict=False)]
    chunks.close()
    if len(taken) < CHUNKS_BEFORE_LEAVING:
        raise Unsound(f"the stream ended after {len(taken)} chunks")
    return Answer(chunks=len(taken))


def models(peer: Peer) -> Answer:
    """Lists the models, among which has to be the one that is asked for."""
    names = [model.id for model in peer.client.models.list()]
    if peer.model not in names:
        raise Unsound(f"{peer.model} is not in {names}")
    return Answer(text=" ".join(names))


def user() -> dict:
    return {"role": "user", "content": PROMPT}


def require_text(answer: Answer) -> Answer:
    if answer.finish_reason != "stop":
        raise Unsound(f"finish_reason is {answer.finish_reason}: a broken answer that looks whole")
    if not answer.text:
        raise Unsound("no text")
    return answer


def use_tool(ask: Ask) -> Answer:
    """Has the model call the tool, and gives it the result."""
    called = ask([user()], tools=[TOOL])
    if called.finish_reason != "tool_calls" or len(called.calls) != 1:
        raise Unsound(f"not one tool call but {called}")
    call = called.calls[0]
    result = calculate(call)
    request = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
        ],
    }
    response = {"role": "tool", "tool_call_id": call["id"], "content": result}
    answer = require_text(ask([user(), request, response], tools=[TOOL]))
    if result not in answer.text:
        raise Unsound(f"the result {result} is not in the text: {answer.text}")
    answer.calls = called.calls
    return answer


def calculate(call: dict) -> str:
    expression = json.loads(call["arguments"])["expression"]
    factors = re.fullmatch(r"(\d+)\*(\d+)", expression)
    if call["name"] != TOOL["function"]["name"] or factors is None:
        raise Unsound(f"not a call of the calculator: {call}")
    return str(int(factors[1]) * int(factors[2]))


@dataclass
class Scenario:
    """What is asked of which model, and what the gateway owes for it."""

    run: Callable[[Peer], Answer]
    model: str = "good"
    expect: str = "answer"


SCENARIOS = {
    "models": Scenario(models),
    "chat": Scenario(chat),
    "stream": Scenario(stream),
    "tools": Scenario(tools),
    "stream-tools": Scenario(stream_tools),
    "huge": Scenario(chat, "huge"),
    "stream-huge": Scenario(stream, "huge"),
    # The same request with a key that the server does not know.
    "wrong-key": Scenario(chat, "good", "AuthenticationError:401"),
    "unauthorized": Scenario(chat, "unauthorized", "InternalServerError:502:upstream_unauthorized"),
    "stream-unauthorized": Scenario(
        stream, "unauthorized", "InternalServerError:502:upstream_unauthorized"
    ),
    "missing": Scenario(chat, "missing", "NotFoundError:404"),
    "rate-limited": Scenario(chat, "rate-limited", "RateLimitError:429"),
    "stream-rate-limited": Scenario(stream, "rate-limited", "RateLimitError:429"),
    # The gateway asks again, so its client sees nothing of it.
    "rate-limited-once": Scenario(chat, "rate-limited-once"),
    "broken": Scenario(chat, "broken", "InternalServerError"),
    "dies-midstream": Scenario(stream, "dies-midstream", "APIError"),
    "dies-midanswer": Scenario(chat, "dies-midstream", "APIError"),
    "silent": Scenario(chat, "silent", "APIError"),
    "stream-silent": Scenario(stream, "silent", "APIError"),
    "stalls-midstream": Scenario(stream, "stalls-midstream", "APIError"),
    "garbage": Scenario(chat, "garbage", "APIError"),
    "stream-garbage": Scenario(stream, "garbage", "APIError"),
    "disconnect": Scenario(disconnect, "slow-stream"),
}


# ---- Running them -------------------------------------------------------------------------------


def play(name: str, expect: str, arguments: argparse.Namespace) -> dict:
    """Plays one scenario and compares what came with what was expected."""
    scenario = SCENARIOS[name]
    key = "not-the-key" if name == "wrong-key" else arguments.key
    client = openai.OpenAI(
        base_url=arguments.url, api_key=key, max_retries=0, timeout=arguments.timeout
    )
    model = arguments.model_prefix + (arguments.model or scenario.model)
    outcome = {"scenario": name, "ok": False, "exception": None, "status": None, "code": None}
    start = time.monotonic()
    try:
        with client:
            answer = scenario.run(Peer(client, model))
        outcome |= {
            "text": shorten(answer.text),
            "finish_reason": answer.finish_reason,
            "chunks": answer.chunks,
            "usage": answer.usage,
            "calls": answer.calls,
        }
        reason = None if expect == "answer" else f"an answer came instead of {expect}"
    except Exception as failure:  # Whatever a caller would get is what is to be reported.
        outcome |= {
            "exception": type(failure).__name__,
            "status": getattr(failure, "status_code", None),
            "code": getattr(failure, "code", None),
            "text": shorten(str(failure)),
        }
        reason = compare(failure, expect)
    seconds = round(time.monotonic() - start, 3)
    if reason is None and seconds > arguments.deadline:
        reason = f"it took more than {arguments.deadline} s"
    return outcome | {"ok": reason is None, "reason": reason, "seconds": seconds}


def compare(failure: Exception, expect: str) -> str | None:
    """Says in what way a failure is not the expected one."""
    name, _, rest = expect.partition(":")
    status, _, code = rest.partition(":")
    if name == "answer" or not isinstance(failure, getattr(openai, name)):
        return f"{type(failure).__name__} came instead of {expect}"
    found = getattr(failure, "status_code", None), getattr(failure, "code", None)
    if status and str(found[0]) != status:
        return f"status {found[0]} came instead of {status}"
    if code and found[1] != code:
        return f"code {found[1]} came instead of {code}"
    return None


def shorten(text: str) -> str:
    return text if len(text) <= 500 else f"{text[:100]}… ({len(text)} characters)"


def parse_expectation(text: str) -> tuple[str, str]:
    name, _, expect = text.partition("=")
    if name not in SCENARIOS:
        raise argparse.ArgumentTypeError(f"no scenario is named {name}")
    known = expect == "answer" or hasattr(openai, expect.partition(":")[0])
    if not known:
        raise argparse.ArgumentTypeError(f"neither `answer` nor an exception: {expect}")
    return name, expect


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Drives the unmodified openai client.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--url", required=True, help="up to and with /v1")
    parser.add_argument("--key", required=True)
    parser.add_argument("--model-prefix", default="", help="such as upstream/")
    parser.add_argument("--model", help="one model for every scenario, instead of its own")
    parser.add_argument(
        "--expect", action="append", default=[], type=parse_expectation, metavar="SCENARIO=WHAT"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=60,
        help="how long the client waits for any byte, in seconds",
    )
    parser.add_argument(
        "--deadline",
        type=float,
        default=30,
        help="within which each scenario has to end, in seconds",
    )
    arguments = parser.parse_args()
    unknown = set(arguments.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"no scenario is named {', '.join(sorted(unknown))}")
    return arguments


def main() -> int:
    arguments = parse_arguments()
    expectations = dict(arguments.expect)
    all_ok = True
    for name in arguments.scenarios or SCENARIOS:
        outcome = play(name, expectations.get(name, SCENARIOS[name].expect), arguments)
        print(json.dumps(outcome, ensure_ascii=False), flush=True)
        all_ok = all_ok and outcome["ok"]
    return 0 if all_ok else 1


if __name__ == "__main__":
    sys.exit(main())
