"""A caller written to the wire sheet, without our code: plain pika, bodies made by hand.

usage: caller.py URL EXCHANGE KEY CASE...

Sends each case to the exchange, as Python Postage does, with a fence after it: a call whose answer
shows that the service is alive, and that whatever it had to say to the case has been said. Prints
a line of JSON for each case: the replies that came before the fence's, and what is wrong with
their form.
"""

import json
import sys

import pika

PATIENCE = 20  # seconds that an answer may take

FENCE = (
    b'{"type": "command", "name": "echo", "category": "rpc", "version": "2", "fingerprint": {}, '
    b'"content": {"parameters": "the fence"}, "_reserved": {}}'
)

# What is sent: the body, and which properties it has.
CALL = {"content_type": "application/json", "reply_to": True}
TOLD = {"content_type": "application/json"}

CASES = {
    "success": (CALL, b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {"name": "ui", "type": "application", "pid": "4021", "host": "desk", "user": "ann", "vhost": "/"}, "content": {"parameters": {"w": 10, "h": 4}}, "_reserved": {}}'),
    "correlated": (dict(CALL, correlation_id="case-7"), b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {"name": "ui", "type": "application", "pid": "4021", "host": "desk", "user": "ann", "vhost": "/"}, "content": {"parameters": {"w": 2, "h": 3}}, "_reserved": {}}'),
    "any_order": (CALL, b'{"_reserved": {}, "content": {"more": 1, "parameters": {"h": 4, "note": {"deep": [1]}, "w": 5}}, "fingerprint": {}, "later": [1], "version": "2", "category": "rpc", "name": "area", "type": "command"}'),
    "bare_text": (CALL, b'{"type": "command", "name": "echo", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": "caf\\u00e9 \\"x\\""}, "_reserved": {}}'),
    "bare_number": (CALL, b'{"type": "command", "name": "withdraw", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": 30}, "_reserved": {}}'),
    "documented_error": (dict(CALL, correlation_id="case-8"), b'{"type": "command", "name": "withdraw", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"amount": 500}}, "_reserved": {}}'),
    "panic": (dict(CALL, correlation_id="case-9"), b'{"type": "command", "name": "burn", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {}}, "_reserved": {}}'),
    "early": (CALL, b'{"type": "command", "name": "early", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"year": 1999}}, "_reserved": {}}'),
    "progress": (CALL, b'{"type": "command", "name": "print", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"pages": 300}}, "_reserved": {}}'),
    "rejected": (CALL, b'{"type": "command", "name": "print", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"pages": 0}}, "_reserved": {}}'),
    "raised": (CALL, b'{"type": "command", "name": "paint", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"hours": 2}}, "_reserved": {}}'),
    "class_handler": (CALL, b'{"type": "command", "name": "resize", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 10, "h": 4}}, "_reserved": {}}'),
    "full_body": (CALL, b'{"type": "command", "name": "describe", "category": "rpc", "version": "2", "fingerprint": {"name": "ui", "type": "application", "pid": "4021", "host": "desk", "user": "ann", "vhost": "/"}, "content": {"parameters": [1, 2]}, "_reserved": {}}'),
    "unknown_command": (dict(CALL, correlation_id="case-10"), b'{"type": "command", "name": "dance", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {}}, "_reserved": {}}'),
    "unknown_type": (CALL, b'{"type": "query", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 1, "h": 1}}, "_reserved": {}}'),
    "missing_parameter": (CALL, b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 10}}, "_reserved": {}}'),
    "wrong_parameter": (CALL, b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 10, "h": "four"}}, "_reserved": {}}'),
    "nobody_to_answer": (TOLD, b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 1, "h": 1}}, "_reserved": {}}'),
    # What asks for an answer that lasts, or for statuses, and has data of its own.
    "lasting": (dict(CALL, correlation_id="case-12", headers={"postage-answer": "area-of-12", "postage-data": '{"cart": 7}'}), b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 10, "h": 4}}, "_reserved": {}}'),
    "with_data": (dict(CALL, correlation_id="case-13", headers={"postage-data": '{"cart": 7}'}), b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 1, "h": 1}}, "_reserved": {}}'),
    # What a sender may leave out or write otherwise.
    "minimal": (CALL, b'{"type": "command", "name": "area", "category": "rpc", "content": {"parameters": {"w": 3, "h": 3}}}'),
    "version_number": (CALL, b'{"type": "command", "name": "area", "category": "rpc", "version": 2, "fingerprint": {}, "content": {"parameters": {"w": 3, "h": 4}}, "_reserved": {}}'),
    "odd_frame": (CALL, b'{"type": "command", "name": "area", "category": "rpc", "version": null, "fingerprint": "ann", "content": {"parameters": {"w": 3, "h": 5}}, "_reserved": [1]}'),
    "no_content_type": ({"reply_to": True}, b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 3, "h": 6}}, "_reserved": {}}'),
    # What one of several versions is asked by.
    "second_version": (dict(CALL, headers={"postage-version": "2"}), b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 10, "h": 4}}, "_reserved": {}}'),
    "second_version_as_a_number": (dict(CALL, headers={"postage-version": 2}), b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 10, "h": 4}}, "_reserved": {}}'),
    "third_version": (dict(CALL, headers={"postage-version": "3"}), b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 10, "h": 4}}, "_reserved": {}}'),
    "another_signature": (dict(CALL, headers={"postage-signature": "w:u32,h:str->u32"}), b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 10, "h": 4}}, "_reserved": {}}'),
    # What is no message.
    "not_json": (dict(CALL, correlation_id="case-11"), b'this is not json'),
    "not_json_untold": (TOLD, b'nor is this'),
    "not_utf8": (CALL, b'\xff\xfe\x00'),
    "empty": (CALL, b''),
    "truncated": (CALL, b'{"type": "command", "name": "area", "category": "rpc", "content": {"parameters": {"w": 3'),
    "not_an_object": (CALL, b'["command", "area", "rpc", {}, {"parameters": {"w": 1, "h": 1}}, {}]'),
    "content_is_a_list": (CALL, b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": [{"w": 1, "h": 1}], "_reserved": {}}'),
    "no_category": (CALL, b'{"type": "command", "name": "area", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 1, "h": 1}}, "_reserved": {}}'),
    "no_type": (CALL, b'{"name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 1, "h": 1}}, "_reserved": {}}'),
    "no_name": (CALL, b'{"type": "command", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 1, "h": 1}}, "_reserved": {}}'),
    "no_content": (CALL, b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "_reserved": {}}'),
    "unknown_category": (CALL, b'{"type": "command", "name": "area", "category": "shout", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 1, "h": 1}}, "_reserved": {}}'),
    "unknown_content_type": (dict(CALL, content_type="application/pickle"), b'{"type": "command", "name": "area", "category": "rpc", "version": "2", "fingerprint": {}, "content": {"parameters": {"w": 1, "h": 1}}, "_reserved": {}}'),
    # What is told and not asked.
    "told": (TOLD, b'{"type": "command", "name": "tell", "category": "message", "version": "2", "fingerprint": {"name": "ui", "type": "application", "pid": "4021", "host": "desk", "user": "ann", "vhost": "/"}, "content": {"parameters": "it rains"}, "_reserved": {}}'),
    "status": (TOLD, b'{"type": "status", "name": "online", "category": "message", "version": "2", "fingerprint": {"name": "ui", "type": "application", "pid": "4021", "host": "desk", "user": "ann", "vhost": "/"}, "content": {}, "_reserved": {}}'),
    "plain": (TOLD, b'{"type": "none", "name": "none", "category": "message", "version": "2", "fingerprint": {}, "content": {"args": [1, "str"], "kwds": {"values": [1, 2]}}, "_reserved": {}}'),
    "plain_without_names": (TOLD, b'{"type": "none", "name": "none", "category": "message", "version": "2", "fingerprint": {}, "content": {"args": [2]}, "_reserved": {}}'),
    "unheard": (TOLD, b'{"type": "status", "name": "asleep", "category": "message", "version": "2", "fingerprint": {}, "content": {}, "_reserved": {}}'),
    "quit": (TOLD, b'{"type": "command", "name": "quit", "category": "message", "version": "2", "fingerprint": {}, "content": {"parameters": {}}, "_reserved": {}}'),
}

