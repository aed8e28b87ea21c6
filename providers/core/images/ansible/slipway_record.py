"""Records what a playbook changed, and the values that it sets with set_stats, for the step's outputs."""

import json
import os

from ansible.plugins.callback import CallbackBase

MOST_CHANGES = 200
LONGEST_DIFF = 2000
MOST_BYTES = 24 * 1024


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "slipway_record"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.changes = []
        self.failures = []
        self.bytes = 0

    def v2_runner_on_failed(self, result, ignore_errors=False):
        outcome = result._result
        if not ignore_errors and len(self.failures) < MOST_CHANGES:
            said = "(hidden)" if outcome.get("_ansible_no_log") else str(outcome.get("msg", "it failed"))
            task = str(result._task.get_name().strip())
            self.failures.append(f"{result._host.get_name()}: {task}: {said[:LONGEST_DIFF]}")

    def v2_runner_on_ok(self, result):
        outcome = result._result
        if not outcome.get("changed"):
            return
        hidden = bool(outcome.get("_ansible_no_log"))
        # A loop tells the difference of each of its items.
        parts = [outcome] + [item for item in outcome.get("results", []) if isinstance(item, dict)]
        diff = "" if hidden else "".join(self._get_diff(part["diff"]) for part in parts if part.get("diff"))
        change = {"host": str(result._host.get_name()), "task": str(result._task.get_name().strip())}
        if diff:
            change["diff"] = diff[:LONGEST_DIFF]
        self.bytes += len(json.dumps(change))
        if len(self.changes) < MOST_CHANGES and self.bytes <= MOST_BYTES:
            self.changes.append(change)

    def v2_playbook_on_stats(self, stats):
        hosts = {str(host): dict(stats.summarize(host)) for host in sorted(stats.processed)}
        record = {
            "changed": any(counts["changed"] for counts in hosts.values()),
            "hosts": hosts,
            "changes": self.changes,
            "failures": self.failures,
            "values": dict(stats.custom.get("_run", {})),
        }
        with open(os.environ["SLIPWAY_RECORD"], "w", encoding="utf-8") as file:
            json.dump(record, file, default=str)
