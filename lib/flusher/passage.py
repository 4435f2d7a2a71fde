"""Keep the stage of each spooled file in one table, and take it from one stage to the next.

    new -- take --> recorded -- hold --> waits -- settle --> gone
                       or done ------------------------------^

Each step is on the disk before the next: an event is in the ledger before it is sent, the ledger
knows that it was delivered before its file is unlinked, and forgets it only then. So whoever is
killed in between has left enough for the next run to go on exactly once.
"""

import os
from collections.abc import Iterable
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from lib.flusher.intake import Held, Ignored, Intake
from lib.flusher.sightings import Sightings
from lib.ledger.rows import Taken
from lib.ledger.store import Ledger
from lib.ledger.tracked import Tracked
from lib.spool import inbox, outbox
from lib.spool.books import Accounts
from lib.spool.outbox import Waiting
from lib.spool.spooled import Event
from lib.system.logs import log

if TYPE_CHECKING:
    from lib.delivery.parcels import Outcome, Parcel
    from lib.flusher.project_names import ProjectNames

# NEW: not recorded. RECORDED: in the ledger, for a service to have it too. WAITS: left for another
# run. DONE: delivered, but its file is there. GONE: its file is not. REFUSED: it is in quarantine.
Stage = Enum("Stage", "NEW RECORDED WAITS DONE GONE REFUSED")


class Step(NamedTuple):
    """The stage of a file; `key` is the tally's for its capture, "" if unknown."""

    stage: Stage
    key: str = ""


