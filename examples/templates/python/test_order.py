"""The rules, judged by this Python: python3 -m unittest"""

import pathlib
import unittest

from order import PLAIN, Order, plugin

RECORDS = pathlib.Path(__file__).with_name("records.ndjson")


class Rules(unittest.TestCase):
    def test_every_example_and_every_record_of_the_file_is_judged_as_it_says(self):
        self.assertEqual(plugin.mismatches(RECORDS), [])

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
