"""A service that behaves as Python Postage does, written to the wire sheet without our code.

usage: server.py URL EXCHANGE QUEUE KEY

Prints a line when it consumes, then one for each message: its body and its properties. Replies go
to the default exchange with no properties at all, hence with no correlation id.
"""

import json
import sys

import pika


def result(content):
    return (b'{"type": "result", "name": "none", "category": "message", "version": "2", '
            b'"fingerprint": {}, "content": ' + content + b', "_reserved": {}}')


# What is answered to a command, by its name.
REPLIES = {
    "area": result(b'{"type": "success", "value": 40, "message": ""}'),
    "refuse": result(b'{"type": "error", "value": null, "message": "no such size"}'),
    "raise": result(b'{"type": "exception", "value": "KeyError", "message": "\'w\'"}'),
    "odd_exception": result(b'{"type": "exception", "value": {"code": 7}, "message": ["a", 1]}'),
    "nothing": result(b'{"type": "success", "value": null, "message": ""}'),
    "text": result(b'{"type": "success", "value": "caf\\u00e9 \\"x\\"", "message": ""}'),
    "minimal": b'{"type":"result","name":"none","category":"message",'
               b'"content":{"type":"success","value":1,"message":""}}',
    # Malformed ones.
    "unknown_type": result(b'{"type": "maybe", "value": 1, "message": ""}'),
    "no_result_type": result(b'{"value": 1, "message": ""}'),
    "no_value": result(b'{"type": "success", "message": ""}'),
    "no_message": result(b'{"type": "success", "value": 1}'),
    "content_is_a_list": result(b'["success", 1, ""]'),
    "not_json": b'<html>busy</html>',
    "not_utf8": b'\xff\xfe\x00',
    "empty": b'',
    "truncated": b'{"type": "result", "name": "none", "content": {"type": "succ',
    "not_an_object": b'"done"',
    "no_content": b'{"type": "result", "name": "none", "category": "message", "version": "2", '
                  b'"fingerprint": {}, "_reserved": {}}',
    "too_deep": result(b'{"type": "success", "value": ' + b'[' * 10000 + b']' * 10000
                       + b', "message": ""}'),
}


class Server:
    def __init__(self, url, exchange, queue, key):
        self.channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
        self.channel.exchange_declare(exchange, "direct", durable=True)
        self.channel.queue_declare(queue)
        self.channel.queue_bind(queue, exchange, key)
        self.channel.basic_qos(prefetch_count=1)
        self.channel.basic_consume(queue, self.take)
        self.asked = {}
        self.held = []

    def take(self, channel, method, properties, body):
        message = json.loads(body.decode("utf-8"))
        given = {name: value for name, value in vars(properties).items() if value is not None}
        print(json.dumps({"body": message, "properties": given}), flush=True)
        if message["category"] == "rpc":
            self.answer(message["name"], message["content"]["parameters"], properties.reply_to)
        channel.basic_ack(method.delivery_tag)

    def answer(self, name, parameters, reply_to):
        times = self.asked[name] = self.asked.get(name, 0) + 1
        if name == "echo":
            value = json.dumps(parameters).encode("utf-8")
            self.reply(reply_to, result(b'{"type": "success", "value": ' + value + b', "message": ""}'))
        elif name == "third_time":
            if times == 3:
                self.reply(reply_to, REPLIES["area"])
        elif name == "late":
            # The answer to the first request comes when the second one is there.
            self.held.append(reply_to)
            if times == 2:
                self.reply(self.held[0], REPLIES["area"])
        elif name in REPLIES:
            self.reply(reply_to, REPLIES[name])
        # Any other command is passed over in silence, as Python Postage does.

    def reply(self, reply_to, body):
        self.channel.basic_publish("", reply_to, body)


def main(url, exchange, queue, key):
    server = Server(url, exchange, queue, key)
    print("ready", flush=True)
    server.channel.start_consuming()


main(*sys.argv[1:])