class Passage:
    """Takes the files of the spool at `directory` from one stage to the next.

    Args:
        directory: the spool.
        ledger: where every event is recorded first.
        intake: what reads the files.

    For the holder of the flusher's lock, or of the one file that it takes (`outbox.claim`).
    `delivered` counts the acknowledged files. Every method may raise OSError and sqlite3.Error.
    """

    def __init__(self, directory: str, ledger: Ledger, intake: Intake) -> None:
        self.ledger = ledger
        self.delivered = 0
        self._directory = directory
        self._intake = intake
        self._table: dict[str, Step] = {}

    @cached_property
    def accounts(self) -> Accounts:
        """The accounts of the spool, opened when they are first needed."""
        return Accounts(self._directory)

    @cached_property
    def _projects(self) -> "ProjectNames":
        from lib.flusher.project_names import ProjectNames

        return ProjectNames(self.ledger, self._intake.cleaned)

    def stage(self, name: str) -> Stage:
        """Return the stage of file `name`."""
        return self._table[name].stage if name in self._table else Stage.NEW

    def left(self) -> set[str]:
        """Return the names of the files that are left for another run."""
        stay = (Stage.RECORDED, Stage.WAITS)
        return {name for name, step in self._table.items() if step.stage in stay}

    def recall(self, names: set[str]) -> None:
        """Take the stages of earlier runs over from the ledger; `names` are all files in the spool.

        A file that waited and is gone was removed by hand, and is counted so.
        """
        aside = set(outbox.quarantined_names(self._directory))
        taken = self.ledger.taken()
        for name, (key, waits) in taken.items():
            if name in names:
                self._table[name] = Step(Stage.RECORDED if waits else Stage.DONE, key)
            elif name not in aside and not os.path.lexists(f"{self._directory}/{name}"):
                self._table[name] = Step(Stage.GONE, key)
        gone = self._gone()
        # Asked again: who unlinked it meanwhile has told the ledger before.
        waiting = self.ledger.waiting() if gone else set()
        keys = (self._table[name].key for name in gone if name in waiting)
        removed = [key for key in keys if not self.accounts.is_dropped(key)]
        if removed:
            self.accounts.drop("removed", removed)
        self.forget()

    def meet(self, names: Iterable[str]) -> set[str]:
        """Add `names` to the table as new files; return those that were not in it."""
        new = {name for name in names if name not in self._table}
        self._table.update(dict.fromkeys(new, Step(Stage.NEW)))
        return new

    def read(self, files: list[Waiting]) -> dict[str, Event]:
        """Read the events in `files` that are to be delivered, by name.

        Of the others, one that was delivered is unlinked, one that may not be read yet WAITS, one
        of an excluded file is dropped, one that holds no event is put into quarantine.
        """
        self.accounts.ensure_captured(file.key for file in files)
        events = {}
        for file in files:
            step = self._table.get(file.name)
            is_done = step == Step(Stage.DONE, file.key)
            if is_done or self.accounts.is_dropped(file.key):
                self._unlink([file.name])
            elif (event := self._read(file)) is not None:
                events[file.name] = event
        return events

    def _read(self, file: Waiting) -> Event | None:
        name = file.name
        try:
            return self._intake.read(name, recorded=self.stage(name) is Stage.RECORDED)
        except FileNotFoundError:
            pass
        except outbox.Busy:
            self.hold([name])
        except Ignored as ignored:
            self.accounts.drop(str(ignored), [file.key])
            self._unlink([name])
        except Held as held:
            if self._intake.is_patient(file.captured_ns):
                self.hold([name])
            else:
                self.refuse(name, f"{held}, for {self._intake.patience_days:g} days")
        except outbox.Damaged as damaged:
            self.refuse(name, str(damaged))
        return None

    def unfold(self, name: str, key: str, call: Event, sightings: Sightings) -> list[Waiting]:
        """Put the events of a call of the shell into the spool in its place, and list them."""
        from lib.flusher.unfolding import Unfolding

        known = Tracked(self.ledger.connection, self._intake.compared)
        unfolding = Unfolding(call, known, sightings)
        made = []
        for event in unfolding.events():
            moment = unfolding.moment
            inbox.commit(self._directory, event, unfolding.ended_ns, sync=False, moment=moment)
            made.append(inbox.name_of(event))
        sightings.settle(unfolding.began_ns, unfolding.ended_ns)
        if unfolding.looked:
            known.note_look(unfolding.looked, unfolding.ended_ns)
        self.accounts.drop("unfolded", [key])
        self._unlink([name])
        self.meet(made)
        # In their own order, for they have the time of the call in common.
        found = {file.name: file for file in outbox.listed(self._directory, made)}
        return [found[name] for name in made if name in found]

    def take(self, found: Iterable[Taken]) -> None:
        """Record the events that are new: RECORDED if they wait for a service, else DONE."""
        new = [file for file in found if self.stage(file.name) is not Stage.RECORDED]
        waiting = self.ledger.take(new) if new else set()
        for file in new:
            stage = Stage.RECORDED if file.name in waiting else Stage.DONE
            self._table[file.name] = Step(stage, file.key)

    def hold(self, names: Iterable[str]) -> None:
        """Leave these files to another run, unless they are settled."""
        for name in names:
            self._table[name] = Step(Stage.WAITS)

    def parcel(self, name: str, event: Event, size: int = 0, prompts: bool = False) -> "Parcel":
        """Make the parcel of a recorded `event` for a service, which may get `prompts` too."""
        # Who has no service loads nothing of this.
        from lib.delivery import implied, wire
        from lib.delivery.parcels import Parcel
        from lib.ledger.reasons import told_to_services

        resolved = self.ledger.resolved(event["event_id"])
        if not resolved:
            return Parcel(name, [], size)
        asked = told_to_services(self.ledger, event["event_id"]) if prompts else wire.NOTHING
        bodies = wire.bodies(event, resolved, asked, self._projects.told(event))
        size += len(asked.get("prompt", ""))
        return Parcel(name, bodies, size, implied.told_by(event, resolved))

    def settle(self, outcome: "Outcome", service: str) -> None:
        """Acknowledge or quarantine the files in the table by the outcome at the service."""
        self.acknowledge((n for n in outcome.delivered if n in self._table), service, outcome.told)
        for name, reason in outcome.refused.items():
            self.refuse(name, f"refused by the service: {reason}")

    def acknowledge(
        self, names: Iterable[str], service: str = "", told: Iterable[str] = ()
    ) -> None:
        """Acknowledge delivered files: note it in the ledger, then unlink them.

        `told`: ids that the service has now.
        """
        done = list(names)
        waited = [name for name in done if self.stage(name) in (Stage.RECORDED, Stage.WAITS)]
        if waited or told:
            self.ledger.settle(waited, service, told)
        self._unlink(done)
        self.delivered += len(done)

    def refuse(self, name: str, reason: str) -> None:
        """Put file `name` into quarantine, and log the `reason`."""
        self._intake.quarantine(name, reason)
        self._table[name] = Step(Stage.REFUSED)
        log(self._directory, f"{name} put into quarantine: {reason}")

    def forget(self) -> None:
        """Make the ledger forget the files that are gone."""
        gone = self._gone()
        if gone:
            self.ledger.forget(gone)
        for name in gone:
            del self._table[name]

    def _gone(self) -> list[str]:
        return [name for name, step in self._table.items() if step.stage is Stage.GONE]

    def _unlink(self, names: Iterable[str]) -> None:
        for name in names:
            outbox.acknowledge(self._directory, name)
            self._table[name] = Step(Stage.GONE)
