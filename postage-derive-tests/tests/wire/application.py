"""An application that behaves as Python Postage's GenericApplication is meant to, written to the
wire sheet without our code.

usage: application.py URL NAME PID HOST [GROUP]...

Prints a line when it consumes, then one for each message: its body and its properties. Replies go
to the default exchange with no properties at all, hence with no correlation id.
"""

import json
import sys

import pika

EXCHANGE = "generic-application-exchange"


class Application:
    def __init__(self, url, name, pid, host, groups):
        self.name, self.own = name, "%s@%s" % (pid, host)
        self.fingerprint = {"name": name, "type": "application", "pid": pid, "host": host,
                            "user": "ann", "vhost": "/"}
        self.channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
        self.channel.exchange_declare(EXCHANGE, "direct", durable=True)
        self.channel.basic_qos(prefetch_count=1)
        here = "%s@%s" % (name, host)
        self.listen(name, [name + "/rr"], auto_delete=True)
        self.listen(here, [here + "/rr"], auto_delete=True)
        self.listen(self.own, [name, "@" + host, here, self.own], auto_delete=True)
        for group in groups:
            self.listen(self.own, [self.group(group)], auto_delete=True)
            self.listen(self.group(group), [self.group(group) + "/rr"])

    def listen(self, queue, keys, **flags):
        self.channel.queue_declare(queue, **flags)
        # A consumer for each key, as Python Postage has it.
        for key in keys:
            self.channel.queue_bind(queue, EXCHANGE, key)
            self.channel.basic_consume(queue, self.take)

    def group(self, group):
        return "%s#%s" % (self.name, group)

    def take(self, channel, method, properties, body):
        message = json.loads(body.decode("utf-8"))
        name, parameters = message["name"], message["content"].get("parameters", {})
        if name == "ping":
            self.answer(properties.reply_to)
        elif name == "join_group":
            channel.queue_bind(self.own, EXCHANGE, self.group(parameters["group_name"]))
        elif name == "leave_group":
            channel.queue_unbind(self.own, EXCHANGE, self.group(parameters["group_name"]))
        # Any other command is passed over in silence, as Python Postage does.
        channel.basic_ack(method.delivery_tag)
        given = {name: value for name, value in vars(properties).items() if value is not None}
        print(json.dumps({"body": message, "properties": given}), flush=True)

    def answer(self, reply_to):
        value = json.dumps(self.fingerprint).encode("utf-8")
        self.channel.basic_publish("", reply_to, (
            b'{"type": "result", "name": "none", "category": "message", "version": "2", '
            b'"fingerprint": {}, "content": {"type": "success", "value": ' + value
            + b', "message": ""}, "_reserved": {}}'))


def main(url, name, pid, host, *groups):
    application = Application(url, name, pid, host, groups)
    print("ready", flush=True)
    application.channel.start_consuming()


main(*sys.argv[1:])
