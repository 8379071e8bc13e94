"""An operator of applications, written to the wire sheet without our code: plain pika, bodies made
by hand.

usage: operator.py URL ORDER...

An order is `ping KEY COUNT`, `join_group KEY GROUP`, `leave_group KEY GROUP`,
`declare NAME HOST GROUP`: the queues that applications of one name share, with the flags that Python
Postage gives them; or `locked QUEUE`, which must be another connection's own. Prints a line of JSON for each order: the replies, so many as a ping is to have,
and what is wrong with them, or with the queues.
"""

import json
import sys

import pika

EXCHANGE = "generic-application-exchange"
PATIENCE = 20  # seconds that an answer may take

FINGERPRINT = b'{"name": "ui", "type": "application", "pid": "4021", "host": "desk", "user": "ann", "vhost": "/"}'
PING = (b'{"type": "command", "name": "ping", "category": "rpc", "version": "2", "fingerprint": '
        + FINGERPRINT + b', "content": {"parameters": {}}, "_reserved": {}}')
GROUP = (b'{"type": "command", "name": "%s", "category": "message", "version": "2", "fingerprint": '
         + FINGERPRINT + b', "content": {"parameters": {"group_name": "%s"}}, "_reserved": {}}')

SIX = {"name", "type", "pid", "host", "user", "vhost"}


def problems(properties, body):
    """What is wrong with an answer to a ping."""
    message = json.loads(body.decode("utf-8"))
    frame = {key: message.get(key) for key in ("type", "name", "category", "version")}
    content = message.get("content", {})
    value = content.get("value", {})
    checks = {
        "correlation_id": (properties.correlation_id, None),
        "frame": (frame, {"type": "result", "name": "none", "category": "message", "version": "2"}),
        "result": ((content.get("type"), content.get("message")), ("success", "")),
        "fingerprint": (set(value), SIX),
        "all are texts": (all(isinstance(text, str) for text in value.values()), True),
    }
    return ["%s: %r, not %r" % (what, seen, wanted)
            for what, (seen, wanted) in checks.items() if seen != wanted]


class Operator:
    def __init__(self, url):
        self.connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self.connection.channel()
        self.channel.exchange_declare(EXCHANGE, "direct", durable=True)

    def send(self, key, body, **properties):
        properties = pika.BasicProperties(content_type="application/json", **properties)
        self.channel.basic_publish(EXCHANGE, key, body, properties)

    def ping(self, key, count):
        queue = self.channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
        self.send(key, PING, reply_to=queue)
        replies, wrong = [], []
        while len(replies) < int(count):
            method, properties, body = next(
                self.channel.consume(queue, auto_ack=True, inactivity_timeout=PATIENCE))
            if method is None:
                wrong.append("%d of %s answered" % (len(replies), count))
                break
            wrong += problems(properties, body)
            replies.append(json.loads(body.decode("utf-8"))["content"]["value"])
        self.channel.cancel()
        return replies, wrong

    def group(self, command, key, group):
        self.send(key, GROUP % (command.encode(), group.encode()))
        return [], []

    def declare(self, name, host, group):
        wrong = []
        for queue, flags in ((name, {"auto_delete": True}),
                             ("%s@%s" % (name, host), {"auto_delete": True}),
                             ("%s#%s" % (name, group), {})):
            channel = self.connection.channel()
            try:
                channel.queue_declare(queue, passive=True)
                channel.queue_declare(queue, **flags)
                channel.close()
            except pika.exceptions.ChannelClosedByBroker as error:
                wrong.append("%s: %s" % (queue, error.reply_text))
        return [], wrong

    def locked(self, queue):
        try:
            self.connection.channel().queue_declare(queue, auto_delete=True)
        except pika.exceptions.ChannelClosedByBroker as error:
            return [], [] if error.reply_code == 405 else [error.reply_text]
        return [], ["%s may be declared" % queue]

    def obey(self, order):
        command, *arguments = order.split()
        if command in ("join_group", "leave_group"):
            return self.group(command, *arguments)
        obeys = {"ping": self.ping, "declare": self.declare, "locked": self.locked}
        return obeys[command](*arguments)


def main(url, *orders):
    operator = Operator(url)
    for order in orders:
        replies, wrong = operator.obey(order)
        print(json.dumps({"case": order, "replies": replies, "problems": wrong}), flush=True)
    operator.connection.close()


main(*sys.argv[1:])
