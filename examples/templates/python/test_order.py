"""The rules, judged by this Python: python3 -m unittest"""

import json
import pathlib
import unittest

from order import PLAIN, Order, plugin

RECORDS = pathlib.Path(__file__).with_name("records.ndjson")


def judge(line):
    return plugin.judge(line["text"] if "text" in line else json.dumps(line["record"]))


class Rules(unittest.TestCase):
    def test_every_example_is_judged_as_it_says(self):
        for route in range(len(plugin.routes)):
            for example in plugin.routes[route].examples:
                with self.subTest(example.name):
                    out = plugin.judge(example.text, route=route)
                    self.assertEqual(out.verdict, example.expect, out.failed)
                    told = out.violations if example.expect == "reject" else out.warnings
                    self.assertEqual(sorted(one.code for one in told), sorted(example.codes))

    def test_every_record_of_the_file_is_judged_as_it_says(self):
        for line in map(json.loads, RECORDS.read_text(encoding="utf-8").splitlines()):
            with self.subTest(line["name"]):
                out = judge(line)
                wanted = [] if line["expect"] == "accept" else line["expect"]["reject"]
                self.assertIsNone(out.failed)
                self.assertEqual([f"{one.pointer} {one.code}" for one in out.violations], wanted)

    def test_an_accepted_order_is_named_keyed_and_counted(self):
        out = plugin.judge(PLAIN)
        self.assertEqual((out.verdict, out.id, out.key), ("accept", "O-1", "C-7"))
        counted = [(instrument.name, value, attributes) for instrument, value, attributes in out.measurements]
        self.assertEqual(counted, [("my-plugin.orders", 1, ("web", "EUR"))])

    def test_what_a_rule_raises_sets_the_record_aside(self):
        plugin.post("/v1/raises", topics=["raises"], title="Raises")(raises)
        self.addCleanup(plugin.routes.pop)
        out = plugin.judge(PLAIN, route=-1)
        self.assertEqual(out.verdict, "fail")
        self.assertIn("ZeroDivisionError", out.failed)


def raises(order: Order, out):
    1 / 0


if __name__ == "__main__":
    unittest.main()
