"""Backups under load, from the shell and through the API: each has all that was acknowledged before
it began, as it was at one commit."""

import http.client
import json
import re
import stat
import subprocess
import threading

from api_test import CHANGE, ApiTest
from harness import wire
from harness.broker import DEADLINE_SECONDS, binary, wait_until
from harness.scrape import request
from harness.wire import MQTT5

CONFIG = """persistence true
persistence_location {dir}/
max_queued_messages 0
"""
ROUNDS = 2
LARGE = 5  # retained messages, so that a copy takes more than one step
PAUSE_SECONDS = 0.003  # so that restored queues stay short


class Load:
    """A publisher on a thread: a message for a session that is away, then the same number retained,
    each acknowledged before the next is sent."""

    def __init__(self, client, number):
        self.client, self.number = client, number
        self.acknowledged = 0  # all up to this number, of both topics
        self.fault = None
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        """Publishes until it is told to end."""
        try:
            while not self.end.wait(PAUSE_SECONDS):
                text = str(self.acknowledged + 1)
                self.client.publish(f"load/{self.number}", text, 1)
                self.client.publish(f"state/{self.number}", text, 1, retain=True)
                self.acknowledged += 1
        except (AssertionError, OSError) as fault:
            self.fault = fault

    def stop(self):
        """Ends the thread; a fault of it is one of the test."""
        self.end.set()
        self.thread.join()
        if self.fault:
            raise self.fault


class BackupTest(ApiTest):
    """A broker with a store, and four publishers that do not stop for a backup."""

    config = CONFIG + ApiTest.config

    def command(self, *arguments):
        """Darter's output for these arguments and the broker's configuration; it must succeed."""
        done = subprocess.run([binary(), *arguments, "-c", self.broker.config_file],
                              capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def back_up_by_shell(self, number):
        """The path of a backup that the command made."""
        path = self.broker.directory / f"shell{number}"
        self.assertIn("Backed up", self.command("--backup", path))
        return path

    def back_up_by_api(self, _):
        """The path of a backup that the broker made."""
        def ask():
            status, _, text = request(self.broker.port2, "/api/v1/backups", "POST",
                                      self.basic() | CHANGE)
            if status == 409:
                self.assertIn("of this second", text)
                return None
            self.assertEqual(status, 200, text)
            return json.loads(text)
        made = wait_until(ask, "the next second")
        path = self.broker.directory / made["name"]
        self.assertRegex(made["name"], r"^darter\.db\.backup-\d{8}T\d{6}Z$")
        self.assertEqual(made["bytes"], path.stat().st_size)
        self.broker.wait_for_log(r"HTTP: 'ann' \(127\.0\.0\.1\) backed up the store to "
                                 + re.escape(made["name"]))
        return path

    def prepare(self):
        """Sessions that are away, with a queue for each publisher, and large messages."""
        for number in range(4):
            away = self.persistent(MQTT5, f"away{number}")
            away.subscribe(f"load/{number}", qos=1)
            self.drop(away)
        publisher = self.client(MQTT5)
        for number in range(LARGE):
            publisher.publish(f"large/{number}", bytes([number]) * 1_500_000, 1, retain=True)

    def make_backups(self, loads):
        """Pairs: the path of a backup, and the numbers that were acknowledged before it began."""
        def wait_for_more(before):
            wait_until(lambda: all(load.fault or load.acknowledged > least
                                   for load, least in zip(loads, before)), "more load")
        wait_for_more([0] * len(loads))
        made = []
        for number in range(ROUNDS):
            for back_up in (self.back_up_by_shell, self.back_up_by_api):
                name = f"mark{len(made)}"
                self.drop(self.persistent(MQTT5, name))
                before = [load.acknowledged for load in loads]
                made.append((back_up(number), before))
                wait_for_more(before)
        return made

    def check_restored(self, before, marks):
        """Everything that was acknowledged is there, in order, and both topics are of one state."""
        self.assertEqual(self.broker.log_lines("damaged|left out|Error"), [])
        for number in range(marks + 1):
            client = self.persistent(MQTT5, f"mark{number}")
            self.assertTrue(client.connack.session_present, client.client_id)
        reader = self.client(MQTT5)  # all of these fit into its window
        reader.subscribe("large/#", "state/#", qos=1)
        packets = [reader.expect(wire.PUBLISH) for _ in range(LARGE + len(before))]
        retained = {packet.topic: packet.payload for packet in packets}
        for number in range(LARGE):
            self.assertEqual(retained[f"large/{number}"], bytes([number]) * 1_500_000)
        for number, least in enumerate(before):
            state = int(retained[f"state/{number}"])
            self.assertGreaterEqual(state, least)
            away = self.persistent(MQTT5, f"away{number}")
            self.assertTrue(away.connack.session_present)
            for each in range(1, state + 1):
                away.expect_publish(f"load/{number}", str(each), qos=1)
            # The one behind it may be there: its retained one was not acknowledged yet.
            rest = [packet.payload for packet in away.drain()]
            self.assertIn(rest, ([], [str(state + 1).encode()]))

    def test_under_load(self):
        """Backups while publishers run, one by one restored; the last ends with the broker."""
        self.prepare()
        loads = [Load(self.client(MQTT5), number) for number in range(4)]
        try:
            made = self.make_backups(loads)
        finally:
            for load in loads:
                load.stop()
        names = [path.name for path, _ in made if "backup-" in path.name]
        listed = self.get("/backups")
        self.assertEqual([each["name"] for each in listed["backups"]], names[::-1])
        self.assertEqual(listed["folder"], str(self.broker.directory))
        self.ask("POST", "/backups", self.basic("bob", "bob:secret") | CHANGE, status=403)
        self.ask("POST", "/backups", self.basic(), status=403)
        last = http.client.HTTPConnection("127.0.0.1", self.broker.port2, timeout=DEADLINE_SECONDS)
        self.addCleanup(last.close)
        last.request("POST", "/api/v1/backups", headers=self.basic() | CHANGE)
        self.broker.stop()
        self.assertEqual(list(self.broker.directory.glob("*.partial")), [])
        for marks, (path, before) in enumerate(made):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            self.assertIn("Restored", self.command("--restore", path))
            self.broker.start()
            self.check_restored(before, marks)
            self.broker.stop()
        self.broker.start()

    def test_bound(self):
        """No backup is made while ten are there: the sentence names the folder."""
        for number in range(10):
            self.broker.write(f"darter.db.backup-2026010{number}T000000Z", "x")
        found, _ = self.ask("POST", "/backups", self.basic() | CHANGE, status=409)
        self.assertIn(f"{self.broker.directory} has 10 backups", found["error"])