# After these nobody is left to answer the fence.
LAST = {"quit"}

BODY_KEYS = {"type", "name", "category", "version", "fingerprint", "content", "_reserved"}


def problems(method, properties, body, wanted_id, asked=None):
    """What is wrong with the form of a reply to a request with these headers."""
    lasts = "postage-answer" in (asked or {})
    try:
        message = json.loads(body.decode("utf-8"))
    except ValueError as error:
        return ["not JSON: %s" % error]
    content = message.get("content", {})
    frame = {key: message.get(key) for key in ("type", "name", "category", "version", "fingerprint")}
    checks = {
        "exchange": (method.exchange, ""),
        "correlation_id": (properties.correlation_id, wanted_id),
        "content_type": (properties.content_type, "application/json"),
        "headers": (properties.headers, asked if lasts else None),
        "kept over a restart": (properties.delivery_mode == 2, lasts),
        "an id of its own": ((properties.message_id or "").startswith("%s/" % wanted_id), lasts),
        "body keys": (set(message), BODY_KEYS),
        "frame": (frame, {"type": "result", "name": "none", "category": "message",
                          "version": "2", "fingerprint": {}}),
        "content keys": (set(content), {"type", "value", "message"}),
        "message is a text": (isinstance(content.get("message"), str), True),
        "_reserved is a map": (isinstance(message.get("_reserved"), dict), True),
    }
    return ["%s: %r, not %r" % (what, seen, wanted)
            for what, (seen, wanted) in checks.items() if seen != wanted]


class Caller:
    def __init__(self, url, exchange, key):
        self.connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self.connection.channel()
        self.channel.exchange_declare(exchange, "direct", durable=True)
        self.exchange, self.key = exchange, key

    def publish(self, body, **properties):
        self.channel.basic_publish(self.exchange, self.key, body, pika.BasicProperties(**properties))

    def send(self, case):
        given, body = CASES[case]
        properties = dict(given)
        queue = self.channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
        if properties.pop("reply_to", False):
            properties["reply_to"] = queue
        self.publish(body, **properties)
        if case in LAST:
            return {"case": case, "replies": [], "problems": []}
        self.publish(FENCE, content_type="application/json", reply_to=queue, correlation_id="fence")
        replies, wrong = [], []
        for method, reply, answer in self.channel.consume(queue, auto_ack=True,
                                                          inactivity_timeout=PATIENCE):
            if method is None:
                wrong.append("the fence was not answered: the service is dead")
                break
            if reply.correlation_id == "fence":
                wrong += problems(method, reply, answer, "fence")
                break
            wrong += problems(method, reply, answer, properties.get("correlation_id"),
                              properties.get("headers"))
            replies.append(json.loads(answer.decode("utf-8")))
        self.channel.cancel()
        return {"case": case, "replies": replies, "problems": wrong}


def main(url, exchange, key, *cases):
    caller = Caller(url, exchange, key)
    for case in cases:
        print(json.dumps(caller.send(case)), flush=True)
    caller.connection.close()


main(*sys.argv[1:])
